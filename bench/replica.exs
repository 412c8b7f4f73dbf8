# Reads of an embedded replica against reads of a plain local file with the same rows, in turns, in one
# run: `MIX_ENV=test mix run bench/replica.exs` (the server is that of the tests). With `--quick`, only
# to see that it runs.

defmodule ReplicaBench do
  @moduledoc false

  alias EctoLibSql.Test.Sqld

  @rows 10_000

  @reads [
    {"point read", "SELECT a, b FROM t WHERE id = ?", :id},
    {"10 rows by an index", "SELECT id, a FROM t WHERE k = ? LIMIT 10", :k},
    {"1,000 rows", "SELECT id, a, b FROM t WHERE id <= ?", :thousand},
    {"aggregate over all", "SELECT k, count(*) FROM t GROUP BY k LIMIT ?", :k}
  ]

  def run(rounds) do
    dir = Path.join(System.tmp_dir!(), "ecto_libsql_replica_#{System.pid()}")
    File.mkdir_p!(dir)
    {:ok, pid} = Sqld.start_link([])
    server = GenServer.call(pid, :server)

    try do
      {:ok, local} = EctoLibSql.connect(database: Path.join(dir, "local.db"))

      {:ok, replica} =
        EctoLibSql.connect(uri: Sqld.url(server), database: Path.join(dir, "replica.db"))

      fill(local)
      fill(replica)
      compare(local, replica, rounds)
      writes(replica, rounds)
    after
      GenServer.stop(pid)
      File.rm_rf!(dir)
    end
  end

  defp fill(s) do
    {:ok, _} =
      EctoLibSql.execute_transactional_batch(s, """
      CREATE TABLE t (id INTEGER PRIMARY KEY, k INTEGER, a INTEGER, b TEXT);
      INSERT INTO t WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < #{@rows})
        SELECT i, i % 100, i * 7, 'row number ' || i FROM n;
      CREATE INDEX t_k ON t (k);
      """)
  end

  # Each turn times a burst on the one and then on the other; of all turns, the median.
  defp compare(local, replica, rounds) do
    IO.puts("| read | local, µs | replica, µs | ratio |\n|---|---|---|---|")

    for {name, sql, kind} <- @reads do
      burst = if kind in [:id, :k] and name != "aggregate over all", do: 500, else: 5
      for s <- [local, replica], do: time(s, sql, kind, burst)

      {locals, replicas} =
        1..rounds
        |> Enum.map(fn _ -> {time(local, sql, kind, burst), time(replica, sql, kind, burst)} end)
        |> Enum.unzip()

      {one, other} = {median(locals), median(replicas)}
      IO.puts("| #{name} | #{round2(one)} | #{round2(other)} | #{round2(other / one)} |")
    end
  end

  defp time(s, sql, kind, burst) do
    params = for n <- 1..burst, do: [parameter(kind, n)]
    {time, _} = :timer.tc(fn -> Enum.each(params, &EctoLibSql.query!(s, sql, &1)) end)
    time / burst
  end

  defp parameter(:id, n), do: rem(n * 7919, @rows) + 1
  defp parameter(:k, n), do: rem(n, 100)
  defp parameter(:thousand, _n), do: 1_000

  defp writes(replica, rounds) do
    times =
      for n <- 1..(rounds * 5) do
        sql = "UPDATE t SET a = ? WHERE id = ?"
        {time, _} = :timer.tc(fn -> EctoLibSql.query!(replica, sql, [n, rem(n, @rows) + 1]) end)
        time
      end

    IO.puts("\nA write that is on the replica when it returns: #{round2(median(times))} µs")
  end

  defp median(times), do: times |> Enum.sort() |> Enum.at(div(length(times), 2))
  defp round2(number), do: Float.round(number / 1, 2)
end

rounds = if "--quick" in System.argv(), do: 3, else: 100
ReplicaBench.run(rounds)
