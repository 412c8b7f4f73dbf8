defmodule EctoLibSql.StatementTest do
  use ExUnit.Case, async: true

  import EctoLibSql.Test.Database
  import ExUnit.CaptureLog

  alias EctoLibSql.{Error, Native}

  setup do
    s = connect!()
    :ok = EctoLibSql.run(s, "CREATE TABLE t (id INTEGER PRIMARY KEY, name VARCHAR(20), n)")
    %{s: s}
  end

  test "a prepared statement is run again and again", %{s: s} do
    {:ok, insert} = EctoLibSql.prepare(s, "INSERT INTO t (name) VALUES (:name)")
    assert is_binary(insert)
    assert {:ok, 1} = EctoLibSql.execute_stmt(s, insert, ["a"])
    assert {:ok, 1} = EctoLibSql.execute_stmt(s, insert, name: ~D[2026-11-21])
    {:ok, select} = EctoLibSql.prepare(s, "SELECT name FROM t WHERE id = ?")
    assert {:ok, %{rows: [["a"]], columns: ["name"]}} = EctoLibSql.query_stmt(s, select, [1])
    assert {:ok, %{rows: [["2026-11-21"]]}} = EctoLibSql.query_stmt(s, select, [2])
    assert {:ok, 0} = EctoLibSql.execute_stmt(s, select, [1])
  end

  test "preparing nothing, too much or nonsense is an error", %{s: s} do
    assert {:error, %Error{code: :empty_statement}} = EctoLibSql.prepare(s, " ")

    assert {:error, %Error{code: :multiple_statements}} =
             EctoLibSql.prepare(s, "SELECT 1; SELECT 2")

    assert {:error, %Error{code: :error, offset: 0}} = EctoLibSql.prepare(s, "nonsense")
  end

  test "it stays whatever the cache evicts" do
    s = connect!(statement_cache_size: 1)
    {:ok, id} = EctoLibSql.prepare(s, "SELECT 42")
    for i <- 1..5, do: EctoLibSql.query!(s, "SELECT #{i}")
    assert {:ok, %{rows: [[42]]}} = EctoLibSql.query_stmt(s, id)
  end

  test "finalizing twice is fine; using it afterwards is an error", %{s: s} do
    {:ok, id} = EctoLibSql.prepare(s, "SELECT 1")
    assert [%{id: ^id, sql: "SELECT 1", owner: owner, age: age}] = listed(s).statements
    assert owner == self() and is_integer(age)
    assert :ok = EctoLibSql.finalize_stmt(s, id)
    assert :ok = EctoLibSql.finalize_stmt(s, id)
    assert :ok = EctoLibSql.close_stmt(s, id)
    assert :ok = Native.close_stmt(s, id)
    assert listed(s).statements == []

    for result <- [
          EctoLibSql.query_stmt(s, id),
          EctoLibSql.execute_stmt(s, id),
          EctoLibSql.query_one(s, id),
          EctoLibSql.run(s, id),
          EctoLibSql.declare(s, id),
          EctoLibSql.reset_stmt(s, id),
          Native.reset_statement(s, id),
          EctoLibSql.interrupt_stmt(s, id),
          EctoLibSql.get_statement_columns(s, id),
          EctoLibSql.stmt_column_count(s, id),
          EctoLibSql.stmt_parameter_count(s, id),
          EctoLibSql.query_stmt(s, "SELECT 1"),
          EctoLibSql.reset_stmt(s, "no id")
        ] do
      assert {:error, %Error{code: :statement_closed}} = result
    end
  end

  test "another connection's statement is an error, and is logged", %{s: s} do
    other = connect!()
    {:ok, id} = EctoLibSql.prepare(other, "SELECT 1")

    for use <- [&EctoLibSql.query_stmt/2, &EctoLibSql.finalize_stmt/2, &EctoLibSql.reset_stmt/2] do
      log =
        capture_log(fn ->
          assert {:error, %Error{code: :wrong_connection}} = use.(s, id)
        end)

      assert log =~ "the statement belongs to another connection"
      assert log =~ s.conn_id
    end

    assert {:ok, %{rows: [[1]]}} = EctoLibSql.query_stmt(other, id)
  end

  test "columns are described as SQLite knows them", %{s: s} do
    {:ok, id} = EctoLibSql.prepare(s, "SELECT t.name AS label, n + 1, id FROM t")

    assert {:ok,
            [
              %{
                name: "label",
                decl_type: "VARCHAR(20)",
                origin_name: "name",
                table: "t",
                database: "main"
              },
              %{name: "n + 1", decl_type: nil, origin_name: nil, table: nil, database: nil},
              %{name: "id", decl_type: "INTEGER", origin_name: "id"}
            ]} = EctoLibSql.get_statement_columns(s, id)

    assert Native.get_stmt_columns(s, id) == EctoLibSql.get_statement_columns(s, id)
    assert {:ok, 3} = EctoLibSql.stmt_column_count(s, id)
    assert {:ok, "label"} = EctoLibSql.stmt_column_name(s, id, 0)

    assert {:error, %Error{code: :range, message: "there is no column 3" <> _}} =
             EctoLibSql.stmt_column_name(s, id, 3)
  end

  test "parameters are described for every form", %{s: s} do
    {:ok, id} = EctoLibSql.prepare(s, "SELECT :a, @b, $c, ?, ?7, :a")
    assert {:ok, 7} = EctoLibSql.stmt_parameter_count(s, id)
    names = for i <- 1..7, do: EctoLibSql.stmt_parameter_name(s, id, i)
    assert names == [ok: ":a", ok: "@b", ok: "$c", ok: nil, ok: nil, ok: nil, ok: "?7"]

    for position <- [0, 8] do
      assert {:error, %Error{code: :range}} = EctoLibSql.stmt_parameter_name(s, id, position)
    end

    {:ok, none} = EctoLibSql.prepare(s, "SELECT ':x'")
    assert {:ok, 0} = EctoLibSql.stmt_parameter_count(s, none)
  end

  test "while a cursor runs it, it is busy until that is reset", %{s: s} do
    {:ok, id} = EctoLibSql.prepare(s, count_to(10))
    {:ok, cursor} = EctoLibSql.declare(s, id)
    {:cont, _} = EctoLibSql.fetch(s, cursor, 2)
    assert {:error, %Error{code: :statement_busy}} = EctoLibSql.query_stmt(s, id)
    assert {:ok, 1} = EctoLibSql.stmt_column_count(s, id)
    assert :ok = EctoLibSql.reset_stmt(s, id)
    assert {:ok, %{num_rows: 10}} = EctoLibSql.query_stmt(s, id)
    assert {:error, %Error{code: :cursor_closed}} = EctoLibSql.fetch(s, cursor)
    assert listed(s).cursors == []
  end

  test "interrupt_stmt stops that statement's run and no other", %{s: s} do
    {:ok, endless} = EctoLibSql.prepare(s, endless())
    {:ok, other} = EctoLibSql.prepare(s, "SELECT 1")
    running = Task.async(fn -> EctoLibSql.query_stmt(s, endless) end)
    wait_until_running(s, running.pid)
    assert :ok = EctoLibSql.interrupt_stmt(s, other)
    assert Task.yield(running, 20) == nil

    assert {:error, %Error{code: :interrupted}} =
             interrupt_task(s, running, &EctoLibSql.interrupt_stmt(&1, endless))

    assert :ok = EctoLibSql.interrupt_stmt(s, endless)
    assert {:ok, %{rows: [[1]]}} = EctoLibSql.query_stmt(s, other)
  end
end
