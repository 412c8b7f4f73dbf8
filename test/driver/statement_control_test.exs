defmodule EctoLibSql.StatementControlTest do
  use ExUnit.Case, async: true

  import EctoLibSql.Test.Database
  import ExUnit.CaptureLog

  alias EctoLibSql.Error

  setup do
    s = connect!()
    :ok = EctoLibSql.run(s, "CREATE TABLE t (id INTEGER PRIMARY KEY, a)")
    :ok = EctoLibSql.run(s, "INSERT INTO t (a) VALUES (1), (2), (3)")
    %{s: s}
  end

  defp prepare!(s, sql) do
    {:ok, id} = EctoLibSql.prepare(s, sql)
    id
  end

  test "is_explain is SQLite's number", %{s: s} do
    for {sql, kind} <- [
          {"SELECT 1", 0},
          {"EXPLAIN SELECT 1", 1},
          {"EXPLAIN QUERY PLAN SELECT 1", 2}
        ],
        do: assert({:ok, ^kind} = EctoLibSql.stmt_isexplain(s, prepare!(s, sql)))
  end

  test "readonly is what writes no file", %{s: s} do
    for {sql, readonly} <- [
          {"SELECT 1", true},
          {"INSERT INTO t (a) VALUES (1)", false},
          {"INSERT INTO t (a) VALUES (1) RETURNING id", false},
          {"PRAGMA user_version", true},
          {"CREATE TABLE u (a)", false}
        ],
        do: assert({:ok, ^readonly} = EctoLibSql.stmt_readonly?(s, prepare!(s, sql)))
  end

  test "busy is one whose run has begun and not ended", %{s: s} do
    id = prepare!(s, "SELECT a FROM t")
    assert {:ok, false} = EctoLibSql.stmt_busy?(s, id)
    {:ok, cursor} = EctoLibSql.declare(s, id)
    assert {:ok, false} = EctoLibSql.stmt_busy?(s, id)
    assert {:cont, %{rows: [[1]]}} = EctoLibSql.fetch(s, cursor, 1)
    assert {:ok, true} = EctoLibSql.stmt_busy?(s, id)
    assert {:ok, "SELECT a FROM t"} = EctoLibSql.expanded_sql(s, id)
    assert {:cont, %{rows: [[2]]}} = EctoLibSql.fetch(s, cursor, 1)
    :ok = EctoLibSql.reset_stmt(s, id)
    assert {:ok, false} = EctoLibSql.stmt_busy?(s, id)
  end

  test "of what is not there, or another connection's, all are errors", %{s: s} do
    id = prepare!(s, "SELECT 1")
    other = connect!()

    asks = [
      &EctoLibSql.stmt_isexplain/2,
      &EctoLibSql.stmt_readonly?/2,
      &EctoLibSql.stmt_busy?/2,
      &EctoLibSql.expanded_sql/2
    ]

    capture_log(fn ->
      for ask <- asks,
          do: assert({:error, %Error{code: :wrong_connection}} = ask.(other, id))
    end)

    :ok = EctoLibSql.finalize_stmt(s, id)
    for ask <- asks, do: assert({:error, %Error{code: :statement_closed}} = ask.(s, id))
    EctoLibSql.disconnect(s)
    for ask <- asks, do: assert({:error, %Error{code: :connection_closed}} = ask.(s, id))
  end

  describe "interrupt_stmt" do
    test "stops a run through a cursor, and no other statement's", %{s: s} do
      # The sum is computed in the first fetch.
      id = prepare!(s, endless())
      other = prepare!(s, "SELECT 1")
      {:ok, cursor} = EctoLibSql.declare(s, id, [], timeout: :infinity)
      task = Task.async(fn -> EctoLibSql.fetch(s, cursor, 1, timeout: :infinity) end)
      wait_until_running(s, task.pid)
      :ok = EctoLibSql.interrupt_stmt(s, other)
      assert Task.yield(task, 50) == nil

      assert {:error, %Error{code: :interrupted}} =
               interrupt_task(s, task, &EctoLibSql.interrupt_stmt(&1, id))

      assert {:ok, %{rows: [[1]]}} = EctoLibSql.query_stmt(s, other)
    end

    test "has no effect on the run after it", %{s: s} do
      id = prepare!(s, "SELECT count(*) FROM (#{count_to(10_000)})")
      :ok = EctoLibSql.interrupt_stmt(s, id)
      assert {:ok, %{rows: [[10_000]]}} = EctoLibSql.query_stmt(s, id)
    end
  end
end
