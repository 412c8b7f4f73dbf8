defmodule Peers.Scenarios.All do
  @moduledoc false

  @behaviour Peers.Scenario

  alias Peers.{Contestant, Figures, Item}

  @impl true
  def title(quick?), do: "`Repo.all` of #{Figures.decimals(rows(quick?))} structs with datetimes"

  @impl true
  def goal, do: {:times, 2}

  @impl true
  def times(quick?), do: if(quick?, do: 2, else: 10)

  defp rows(quick?), do: if(quick?, do: 100, else: 10_000)

  @impl true
  def setup(contestant, dir, quick?) do
    {repo, _pool} = Contestant.start(contestant, Path.join(dir, "all.db"), 1)
    Item.create(repo, rows(quick?))
    repo
  end

  @impl true
  def run(_contestant, repo, _n), do: [%Item{inserted_at: %DateTime{}} | _] = repo.all(Item)

  @impl true
  def floor(dir, quick?), do: {Item.file(dir, rows(quick?)), ["read", Item.select(), 0]}
end
