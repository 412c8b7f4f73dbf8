defmodule EctoLibSql.Function.CallsTest do
  # Calls in which a function runs: every kind of them, their ends, and functions that call.
  use ExUnit.Case, async: true

  import EctoLibSql.Test.Database
  import EctoLibSql.Test.Functions

  alias EctoLibSql.{Error, Function}

  @moduletag :tmp_dir

  describe "every kind of call" do
    setup do
      %{s: connect!() |> table!(3) |> create!("f", 1, &(&1 * 10))}
    end

    test "evaluates functions", %{s: s} do
      assert rows(s, "SELECT f(a) FROM t") == [[10], [20], [30]]
      assert EctoLibSql.query_one(s, "SELECT f(2)") == {:ok, [20]}
      assert EctoLibSql.query_one(s, "SELECT f(a) FROM t") == {:error, :multiple_rows}
      assert :ok = EctoLibSql.run(s, "UPDATE t SET a = f(a)")
      assert rows(s, "SELECT a FROM t") == [[10], [20], [30]]

      {:ok, id} = EctoLibSql.prepare(s, "SELECT f(?)")
      assert {:ok, %{rows: [[50]]}} = EctoLibSql.query_stmt(s, id, [5])
      assert EctoLibSql.stmt_parameter_count(s, id) == {:ok, 1}
      assert EctoLibSql.stmt_column_count(s, id) == {:ok, 1}
      assert EctoLibSql.stmt_column_name(s, id, 0) == {:ok, "f(?)"}
      assert {:ok, [%{name: "f(?)"}]} = EctoLibSql.get_statement_columns(s, id)
      assert :ok = EctoLibSql.reset_stmt(s, id)
      assert :ok = EctoLibSql.finalize_stmt(s, id)

      assert {:ok, [%{rows: [[1]]}, %{rows: [[10]]}]} =
               EctoLibSql.execute_batch(s, "SELECT 1; SELECT f(1)")

      assert {:ok, [_, %{rows: [[70]]}]} =
               EctoLibSql.batch(s, [{"INSERT INTO t (a) VALUES (f(0))", []}, {"SELECT f(?)", [7]}])

      assert s |> EctoLibSql.stream("SELECT f(a) FROM t", [], max_rows: 2) |> Enum.count() == 4
      assert rows(s, "SELECT length(?), f(1)", [~D[2026-11-22]]) == [[10, 10]]
    end

    test "fetches in parts", %{s: s} do
      assert rows(s, "SELECT sum(f(i)) FROM (#{count_to(3_000)})") == [[45_015_000]]
      assert length(rows(s, "SELECT f(i) FROM (#{count_to(5_000)})")) == 5_000

      {:ok, cursor} = EctoLibSql.declare(s, "SELECT f(a) FROM t")
      assert {:cont, %{rows: [[10]]}} = EctoLibSql.fetch(s, cursor, 1)
      assert {:cont, %{rows: [[20]]}} = EctoLibSql.fetch(s, cursor, 1)
      assert :ok = EctoLibSql.deallocate(s, cursor)
    end

    test "has transactions, savepoints, blobs and pragmas as before", %{s: s} do
      assert {:ok, s} = EctoLibSql.begin(s)
      assert :ok = EctoLibSql.create_savepoint(s, "one")
      assert :ok = EctoLibSql.run(s, "INSERT INTO t (a) VALUES (zeroblob(3))")
      rowid = EctoLibSql.last_insert_rowid(s)
      assert {:ok, blob} = EctoLibSql.Blob.open(s, "t", "a", rowid, mode: :write)
      assert :ok = EctoLibSql.Blob.write(blob, 0, "abc")
      assert {:ok, "bc"} = EctoLibSql.Blob.read(blob, 1, 2)
      assert :ok = EctoLibSql.Blob.close(blob)
      assert :ok = EctoLibSql.rollback_to_savepoint_by_name(s, "one")
      assert :ok = EctoLibSql.release_savepoint_by_name(s, "one")
      assert {:ok, s} = EctoLibSql.commit(s)
      assert EctoLibSql.autocommit?(s)
      assert EctoLibSql.changes(s) >= 0
      assert :ok = EctoLibSql.ping(s)
      assert :ok = EctoLibSql.set_busy_timeout(s, 10)
      assert {:ok, _} = EctoLibSql.checkpoint(s)
      assert :ok = EctoLibSql.cacheflush(s)
      assert {:ok, 0} = EctoLibSql.Native.pragma_query(s, "user_version")
      assert {:ok, image} = EctoLibSql.Backup.serialize(s)
      assert byte_size(image) > 0
      assert {:ok, [_ | _]} = EctoLibSql.Native.data_versions(s)
      other = connect!()
      assert :ok = EctoLibSql.Backup.to_connection(s, other)
      assert rows(other, "SELECT count(*) FROM t") == [[3]]
    end

    test "says which arguments are wrong, as before", %{s: s} do
      assert {:error, %Error{code: :parameter_count}} = EctoLibSql.query(s, "SELECT ?", [])
      assert {:error, %Error{code: :error}} = EctoLibSql.query(s, "SELECT nope")

      assert {:error, %Error{code: :unsupported_parameter}} =
               EctoLibSql.query(s, "SELECT ?", [:a])

      assert {:error, %Error{code: :cursor_closed}} = EctoLibSql.fetch(s, "nope", 1)
      assert_raise ArgumentError, fn -> EctoLibSql.fetch(s, "nope", 0x10000000000000000) end
      assert value(s, "f(1)") == 10
    end

    test "takes parameters of any size", %{s: s} do
      long = String.duplicate("x", 1_000_000)
      s = create!(s, "twice", 1, &(&1 <> &1))
      assert value(s, "length(twice(?))", [long]) == 2_000_000
    end

    test "is known to the connections' backend" do
      calls = Function.Calls.__info__(:functions)

      # What has a connection's state as its first argument, and is not called by the NIF's name alone.
      others =
        ~r/^(remote|replica|offline)_|^(connections|open|begin_with_heap|fault|library|trace_(listen|stop|taken)|vfs_names|shut_down|start_up|memory_|heap_|feed_|hook_|changeset_|function_)/

      wrappers = ~w(reset interrupt query_row reset_statement close_stmt get_stmt_columns
                    execute_batch_sql execute_batch_native pragma_query data_versions
                    get_frame_number_for_replica get_max_write_frame flush_and_get_frame
                    sync_until_frame freeze_replica rustler_init load start_up shut_down)a

      missing =
        for {name, arity} <- EctoLibSql.Native.__info__(:functions),
            not (Atom.to_string(name) =~ others),
            name not in wrappers,
            {name, arity} not in calls,
            {name, arity} != {:load_ext, 2},
            do: {name, arity}

      assert missing == []
    end
  end

  describe "a call in which a function runs" do
    test "is ended by its deadline, and its connection lives on" do
      s = create!(connect!(), "slow", 0, fn -> Process.sleep(200) end)

      assert {:error, %Error{code: :timeout}} =
               EctoLibSql.query(s, "SELECT slow()", [], timeout: 50)

      assert value(s, "1") == 1
      refute_received _
    end

    test "is ended by an interrupt" do
      test = self()

      s =
        create!(connect!(), "stays", 0, fn ->
          send(test, :inside)
          receive do: (:go -> 1)
        end)

      task = Task.async(fn -> EctoLibSql.query(s, "SELECT stays()") end)
      assert_receive :inside
      :ok = EctoLibSql.interrupt_connection(s)
      # The statement is over; the process is still in its function.
      assert wait_until(fn -> listed(s).running == nil end) == :ok
      assert value(s, "1") == 1
      send(task.pid, :go)
      assert {:error, %Error{code: :interrupted}} = Task.await(task)
    end

    test "is ended by its process's death, with all that it has written", context do
      s = context |> connect_file!() |> table!(3)
      test = self()

      s =
        create!(s, "stays", 1, fn a ->
          if a == 3, do: send(test, {:inside, self()}) && Process.sleep(:infinity), else: a
        end)

      for sql <- ["UPDATE t SET a = stays(a) + 1", "SELECT stays(a) FROM t"] do
        {victim, monitor} = spawn_monitor(fn -> EctoLibSql.run(s, sql) end)
        assert_receive {:inside, ^victim}
        Process.exit(victim, :kill)
        assert_receive {:DOWN, ^monitor, _, _, :killed}
        assert rows(s, "SELECT a FROM t") == [[1], [2], [3]]
      end

      :ok = EctoLibSql.run(s, "INSERT INTO t (a) VALUES (4)")
    end

    test "closes with its connection" do
      s = connect!()
      s = create!(s, "close", 0, fn -> EctoLibSql.disconnect(s) && 1 end)
      assert {:error, %Error{code: code}} = EctoLibSql.query(s, "SELECT close()")
      assert code in [:interrupted, :connection_closed]
      assert {:error, %Error{code: :connection_closed}} = EctoLibSql.query(s, "SELECT 1")
    end

    test "is undone by a reset from inside" do
      s = connect!()
      s = create!(s, "reset", 0, fn -> EctoLibSql.reset_connection(s) && 1 end)
      assert {:error, %Error{code: :interrupted}} = EctoLibSql.query(s, "SELECT reset()")
      assert value(s, "1") == 1
    end

    test "refuses its connection to its function, by whatever way" do
      [a, b] = [connect!(), connect!()]
      test = self()
      tell = &send(test, {:told, &1})
      a = create!(a, "again", 1, fn sql -> tell.(EctoLibSql.query(a, sql)) && 1 end)
      assert value(a, "again('SELECT 1')") == 1
      assert_received {:told, {:error, %Error{code: code, message: message}}}
      # With the state from before.
      assert code == :inside_function
      assert message =~ "use another connection"

      {:ok, holder} = Agent.start_link(fn -> nil end)
      with_a = fn fun -> fun.(Agent.get(holder, & &1)) end

      a =
        create!(a, "direct", 0, fn -> with_a.(&tell.(EctoLibSql.query(&1, "SELECT 1"))) && 1 end)

      b = create!(b, "back", 0, fn -> with_a.(&tell.(EctoLibSql.run(&1, "SELECT 1"))) && 2 end)
      a = create!(a, "over_b", 0, fn -> value(b, "back()") end)
      Agent.update(holder, fn _ -> a end)

      assert value(a, "direct()") == 1
      assert_received {:told, {:error, %Error{code: :inside_function}}}
      assert value(a, "over_b()") == 2
      assert_received {:told, {:error, %Error{code: :inside_function}}}

      for call <- [
            &EctoLibSql.begin/1,
            &EctoLibSql.prepare(&1, "SELECT 1"),
            &EctoLibSql.execute_batch(&1, "SELECT 1"),
            &EctoLibSql.declare(&1, "SELECT 1"),
            &EctoLibSql.cacheflush/1,
            &EctoLibSql.Blob.open(&1, "t", "a", 1),
            &Function.create_scalar(&1, "g", 0, fn -> 1 end),
            &Function.remove(&1, "f", 0)
          ] do
        s = connect!()
        s = create!(s, "f", 0, fn -> 0 end)
        s = create!(s, "f", 0, fn -> tell.(call.(s)) && 0 end)
        assert value(s, "f()") == 0
        assert_received {:told, {:error, %Error{code: :inside_function}}}
      end
    end

    test "keeps others waiting until their deadline, and no longer" do
      test = self()

      s =
        create!(connect!(), "stays", 0, fn ->
          send(test, :inside)
          receive do: (:go -> 1)
        end)

      task = Task.async(fn -> value(s, "stays()") end)
      assert_receive :inside

      assert {:error, %Error{code: :timeout, message: message}} =
               EctoLibSql.query(s, "SELECT 1", [], timeout: 30)

      assert message =~ "waited for other calls' end"
      assert {:error, %Error{code: :busy}} = EctoLibSql.query(%{s | functions: false}, "SELECT 1")

      waiting = Task.async(fn -> value(s, "2") end)
      send(task.pid, :go)
      assert Task.await(task) == 1
      assert Task.await(waiting) == 2
    end

    test "may use other connections, also to write elsewhere", context do
      log = connect!(database: Path.join(context.tmp_dir, "log.db"))
      :ok = EctoLibSql.run(log, "CREATE TABLE log (a)")
      s = context |> connect_file!() |> table!(3)
      write = fn a -> EctoLibSql.run(log, "INSERT INTO log VALUES (?)", [a]) && a end
      s = create!(s, "logged", 1, write)
      :ok = EctoLibSql.run(s, "UPDATE t SET a = logged(a)")
      assert rows(log, "SELECT a FROM log") == [[1], [2], [3]]
    end

    test "is not waited for by a write to the same file in its function", context do
      s = context |> connect_file!() |> table!(3)
      other = connect_file!(context)
      test = self()

      s =
        create!(s, "writes", 1, fn a ->
          send(test, EctoLibSql.run(other, "INSERT INTO t (a) VALUES (4)"))
          send(test, {:read, rows(other, "SELECT count(*) FROM t")})
          a
        end)

      :ok = EctoLibSql.run(s, "UPDATE t SET a = writes(a) WHERE id = 1")
      assert_received {:error, %Error{code: :inside_function, message: message}}
      assert message =~ "another connection of this process writes"
      assert_received {:read, [[3]]}
      :ok = EctoLibSql.run(other, "INSERT INTO t (a) VALUES (4)")

      # Somebody else's writing is waited for, as it is outside.
      {:ok, _} = EctoLibSql.begin(other)
      :ok = EctoLibSql.set_busy_timeout(s, 30)
      s = create!(s, "asks", 0, fn -> inspect(self()) end)
      assert {:error, %Error{code: :busy}} = EctoLibSql.run(s, "UPDATE t SET a = asks()")
      {:ok, _} = EctoLibSql.rollback(other)
    end

    test "holds no dirty scheduler", context do
      target = context |> connect_file!() |> table!(10)

      count =
        3 *
          (:erlang.system_info(:dirty_io_schedulers) + :erlang.system_info(:dirty_cpu_schedulers))

      gather = gather(count)

      tasks =
        for _ <- 1..count do
          Task.async(fn ->
            s =
              create!(opened(), "f", 0, fn -> gather.() && value(target, "count(*) FROM t") end)

            value(s, "f()")
          end)
        end

      assert Task.await_many(tasks, 30_000) == List.duplicate(10, count)
    end

    # A function that returns when so many processes are in it.
    defp gather(count) do
      counter = :counters.new(1, [])

      fn ->
        :counters.add(counter, 1, 1)
        wait_until(fn -> :counters.get(counter, 1) >= count end, 20_000)
      end
    end

    test "survives a function that empties the mailbox" do
      empty = fn empty ->
        receive do
          _ -> empty.(empty)
        after
          0 -> 1
        end
      end

      s = create!(connect!(), "empty", 0, fn -> empty.(empty) end)
      send(self(), :something)
      assert value(s, "empty() + empty()") == 2
      refute_received _
    end
  end

  # In a process that is no test's.
  defp opened do
    {:ok, s} = EctoLibSql.connect(database: ":memory:")
    s
  end
end
