# What a function's evaluation costs: one of SQLite, one in Rust, one in Elixir; and what a call costs on a
# connection that has functions in Elixir.
#
#     mix run bench/functions.exs

defmodule FunctionsBench do
  alias EctoLibSql.Function

  @rounds 5
  @rows 20_000
  @calls 5_000

  def run do
    {:ok, plain} = EctoLibSql.connect(database: ":memory:", functions: Function.groups())
    {:ok, own} = EctoLibSql.connect(database: ":memory:", functions: Function.groups())
    {:ok, own} = Function.create_scalar(own, "in_elixir", 1, & &1)
    {:ok, own} = Function.create_aggregate(own, "total_in_elixir", 1, init: 0, step: &(&1 + &2))
    {:ok, own} = Function.create_collation(own, "elixir", &compare/2)

    IO.puts(
      "µs for each evaluation, over a statement with a function that costs nothing, the quickest of #{@rounds}"
    )

    for {name, s, expression} <- [
          {"abs(i), SQLite", plain, "abs(i)"},
          {"casefold(name), Rust", plain, "casefold(name)"},
          {"decimal_add(i, '1.5'), Rust", plain, "decimal_add(i, '1.5')"},
          {"name REGEXP pattern, Rust", plain, "name REGEXP '^n.*9$'"},
          {"haversine, Rust", plain, "haversine(52.5, 13.4, i % 90, 2.3)"},
          {"uuid7(), Rust", plain, "uuid7()"},
          {"sha256(name), Rust", plain, "sha256(name)"},
          {"in_elixir(i)", own, "in_elixir(i)"},
          {"in_elixir(name)", own, "in_elixir(name)"}
        ] do
      fill(s)
      base = quickest(fn -> one(s, "SELECT count(i) FROM t") end)
      time = quickest(fn -> one(s, "SELECT count(#{expression}) FROM t") end)
      report(name, (time - base) / @rows)
    end

    base = quickest(fn -> one(own, "SELECT count(i) FROM t") end)
    time = quickest(fn -> one(own, "SELECT total_in_elixir(i) FROM t") end)
    report("total_in_elixir(i), a step of an aggregate", (time - base) / @rows)

    sort = fn collation ->
      "SELECT count(*) FROM (SELECT name FROM t WHERE i <= 1000 ORDER BY name#{collation} LIMIT -1 OFFSET 1)"
    end

    time = quickest(fn -> one(own, sort.(" COLLATE elixir")) end)
    base = quickest(fn -> one(own, sort.("")) end)
    report("a row of 1,000 sorted by a collation in Elixir", (time - base) / 1_000)

    IO.puts("µs for each call")

    for {name, s} <- [{"a connection without functions in Elixir", plain}, {"one with", own}] do
      read = quickest(fn -> for(_ <- 1..@calls, do: one(s, "SELECT name FROM t WHERE i = 7")) end)
      report("#{name}: query_one of a row", read / @calls)

      query = fn ->
        for(_ <- 1..@calls, do: EctoLibSql.query!(s, "SELECT name FROM t WHERE i = 7"))
      end

      report("#{name}: query of a row", quickest(query) / @calls)
    end
  end

  defp fill(s) do
    EctoLibSql.run(s, "CREATE TABLE IF NOT EXISTS t (i INTEGER PRIMARY KEY, name TEXT)")
    EctoLibSql.run(s, "DELETE FROM t")

    {:ok, _} =
      EctoLibSql.query(s, """
      WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < #{@rows})
      INSERT INTO t SELECT i, 'name ' || i FROM n
      """)
  end

  defp compare(a, b) when a < b, do: :lt
  defp compare(a, a), do: :eq
  defp compare(_, _), do: :gt

  defp one(s, sql), do: {:ok, _} = EctoLibSql.query_one(s, sql, [], timeout: :infinity)

  defp quickest(work) do
    1..@rounds |> Enum.map(fn _ -> elem(:timer.tc(work), 0) end) |> Enum.min()
  end

  defp report(name, microseconds),
    do: IO.puts("  #{name}: #{:erlang.float_to_binary(microseconds / 1, decimals: 2)}")
end

FunctionsBench.run()
