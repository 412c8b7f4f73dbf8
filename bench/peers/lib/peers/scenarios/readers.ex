defmodule Peers.Scenarios.Readers do
  @moduledoc false

  @behaviour Peers.Scenario

  alias Peers.{Contestant, Item}

  @rows 10_000
  @readers 8

  @impl true
  def title(quick?), do: "#{@readers} concurrent readers, #{reads(quick?)} × `Repo.get!` each"

  @impl true
  def goal, do: {:times, 2}

  @impl true
  def times(quick?), do: if(quick?, do: 1, else: 3)

  defp reads(quick?), do: if(quick?, do: 10, else: 500)

  @impl true
  def setup(contestant, dir, quick?) do
    {repo, pool} = Contestant.start(contestant, Path.join(dir, "readers.db"), @readers)
    Item.create(repo, @rows)
    {repo, pool, reads(quick?)}
  end

  @impl true
  def run(_contestant, {repo, pool, reads}, n) do
    1..@readers
    |> Enum.map(fn reader ->
      Task.async(fn ->
        repo.put_dynamic_repo(pool)
        for i <- 1..reads, do: %Item{} = repo.get!(Item, rem((n + reader + i) * 7, @rows) + 1)
      end)
    end)
    |> Task.await_many(:infinity)
  end

  @impl true
  def floor(dir, quick?) do
    work = ["readers", "#{Item.select()} WHERE id = ?", @rows, @readers, reads(quick?)]
    {Item.file(dir, @rows), work}
  end
end
