defmodule Peers.Scenarios.RawInsert do
  @moduledoc false

  @behaviour Peers.Scenario

  alias Peers.RawDriver

  @impl true
  def title(_quick?), do: "driver alone: insert, in a transaction"

  @impl true
  def times(quick?), do: if(quick?, do: 20, else: 10_000)

  @impl true
  def setup(contestant, dir, _quick?) do
    connection = RawDriver.open(contestant, Path.join(dir, "raw.db"))
    RawDriver.create_items(contestant, connection, 0)
    RawDriver.script(contestant, connection, "BEGIN IMMEDIATE")
    sql = "INSERT INTO items (quantity, price, name) VALUES (?, ?, ?)"
    RawDriver.prepare(contestant, connection, sql)
  end

  @impl true
  def run(contestant, statement, n),
    do: RawDriver.execute(contestant, statement, [n, n / 3, "item #{n}"])
end
