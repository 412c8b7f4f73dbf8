# Calls to a server on loopback, each with its round trips as the server's calls are counted:
# `MIX_ENV=test mix run bench/server.exs` (the server is that of the tests). With `--quick`, only to see
# that it runs.

defmodule ServerBench do
  @moduledoc false

  import EctoLibSql.Test.NifCalls, only: [nif_calls: 1]

  alias EctoLibSql.Test.Sqld

  def run(rounds) do
    {:ok, pid} = Sqld.start_link([])

    try do
      {:ok, s} = EctoLibSql.connect(uri: Sqld.url(GenServer.call(pid, :server)))
      fill(s)
      IO.puts("| call | round trips | median, ms |\n|---|---|---|")
      for {name, call} <- calls(s), do: line(name, call, rounds)
    after
      GenServer.stop(pid)
    end
  end

  defp fill(s) do
    {:ok, _} =
      EctoLibSql.execute_transactional_batch(s, """
      CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER, b TEXT);
      INSERT INTO t WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
        SELECT i, i * 7, 'row number ' || i FROM n;
      """)
  end

  defp calls(s) do
    insert = {"INSERT INTO t (a, b) VALUES (?, ?)", [1, "new"]}
    {sql, params} = insert

    [
      {"`query`, one row by its key",
       fn -> EctoLibSql.query!(s, "SELECT a, b FROM t WHERE id = ?", [77]) end},
      {"`query`, 1,000 rows",
       fn -> EctoLibSql.query!(s, "SELECT id, a, b FROM t WHERE id <= 1000") end},
      {"`stream`, 10,000 rows",
       fn ->
         s
         |> EctoLibSql.stream("SELECT id, a, b FROM t LIMIT 10000", [], max_rows: 2_000)
         |> Stream.run()
       end},
      {"`query`, an insert", fn -> EctoLibSql.query!(s, sql, params) end},
      {"`batch_transactional`, 100 inserts",
       fn -> {:ok, _} = EctoLibSql.batch_transactional(s, List.duplicate(insert, 100)) end},
      {"`transaction`, 3 inserts",
       fn ->
         EctoLibSql.transaction(s, fn s ->
           for _ <- 1..3, do: EctoLibSql.query!(s, sql, params)
         end)
       end}
    ]
  end

  defp line(name, call, rounds) do
    call.()
    trips = Enum.count(nif_calls(call), &(&1 == :remote_call))
    times = for _ <- 1..rounds, do: call |> :timer.tc() |> elem(0)
    median = times |> Enum.sort() |> Enum.at(div(rounds, 2))
    IO.puts("| #{name} | #{trips} | #{Float.round(median / 1_000, 2)} |")
  end
end

rounds = if "--quick" in System.argv(), do: 3, else: 200
ServerBench.run(rounds)
