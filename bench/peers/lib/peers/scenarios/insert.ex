defmodule Peers.Scenarios.Insert do
  @moduledoc false

  @behaviour Peers.Scenario

  alias Peers.{Contestant, Item}

  @impl true
  def title(_quick?), do: "`Repo.insert!`, autocommit"

  @impl true
  def goal, do: {:times, 1.5}

  @impl true
  def times(quick?), do: if(quick?, do: 20, else: 2_000)

  @impl true
  def setup(contestant, dir, _quick?) do
    {repo, _pool} = Contestant.start(contestant, Path.join(dir, "insert.db"), 1)
    Item.create(repo, 0)
    repo
  end

  @impl true
  def run(_contestant, repo, n), do: repo.insert!(struct!(Item, Item.row(n)))

  @impl true
  def floor(dir, _quick?) do
    {insert, values} = Item.insert()
    {Item.file(dir, 500), ["insert", insert <> " RETURNING id", values, 1]}
  end
end
