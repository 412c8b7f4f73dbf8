if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule EctoLibSql.PoolVfsTest do
    # Faults of the disk under a repo: what it was told of its writes is what is there.
    use ExUnit.Case, async: false

    import EctoLibSql.Test.Database

    alias EctoLibSql.Error
    alias EctoLibSql.Vfs.Fault

    @moduletag :tmp_dir
    @moduletag :capture_log

    defmodule Repo do
      use Ecto.Repo, otp_app: :ecto_libsql, adapter: Ecto.Adapters.LibSql
    end

    defmodule Grow do
      use Ecto.Migration

      def up do
        create table(:grown) do
          add(:content, :binary)
        end

        execute("INSERT INTO grown (content) VALUES (zeroblob(200000))")
      end

      def down, do: drop(table(:grown))
    end

    defmodule Nothing do
      use Ecto.Migration
      def change, do: :ok
    end

    setup context do
      {:ok, vfs} = Fault.start()
      on_exit(fn -> Fault.stop(vfs) end)
      path = Path.join(context.tmp_dir, "repo.db")
      %{vfs: vfs, path: path}
    end

    defp start!(context, opts \\ []) do
      config = [database: context.path, vfs: context.vfs, pool_size: 3, log: false] ++ opts
      start_supervised!({Repo, config})
      Repo.query!("CREATE TABLE IF NOT EXISTS ledger (writer, number, half)")
    end

    # Both halves, or none.
    defp enter(writer, number) do
      Repo.transaction(fn ->
        for half <- [1, 2],
            do: Repo.query!("INSERT INTO ledger VALUES (?, ?, ?)", [writer, number, half])
      end)

      :acknowledged
    rescue
      error in [Error, DBConnection.ConnectionError] -> {:refused, error}
    end

    # Three writers, so many entries each, and what they were told.
    defp write(count) do
      1..3
      |> Enum.map(fn writer ->
        Task.async(fn -> for n <- 1..count, do: {writer, n, enter(writer, n)} end)
      end)
      |> Task.await_many(60_000)
      |> List.flatten()
    end

    defp acknowledged(told), do: for({writer, n, :acknowledged} <- told, do: [writer, n])

    defp entries(query) do
      found = query.("SELECT writer, number, count(*) FROM ledger GROUP BY 1, 2 ORDER BY 1, 2")
      assert Enum.all?(found, &match?([_, _, 2], &1)), "an entry is there in half"
      for [writer, n, _] <- found, do: [writer, n]
    end

    defp in_repo(sql), do: Repo.query!(sql).rows

    test "a repo goes on after errors, and has what it acknowledged", context do
      start!(context)

      for seed <- 1..5 do
        Repo.query!("DELETE FROM ledger")
        rule = [on: [:write, :sync, :read, :shm_lock], probability: 0.03]
        :ok = Fault.set(context.vfs, seed: seed, rules: [rule])
        told = write(20)
        {:ok, %{faults: faults}} = Fault.status(context.vfs)
        :ok = Fault.set(context.vfs, [])
        assert faults > 0

        found = entries(&in_repo/1)
        assert acknowledged(told) -- found == []

        for {_writer, _n, {:refused, %Error{code: code}}} <- told,
            do: assert(Atom.to_string(code) =~ ~r/^ioerr|^transaction_lost|^cantopen/)

        assert in_repo("PRAGMA integrity_check") == [["ok"]]
        assert %{busy: 0} = EctoLibSql.Pool.metrics(Repo)
        assert :acknowledged = enter(4, 1)
      end
    end

    test "what was acknowledged with synchronous: :full outlives the power", context do
      for seed <- 1..5 do
        start!(context, synchronous: :full)
        Repo.query!("DELETE FROM ledger")
        rule = [nth: 120 * seed, do: :power_loss]
        :ok = Fault.set(context.vfs, seed: seed, rules: [rule])
        told = write(30)
        assert {:ok, %{power: :off}} = Fault.status(context.vfs)
        :ok = stop_supervised!(Repo)
        {:ok, _lost} = Fault.power_loss(context.vfs)
        :ok = Fault.set(context.vfs, [])

        {:ok, s} = EctoLibSql.connect(database: context.path)
        found = entries(&rows(s, &1))
        assert acknowledged(told) -- found == []
        assert rows(s, "PRAGMA integrity_check") == [["ok"]]
        :ok = EctoLibSql.disconnect(s)
      end
    end

    test "a migration that does not fit leaves nothing, and is run again", context do
      start!(context)
      migrate = fn -> Ecto.Migrator.up(Repo, 1, Grow, log: false) end
      # The table of versions is there before the disk is full.
      :ok = Ecto.Migrator.up(Repo, 0, Nothing, log: false)
      :ok = Fault.set(context.vfs, space: 50_000)
      assert %Error{code: code} = catch_error(migrate.())
      assert code in [:full, :transaction_lost]
      assert in_repo("SELECT count(*) FROM sqlite_schema WHERE name = 'grown'") == [[0]]
      assert Ecto.Migrator.migrated_versions(Repo) == [0]
      :ok = Fault.set(context.vfs, [])
      assert :ok = migrate.()
      assert in_repo("SELECT length(content) FROM grown") == [[200_000]]
    end

    test "a pool in memory has one database, whose readers do not wait" do
      start_supervised!({Repo, database: ":memory:", vfs: "memory", pool_size: 2, log: false})
      Repo.query!("CREATE TABLE t (a)")
      test = self()

      writer =
        Task.async(fn ->
          Repo.transaction(fn ->
            Repo.query!("INSERT INTO t VALUES (1)")
            send(test, :written)
            receive do: (:commit -> :ok)
          end)
        end)

      assert_receive :written, 5_000
      assert in_repo("SELECT count(*) FROM t") == [[0]]
      send(writer.pid, :commit)
      assert {:ok, :ok} = Task.await(writer)
      assert in_repo("SELECT count(*) FROM t") == [[1]]
      assert in_repo("PRAGMA journal_mode") == [["wal"]]
      alone = [database: ":memory:", vfs: "memory", pool_size: 2]
      assert {:error, %Error{code: :invalid_option}} = EctoLibSql.Connection.connect(alone)
    end
  end
end
