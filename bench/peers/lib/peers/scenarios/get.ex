defmodule Peers.Scenarios.Get do
  @moduledoc false

  @behaviour Peers.Scenario

  alias Peers.{Contestant, Item}

  @rows 10_000

  @impl true
  def title(_quick?), do: "`Repo.get!`"

  @impl true
  def times(quick?), do: if(quick?, do: 20, else: 5_000)

  @impl true
  def setup(contestant, dir, _quick?) do
    {repo, _pool} = Contestant.start(contestant, Path.join(dir, "get.db"), 1)
    Item.create(repo, @rows)
    repo
  end

  @impl true
  def run(_contestant, repo, n), do: %Item{} = repo.get!(Item, rem(n * 7, @rows) + 1)
end
