defmodule EctoLibSql.StatementCacheTest do
  # How often a statement has to be prepared. `EctoLibSql.connections/0` has the counts.
  use ExUnit.Case, async: true

  import EctoLibSql.Test.Database

  @queries 20

  setup context do
    s = connect!(Map.get(context, :opts, []))
    :ok = EctoLibSql.run(s, "CREATE TABLE t (id INTEGER PRIMARY KEY, a)")
    %{s: s}
  end

  defp statement(n) when rem(n, 4) == 0, do: {"INSERT INTO t (a) VALUES (? + #{n})", [n]}
  defp statement(n) when rem(n, 4) == 1, do: {"UPDATE t SET a = ? WHERE id = #{n}", [n]}
  defp statement(n), do: {"SELECT a FROM t WHERE id = ? + #{n}", [n]}

  defp run(s, n) do
    {sql, params} = statement(n)
    EctoLibSql.query!(s, sql, params)
  end

  # What `fun` adds to the counts.
  defp counts(s, fun) do
    before = listed(s).cache
    fun.()
    now = listed(s).cache
    Map.new([:hits, :misses, :evictions], &{&1, now[&1] - before[&1]}) |> Map.put(:size, now.size)
  end

  test "1,000 operations of 20 queries prepare each of them once", %{s: s} do
    counts = counts(s, fn -> for i <- 1..1_000, do: run(s, rem(i * 7, @queries)) end)
    assert counts.misses == @queries
    # A quick read that is given up is looked up twice.
    assert counts.hits >= 980
    assert counts.evictions == 0
  end

  test "1,000 operations that are warm prepare BEGIN and COMMIT alone", %{s: s} do
    for n <- 0..(@queries - 1), do: run(s, n)

    counts =
      counts(s, fn ->
        for i <- 1..400, do: run(s, rem(i * 7, @queries))

        for _ <- 1..10 do
          EctoLibSql.transaction(s, fn s -> for n <- 0..19, do: run(s, n) end)
          {:ok, _} = EctoLibSql.batch(s, Enum.map(0..19, &statement/1))
          {:ok, _} = EctoLibSql.batch_transactional(s, Enum.map(0..19, &statement/1))
        end
      end)

    assert counts.misses == 2
    assert counts.hits >= 1_000
    assert counts.evictions == 0
  end

  @tag opts: [statement_cache_size: 10]
  test "of more queries than it keeps, those go that were not used for longest", %{s: s} do
    for n <- 0..9, do: run(s, n)
    # The first five are used again: the other five are the ones to go.
    for n <- 0..4, do: run(s, n)

    assert %{misses: 5, evictions: 5, size: 10} =
             counts(s, fn -> for n <- 10..14, do: run(s, n) end)

    assert %{misses: 0} = counts(s, fn -> for n <- 0..4, do: run(s, n) end)
    assert %{misses: 5} = counts(s, fn -> for n <- 5..9, do: run(s, n) end)
  end

  @tag opts: [statement_cache_size: 10]
  test "to go round more queries than it keeps finds none of them", %{s: s} do
    counts = counts(s, fn -> for _ <- 1..3, n <- 0..10, do: run(s, n) end)
    assert %{hits: 0, misses: 33, size: 10} = counts
  end
end
