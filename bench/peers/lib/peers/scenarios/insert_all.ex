defmodule Peers.Scenarios.InsertAll do
  @moduledoc false

  @behaviour Peers.Scenario

  alias Peers.{Contestant, Item}

  @impl true
  def title(_quick?), do: "`Repo.insert_all` of 500 rows × 7 columns"

  @impl true
  def goal, do: {:times, 2}

  @impl true
  def times(quick?), do: if(quick?, do: 2, else: 50)

  @impl true
  def setup(contestant, dir, _quick?) do
    {repo, _pool} = Contestant.start(contestant, Path.join(dir, "insert_all.db"), 1)
    Item.create(repo, 0)
    {repo, Enum.map(1..500, &Item.row/1)}
  end

  @impl true
  def run(_contestant, {repo, rows}, _n), do: {500, nil} = repo.insert_all(Item, rows)

  @impl true
  def floor(dir, _quick?) do
    {insert, values} = Item.insert()
    {Item.file(dir, 500), ["insert", insert, values, 500]}
  end
end
