defmodule Peers.Scenarios.Transaction do
  @moduledoc false

  @behaviour Peers.Scenario

  alias Peers.{Contestant, Item}

  @impl true
  def title(_quick?), do: "`Repo.transaction` of 3 × `Repo.insert!`"

  @impl true
  def goal, do: {:times, 1.5}

  @impl true
  def times(quick?), do: if(quick?, do: 10, else: 1_000)

  @impl true
  def setup(contestant, dir, _quick?) do
    {repo, _pool} = Contestant.start(contestant, Path.join(dir, "transaction.db"), 1)
    Item.create(repo, 0)
    repo
  end

  @impl true
  def run(_contestant, repo, n) do
    {:ok, _} =
      repo.transaction(fn -> for i <- 1..3, do: repo.insert!(struct!(Item, Item.row(n + i))) end)
  end

  @impl true
  def floor(dir, _quick?) do
    {insert, values} = Item.insert()
    {Item.file(dir, 500), ["insert", insert <> " RETURNING id", values, 3]}
  end
end
