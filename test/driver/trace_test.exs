defmodule EctoLibSql.TraceTest do
  use ExUnit.Case, async: true

  import EctoLibSql.Test.Database

  alias EctoLibSql.{Error, Trace}

  setup do
    s = connect!()
    :ok = EctoLibSql.run(s, "CREATE TABLE t (id INTEGER PRIMARY KEY, a)")
    %{s: s}
  end

  # The next message of a trace of the connection.
  defp next(%{conn_id: conn_id}) do
    assert_receive {Trace, ^conn_id, kind, map}, 5_000
    {kind, map}
  end

  # The SQL of the runs that end before this statement, which is run now.
  defp profiled(s) do
    marker = "SELECT 'marker #{System.unique_integer()}'"
    EctoLibSql.query!(s, marker)
    until_profiled(s, marker, [])
  end

  defp until_profiled(s, marker, ended) do
    case next(s) do
      {:profile, %{sql: ^marker}} -> Enum.reverse(ended)
      {:profile, %{sql: sql}} -> until_profiled(s, marker, [sql | ended])
      _other -> until_profiled(s, marker, ended)
    end
  end

  defp nothing(s, milliseconds \\ 50) do
    %{conn_id: conn_id} = s
    refute_receive {Trace, ^conn_id, _kind, _map}, milliseconds
  end

  describe "a statement" do
    test "is told when it begins and when it ends", %{s: s} do
      :ok = Trace.start(s)
      EctoLibSql.query!(s, "INSERT INTO t (a) VALUES (?), (?)", [1, 2])
      sql = "INSERT INTO t (a) VALUES (?), (?)"
      me = self()
      assert {:stmt, %{run: run, sql: ^sql, pid: ^me} = stmt} = next(s)
      assert {:profile, %{run: ^run, sql: ^sql, pid: ^me} = profile} = next(s)
      assert %{duration: duration, statistics: %{run: 1, rows_written: 2}} = profile
      assert is_integer(duration) and duration >= 0
      refute is_map_key(stmt, :expanded_sql) or is_map_key(profile, :expanded_sql)
      EctoLibSql.query!(s, sql, [1, 2])
      assert {:stmt, %{run: another}} = next(s)
      assert another != run
      assert {:profile, %{run: ^another, statistics: %{run: 1, rows_written: 2}}} = next(s)
      nothing(s)
    end

    test "that fails or is interrupted ends, too", %{s: s} do
      :ok = Trace.start(s)
      sql = "INSERT INTO t VALUES (1, 1), (1, 1)"
      assert {:error, %Error{code: :constraint_primarykey}} = EctoLibSql.query(s, sql)
      assert [^sql] = profiled(s)
      assert {:error, %Error{code: :timeout}} = EctoLibSql.query(s, endless(), [], timeout: 10)
      assert [sql] = profiled(s)
      assert sql == endless()
    end

    test "that is a comment's neighbour is itself, and a trigger is told with its run", %{s: s} do
      :ok = EctoLibSql.run(s, "CREATE TABLE log (a)")

      :ok =
        EctoLibSql.run(
          s,
          "CREATE TRIGGER noted AFTER INSERT ON t BEGIN INSERT INTO log VALUES (new.a); END"
        )

      :ok = Trace.start(s)
      sql = "-- a comment\nINSERT INTO t (a) VALUES (1)"
      EctoLibSql.query!(s, sql)
      assert {:stmt, %{run: run, sql: ^sql}} = next(s)
      assert {:stmt, %{run: ^run, sql: "-- TRIGGER noted"}} = next(s)
      assert {:stmt, %{run: ^run, sql: "-- INSERT INTO log VALUES (new.a)"}} = next(s)
      assert {:profile, %{run: ^run, sql: ^sql}} = next(s)
      nothing(s)
    end

    test "of SQLite's own is not told", %{s: s} do
      :ok = EctoLibSql.run(s, "CREATE VIRTUAL TABLE docs USING fts5(body)")
      :ok = Trace.start(s)
      EctoLibSql.query!(s, "INSERT INTO docs VALUES ('some words')")
      EctoLibSql.query!(s, "SELECT * FROM docs WHERE docs MATCH 'words'")

      assert profiled(s) == [
               "INSERT INTO docs VALUES ('some words')",
               "SELECT * FROM docs WHERE docs MATCH 'words'"
             ]
    end

    test "that meets a change of the schema keeps its number", %{s: s} do
      EctoLibSql.query!(s, "SELECT * FROM t")
      :ok = EctoLibSql.run(s, "ALTER TABLE t ADD COLUMN b")
      :ok = Trace.start(s)
      EctoLibSql.query!(s, "SELECT * FROM t")
      assert {:stmt, %{run: run}} = next(s)
      assert {:profile, %{run: ^run}} = next(s)
      assert {:profile, %{run: ^run, sql: "SELECT * FROM t"}} = next(s)
      nothing(s)
    end

    test "of a script, a batch, a cursor and a transaction is told by itself", %{s: s} do
      :ok = Trace.start(s, self(), events: [:profile])
      {:ok, _} = EctoLibSql.execute_batch(s, "SELECT 1; SELECT 2")
      {:ok, _} = EctoLibSql.batch_transactional(s, [{"INSERT INTO t (a) VALUES (?)", [1]}])
      [[1]] = s |> EctoLibSql.stream("SELECT a FROM t") |> Enum.to_list()
      {:ok, id} = EctoLibSql.prepare(s, "SELECT 3")
      {:ok, _} = EctoLibSql.query_stmt(s, id)
      {:ok, [4]} = EctoLibSql.query_one(s, "SELECT 4")
      EctoLibSql.query!(s, "EXPLAIN QUERY PLAN SELECT a FROM t")

      assert [
               "SELECT 1",
               "SELECT 2",
               "BEGIN IMMEDIATE",
               "INSERT INTO t (a) VALUES (?)",
               "COMMIT",
               "SELECT a FROM t",
               "SELECT 3",
               "SELECT 4",
               "EXPLAIN QUERY PLAN SELECT a FROM t"
             ] = Enum.map(profiled(s), &(&1 |> String.trim(";") |> String.trim()))
    end

    test "that is quick is told once", %{s: s} do
      EctoLibSql.run(s, "INSERT INTO t VALUES (1, 1)")
      sql = "SELECT a FROM t WHERE id = ?"
      for _ <- 1..5, do: EctoLibSql.query!(s, sql, [1])
      :ok = Trace.start(s, self(), events: [:profile])
      for _ <- 1..5, do: EctoLibSql.query!(s, sql, [1])
      assert profiled(s) == List.duplicate(sql, 5)
      :ok = Trace.stop(s)
      for _ <- 1..5, do: EctoLibSql.query!(s, sql, [1])
      nothing(s)
    end
  end

  test "the time in which a cursor stands still is not its run's", %{s: s} do
    :ok = Trace.start(s, self(), events: [:profile])
    began = System.monotonic_time()
    {:ok, cursor} = EctoLibSql.declare(s, count_to(10))
    {:cont, _} = EctoLibSql.fetch(s, cursor, 1)
    stands = System.monotonic_time()
    # So long that it would be seen.
    nothing(s, 300)
    stood = System.monotonic_time() - stands
    :ok = EctoLibSql.deallocate(s, cursor)
    assert {:profile, %{duration: duration}} = next(s)
    assert duration <= System.monotonic_time() - began - stood
  end

  test "rows are told where that is asked for", %{s: s} do
    :ok = Trace.start(s, self(), events: [:row])
    EctoLibSql.query!(s, count_to(3))
    assert {:row, %{run: run, row: 1}} = next(s)
    assert {:row, %{run: ^run, row: 2}} = next(s)
    assert {:row, %{run: ^run, row: 3}} = next(s)
    nothing(s)
  end

  test "the progress of a long statement is told while it runs", %{s: s} do
    :ok = Trace.start(s, self(), events: [:progress], every: 1)
    task = Task.async(fn -> EctoLibSql.query(s, endless(), [], timeout: :infinity) end)
    pid = task.pid
    assert {:progress, %{run: run, vm_steps: steps, pid: ^pid} = progress} = next(s)
    assert progress.sql == endless()
    assert {:progress, %{run: ^run, vm_steps: more, duration: duration}} = next(s)
    assert more > steps and rem(more, 1_000) == 0 and duration > progress.duration
    assert {:error, %Error{code: :interrupted}} = interrupt_task(s, task)
  end

  describe "expanded SQL" do
    test "is told where that is asked for, without what is redacted", %{s: s} do
      :ok = Trace.start(s, self(), expanded_sql: true, redact: [:secret])
      EctoLibSql.query!(s, "SELECT :name, :secret", name: "Ada", secret: "xyzzy")
      expected = "SELECT 'Ada', '[redacted]'"
      assert {:stmt, %{expanded_sql: ^expected}} = next(s)
      assert {:profile, %{expanded_sql: ^expected}} = next(s)
      EctoLibSql.query!(s, "SELECT ?", ["Joe"])
      assert {:stmt, %{expanded_sql: "SELECT 'Joe'"}} = next(s)
      assert {:profile, %{expanded_sql: "SELECT 'Joe'"}} = next(s)
      assert [[1]] = s |> EctoLibSql.stream("SELECT ?", [1]) |> Enum.to_list()
      assert {:stmt, %{expanded_sql: "SELECT 1"}} = next(s)
      assert {:profile, %{expanded_sql: "SELECT 1"}} = next(s)
    end

    test "that is long is left out, and SQL that is long is cut", %{s: s} do
      :ok = Trace.start(s, self(), expanded_sql: true)
      EctoLibSql.query!(s, "SELECT length(?)", [String.duplicate("x", 20_000)])
      assert {:stmt, stmt} = next(s)
      assert {:profile, _} = next(s)
      refute is_map_key(stmt, :expanded_sql)
      long = "SELECT '" <> String.duplicate("é", 20_000) <> "'"
      EctoLibSql.query!(s, long)
      assert {:stmt, %{sql: sql}} = next(s)
      assert byte_size(sql) in (16 * 1024 - 1)..(16 * 1024)
      assert String.valid?(sql) and String.starts_with?(long, sql)
    end
  end

  describe "ends" do
    test "with stop, twice or never begun being fine", %{s: s} do
      :ok = Trace.start(s)
      assert :ok = Trace.stop(s)
      EctoLibSql.query!(s, "SELECT 1")
      nothing(s)
      assert :ok = Trace.stop(s)
      assert :ok = Trace.stop(connect!())
    end

    test "with the next one of the same process", %{s: s} do
      :ok = Trace.start(s)
      :ok = Trace.start(s, self(), events: [:profile])
      EctoLibSql.query!(s, "SELECT 1")
      assert {:profile, _} = next(s)
      nothing(s)
    end

    test "with the connection, and says so", %{s: s} do
      :ok = Trace.start(s, self(), events: [:row])
      :ok = EctoLibSql.disconnect(s)
      assert {:close, %{}} = next(s)
      assert {:error, %Error{code: :connection_closed}} = Trace.start(s)
      assert :ok = Trace.stop(s)
    end

    test "with a reset, and says so", %{s: s} do
      :ok = Trace.start(s, self(), events: [:row])
      :ok = EctoLibSql.reset_connection(s)
      assert {:stop, %{}} = next(s)
      EctoLibSql.query!(s, "SELECT 1")
      nothing(s)
      :ok = Trace.start(s)
      EctoLibSql.query!(s, "SELECT 1")
      assert {:stmt, _} = next(s)
    end

    test "with its subscriber, and others' go on", %{s: s} do
      {victim, :ok} = start_victim(fn -> Trace.start(s) end)
      :ok = Trace.start(s)
      kill(victim)
      EctoLibSql.query!(s, "SELECT 1")
      assert {:stmt, _} = next(s)
      assert {:profile, _} = next(s)
    end

    test "of a cursor that is open when the connection is closed", %{s: s} do
      :ok = Trace.start(s)
      {:ok, cursor} = EctoLibSql.declare(s, count_to(10))
      {:cont, _} = EctoLibSql.fetch(s, cursor, 1)
      :ok = EctoLibSql.disconnect(s)
      assert {:stmt, %{run: run}} = next(s)
      assert {:profile, %{run: ^run}} = next(s)
      assert {:close, _} = next(s)
    end
  end

  test "another process may trace, also in a transaction that is not its own", %{s: s} do
    {:ok, _} = EctoLibSql.begin(s)
    test = self()
    assert :ok = Task.await(Task.async(fn -> Trace.start(s, test) end))
    EctoLibSql.query!(s, "SELECT 1")
    assert {:stmt, %{sql: "SELECT 1"}} = next(s)
    {:ok, _} = EctoLibSql.rollback(s)
  end

  test "is begun and ended while a statement runs, which it does not wait for", %{s: s} do
    task = Task.async(fn -> EctoLibSql.query(s, endless(), [], timeout: :infinity) end)
    wait_until_running(s, task.pid)
    assert :ok = Trace.start(s)
    assert :ok = Trace.stop(s)
    assert :ok = Trace.start(s)
    assert {:error, %Error{code: :interrupted}} = interrupt_task(s, task)
    EctoLibSql.query!(s, "SELECT 'after'")
    assert ["SELECT 'after'"] = profiled(s)
  end

  test "is begun inside of a function that a statement calls", %{s: s} do
    {:ok, s} =
      EctoLibSql.Function.create_scalar(s, "traced", 0, fn ->
        :ok = Trace.start(s)
        :ok = Trace.stop(s)
        :ok = Trace.start(s)
        1
      end)

    assert rows(s, "SELECT traced()") == [[1]]
    EctoLibSql.query!(s, "SELECT 'after'")
    assert "SELECT 'after'" in profiled(s)
    {:ok, id} = EctoLibSql.prepare(s, "SELECT traced()")
    assert {:ok, true} = EctoLibSql.stmt_readonly?(s, id)
    assert {:ok, %{statistics: %{run: 1}}} = EctoLibSql.query_stmt(s, id, [], statistics: true)
    assert {:ok, "SELECT 2"} = EctoLibSql.expanded_sql(s, "SELECT ?", [2])
  end

  test "two processes are both told", %{s: s} do
    test = self()

    other =
      spawn_link(fn ->
        :ok = Trace.start(s, self(), events: [:profile])
        send(test, :started)
        assert {:profile, %{sql: "SELECT 1"}} = next(s)
        send(test, :told)
      end)

    assert_receive :started, 5_000
    :ok = Trace.start(s, test, events: [:stmt])
    EctoLibSql.query!(s, "SELECT 1")
    assert {:stmt, %{sql: "SELECT 1"}} = next(s)
    assert_receive :told, 5_000
    refute other == test
  end

  test "a slow subscriber loses messages, holds up nobody, and is told how many", %{s: s} do
    test = self()

    slow =
      spawn_link(fn ->
        :ok = Trace.start(s, self(), events: [:row])
        send(test, :started)

        receive do
          :read -> send(test, {:counted, count(s, 0, 0)})
        end
      end)

    assert_receive :started, 5_000
    assert length(EctoLibSql.query!(s, count_to(20_000)).rows) == 20_000
    wait_until(fn -> Process.info(slow, :message_queue_len) >= {:message_queue_len, 1_000} end)
    assert {:message_queue_len, length} = Process.info(slow, :message_queue_len)
    assert length <= 1_001
    send(slow, :read)
    assert_receive {:counted, {told, lost}}, 30_000
    assert told + lost == 20_000 and lost > 0
  end

  defp count(_s, told, lost) when told + lost >= 20_000, do: {told, lost}

  defp count(s, told, lost) do
    case next(s) do
      {:row, _} -> count(s, told + 1, lost)
      {:lost, %{count: more}} -> count(s, told, lost + more)
    end
  end

  test "what is asked for wrongly is an error that says so", %{s: s} do
    for {opts, message} <- [
          {[events: []], "events takes"},
          {[events: [:rows]], "events takes"},
          {[events: [:stmt | :row]], "events takes"},
          {[every: -1], "every takes"},
          {[expanded_sql: 1], "expanded_sql takes"},
          {[redact: :all], "redact takes"}
        ] do
      assert {:error, %Error{code: :invalid_argument, message: text}} =
               Trace.start(s, self(), opts)

      assert text =~ message
    end

    assert_raise ArgumentError, fn -> Trace.start(s, self(), [:stmt]) end
    assert_raise ArgumentError, fn -> Trace.start(s, self(), event: [:stmt]) end
  end

  test "a trace that is begun and ended over and over leaves nothing behind" do
    s = connect!()
    for _ <- 1..200, do: :ok = Trace.start(s)
    :ok = Trace.stop(s)
    assert :sys.get_state(Trace.Relay) |> Map.values() |> Enum.all?(&(&1.conn_id != s.conn_id))
  end
end
