defmodule Peers.Comparison do
  @moduledoc """
  The table of all scenarios. Each has a VM of its own, in which the contestants and the floor take
  turns, round by round: whatever else the machine does hits all.
  """

  alias Peers.{Contestant, Floor, IdleMemory, OwnVM, Row, Scenarios, StreamMemory, Table, Writers}

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
    Scenarios.PooledPointRead,
    Scenarios.PooledRows,
    Scenarios.PooledInsert,
    Scenarios.RawPointRead,
    Scenarios.RawRows,
    Scenarios.RawInsert,
    Scenarios.RawBatch
  ]

  @spec table(boolean(), Path.t()) :: iodata()
  def table(quick?, _plots) do
    program = Floor.build(quick?)

    rows =
      Enum.map(@scenarios, &row(&1, quick?, program)) ++
        Writers.rows(quick?, program) ++ StreamMemory.rows(quick?) ++ [IdleMemory.row(quick?)]

    [
      "Medians of #{rounds(quick?)} rounds in which all take turns, and in brackets the least and the ",
      "most. The ratio says how many times as good ours is.\n\n",
      Table.markdown(Row.header(), Enum.map(rows, &Row.cells/1))
    ]
  end

  @doc """
  How many rounds there are.
  """
  @spec rounds(boolean()) :: pos_integer()
  def rounds(true), do: 1
  def rounds(false), do: @rounds

  defp row(scenario, quick?, program) do
    title = scenario.title(quick?)
    IO.puts(:stderr, title)
    rounds = OwnVM.call(__MODULE__, :run, [scenario, quick?, program])
    [ours, theirs, floor] = Enum.zip_with(rounds, & &1)
    %Row{title: title, goal: scenario.goal(), ours: ours, theirs: theirs, floor: floor}
  end

  @doc """
  The rounds of a scenario in this VM: what a run of each contestant took, and one at the floor, in
  nanoseconds.
  """
  @spec run(module(), boolean(), Path.t(), Path.t()) :: [[number()]]
  def run(scenario, quick?, program, dir) do
    times = scenario.times(quick?)

    contestants =
      for contestant <- Contestant.all(),
          do: {contestant, scenario.setup(contestant, folder(dir, contestant), quick?)}

    floor = Floor.start(program, scenario.floor(folder(dir, :floor), quick?), times)
    warm = div(times, 5) + 1
    for {contestant, state} <- contestants, do: repeat(scenario, contestant, state, 1..warm)
    Floor.nanoseconds(floor)

    for round <- 1..rounds(quick?) do
      first = warm + (round - 1) * times
      runs = (first + 1)..(first + times)

      for({contestant, state} <- contestants, do: time(scenario, contestant, state, runs)) ++
        [Floor.nanoseconds(floor)]
    end
  end

  defp folder(dir, name) do
    folder = Path.join(dir, to_string(name))
    File.mkdir_p!(folder)
    folder
  end

  defp time(scenario, contestant, state, runs) do
    :erlang.garbage_collect()
    {time, _} = :timer.tc(fn -> repeat(scenario, contestant, state, runs) end, :nanosecond)
    time / Range.size(runs)
  end

  defp repeat(scenario, contestant, state, runs),
    do: Enum.each(runs, &scenario.run(contestant, state, &1))
end
