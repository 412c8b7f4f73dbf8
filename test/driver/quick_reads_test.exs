defmodule EctoLibSql.QuickReadsTest do
  # What is not done on the scheduler that calls, whatever its history: what is too large to be
  # decoded, bound or handed over there. No clock decides here: native/engine has those tests.
  use ExUnit.Case, async: false

  import EctoLibSql.Test.{Database, NifCalls}

  setup do
    s = connect!()
    :ok = EctoLibSql.run(s, "CREATE TABLE t (id INTEGER PRIMARY KEY, a)")
    :ok = EctoLibSql.run(s, "INSERT INTO t SELECT i, i FROM (#{count_to(200)})")
    %{s: s}
  end

  defp assert_quick(s, sql, params),
    do: assert_calls(sql, {1, 0}, fn -> rows(s, sql, params) end)

  # Even where the same statement is quick with other parameters.
  defp assert_not_quick(s, sql, params, expected) do
    for _ <- 1..5 do
      calls = nif_calls(fn -> assert rows(s, sql, params) == expected end)
      assert calls == [:query_short, :query]
    end
  end

  @texts 20
  @parameters Enum.map_join(1..@texts, ", ", &"?#{&1}")

  test "more bytes of parameters than 64 KB", %{s: s} do
    sql = "SELECT count(*) FROM t WHERE a IN (#{@parameters})"
    large = List.duplicate(String.duplicate("x", 4_000), @texts)
    assert_quick(s, sql, Enum.to_list(1..@texts))
    assert_not_quick(s, sql, large, [[0]])
  end

  test "long names of parameters", %{s: s} do
    sql = "SELECT count(*) FROM t WHERE a = :name"
    name = String.duplicate("n", 70_000)
    assert_quick(s, sql, name: 7)
    assert_quick(s, sql, %{"name" => 7})
    assert {:error, %{code: :parameter_names}} = EctoLibSql.query(s, sql, %{name => 7})
    assert {:error, %{code: :parameter_names}} = EctoLibSql.query(s, sql, [{name, 7}])
    calls = nif_calls(fn -> EctoLibSql.query(s, sql, %{name => 7}) end)
    assert calls == [:query_short, :query]
  end

  test "more parameters than 1,000, also where the statement takes fewer", %{s: s} do
    sql = "SELECT a FROM t WHERE id = ?"
    assert_quick(s, sql, [7])

    for params <- [Enum.to_list(1..1_001), Map.new(1..1_001, &{"p#{&1}", &1})] do
      calls = nif_calls(fn -> {:error, _} = EctoLibSql.query(s, sql, params) end)
      assert calls == [:query_short, :query]
    end
  end

  test "a value larger than 16 KB", %{s: s} do
    sql = "SELECT length(?)"
    assert_quick(s, sql, ["x"])
    calls = nif_calls(fn -> rows(s, sql, [String.duplicate("x", 17_000)]) end)
    assert calls == [:query_short, :query]
  end

  test "JSON that would have to be parsed to be stored as JSONB" do
    s = connect!(map_type: :binary)
    sql = "SELECT length(?) > 0"
    json = "[" <> Enum.map_join(1..30_000, ",", &to_string/1) <> "]"
    assert_quick(s, sql, [{:json, "[1]"}])
    assert_not_quick(s, sql, [{:json, json}], [[1]])
  end

  test "SQL longer than 32 KB", %{s: s} do
    short = "SELECT 7 -- " <> String.duplicate("x", 30_000)
    long = "SELECT 7 -- " <> String.duplicate("x", 33_000)
    assert_quick(s, short, [])
    assert_not_quick(s, long, [], [[7]])
  end

  test "more than 100 rows, and more than 32 KB of them, in one row too", %{s: s} do
    sql = "SELECT id FROM t WHERE id <= ?"
    assert_quick(s, sql, [5])
    assert_not_quick_once(s, sql, [150])

    sql = "SELECT " <> Enum.map_join(1..20, ", ", fn _ -> "?1" end)
    assert_quick(s, sql, ["x"])
    assert_not_quick_once(s, sql, [String.duplicate("x", 4_000)])
  end

  # It is noted that it was long, so that the next time it may not even be tried.
  defp assert_not_quick_once(s, sql, params),
    do: assert(nif_calls(fn -> rows(s, sql, params) end) == [:query_short, :query])

  test "a state and an id that are no ids are refused without being read", %{s: s} do
    large = String.duplicate("x", 1_000_000)
    assert {:error, %{code: :invalid_argument}} = EctoLibSql.ping(%{s | conn_id: large})
    assert {:error, %{code: :statement_closed}} = EctoLibSql.interrupt_stmt(s, large)
  end
end
