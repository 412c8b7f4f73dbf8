defmodule Peers.Contention do
  @moduledoc """
  Many processes that read, modify and write one counter, each in transactions one after the
  other. Every transaction is tried once. What is not done when the time is over counts as not
  committed.

  A cell of the table is a contestant, a pool size and a mode, and has a VM of its own. The pools'
  options are DBConnection's defaults.
  """

  alias Peers.{Contestant, Counter, Figures, OwnVM, Table}

  @cells for pool_size <- [5, 20], mode <- [:default, :immediate], do: {pool_size, mode}
  @full %{processes: 32, transactions: 20, cap: 60_000}
  @quick %{processes: 4, transactions: 3, cap: 5_000}

  @spec table(boolean(), Path.t()) :: iodata()
  def table(quick?, _plots) do
    size = if quick?, do: @quick, else: @full

    rows =
      for {pool_size, mode} <- @cells do
        [ours, theirs] =
          for contestant <- Contestant.all() do
            cell = OwnVM.call(__MODULE__, :run, [contestant, pool_size, mode, size])

            IO.puts(:stderr, "#{contestant}, pool of #{pool_size}, #{mode}: #{cell.committed}")
            cell
          end

        ratio = Figures.ratio(per_second(ours), per_second(theirs))

        [
          row("ecto_libsql", pool_size, mode, ours, size) ++ [ratio],
          row("ecto_sqlite3", pool_size, mode, theirs, size) ++ [""]
        ]
      end

    [
      "#{size.processes} processes × #{size.transactions} read-modify-write transactions on one ",
      "counter, at most #{div(size.cap, 1_000)} s. *Transaction*: from call to return. *Wait*: from ",
      "call to begun. *Passed*: how many that called later were begun before it.\n\n",
      Table.markdown(
        [
          "",
          "pool",
          "mode",
          "committed",
          "errors",
          "wall time",
          "committed a second",
          "transaction p50 / p99 / longest",
          "wait p50 / p99 / longest",
          "passed p99 / most",
          "ratio of committed a second"
        ],
        Enum.concat(rows)
      )
    ]
  end

  defp row(name, pool_size, mode, cell, size) do
    [
      name,
      pool_size,
      mode,
      "#{cell.committed} of #{size.processes * size.transactions}",
      errors(cell),
      Figures.time(cell.wall),
      Figures.decimals(per_second(cell)),
      spread(cell.transactions, &Figures.time/1, [50, 99, 100]),
      spread(cell.waits, &Figures.time/1, [50, 99, 100]),
      spread(cell.passed, &to_string/1, [99, 100])
    ]
  end

  @doc """
  How many transactions of a cell were committed a second.
  """
  @spec per_second(map()) :: float()
  def per_second(cell), do: cell.committed * 1_000_000_000 / cell.wall

  @doc """
  How many were not committed.
  """
  @spec failed(map()) :: non_neg_integer()
  def failed(cell), do: cell.unfinished + Enum.sum(Map.values(cell.errors))

  defp errors(%{errors: errors, unfinished: unfinished}) do
    kinds = for {kind, count} <- errors, do: "#{count} #{kind}"
    cut_off = if unfinished > 0, do: ["#{unfinished} not done in time"], else: []

    case kinds ++ cut_off do
      [] -> "none"
      all -> Enum.join(all, ", ")
    end
  end

  defp spread([], _write, _percents), do: "-"

  defp spread(numbers, write, percents),
    do: Enum.map_join(percents, " / ", &(numbers |> Figures.percentile(&1) |> write.()))

  @doc """
  One cell, in this VM.
  """
  @spec run(Contestant.t(), pos_integer(), :default | :immediate, map(), Path.t()) :: map()
  def run(contestant, pool_size, mode, size, dir) do
    {repo, pool} = Contestant.start(contestant, Path.join(dir, "counter.db"), pool_size)
    Counter.create(repo, [1, 2])
    opts = if mode == :default, do: [], else: [mode: mode]
    # Modules are loaded before the clock starts.
    repo.transaction(fn -> Counter.increment(repo, 2) end, opts)

    contend(repo, pool, opts, size)
  end

  defp contend(repo, pool, opts, size) do
    collector = self()
    order = :atomics.new(2, [])
    started = now()

    processes =
      for _ <- 1..size.processes do
        spawn_monitor(fn ->
          repo.put_dynamic_repo(pool)
          for _ <- 1..size.transactions, do: send(collector, transaction(repo, opts, order))
        end)
      end

    results = collect(size.processes * size.transactions, started + size.cap * 1_000_000, [])
    wall = now() - started
    for {pid, _} <- processes, do: Process.exit(pid, :kill)
    describe(results, wall, size)
  end

  defp transaction(repo, opts, order) do
    # A new turn on the scheduler, so that the number and the call are not parted by its end.
    :erlang.yield()
    arrived = :atomics.add_get(order, 1, 1)
    called = now()

    outcome =
      try do
        repo.transaction(
          fn ->
            begun = {:atomics.add_get(order, 2, 1), now() - called}
            Counter.increment(repo, 1)
            begun
          end,
          opts
        )
      rescue
        error -> {:error, Contestant.error(error)}
      end

    {:transaction, arrived, outcome, now() - called}
  end

  defp collect(0, _deadline, results), do: results

  defp collect(missing, deadline, results) do
    receive do
      {:transaction, _, _, _} = result -> collect(missing - 1, deadline, [result | results])
    after
      max(div(deadline - now(), 1_000_000), 0) -> results
    end
  end

  defp describe(results, wall, size) do
    begun = for {_, arrived, {:ok, {order, wait}}, _} <- results, do: {arrived, order, wait}

    %{
      committed: length(begun),
      errors: Enum.frequencies(for {_, _, {:error, kind}, _} <- results, do: kind),
      unfinished: size.processes * size.transactions - length(results),
      wall: wall,
      transactions: for({_, _, _, time} <- results, do: time),
      waits: for({_, _, wait} <- begun, do: wait),
      passed: for({a, o, _} <- begun, do: Enum.count(begun, fn {b, p, _} -> b > a and p < o end))
    }
  end

  defp now, do: System.monotonic_time(:nanosecond)
end
