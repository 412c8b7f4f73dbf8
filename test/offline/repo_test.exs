if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule EctoLibSql.Offline.RepoTest do
    use ExUnit.Case, async: true

    import Ecto.Query

    alias EctoLibSql.Offline
    alias EctoLibSql.Test.SyncServer

    @moduletag :tmp_dir
    @moduletag :capture_log

    defmodule Repo do
      use Ecto.Repo, otp_app: :ecto_libsql, adapter: Ecto.Adapters.LibSql
    end

    defmodule CreateNotes do
      use Ecto.Migration

      def change do
        create table(:notes) do
          add(:text, :string, null: false)
          timestamps()
        end

        create(unique_index(:notes, [:text]))
      end
    end

    # A server's database has no table rebuild; a copy has.
    defmodule Rebuild do
      use Ecto.Migration

      def change, do: create(constraint(:notes, :written, check: "text <> ''"))
    end

    defmodule Note do
      use Ecto.Schema

      schema "notes" do
        field(:text, :string)
        timestamps()
      end
    end

    @migrations [{1, CreateNotes}, {2, Rebuild}]

    setup do
      %{server: SyncServer.start!()}
    end

    defp start(server, path, opts \\ []) do
      options =
        [name: nil, uri: SyncServer.url(server), database: path, offline: true, sync: false] ++
          [pool_size: 5] ++ opts

      repo = start_supervised!({Repo, options}, id: path)
      Repo.put_dynamic_repo(repo)
      repo
    end

    defp in_repo(repo, fun) do
      Repo.put_dynamic_repo(repo)
      fun.()
    end

    defp texts, do: Repo.all(from(n in Note, order_by: n.id, select: n.text))

    test "migrations, writes, and a sync between two repos", %{server: server, tmp_dir: dir} do
      one = start(server, Path.join(dir, "a.db"))
      assert [1, 2] = Ecto.Migrator.run(Repo, @migrations, :up, all: true, dynamic_repo: one)
      Repo.insert!(%Note{text: "first"})

      assert {:error, changeset} =
               %Note{text: "first"}
               |> Ecto.Changeset.change()
               |> Ecto.Changeset.unique_constraint(:text)
               |> Repo.insert()

      assert changeset.errors[:text]
      assert {:ok, %{pushed: pushed}} = Offline.sync(one)
      assert pushed > 0

      two = start(server, Path.join(dir, "b.db"))
      assert texts() == ["first"]
      assert [] = Ecto.Migrator.run(Repo, @migrations, :up, all: true, dynamic_repo: two)

      Repo.transaction(fn ->
        for n <- 1..100, do: Repo.insert!(%Note{text: "note #{n}"})
      end)

      assert {:ok, _} = Offline.push(two)
      assert {:ok, %{pulled: pulled}} = Offline.pull(one)
      assert pulled > 0
      assert length(in_repo(one, &texts/0)) == 101
      assert {:ok, %{mode: :offline, status: :ok}} = EctoLibSql.health(one)
    end

    test "writers of a pool while it is pushed and pulled", %{server: server, tmp_dir: dir} do
      one = start(server, Path.join(dir, "a.db"))
      Ecto.Migrator.run(Repo, @migrations, :up, all: true, dynamic_repo: one)
      {:ok, _} = Offline.push(one)

      writers =
        for writer <- 1..8 do
          Task.async(fn ->
            Repo.put_dynamic_repo(one)
            for n <- 1..25, do: Repo.insert!(%Note{text: "#{writer} #{n}"})
            :ok
          end)
        end

      pushing = Task.async(fn -> push_until(one, 200) end)
      assert Enum.all?(Task.await_many(writers, 60_000), &(&1 == :ok))
      Task.await(pushing, 60_000)
      assert {:ok, %{pending: 0}} = Offline.status(one)

      two = start(server, Path.join(dir, "b.db"))
      assert length(texts()) == 200
      assert Repo.query!("PRAGMA integrity_check").rows == [["ok"]]
      # Readers, while the other side's frames come in.
      in_repo(one, fn -> for n <- 1..50, do: Repo.insert!(%Note{text: "more #{n}"}) end)
      {:ok, _} = Offline.push(one)

      readers =
        for _ <- 1..4 do
          Task.async(fn ->
            Repo.put_dynamic_repo(two)
            # Each of the other's transactions becomes visible as a whole, in their order.
            counts = for _ <- 1..20, do: length(texts())
            assert counts == Enum.sort(counts) and Enum.all?(counts, &(&1 in 200..250))
          end)
        end

      {:ok, _} = Offline.pull(two)
      Task.await_many(readers, 60_000)
      assert length(in_repo(two, &texts/0)) == 250

      {:ok, s} =
        EctoLibSql.connect(database: SyncServer.database(server, Path.join(dir, "server.db")))

      assert {:ok, %{rows: [["ok"]]}} = EctoLibSql.query(s, "PRAGMA integrity_check")
      assert {:ok, %{rows: [[250]]}} = EctoLibSql.query(s, "SELECT count(*) FROM notes")
    end

    # Until the server has so many.
    defp push_until(repo, count) do
      {:ok, _} = Offline.push(repo)
      Repo.put_dynamic_repo(repo)
      if length(texts()) < count, do: push_until(repo, count), else: Offline.push(repo)
    end

    test "a repo's copy is not dropped with what was not pushed", %{server: server, tmp_dir: dir} do
      path = Path.join(dir, "a.db")
      config = [uri: SyncServer.url(server), database: path, offline: true]
      assert Ecto.Adapters.LibSql.storage_status(config) == :down
      assert Ecto.Adapters.LibSql.storage_up(config) == :ok
      assert Ecto.Adapters.LibSql.storage_status(config) == :up
      assert {:error, message} = Ecto.Adapters.LibSql.storage_down(config)
      assert message =~ "set_aside"
      assert File.exists?(path)
    end
  end
end
