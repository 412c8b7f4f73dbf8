# The module is not even expanded where there is no StreamData.
if Code.ensure_loaded?(ExUnitProperties) do
  defmodule EctoLibSql.NifFuzzTest do
    # Every function of the NIF, found by reflection, with what nobody means. The directory is the VM's, so
    # these are not async.
    use ExUnit.Case, async: false
    use ExUnitProperties

    import EctoLibSql.Test.{Database, Garbage}

    alias EctoLibSql.{Native, State}

    @moduletag :tmp_dir
    @moduletag timeout: 180_000
    @moduletag :capture_log

    # Numbers are right for them, and hold for the whole VM.
    @whole_vm [:heap_limits, :begin_with_heap_limits]

    # They take no connection, so that what is given may be right.
    @unconnected ~r/^(changeset|fault|feed|hook|library|memory|remote_breakers)/

    # The right answers to what is not there, or is no matter.
    @answers [:ok, :long, :encode_params, true, false, nil]

    setup %{tmp_dir: dir} do
      # What is taken for a path is one in here.
      before = File.cwd!()
      File.cd!(dir)
      on_exit(fn -> File.cd!(before) end)
      %{open: length(EctoLibSql.connections())}
    end

    defp nifs,
      do:
        for(
          {name, arity} <- Native.module_info(:nifs),
          name not in @whole_vm and arity > 0,
          do: {name, arity}
        )

    defp call(name, arguments) do
      apply(Native, name, arguments)
    rescue
      ArgumentError -> :badarg
      error in ErlangError -> {:raised, name, arguments, error}
    end

    test "the NIF's functions are found" do
      assert {:query, 4} in nifs()
      assert {:do_set_authorizer, 3} in nifs()
      assert length(nifs()) > 80
    end

    property "garbage is an error, and the VM lives", %{open: open} do
      for {name, arity} <- nifs() do
        check all(arguments <- list_of(garbage(), length: arity), max_runs: 40) do
          answer = call(name, arguments)

          assert refused?(name, answer),
                 "#{name} answered #{inspect(answer, limit: 5)} to #{inspect(arguments, limit: 5)}"
        end
      end

      wait_until(fn -> length(EctoLibSql.connections()) == open end)
    end

    property "garbage behind a connection that is open is an error, and the connection goes on",
             %{open: open} do
      {:ok, closed} = EctoLibSql.connect(database: ":memory:")
      :ok = EctoLibSql.disconnect(closed)

      for {name, arity} <- nifs(), arity > 1, local?(name) do
        {:ok, s} = EctoLibSql.connect(database: ":memory:", authorizer: [{:deny, :attach}])

        check all(rest <- list_of(garbage(), length: arity - 1), max_runs: 30) do
          for state <- [s, closed] do
            assert not match?({:raised, _, _, _}, call(name, [state | rest]))
          end
        end

        _ = EctoLibSql.interrupt_connection(s)
        assert :ok = EctoLibSql.reset_connection(s)
        # It may have become a database that is none.
        assert {_, _} = EctoLibSql.query(s, "SELECT 1")
        assert :ok = EctoLibSql.disconnect(s)
      end

      wait_until(fn -> length(EctoLibSql.connections()) == open end)
    end

    defp refused?(_name, {:raised, _, _, _}), do: false
    defp refused?(_name, :badarg), do: true
    defp refused?(_name, {:error, _reason}), do: true
    defp refused?(_name, call) when is_reference(call), do: true
    defp refused?(name, answer), do: answer in @answers or Atom.to_string(name) =~ @unconnected

    defp local?(name), do: not (Atom.to_string(name) =~ ~r/^(remote|replica|offline)_/)

    ## Several processes on the same connections

    @sql [
      "SELECT * FROM t",
      "SELECT a FROM t WHERE id = ?",
      "INSERT INTO t (a) VALUES (?)",
      "INSERT INTO t (a) VALUES (zeroblob(100)) RETURNING id",
      "UPDATE t SET a = id",
      "DELETE FROM t WHERE id % 3 = 0",
      "DELETE FROM t",
      "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n LIMIT 5000) SELECT i FROM n",
      "BEGIN",
      "BEGIN IMMEDIATE",
      "COMMIT",
      "ROLLBACK",
      "SAVEPOINT x",
      "RELEASE x",
      "CREATE TABLE IF NOT EXISTS u (a)",
      "DROP TABLE IF EXISTS u",
      "CREATE TEMP TABLE IF NOT EXISTS v (a)",
      "PRAGMA user_version = 3",
      "PRAGMA journal_mode",
      "VACUUM",
      "EXPLAIN SELECT * FROM t",
      "SELECT load_extension('x')",
      "nonsense",
      "SELECT 1; SELECT 2"
    ]

    property "valid and invalid calls of several processes leave nothing behind", context do
      check all(seed <- integer(1..1_000_000_000), max_runs: 12) do
        path = Path.join(context.tmp_dir, "#{seed}.db")
        # In a process of its own, with whose end all has to be gone.
        {runner, monitor} = spawn_monitor(fn -> run(seed, path) end)
        assert_receive {:DOWN, ^monitor, :process, ^runner, :normal}, 60_000
        wait_until(fn -> length(EctoLibSql.connections()) == context.open end)
        assert [] = Path.wildcard("core*")
      end
    end

    defp run(seed, path) do
      ids = :ets.new(:ids, [:public, :bag])

      states =
        for scope <- [:process, :connection] do
          {:ok, s} =
            EctoLibSql.connect(
              database: path,
              transaction_scope: scope,
              busy_timeout: 20,
              timeout: 500
            )

          s
        end

      {:ok, _} = EctoLibSql.query(hd(states), "CREATE TABLE t (id INTEGER PRIMARY KEY, a)")

      for number <- 1..4 do
        spawn_monitor(fn ->
          :rand.seed(:exsss, {seed, number, 7})
          for _ <- 1..60, do: step(Enum.random(states), ids)
        end)
      end
      |> Enum.each(fn {pid, monitor} ->
        receive do
          {:DOWN, ^monitor, :process, ^pid, reason} when reason in [:normal, :killed] -> :ok
          {:DOWN, ^monitor, :process, ^pid, reason} -> exit({:failed, seed, reason})
        end
      end)

      # Some are closed by their owner's death.
      if rem(seed, 2) == 0, do: Enum.each(states, &EctoLibSql.disconnect/1)
    end

    defp step(s, ids) do
      case :rand.uniform(12) do
        n when n <= 5 -> meant(s, ids)
        n when n <= 10 -> any_nif(s, ids)
        11 -> EctoLibSql.interrupt_connection(s)
        12 -> if :rand.uniform(20) == 1, do: dies(s), else: EctoLibSql.reset_connection(s)
      end
    end

    # In the middle of a transaction, with a statement.
    defp dies(s) do
      _ = EctoLibSql.begin(s)
      _ = EctoLibSql.prepare(s, "SELECT 1")
      Process.exit(self(), :kill)
    end

    defp meant(s, ids) do
      sql = Enum.random(@sql)

      case :rand.uniform(11) do
        1 ->
          EctoLibSql.query(s, sql, [1])

        2 ->
          EctoLibSql.query(s, sql)

        3 ->
          s |> EctoLibSql.prepare(sql) |> keep(ids)

        4 ->
          s |> EctoLibSql.declare(sql) |> keep(ids)

        5 ->
          EctoLibSql.query_stmt(s, id(ids))

        6 ->
          EctoLibSql.fetch(s, id(ids), 3)

        7 ->
          EctoLibSql.begin(s, behavior: Enum.random([:deferred, :immediate, :read_only]))

        8 ->
          Enum.random([&EctoLibSql.commit/1, &EctoLibSql.rollback/1]).(s)

        9 ->
          open_blob(s, ids)

        10 ->
          EctoLibSql.set_authorizer(
            s,
            Enum.random([nil, [:read_only], [:no_ddl], [{:ignore, :insert}], [default: :deny]])
          )

        11 ->
          EctoLibSql.batch_transactional(s, [{sql, []}, {Enum.random(@sql), [1]}])
      end
    end

    defp open_blob(s, ids) do
      with {:ok, blob} <-
             EctoLibSql.Blob.open(s, "t", "a", :rand.uniform(5),
               mode: Enum.random([:read, :write])
             ),
           do: keep({:ok, blob.id}, ids)
    end

    defp keep({:ok, id} = answer, ids) do
      :ets.insert(ids, {:id, id})
      answer
    end

    defp keep(answer, _ids), do: answer

    defp id(ids) do
      case :ets.lookup(ids, :id) do
        [] -> "00000000-0000-0000-0000-000000000000"
        known -> known |> Enum.random() |> elem(1)
      end
    end

    defp any_nif(s, ids) do
      {name, arity} =
        nifs() |> Enum.filter(fn {name, arity} -> arity > 0 and local?(name) end) |> Enum.random()

      case call(name, [s | Enum.map(1..(arity - 1)//1, fn _ -> argument(s, ids) end)]) do
        {:raised, _name, _arguments, _error} = raised -> exit(raised)
        _answer -> :ok
      end
    end

    defp argument(%State{} = s, ids) do
      case :rand.uniform(8) do
        n when n <= 2 -> id(ids)
        3 -> Enum.random(@sql)
        4 -> Enum.random([[], [1], [a: 1], %{}, %{a: 1}, [1 | 2]])
        5 -> Enum.random([0, 1, 20, 100, :infinity, -1])
        6 -> Enum.random([s, nil, true, false, :immediate, :passive])
        7 -> Enum.random([{"main", "t", "a", 1}, {"main", "t", "a"}, "main", [{"SELECT 1", []}]])
        8 -> garbage() |> Enum.take(1) |> hd()
      end
    end
  end
end
