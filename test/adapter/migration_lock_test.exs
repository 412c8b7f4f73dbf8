if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.MigrationLockTest do
    use ExUnit.Case, async: true

    import ExUnit.CaptureLog

    alias Ecto.Adapters.LibSql
    alias Ecto.Adapters.LibSql.MigrationLock

    defmodule Repo do
      use Ecto.Repo, otp_app: :ecto_libsql, adapter: Ecto.Adapters.LibSql
    end

    setup do
      path =
        Path.join(
          System.tmp_dir!(),
          "ecto_libsql_#{System.pid()}_#{System.unique_integer([:positive])}.db"
        )

      on_exit(fn ->
        for suffix <- ["", "-wal", "-shm", "-migration-lock"], do: File.rm(path <> suffix)
      end)

      %{path: path, meta: %{database: path, uri: nil, opts: [pool_size: 2], pid: self()}}
    end

    defp lock(meta, opts \\ [], fun), do: LibSql.lock_for_migrations(meta, opts, fun)

    # Holds the lock in another process until it is told to let go.
    defp hold(meta) do
      parent = self()

      task =
        Task.async(fn ->
          lock(meta, fn ->
            send(parent, :held)
            receive do: (:let_go -> :done)
          end)
        end)

      assert_receive :held, 5000
      task
    end

    test "answers what the function answers", %{meta: meta} do
      assert lock(meta, fn -> :done end) == :done
      assert lock(meta, fn -> :again end) == :again
    end

    test "is one migrator's at a time", %{meta: meta} do
      holder = hold(meta)
      waiting = Task.async(fn -> lock(meta, fn -> System.monotonic_time() end) end)
      refute Task.yield(waiting, 150)
      send(holder.pid, :let_go)
      assert Task.await(holder) == :done
      assert is_integer(Task.await(waiting))
    end

    test "is let go by an error and by a death", %{meta: meta} do
      assert_raise RuntimeError, fn -> lock(meta, fn -> raise "no" end) end
      assert lock(meta, fn -> :free end) == :free

      Process.flag(:trap_exit, true)
      holder = hold(meta)
      Process.exit(holder.pid, :kill)
      assert lock(meta, fn -> :free end) == :free
    end

    test "lets its holder, and everybody else, write the database", %{meta: meta, path: path} do
      lock(meta, fn ->
        {:ok, s} = EctoLibSql.connect(database: path, busy_timeout: 0)
        assert {:ok, _} = EctoLibSql.query(s, "CREATE TABLE t (a)")
        EctoLibSql.disconnect(s)
      end)
    end

    test "gives up after a timeout, if there is one", %{meta: meta} do
      holder = hold(meta)

      assert_raise Ecto.MigrationError, ~r/Another migrator holds the migration lock/, fn ->
        lock(meta, [timeout: 100], fn -> :never end)
      end

      send(holder.pid, :let_go)
      Task.await(holder)
    end

    test "counts for other programs on the machine", %{meta: meta, path: path} do
      port = other_program(path)
      assert_receive {^port, {:data, "held\n"}}, 30_000

      assert_raise Ecto.MigrationError, fn -> lock(meta, [timeout: 100], fn -> :never end) end
      Port.command(port, "let go\n")
      assert_receive {^port, {:exit_status, 0}}, 30_000
      assert lock(meta, fn -> :free end) == :free
    end

    defp other_program(path) do
      paths = for path <- :code.get_path(), "#{path}" =~ "_build", do: ["-pa", "#{path}"]

      program = """
      Ecto.Adapters.LibSql.lock_for_migrations(%{database: #{inspect(path)}, uri: nil, opts: []}, [], fn ->
        IO.puts("held")
        IO.read(:line)
      end)
      """

      Port.open({:spawn_executable, System.find_executable("elixir")}, [
        :binary,
        :exit_status,
        args: List.flatten(paths) ++ ["-e", program]
      ])
    end

    test "wants two connections, which Ecto's migrator uses", %{meta: meta} do
      assert_raise Ecto.MigrationError, ~r/pool size is less than 2/, fn ->
        lock(%{meta | opts: [pool_size: 1]}, fn -> :never end)
      end
    end

    defmodule Counted do
      use Ecto.Migration

      def up do
        create table(:counted)
        execute "INSERT INTO counted DEFAULT VALUES"
      end
    end

    test "lets migrators that start together run each migration once", %{path: path} do
      migrate = fn n ->
        config = [database: path, pool_size: 2, name: nil, log: false]
        repo = start_supervised!({Repo, config}, id: {:migrator, n})

        Task.async(fn ->
          Repo.put_dynamic_repo(repo)
          Ecto.Migrator.run(Repo, [{1, Counted}], :up, all: true, log: false, dynamic_repo: repo)
        end)
      end

      ran = 1..4 |> Enum.map(migrate) |> Task.await_many(30_000)
      assert Enum.sort(ran) == [[], [], [], [1]]

      {:ok, s} = EctoLibSql.connect(database: path)
      assert EctoLibSql.query_one(s, "SELECT count(*) FROM counted") == {:ok, [1]}
      assert EctoLibSql.query_one(s, "SELECT count(*) FROM schema_migrations") == {:ok, [1]}
    end

    test "of a database in memory is this VM's" do
      repo = start_supervised!({Repo, database: ":memory:", pool_size: 1, name: nil})
      meta = Ecto.Adapter.lookup_meta(repo)
      holder = hold(meta)
      waiting = Task.async(fn -> lock(meta, fn -> :done end) end)
      refute Task.yield(waiting, 100)
      send(holder.pid, :let_go)
      assert Task.await(waiting, 10_000) == :done
    end

    test "tells who waits long", %{meta: meta, path: path} do
      holder = hold(meta)

      log =
        capture_log(fn ->
          waiting =
            Task.async(fn ->
              MigrationLock.with_lock(path <> "-migration-lock", :infinity, 0, fn -> :done end)
            end)

          refute Task.yield(waiting, 100)
          send(holder.pid, :let_go)
          assert Task.await(waiting) == :done
        end)

      assert log =~
               "Another migrator holds the migration lock #{path}-migration-lock. Waiting for it."
    end
  end
end
