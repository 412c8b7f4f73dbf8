if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule EctoLibSql.Server.ReplicaAdapterTest do
    use ExUnit.Case, async: true

    import EctoLibSql.Test.Database, only: [wait_until: 1, wait_until: 2]

    alias Ecto.Adapters.LibSql
    alias Ecto.Adapters.SQL.Sandbox
    alias EctoLibSql.{Error, Replication}
    alias EctoLibSql.Test.{Replicas, Sqld}

    @moduletag :sqld
    @moduletag :capture_log
    @moduletag :tmp_dir

    defmodule Repo do
      use Ecto.Repo, otp_app: :ecto_libsql, adapter: Ecto.Adapters.LibSql
    end

    defmodule CreateBlog do
      use Ecto.Migration

      def change do
        create table(:authors) do
          add(:name, :string, null: false)
        end

        create(unique_index(:authors, [:name]))

        create table(:posts) do
          add(:title, :string, check: %{name: "titled", expr: "title <> ''"})
          add(:author_id, references(:authors))
          add(:price, :decimal)
          timestamps()
        end
      end
    end

    defmodule Author do
      use Ecto.Schema

      schema "authors" do
        field(:name, :string)
      end
    end

    defmodule Post do
      use Ecto.Schema

      schema "posts" do
        field(:title, :string)
        field(:price, :decimal)
        belongs_to(:author, Author)
        timestamps()
      end
    end

    setup context do
      context = Map.put(context, :server, Sqld.start!())
      opts = Replicas.options(context, pool_size: 10, name: nil, log: false)
      Repo.put_dynamic_repo(start_supervised!({Repo, opts}))
      migrate(:up)
      %{server: context.server}
    end

    defp migrate(direction) do
      opts = [all: true, log: false, dynamic_repo: Repo.get_dynamic_repo()]
      Ecto.Migrator.run(Repo, [{1, CreateBlog}], direction, opts)
    end

    defp author(name), do: Repo.insert!(%Author{name: name})

    defp post(price) do
      now = NaiveDateTime.utc_now(:second)
      %{title: "one", price: Decimal.new(price), inserted_at: now, updated_at: now}
    end

    defp replica, do: Repo.get_dynamic_repo()

    test "migrations run, and are undone" do
      assert migrate(:up) == []
      assert migrate(:down) == [1]
      assert {:error, %Error{}} = Repo.query("SELECT * FROM posts")
    end

    test "decimals are calculated in the copy, which a server could not" do
      Repo.insert_all(Post, for(price <- ["1.50", "0.25"], do: post(price)))
      assert Decimal.equal?(Repo.aggregate(Post, :sum, :price), "1.75")
    end

    test "a transaction is the primary's, a read-only one a snapshot of the copy" do
      Repo.insert_all(Author, for(i <- 1..96, do: %{name: "n#{i}"}))

      assert {:error, :no} =
               Repo.transaction(fn ->
                 author("Joe")
                 assert Repo.aggregate(Author, :count) == 97
                 Repo.rollback(:no)
               end)

      for mode <- [:immediate, :read_only] do
        assert {:ok, 96} =
                 Repo.transaction(
                   fn -> Author |> Repo.stream(max_rows: 10) |> Enum.count() end,
                   mode: mode
                 )
      end

      assert_raise Error, ~r/read-only transaction/, fn ->
        Repo.transaction(fn -> author("Joe") end, mode: :read_only)
      end
    end

    test "the pool's ten connections have one replica" do
      author("Ada")
      replica = replica()
      {:ok, before} = Replication.status(replica)

      read = fn _ ->
        Repo.put_dynamic_repo(replica)
        Repo.all(Author)
      end

      1..10
      |> Task.async_stream(read, max_concurrency: 10)
      |> Enum.each(fn {:ok, [_]} -> :ok end)

      # All of them share a few syncs, and reads need none.
      1..10
      |> Task.async_stream(fn _ -> Replication.sync(replica) end, max_concurrency: 10)
      |> Enum.each(fn {:ok, {:ok, _}} -> :ok end)

      {:ok, status} = Replication.status(replica)
      assert (status.syncs - before.syncs) in 1..10
      assert {:ok, frame} = Replication.max_write_replication_index(replica())
      assert Replication.replication_index(replica()) == {:ok, frame}
      assert Replication.wait_for_frame(replica(), frame, 1_000) == {:ok, frame}
      assert Replication.flush_replicator(replica()) == {:ok, frame}
    end

    test "what another node wrote is waited for by its frame", context do
      opts = Replicas.options(context, database: Path.join(context.tmp_dir, "node_a.db"))
      {:ok, a} = EctoLibSql.connect(opts)
      :ok = EctoLibSql.run(a, "INSERT INTO authors (name) VALUES ('Ada')")
      {:ok, frame} = EctoLibSql.max_write_replication_index(a)
      assert Repo.all(Author) == []
      assert {:ok, reached} = Replication.wait_for_frame(replica(), frame, 5_000)
      assert reached >= frame
      assert [%{name: "Ada"}] = Repo.all(Author)

      assert {:error, %Error{code: :timeout}} =
               Replication.wait_for_frame(replica(), frame + 1_000, 100)

      EctoLibSql.disconnect(a)
    end

    test "health" do
      assert {:ok, %{status: :ok, mode: :replica, gate: nil, replication: %{state: :ok}}} =
               EctoLibSql.health(replica())
    end

    test "reads go on while the primary is away, and connections are there when it is back", %{
      server: server
    } do
      author("Ada")
      Sqld.kill(server)
      assert [%{name: "Ada"}] = Repo.all(Author)
      assert {:error, %Error{code: :connection_refused}} = Repo.query("DELETE FROM authors")
      assert {:ok, [_]} = Repo.transaction(fn -> Repo.all(Author) end, mode: :read_only)
      Sqld.restart(server)
      assert author("Joe")
      assert Repo.aggregate(Author, :count) == 2
    end

    test "connections are replaced when the file is another one" do
      author("Ada")
      %{database: path} = Ecto.Adapter.lookup_meta(replica())
      open = fn -> for %{database: ^path, id: id} <- EctoLibSql.connections(), do: id end
      wait_until(fn -> length(open.()) == 10 end)
      before = open.()
      File.rm!(path)
      {:ok, _} = Replication.sync(replica())
      assert [%{name: "Ada"}] = Repo.all(Author)

      # The pool looks after idle connections every second.
      wait_until(
        fn ->
          {:ok, %{rows: [[0]]}} = Repo.query("SELECT count(*) FROM posts")
          now = open.()
          length(now) == 10 and now -- before == now
        end,
        20_000
      )
    end

    test "the sandbox is a transaction at the primary", context do
      opts = [pool: Sandbox, pool_size: 2, name: nil, log: false]
      boxed = start_supervised!({Repo, Replicas.options(context, opts)}, id: :boxed)
      before = Repo.put_dynamic_repo(boxed)
      Sandbox.mode(boxed, :manual)
      :ok = Sandbox.checkout(boxed)
      author("Ada")
      assert [%{name: "Ada"}] = Repo.all(Author)
      :ok = Sandbox.checkin(boxed)
      assert {:ok, %{state: :ok}} = Replication.status(boxed)
      Repo.put_dynamic_repo(before)
      assert Repo.all(Author) == []

      assert_raise ArgumentError, ~r/clone/, fn ->
        EctoLibSql.Connection.child_spec(Replicas.options(context, sandbox: :clone))
      end
    end

    test "mix tasks ask the primary, whoever has the replica", context do
      config = Replicas.options(context)
      assert LibSql.storage_status(config) == :up
      assert LibSql.storage_up(config) == {:error, :already_up}
      assert {:error, message} = LibSql.storage_down(config)
      assert message =~ "replica.db"
      assert File.exists?(config[:database])

      dump = Path.join(context.tmp_dir, "structure.sql")
      assert {:ok, ^dump} = LibSql.structure_dump(context.tmp_dir, [dump_path: dump] ++ config)
      assert File.read!(dump) =~ "authors"
    end
  end
end
