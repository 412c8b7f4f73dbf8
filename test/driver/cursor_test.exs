defmodule EctoLibSql.CursorTest do
  use ExUnit.Case, async: true

  import EctoLibSql.Test.Database
  import ExUnit.CaptureLog

  alias EctoLibSql.Error

  setup do
    %{s: connect!()}
  end

  test "fetches a few rows at a time and closes itself after the last", %{s: s} do
    {:ok, cursor} = EctoLibSql.declare(s, count_to(5))
    assert [%{id: ^cursor}] = listed(s).cursors

    assert {:cont, %{columns: ["i"], rows: [[1], [2]], num_rows: 2}} =
             EctoLibSql.fetch(s, cursor, 2)

    assert {:cont, %{rows: [[3], [4]]}} = EctoLibSql.fetch(s, cursor, 2)
    assert {:halt, %{rows: [[5]]}} = EctoLibSql.fetch(s, cursor, 2)
    assert listed(s).cursors == []
    assert {:error, %Error{code: :cursor_closed}} = EctoLibSql.fetch(s, cursor, 2)
  end

  test "really steps: an endless query has a first row", %{s: s} do
    {:ok, cursor} =
      EctoLibSql.declare(
        s,
        "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n) SELECT i FROM n"
      )

    assert {:cont, %{rows: [[1]]}} = EctoLibSql.fetch(s, cursor, 1)
    assert :ok = EctoLibSql.deallocate(s, cursor)
    assert :ok = EctoLibSql.deallocate(s, cursor)
  end

  test "binds parameters that outlive the call", %{s: s} do
    text = String.duplicate("x", 100_000)
    {:ok, cursor} = EctoLibSql.declare(s, "SELECT :t, i FROM (#{count_to(3)})", t: text)
    :erlang.garbage_collect()
    assert {:cont, %{rows: [[^text, 1]]}} = EctoLibSql.fetch(s, cursor, 1)
    assert {:halt, %{rows: [[^text, 2], [^text, 3]]}} = EctoLibSql.fetch(s, cursor, 9)
    assert {:ok, cursor} = EctoLibSql.declare(s, "SELECT ?", [~D[2026-11-21]])
    assert {:halt, %{rows: [["2026-11-21"]]}} = EctoLibSql.fetch(s, cursor)
  end

  test "a stream leaves its reader's heap settings as they were", %{s: s} do
    before = Process.info(self(), :min_heap_size)

    for read <- [
          &Enum.to_list/1,
          &Enum.take(&1, 1),
          &Enum.zip(&1, EctoLibSql.stream(s, count_to(3))),
          fn stream -> catch_throw(Enum.each(stream, &throw/1)) end
        ] do
      s |> EctoLibSql.stream(count_to(5), [], max_rows: 2) |> read.()
      assert Process.info(self(), :min_heap_size) == before
    end

    assert_raise Error, fn ->
      s |> EctoLibSql.stream("SELECT abs(-9223372036854775808)") |> Enum.to_list()
    end

    assert Process.info(self(), :min_heap_size) == before
  end

  test "several cursors over the same SQL do not disturb each other", %{s: s} do
    {:ok, one} = EctoLibSql.declare(s, count_to(4))
    {:ok, two} = EctoLibSql.declare(s, count_to(4))
    assert {:cont, %{rows: [[1], [2]]}} = EctoLibSql.fetch(s, one, 2)
    assert {:cont, %{rows: [[1]]}} = EctoLibSql.fetch(s, two, 1)
    assert rows(s, count_to(4)) == [[1], [2], [3], [4]]
    assert {:halt, %{rows: [[3], [4]]}} = EctoLibSql.fetch(s, one, 9)
    assert {:halt, %{rows: [[2], [3], [4]]}} = EctoLibSql.fetch(s, two, 9)
  end

  test "a write with RETURNING is done whole by the first fetch", %{s: s} do
    :ok = EctoLibSql.run(s, "CREATE TABLE t (a)")
    {:ok, cursor} = EctoLibSql.declare(s, "INSERT INTO t #{count_to(10)} RETURNING a")
    assert {:halt, %{num_rows: 10, changes: 10}} = EctoLibSql.fetch(s, cursor, 1)
    assert EctoLibSql.autocommit?(s)
    assert rows(s, "SELECT count(*) FROM t") == [[10]]
  end

  test "a statement without columns works, too", %{s: s} do
    :ok = EctoLibSql.run(s, "CREATE TABLE t (a)")
    {:ok, cursor} = EctoLibSql.declare(s, "INSERT INTO t VALUES (1)")
    assert {:halt, %{rows: nil, num_rows: 1}} = EctoLibSql.fetch(s, cursor)
  end

  test "bad SQL and bad parameters are errors of declare", %{s: s} do
    assert {:error, %Error{code: :error}} = EctoLibSql.declare(s, "nonsense")
    assert {:error, %Error{code: :parameter_count}} = EctoLibSql.declare(s, "SELECT ?")
    assert listed(s).cursors == []
    assert rows(s, "SELECT ?", [1]) == [[1]]
  end

  test "an EXPLAIN has no cursor, and a query of it follows the schema", %{s: s} do
    :ok = EctoLibSql.run(s, "CREATE TABLE t (a)")
    explain = "EXPLAIN SELECT * FROM t"
    assert {:error, %Error{code: :invalid_argument}} = EctoLibSql.declare(s, explain)
    {:ok, id} = EctoLibSql.prepare(s, explain)

    for column <- 1..20 do
      assert %{num_rows: n} = EctoLibSql.query!(s, explain)
      assert {:ok, %{num_rows: ^n}} = EctoLibSql.query_stmt(s, id)
      :ok = EctoLibSql.run(s, "ALTER TABLE t ADD COLUMN c#{column}")
    end
  end

  test "an error closes the cursor and leaves the connection be", %{s: s} do
    sql =
      "SELECT CASE WHEN i = 3 THEN abs(-9223372036854775807 - 1) ELSE i END FROM (#{count_to(9)})"

    {:ok, cursor} = EctoLibSql.declare(s, sql)
    assert {:cont, %{rows: [[1]]}} = EctoLibSql.fetch(s, cursor, 1)
    assert {:error, %Error{message: "integer overflow"}} = EctoLibSql.fetch(s, cursor, 9)
    assert {:error, %Error{code: :cursor_closed}} = EctoLibSql.fetch(s, cursor, 9)
    assert listed(s).cursors == []
  end

  test "a fetch has a deadline", %{s: s} do
    {:ok, cursor} = EctoLibSql.declare(s, endless())
    assert {:error, %Error{code: :timeout}} = EctoLibSql.fetch(s, cursor, 1, timeout: 10)
  end

  test "another connection's cursor is an error, and is logged", %{s: s} do
    other = connect!()
    {:ok, cursor} = EctoLibSql.declare(other, count_to(3))

    assert capture_log(fn ->
             assert {:error, %Error{code: :wrong_connection}} = EctoLibSql.fetch(s, cursor)
             assert {:error, %Error{code: :wrong_connection}} = EctoLibSql.deallocate(s, cursor)
           end) =~ "the cursor belongs to another connection"

    assert {:halt, %{num_rows: 3}} = EctoLibSql.fetch(other, cursor)
  end

  test "a stream closes its cursor, however it ends", %{s: s} do
    assert s |> EctoLibSql.stream(count_to(10)) |> Enum.take(3) == [[1], [2], [3]]
    assert listed(s).cursors == []

    assert_raise RuntimeError, "stop", fn ->
      s |> EctoLibSql.stream(count_to(10)) |> Enum.each(fn _ -> raise "stop" end)
    end

    assert listed(s).cursors == []
    assert s |> EctoLibSql.stream("SELECT ?", [7]) |> Enum.to_list() == [[7]]
    assert_raise Error, fn -> s |> EctoLibSql.stream("nonsense") |> Enum.to_list() end
  end
end
