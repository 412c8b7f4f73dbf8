defmodule Peers.StreamMemory do
  @moduledoc """
  By how much the memory grows at most while the rows of `Peers.Scenarios.Stream` go by: the BEAM's
  own, and what the VM takes of the machine's, which SQLite's is in. Every millisecond a process of high
  priority looks, and the most that it saw counts, less what it was before. Before, the first rows
  were streamed once, so that the code is loaded; the file's pages are in SQLite's cache, since the
  same connection has written them.
  """

  import Ecto.Query

  alias Peers.{Comparison, Contestant, Memory, OwnVM, Row, Scenarios}

  @spec rows(boolean()) :: [Row.t()]
  def rows(quick?) do
    title = Scenarios.Stream.title(quick?)
    IO.puts(:stderr, "#{title}: memory")

    rounds =
      for _ <- 1..Comparison.rounds(quick?) do
        for contestant <- Contestant.all(),
            do: OwnVM.call(__MODULE__, :growth, [contestant, quick?])
      end

    for {kind, name} <- [beam: "the BEAM's memory", resident: "resident memory"] do
      [ours, theirs] =
        Enum.zip_with(rounds, fn round -> Enum.map(round, &Map.fetch!(&1, kind)) end)

      %Row{
        title: "#{title}: growth of #{name}",
        goal: {:below, 10_000_000},
        ours: ours,
        theirs: theirs,
        write: &Memory.megabytes/1
      }
    end
  end

  @doc """
  The growth in this VM, in bytes.
  """
  @spec growth(Contestant.t(), boolean(), Path.t()) :: %{beam: integer(), resident: integer()}
  def growth(contestant, quick?, dir) do
    {repo, _rows} = state = Scenarios.Stream.setup(contestant, dir, quick?)
    query = from(n in "numbers", select: {n.id, n.n}, limit: 1_000)
    {:ok, _} = repo.transaction(fn -> query |> repo.stream(max_rows: 500) |> Enum.to_list() end)
    Memory.settled()

    before = now()
    watcher = Task.async(fn -> watch(before) end)
    Scenarios.Stream.run(contestant, state, 1)
    send(watcher.pid, :done)
    most = Task.await(watcher)
    Map.new(most, fn {kind, bytes} -> {kind, bytes - before[kind]} end)
  end

  defp watch(most) do
    Process.flag(:priority, :high)
    most = Map.merge(most, now(), fn _kind, a, b -> max(a, b) end)

    receive do
      :done -> most
    after
      1 -> watch(most)
    end
  end

  defp now, do: %{beam: :erlang.memory(:total), resident: Memory.resident()}
end
