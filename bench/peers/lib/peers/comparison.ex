defmodule Peers.Comparison do
  @moduledoc """
  The table of all scenarios. Each has a VM of its own, in which the contestants take turns, round
  by round: whatever else the machine does hits both.
  """

  alias Peers.{Contestant, Figures, OwnVM, Scenarios, Table}

  @rounds 7

  @scenarios [
    Scenarios.Get,
    Scenarios.Query,
    Scenarios.All,
    Scenarios.Insert,
    Scenarios.InsertAll,
    Scenarios.Transaction,
    Scenarios.Readers,
    Scenarios.Stream,
    Scenarios.RawPointRead,
    Scenarios.RawRows,
    Scenarios.RawInsert
  ]

  @spec table(boolean()) :: iodata()
  def table(quick?) do
    rows =
      for scenario <- @scenarios do
        IO.puts(:stderr, scenario.title(quick?))

        row(
          scenario.title(quick?),
          OwnVM.call(__MODULE__, :run, [scenario, quick?]),
          &Figures.time/1
        )
      end

    [
      "Medians of #{rounds(quick?)} rounds in which both take turns, and in brackets the least and the ",
      "most. The ratio says how many times as much ecto_sqlite3 (or exqlite, without Ecto) takes.\n\n",
      Table.markdown(["work" | Contestant.all()] ++ ["ratio"], rows ++ [idle_memory(quick?)])
    ]
  end

  defp rounds(true), do: 1
  defp rounds(false), do: @rounds

  defp idle_memory(quick?) do
    rounds =
      for _ <- 1..rounds(quick?) do
        for contestant <- Contestant.all(),
            do: OwnVM.call(Peers.IdleMemory, :bytes, [contestant, quick?])
      end

    row("memory of an idle connection", rounds, &"#{Figures.decimals(&1 / 1_000)} kB")
  end

  defp row(title, rounds, write) do
    [ours, theirs] = Enum.zip_with(rounds, & &1)
    ratios = for [ours, theirs] <- rounds, do: theirs / max(ours, 1)
    ratio = Figures.ratio(Figures.median(theirs), Figures.median(ours))

    [
      title,
      spread(ours, write),
      spread(theirs, write),
      "#{ratio} #{brackets(ratios, &Figures.decimals/1)}"
    ]
  end

  defp spread(figures, write),
    do: "#{write.(Figures.median(figures))} #{brackets(figures, write)}"

  defp brackets(figures, write),
    do: "(#{write.(Enum.min(figures))} to #{write.(Enum.max(figures))})"

  @doc """
  The rounds of a scenario in this VM: what a run of each contestant took, in nanoseconds.
  """
  @spec run(module(), boolean(), Path.t()) :: [[number()]]
  def run(scenario, quick?, dir) do
    contestants =
      for contestant <- Contestant.all() do
        own = Path.join(dir, to_string(contestant))
        File.mkdir_p!(own)
        {contestant, scenario.setup(contestant, own, quick?)}
      end

    times = scenario.times(quick?)
    warm = div(times, 5) + 1
    for {contestant, state} <- contestants, do: repeat(scenario, contestant, state, 1..warm)

    for round <- 1..rounds(quick?) do
      first = warm + (round - 1) * times

      for {contestant, state} <- contestants do
        :erlang.garbage_collect()
        runs = (first + 1)..(first + times)
        {time, _} = :timer.tc(fn -> repeat(scenario, contestant, state, runs) end, :nanosecond)
        time / times
      end
    end
  end

  defp repeat(scenario, contestant, state, runs),
    do: Enum.each(runs, &scenario.run(contestant, state, &1))
end
