defmodule Peers.IdleMemory do
  @moduledoc """
  What a connection of a pool takes that has run a query and has nothing to do.
  """

  alias Peers.{Comparison, Contestant, Figures, Item, Memory, OwnVM, Row}

  @spec row(boolean()) :: Row.t()
  def row(quick?) do
    title = "memory of an idle connection"
    IO.puts(:stderr, title)

    rounds =
      for _ <- 1..Comparison.rounds(quick?) do
        for contestant <- Contestant.all(),
            do: OwnVM.call(__MODULE__, :bytes, [contestant, quick?])
      end

    [ours, theirs] = Enum.zip_with(rounds, & &1)
    write = &"#{Figures.decimals(&1 / 1_000)} kB"
    %Row{title: title, goal: :not_more, ours: ours, theirs: theirs, write: write}
  end

  @doc """
  The growth for each connection in this VM, in bytes.
  """
  @spec bytes(Contestant.t(), boolean(), Path.t()) :: number()
  def bytes(contestant, quick?, dir) do
    connections = if quick?, do: 5, else: 100

    database = Path.join(dir, "idle.db")
    # What is loaded and made once is there before.
    {repo, _pool} = Contestant.start(contestant, database, 1)
    Item.create(repo, 100)
    repo.get!(Item, 1)
    before = Memory.settled()

    {repo, pool} = Contestant.start(contestant, database, connections)
    use_all(repo, pool, connections)
    (Memory.settled() - before) / connections
  end

  # All at once, so that each gets another connection.
  defp use_all(repo, pool, connections) do
    tasks =
      for _ <- 1..connections do
        Task.async(fn ->
          repo.put_dynamic_repo(pool)

          repo.checkout(fn ->
            repo.get!(Item, 1)
            receive do: (:checked_out_by_all -> :ok)
          end)
        end)
      end

    # Enough for all of them to have their connection and their row.
    Process.sleep(1_000)
    for task <- tasks, do: send(task.pid, :checked_out_by_all)
    Task.await_many(tasks)
  end
end
