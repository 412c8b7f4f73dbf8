defmodule Peers.Scenarios.RawInsert do
  @moduledoc false

  @behaviour Peers.Scenario

  alias Peers.RawDriver

  @insert "INSERT INTO items (quantity, price, name) VALUES (?, ?, ?)"

  @impl true
  def title(_quick?) do
    "drivers, prepared once: insert into an open transaction (`EctoLibSql.execute_stmt`; `Sqlite3.bind`, `step`)"
  end

  @impl true
  def goal, do: {:times, 3}

  @impl true
  def times(quick?), do: if(quick?, do: 20, else: 10_000)

  @impl true
  def setup(contestant, dir, _quick?) do
    connection = RawDriver.open(contestant, Path.join(dir, "raw.db"))
    RawDriver.create_items(contestant, connection, 0)
    RawDriver.script(contestant, connection, "BEGIN IMMEDIATE")
    RawDriver.prepare(contestant, connection, @insert)
  end

  @impl true
  def run(contestant, statement, n),
    do: RawDriver.execute(contestant, statement, [n, n / 3, "item #{n}"])

  @impl true
  def floor(dir, _quick?),
    do:
      {RawDriver.file(dir, 1_000),
       ["insert", @insert, "SELECT quantity, price, name FROM items", 0]}
end
