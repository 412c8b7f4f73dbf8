defmodule Peers.Scenarios.Query do
  @moduledoc false

  @behaviour Peers.Scenario

  alias Peers.{Contestant, Figures, Item}

  @impl true
  def title(quick?), do: "`Repo.query!` of #{Figures.decimals(rows(quick?))} rows × 8 columns"

  @impl true
  def goal, do: {:times, 3}

  @impl true
  def times(quick?), do: if(quick?, do: 2, else: 20)

  defp rows(quick?), do: if(quick?, do: 100, else: 10_000)

  @impl true
  def setup(contestant, dir, quick?) do
    {repo, _pool} = Contestant.start(contestant, Path.join(dir, "query.db"), 1)
    Item.create(repo, rows(quick?))
    repo
  end

  @impl true
  def run(_contestant, repo, _n), do: repo.query!("SELECT * FROM items")

  @impl true
  def floor(dir, quick?), do: {Item.file(dir, rows(quick?)), ["read", "SELECT * FROM items", 0]}
end
