defmodule Peers.Calls do
  @moduledoc """
  Single calls of ours, by Benchee: beside the time, what each takes of the memory of the process
  that calls, and its reductions, which hardly depend on what else the machine does.
  """

  alias Peers.{Contestant, Figures, Item, OwnVM, Table}

  @sql "SELECT * FROM items"
  @point "SELECT * FROM items WHERE id = ?"
  @insert "INSERT INTO items (name, quantity) VALUES (?, ?)"

  @spec table(boolean(), Path.t()) :: iodata()
  def table(quick?, _plots) do
    IO.puts(:stderr, "calls")

    [
      "A file, a pool of one, #{Figures.decimals(rows(quick?))} rows of 8 columns.\n\n",
      Table.markdown(
        ["call", "median", "99th percentile", "memory of the caller", "reductions"],
        OwnVM.call(__MODULE__, :run, [quick?])
      )
    ]
  end

  defp rows(true), do: 100
  defp rows(false), do: 10_000

  @doc """
  The rows of the table, measured in this VM.
  """
  @spec run(boolean(), Path.t()) :: [[String.t()]]
  def run(quick?, dir) do
    time = if quick?, do: 0.01, else: 1

    suite =
      Benchee.run(jobs(dir, rows(quick?)),
        time: time,
        warmup: time / 5,
        memory_time: time / 5,
        reduction_time: time / 5,
        formatters: [],
        print: [benchmarking: false, configuration: false, fast_warning: false]
      )

    for scenario <- Enum.sort_by(suite.scenarios, & &1.run_time_data.statistics.median) do
      time = scenario.run_time_data.statistics

      [
        scenario.name,
        Figures.time(time.median),
        Figures.time(time.percentiles[99]),
        "#{Figures.decimals(scenario.memory_usage_data.statistics.median / 1_000)} kB",
        Figures.decimals(scenario.reductions_data.statistics.median)
      ]
    end
  end

  # What is read is not what is written, which grows.
  defp jobs(dir, rows) do
    %{s: s, pool: pool, repo: repo} = open(dir, "read.db", rows)
    written = open(dir, "written.db", 0)
    Map.merge(reads(s, repo, pool, rows), writes(written.s, repo, written.pool))
  end

  defp open(dir, name, rows) do
    database = Path.join(dir, name)
    {repo, pool} = Contestant.start(:ecto_libsql, database, 1)
    Item.create(repo, rows)
    {:ok, s} = EctoLibSql.connect(database: database, transaction_scope: :connection)
    %{s: s, repo: repo, pool: pool}
  end

  defp reads(s, repo, pool, rows) do
    %{
      "`EctoLibSql.ping`" => fn -> :ok = EctoLibSql.ping(s) end,
      "`EctoLibSql.query!`, a point read" => fn ->
        EctoLibSql.query!(s, @point, [:rand.uniform(rows)])
      end,
      "`EctoLibSql.query!`, all rows" => fn -> EctoLibSql.query!(s, @sql) end,
      "`EctoLibSql.stream`, all rows, 500 a fetch" => fn ->
        s |> EctoLibSql.stream(@sql, [], max_rows: 500) |> Stream.run()
      end,
      "`Repo.get!`" => with_pool(repo, pool, fn -> repo.get!(Item, :rand.uniform(rows)) end),
      "`Repo.query!`, all rows" => with_pool(repo, pool, fn -> repo.query!(@sql) end),
      "`Repo.all`, all rows" => with_pool(repo, pool, fn -> repo.all(Item) end)
    }
  end

  defp writes(s, repo, pool) do
    hundred = for i <- 1..100, do: {@insert, ["item #{i}", i]}
    item = struct!(Item, Item.row(1))

    %{
      "`EctoLibSql.query!`, an insert" => fn -> EctoLibSql.query!(s, @insert, ["item", 1]) end,
      "`EctoLibSql.batch_transactional` of 100 inserts" => fn ->
        {:ok, _} = EctoLibSql.batch_transactional(s, hundred)
      end,
      "`Repo.insert!`" => with_pool(repo, pool, fn -> repo.insert!(item) end)
    }
  end

  # Memory and reductions are measured in processes of their own: each call is told its repo.
  defp with_pool(repo, pool, call) do
    fn ->
      repo.put_dynamic_repo(pool)
      call.()
    end
  end
end
