defmodule EctoLibSql.FunctionTest do
  # Functions and collations that Elixir code evaluates.
  use ExUnit.Case, async: true

  import EctoLibSql.Test.Database

  alias EctoLibSql.{Error, Function}

  @moduletag :tmp_dir

  defp create!(s, name, arity, fun, opts \\ []) do
    {:ok, s} = Function.create_scalar(s, name, arity, fun, opts)
    s
  end

  defp value(s, sql, params \\ []) do
    {:ok, [value]} = EctoLibSql.query_one(s, "SELECT " <> sql, params)
    value
  end

  defp failure(s, sql, params \\ []) do
    assert {:error, %Error{code: :function, statement: ^sql, message: message}} =
             EctoLibSql.query(s, sql, params)

    message
  end

  defp table!(s, count) do
    :ok = EctoLibSql.run(s, "CREATE TABLE t (id INTEGER PRIMARY KEY, a)")
    :ok = EctoLibSql.run(s, "INSERT INTO t SELECT i, i FROM (#{count_to(count)})")
    s
  end

  describe "a scalar function" do
    test "gets arguments as a result has them, and answers as parameters are" do
      test = self()

      s =
        create!(connect!(), "pass", 1, fn given ->
          send(test, {:got, given})
          given
        end)

      for {given, type} <- [
            {nil, "null"},
            {1, "integer"},
            {-0x8000000000000000, "integer"},
            {1.5, "real"},
            {:inf, "real"},
            {"text", "text"},
            {"", "text"},
            {"a\0ü", "text"}
          ] do
        assert rows(s, "SELECT pass(?1), typeof(pass(?1))", [given]) == [[given, type]]
        assert_received {:got, ^given}
      end

      assert failure(s, "SELECT pass(x'00ff80')") =~ "text is to be UTF-8"
      assert_received {:got, <<0, 255, 128>>}
    end

    test "answers everything that can be stored" do
      for {answer, sql, stored} <- [
            {true, "f()", 1},
            {false, "f()", 0},
            {{:blob, <<0, 255>>}, "hex(f())", "00FF"},
            {{:blob, ""}, "typeof(f())", "blob"},
            {~D[2026-11-22], "f()", "2026-11-22"},
            {~U[2026-11-22 10:00:00Z], "f()", "2026-11-22T10:00:00"},
            {String.duplicate("ü", 100_000), "length(f())", 100_000}
          ] do
        assert connect!() |> create!("f", 0, fn -> answer end) |> value(sql) == stored
      end
    end

    test "takes as many arguments as it says" do
      sum = fn numbers -> Enum.sum(numbers) end
      s = connect!() |> create!("summed", -1, sum) |> create!("summed", 2, &(&1 * 100 + &2))
      assert value(s, "summed()") == 0
      assert value(s, "summed(1, 2, 3)") == 6
      assert value(s, "summed(1, 2)") == 102

      many = Enum.map_join(1..127, ", ", &to_string/1)
      assert value(s, "summed(#{many})") == Enum.sum(1..127)

      s = create!(s, "none", 0, fn -> 7 end)
      assert value(s, "none()") == 7

      assert {:error, %Error{code: :error, message: "wrong number of arguments" <> _}} =
               EctoLibSql.query(s, "SELECT none(1)")
    end

    test "runs in the process that calls, with everything that this one has" do
      s = create!(connect!(), "me", 0, fn -> inspect(self()) end)
      assert value(s, "me()") == inspect(self())
      assert Task.await(Task.async(fn -> value(s, "me()") end)) != inspect(self())
    end

    test "is replaced and removed" do
      s = connect!() |> create!("f", 1, &(&1 + 1)) |> create!("f", 2, &(&1 + &2))
      assert value(s, "f(1)") == 2
      s = create!(s, "F", 1, &(&1 + 10))
      assert value(s, "f(1)") == 11

      :ok = Function.remove(s, "f", 1)
      assert {:error, %Error{code: :error}} = EctoLibSql.query(s, "SELECT f(1)")
      assert value(s, "f(1, 2)") == 3

      assert {:error, %Error{code: :invalid_argument, message: message}} =
               Function.remove(s, "f", 1)

      assert message =~ ~s(no function of 1 argument(s\) was created as "f")
      assert s |> create!("f", 1, & &1) |> value("f(1)") == 1
    end

    test "is not replaced under a cursor" do
      s = connect!() |> table!(10) |> create!("f", 1, & &1)
      {:ok, cursor} = EctoLibSql.declare(s, "SELECT f(a) FROM t")
      {:cont, _} = EctoLibSql.fetch(s, cursor, 2)

      assert {:error, %Error{code: :busy, message: message}} =
               Function.create_scalar(s, "f", 1, &(&1 + 1))

      assert message =~ "active statements"
      assert {:error, %Error{code: :busy}} = Function.remove(s, "f", 1)

      assert {:halt, %{rows: [[3] | _]}} = EctoLibSql.fetch(s, cursor, 20)
      assert s |> create!("f", 1, &(&1 + 1)) |> value("f(1)") == 2
    end

    test "does not take the place of one that others made" do
      s = connect!(functions: [:regexp])

      for name <- ["lower", "ABS", "ecto_decimal_add", "regexp", "count"] do
        assert {:error, %Error{code: :invalid_argument, message: message}} =
                 Function.create_scalar(s, name, 2, &{&1, &2})

        assert message =~ "the connection has a function #{name} already"
      end

      assert {:error, %Error{code: :invalid_argument}} =
               Function.create_collation(s, "nocase", fn _, _ -> :eq end)

      assert value(s, "lower('A')") == "a"
    end

    test "is refused with a reason" do
      s = connect!()

      for {args, reason} <- [
            {["", 0, fn -> 1 end], "a string of 1 to 255 bytes"},
            {[String.duplicate("a", 256), 0, fn -> 1 end], "a string of 1 to 255 bytes"},
            {["a\0", 0, fn -> 1 end], "a string"},
            {[<<255>>, 0, fn -> 1 end], "a string"},
            {[:f, 0, fn -> 1 end], "a string"},
            {["f", 128, & &1], "from 0 to 127"},
            {["f", -2, & &1], "from 0 to 127"},
            {["f", "1", & &1], "from 0 to 127"},
            {["f", 2, & &1], "a function of 2 argument(s)"},
            {["f", 1, {String, :upcase, 2}], "a function of 1 argument(s)"},
            {["f", 1, nil], "a function of 1 argument(s)"},
            {["f", 1, & &1, [pure: true]], "no option :pure"},
            {["f", 1, & &1, [deterministic: 1]], "deterministic takes true or false"},
            {["f", 1, & &1, :deterministic], "a keyword list"}
          ] do
        assert {:error, %Error{code: :invalid_argument, message: message}} =
                 apply(Function, :create_scalar, [s | args])

        assert message =~ reason
      end

      long = String.duplicate("f", 255)
      assert s |> create!(long, 0, fn -> 1 end) |> value("#{long}()") == 1
    end
  end

  describe "a function that fails" do
    test "names itself and the reason, and its statement with it" do
      s =
        connect!()
        |> create!("raises", 0, fn -> raise ArgumentError, "not today" end)
        |> create!("throws", 0, fn -> throw(:ball) end)
        |> create!("exits", 0, fn -> exit(:shutdown) end)
        |> create!("errors", 0, fn -> :erlang.error(:badarith) end)

      assert failure(s, "SELECT raises()") ==
               "the function raises failed: ** (ArgumentError) not today"

      assert failure(s, "SELECT throws()") =~ "the function throws failed: ** (throw) :ball"
      assert failure(s, "SELECT exits()") =~ "the function exits failed: ** (exit) shutdown"
      assert failure(s, "SELECT errors()") =~ "bad argument in arithmetic"
      assert value(s, "1") == 1
    end

    test "is one whose answer cannot be stored, too" do
      for answer <- [
            {1, 2},
            [],
            :atom,
            %{a: 1},
            self(),
            make_ref(),
            0x8000000000000000,
            <<255>>,
            <<1::3>>,
            {:blob, 1},
            {:blob, <<1::3>>},
            %URI{},
            &is_list/1
          ] do
        s = create!(connect!(), "f", 0, fn -> answer end)

        assert failure(s, "SELECT f()") =~
                 "the function f answered #{inspect(answer, limit: 5)}: "
      end

      s = create!(connect!(), "f", 0, fn -> <<255>> end)
      assert failure(s, "SELECT f()") =~ "text is to be UTF-8"
    end

    test "leaves nothing of its statement", context do
      s =
        context
        |> connect_file!()
        |> table!(10)
        |> create!("f", 1, fn a -> if a == 7, do: raise("seven"), else: a end)

      insert = "INSERT INTO t (a) SELECT f(a) FROM t"
      assert failure(s, insert) =~ "seven"
      assert rows(s, "SELECT count(*) FROM t") == [[10]]

      # A transaction goes on without it.
      assert {:ok, :done} =
               EctoLibSql.transaction(s, fn s ->
                 :ok = EctoLibSql.run(s, "INSERT INTO t (a) VALUES (11)")
                 assert failure(s, insert) =~ "seven"
                 :ok = EctoLibSql.run(s, "INSERT INTO t (a) VALUES (12)")
                 :done
               end)

      assert rows(s, "SELECT count(*) FROM t") == [[12]]

      batch = [{"DELETE FROM t WHERE a > 10", []}, {insert, []}]

      assert {:error, %Error{code: :function, index: 1}} =
               EctoLibSql.batch_transactional(s, batch)

      assert rows(s, "SELECT count(*) FROM t") == [[12]]
    end
  end

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

  describe "aggregates and windows" do
    @words "json_each('[\"a\",\"b\",\"c\",\"d\"]')"

    defp joined(s) do
      {:ok, s} =
        Function.create_window(s, "joined", 1,
          init: [],
          step: &(&2 ++ [&1]),
          inverse: fn oldest, [oldest | rest] -> rest end,
          finalize: &Enum.join/1
        )

      s
    end

    test "step, finalize, and begin anew for each group" do
      {:ok, s} =
        Function.create_aggregate(connect!(), "weighted", 2,
          init: {0, 0},
          step: fn value, weight, {sum, weights} -> {sum + value * weight, weights + weight} end,
          finalize: fn {sum, weights} -> if weights == 0, do: nil, else: sum / weights end
        )

      sql =
        "WITH t(g, v, w) AS (VALUES (1, 2, 1), (2, 5, 1), (1, 8, 3)) SELECT g, weighted(v, w) FROM t GROUP BY g"

      assert rows(s, sql) == [[1, 6.5], [2, 5.0]]
      assert rows(s, "SELECT weighted(a, a) FROM (SELECT 1 AS a) WHERE a > 1") == [[nil]]

      {:ok, s} =
        Function.create_aggregate(s, "listed", -1,
          init: 0,
          step: fn list, n -> n + length(list) end
        )

      assert value(s, "listed(1, 2, 3)") == 3
    end

    test "slide" do
      s = joined(connect!())
      assert value(s, "joined(value) FROM #{@words}") == "abcd"

      for {frame, expected} <- [
            {"ORDER BY id", ["a", "ab", "abc", "abcd"]},
            {"ORDER BY id ROWS 1 PRECEDING", ["a", "ab", "bc", "cd"]},
            {"ORDER BY id ROWS BETWEEN 1 FOLLOWING AND 2 FOLLOWING", ["bc", "cd", "d", ""]}
          ] do
        sql = "SELECT joined(value) OVER (#{frame}) FROM #{@words}"
        assert s |> rows(sql) |> List.flatten() == expected
      end
    end

    test "are no windows without an inverse" do
      {:ok, s} = Function.create_aggregate(connect!(), "summed", 1, init: 0, step: &(&1 + &2))
      assert value(s, "summed(value) FROM json_each('[1, 2]')") == 3

      assert {:error, %Error{code: :error, message: message}} =
               EctoLibSql.query(s, "SELECT summed(value) OVER () FROM json_each('[1]')")

      assert message =~ "may not be used as a window function"
    end

    test "go on over a cursor's pauses, in the process that began" do
      s = connect!() |> table!(5_000)

      {:ok, s} =
        Function.create_window(s, "summed", 1, init: 0, step: &(&1 + &2), inverse: &(&2 - &1))

      sql = "SELECT summed(a) OVER (ORDER BY id) FROM t"
      expected = Enum.scan(1..5_000, &+/2)
      assert s |> rows(sql) |> List.flatten() == expected

      streamed = s |> EctoLibSql.stream(sql, [], max_rows: 100) |> Enum.to_list()
      assert List.flatten(streamed) == expected

      {:ok, cursor} = EctoLibSql.declare(s, sql)
      {:cont, _} = EctoLibSql.fetch(s, cursor, 10)
      other = Task.async(fn -> EctoLibSql.fetch(s, cursor, 10) end)

      assert {:error, %Error{code: :function, message: message}} = Task.await(other)
      assert message =~ "another process was given the rows before"
      assert value(s, "1") == 1
    end

    test "leave nothing in the process" do
      s = connect!() |> table!(3_000) |> joined()
      before = Process.get_keys()
      {:ok, cursor} = EctoLibSql.declare(s, "SELECT joined(a) OVER (ROWS 1 PRECEDING) FROM t")
      {:cont, _} = EctoLibSql.fetch(s, cursor, 10)
      :ok = EctoLibSql.deallocate(s, cursor)

      {:ok, s} =
        Function.create_aggregate(s, "odd", 1,
          init: 0,
          step: fn a, _ -> if(a == 9, do: raise("9"), else: a) end
        )

      assert failure(s, "SELECT odd(a) FROM t") =~ "9"
      assert failure(s, "SELECT count(*) FROM (SELECT odd(a) FROM t GROUP BY a % 4)") =~ "9"
      assert Process.get_keys() -- before == []
      refute_received _
    end

    test "fail in each of their parts" do
      callbacks = [
        init: 0,
        step: fn a, n -> if(a == "step", do: raise("step"), else: n + 1) end,
        inverse: fn a, n -> if(a == "inverse", do: raise("inverse"), else: n - 1) end,
        value: fn n -> if(n == 3, do: raise("value"), else: n) end,
        finalize: fn n -> if(n == 2, do: raise("finalize"), else: n) end
      ]

      {:ok, s} = Function.create_window(connect!(), "f", 1, callbacks)
      window = &"SELECT f(value) OVER (ROWS 2 PRECEDING) FROM json_each('#{&1}')"
      assert failure(s, "SELECT f('step')") =~ "step"
      assert failure(s, window.(~s(["inverse", 1, 1, 1]))) =~ ~r/inverse|value/
      assert failure(s, window.("[1, 2, 3]")) =~ "value"
      assert failure(s, "SELECT f(value) FROM json_each('[1, 2]')") =~ "finalize"
      assert value(s, "f(1)") == 1
    end

    test "are refused with a reason" do
      for {callbacks, reason} <- [
            {[step: &{&1, &2}], ":init is missing"},
            {[init: 0], ":step is missing"},
            {[init: 0, step: & &1], "step is a function of 2 argument(s)"},
            {[init: 0, step: &{&1, &2}, inverse: 1], "no callback :inverse"},
            {[init: 0, step: &{&1, &2}, finalize: 1], "finalize is a function of 1"},
            {:none, "a keyword list"}
          ] do
        assert {:error, %Error{code: :invalid_argument, message: message}} =
                 Function.create_aggregate(connect!(), "f", 1, callbacks)

        assert message =~ reason
      end
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

  describe "a state from before" do
    test "does all but call the function" do
      before = connect!()
      s = create!(before, "f", 0, fn -> 1 end)
      assert value(before, "1") == 1

      assert {:error, %Error{code: :function, message: message}} =
               EctoLibSql.query(before, "SELECT f()")

      assert message =~ "run it with the state"
      assert value(s, "f()") == 1
    end
  end

  describe "a schema" do
    test "may use what says so" do
      s = connect!() |> table!(3)
      s = create!(s, "mine", 1, &(&1 * 2))
      s = create!(s, "open", 1, &(&1 * 2), direct_only: false)
      s = create!(s, "safe", 1, &(&1 * 2), direct_only: false, innocuous: true)
      flags = [direct_only: false, innocuous: true, deterministic: true]
      s = create!(s, "pure", 1, &(&1 * 2), flags)

      for name <- ["mine", "open", "safe", "pure"] do
        :ok = EctoLibSql.run(s, "CREATE VIEW v_#{name} AS SELECT #{name}(a) FROM t")
      end

      for name <- ["mine", "open"] do
        assert {:error, %Error{message: "unsafe use of " <> _}} =
                 EctoLibSql.query(s, "SELECT * FROM v_#{name}")
      end

      for name <- ["safe", "pure"] do
        assert rows(s, "SELECT * FROM v_#{name}") == [[2], [4], [6]]
      end

      assert {:error, %Error{message: message}} =
               EctoLibSql.query(s, "CREATE INDEX t_safe ON t (safe(a))")

      assert message =~ "non-deterministic"

      :ok = EctoLibSql.run(s, "CREATE INDEX t_pure ON t (pure(a))")
      :ok = EctoLibSql.run(s, "CREATE TABLE u (a CHECK (pure(a) > 2), b AS (pure(a)) STORED)")
      :ok = EctoLibSql.run(s, "INSERT INTO u (a) VALUES (2)")

      assert {:error, %Error{code: :constraint_check}} =
               EctoLibSql.query(s, "INSERT INTO u (a) VALUES (1)")

      assert rows(s, "SELECT b FROM u") == [[4]]
      assert rows(s, "SELECT id FROM t WHERE pure(a) = 4") == [[2]]

      :ok =
        EctoLibSql.run(
          s,
          "CREATE TRIGGER tr AFTER INSERT ON t BEGIN INSERT INTO u (a) VALUES (safe(new.a)); END"
        )

      :ok = EctoLibSql.run(s, "INSERT INTO t (a) VALUES (50)")
      assert rows(s, "SELECT max(a) FROM u") == [[100]]
      assert rows(s, "PRAGMA integrity_check") == [["ok"]]
      :ok = EctoLibSql.run(s, "VACUUM")
      :ok = EctoLibSql.run(s, "ANALYZE")
    end
  end

  describe "a collation" do
    defp by_length(a, b) do
      case String.length(a) - String.length(b) do
        0 -> :eq
        less when less < 0 -> :lt
        _ -> :gt
      end
    end

    test "sorts, groups and indexes" do
      {:ok, s} = Function.create_collation(connect!(), "by_length", &by_length/2)
      :ok = EctoLibSql.run(s, "CREATE TABLE w (a TEXT COLLATE by_length UNIQUE)")
      :ok = EctoLibSql.run(s, "INSERT INTO w VALUES ('ccc'), ('a'), ('bb'), ('ddddd')")
      assert rows(s, "SELECT a FROM w ORDER BY a") == [["a"], ["bb"], ["ccc"], ["ddddd"]]
      assert rows(s, "SELECT a FROM w WHERE a = 'xx'") == [["bb"]]

      assert {:error, %Error{code: :constraint_unique}} =
               EctoLibSql.query(s, "INSERT INTO w VALUES ('eee')")

      assert rows(s, "SELECT count(*) FROM w") == [[4]]
      assert rows(s, "PRAGMA integrity_check") == [["ok"]]

      assert {:ok, _} =
               EctoLibSql.transaction(s, fn s ->
                 EctoLibSql.run(s, "INSERT INTO w VALUES ('')")
               end)

      assert rows(s, "SELECT count(*) FROM w") == [[5]]
      :ok = EctoLibSql.run(s, "DROP TABLE w")
      :ok = Function.remove_collation(s, "by_length")

      assert {:error, %Error{code: :error_missing_collseq}} =
               EctoLibSql.query(s, "SELECT 'a' < 'b' COLLATE by_length")
    end

    test "that fails ends the statement, and undoes it", context do
      picky = fn a, b ->
        if "bad" in [a, b],
          do: raise("no #{b}"),
          else: if(a < b, do: :lt, else: if(a > b, do: :gt, else: :eq))
      end

      {:ok, s} = Function.create_collation(connect_file!(context), "picky", picky)
      :ok = EctoLibSql.run(s, "CREATE TABLE w (a TEXT COLLATE picky UNIQUE)")
      :ok = EctoLibSql.run(s, "INSERT INTO w VALUES ('a'), ('c')")

      assert failure(s, "INSERT INTO w VALUES ('bad')") =~ "the collation picky failed: "
      assert failure(s, "INSERT INTO w VALUES ('b'), ('bad')") =~ "no bad"
      assert failure(s, "SELECT * FROM w WHERE a > 'bad'") =~ "picky"
      assert failure(s, "UPDATE w SET a = 'bad' WHERE a = 'c' RETURNING a") =~ "picky"
      assert rows(s, "SELECT a FROM w ORDER BY a") == [["a"], ["c"]]
      assert rows(s, "PRAGMA integrity_check") == [["ok"]]

      {:ok, s} = EctoLibSql.begin(s)
      :ok = EctoLibSql.run(s, "INSERT INTO w VALUES ('d')")
      assert failure(s, "INSERT INTO w VALUES ('bad')") =~ "picky"
      :ok = EctoLibSql.run(s, "INSERT INTO w VALUES ('e')")
      {:ok, s} = EctoLibSql.commit(s)
      assert rows(s, "SELECT a FROM w ORDER BY a") == [["a"], ["c"], ["d"], ["e"]]

      assert {:error, %Error{code: :function}} =
               EctoLibSql.execute_batch(
                 s,
                 "INSERT INTO w VALUES ('f'); INSERT INTO w VALUES ('bad')"
               )

      assert {:ok, %{rows: [["g"]]}} =
               EctoLibSql.query(s, "INSERT INTO w VALUES ('g') RETURNING a")

      assert EctoLibSql.autocommit?(s)
      assert rows(s, "PRAGMA integrity_check") == [["ok"]]
    end

    test "that answers nonsense harms nothing but the order" do
      :rand.seed(:exsss, {1, 2, 3})

      for order <- [
            fn _, _ -> :gt end,
            fn _, _ -> :lt end,
            fn _, _ -> :eq end,
            fn _, _ -> Enum.random([:lt, :eq, :gt]) end
          ] do
        {:ok, s} = Function.create_collation(connect!(), "odd", order)
        :ok = EctoLibSql.run(s, "CREATE TABLE w (a TEXT COLLATE odd)")
        :ok = EctoLibSql.run(s, "CREATE INDEX w_a ON w (a)")
        :ok = EctoLibSql.run(s, "INSERT INTO w SELECT 'x' || i FROM (#{count_to(100)})")
        {:ok, _} = EctoLibSql.query(s, "SELECT a FROM w ORDER BY a LIMIT 10")
        {:ok, _} = EctoLibSql.query(s, "DELETE FROM w WHERE a > 'x5'")
        {:ok, _} = EctoLibSql.query(s, "PRAGMA integrity_check")
      end

      for wrong <- [nil, 1, :less, {:lt}] do
        {:ok, s} = Function.create_collation(connect!(), "odd", fn _, _ -> wrong end)

        assert failure(s, "SELECT 'a' < 'b' COLLATE odd") =~
                 "the collation odd answered #{inspect(wrong)}: a collation answers :lt, :eq or :gt"
      end
    end
  end

  describe "a reset" do
    test "brings back what options have chosen, and drops the rest" do
      functions = [
        :regexp,
        {:scalar, "twice", 1, {__MODULE__, :twice, 1}, deterministic: true},
        {:aggregate, "summed", 1, init: 0, step: &Kernel.+/2},
        {:collation, "by_length", &__MODULE__.length_order/2}
      ]

      s = connect!(functions: functions)
      assert value(s, "twice(4)") == 8
      assert value(s, "summed(value) FROM json_each('[1, 2]')") == 3
      assert value(s, "'bb' > 'c' COLLATE by_length") == 1

      s = create!(s, "twice", 1, &(&1 * 3))
      s = create!(s, "other", 0, fn -> 1 end)
      :ok = Function.remove(s, "summed", 1)
      assert value(s, "twice(4) + other()") == 13

      :ok = EctoLibSql.reset_connection(s)
      assert value(s, "twice(4)") == 8
      assert value(s, "summed(value) FROM json_each('[1, 2]')") == 3
      assert {:error, %Error{code: :error}} = EctoLibSql.query(s, "SELECT other()")
      assert value(s, "'a' REGEXP 'a'") == 1
    end

    def twice(number), do: 2 * number
    def length_order(a, b), do: by_length(a, b)
  end

  describe "the option" do
    test "names what is wrong" do
      for {functions, reason} <- [
            {[{:scalar, "f", 1, &{&1, &2}}], "a function of 1 argument(s)"},
            {[:regexp, {:scalar, "", 0, fn -> 1 end}], "1 to 255 bytes"},
            {[{"f", 0, fn -> 1 end}], "a function is {:scalar"},
            {[{:aggregate, "f", 1, []}], ":init is missing"}
          ] do
        assert {:error, %Error{code: :invalid_option, message: message}} =
                 EctoLibSql.connect(database: ":memory:", functions: functions)

        assert message =~ reason
      end

      before = length(EctoLibSql.connections())

      assert {:error, %Error{code: :invalid_argument, message: message}} =
               EctoLibSql.connect(
                 database: ":memory:",
                 functions: [{:scalar, "abs", 1, {__MODULE__, :twice, 1}}]
               )

      assert message =~ "abs"
      assert length(EctoLibSql.connections()) <= before + 5
    end

    test "with Elixir's functions is for local databases", %{tmp_dir: dir} do
      functions = [{:scalar, "twice", 1, {__MODULE__, :twice, 1}}]

      for opts <- [
            [uri: "http://localhost:1"],
            [uri: "http://localhost:1", database: Path.join(dir, "replica.db")]
          ] do
        assert {:error, %Error{code: :unsupported, message: message}} =
                 EctoLibSql.connect([functions: functions] ++ opts)

        assert message =~ "functions"
      end

      remote = %EctoLibSql.State{conn_id: "x", mode: :remote, database: "x"}

      assert {:error, %Error{code: :unsupported, message: message}} =
               Function.create_scalar(remote, "f", 0, fn -> 1 end)

      assert message =~ "EctoLibSql.Function.create_scalar"
      assert {:error, %Error{code: :unsupported}} = Function.remove(remote, "f", 0)
    end
  end

  # In a process that is no test's.
  defp opened do
    {:ok, s} = EctoLibSql.connect(database: ":memory:")
    s
  end

  describe "random functions" do
    test "answer or fail, and crash nothing" do
      :rand.seed(:exsss, {4, 5, 6})
      s = connect!() |> table!(20)

      s =
        for n <- 0..3, reduce: s do
          s -> create!(s, "f", n, random_function(n))
        end

      {:ok, s} =
        Function.create_window(s, "w", 1,
          init: nil,
          step: fn _, _ -> random_answer() end,
          inverse: fn _, _ -> random_answer() end,
          finalize: fn _ -> random_answer() end
        )

      for _ <- 1..300 do
        sql =
          Enum.random([
            "SELECT f(), f(a), f(a, 1), f(a, a, a) FROM t",
            "SELECT w(a) OVER (ROWS #{:rand.uniform(5)} PRECEDING) FROM t",
            "SELECT f(w(a)) FROM t GROUP BY a % #{:rand.uniform(5)}",
            "UPDATE t SET a = f(a) WHERE id % 7 = f()",
            "SELECT * FROM t ORDER BY f(a), f(a, id)",
            "INSERT INTO t (a) SELECT f(a) FROM t LIMIT 2"
          ])

        case EctoLibSql.query(s, sql) do
          {:ok, _} -> :ok
          {:error, %Error{code: code}} -> assert code == :function
        end
      end

      assert rows(s, "PRAGMA integrity_check") == [["ok"]]
      refute_received _
    end

    defp random_function(0), do: fn -> random_answer() end
    defp random_function(1), do: fn _ -> random_answer() end
    defp random_function(2), do: fn _, _ -> random_answer() end
    defp random_function(3), do: fn _, _, _ -> random_answer() end

    defp random_answer do
      case :rand.uniform(24) do
        1 -> raise "random"
        2 -> throw(:random)
        3 -> Enum.random([self(), {1}, <<255>>, %{}, 0x8000000000000000])
        n when n < 8 -> nil
        n when n < 14 -> :rand.uniform(10)
        n when n < 18 -> "text#{n}"
        n when n < 21 -> {:blob, :rand.bytes(5)}
        _ -> :rand.uniform()
      end
    end
  end
end
