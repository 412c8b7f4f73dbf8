defmodule Peers.Scenarios.Get do
  @moduledoc false

  @behaviour Peers.Scenario

  alias Peers.{Contestant, Figures, Item}

  @impl true
  def title(quick?), do: "`Repo.get!` by id, #{Figures.decimals(rows(quick?))} rows"

  @impl true
  def goal, do: {:times, 2}

  @impl true
  def times(quick?), do: if(quick?, do: 20, else: 5_000)

  defp rows(quick?), do: if(quick?, do: 500, else: 20_000)

  @impl true
  def setup(contestant, dir, quick?) do
    {repo, _pool} = Contestant.start(contestant, Path.join(dir, "get.db"), 1)
    Item.create(repo, rows(quick?))
    {repo, rows(quick?)}
  end

  @impl true
  def run(_contestant, {repo, rows}, n), do: %Item{} = repo.get!(Item, rem(n * 7, rows) + 1)

  @impl true
  def floor(dir, quick?),
    do: {Item.file(dir, rows(quick?)), ["read", "#{Item.select()} WHERE id = ?", rows(quick?)]}
end
