defmodule Peers.Scenarios.PooledInsert do
  @moduledoc false

  @behaviour Peers.Scenario

  alias Peers.{PooledDriver, RawDriver}

  @sql "INSERT INTO items (quantity, price, name) VALUES (?, ?, ?)"

  @impl true
  def title(_quick?) do
    "drivers, a pool of one: insert, autocommit (`DBConnection.prepare_execute!` with `EctoLibSql.Query`; `Exqlite.query!`)"
  end

  @impl true
  def goal, do: {:times, 3}

  @impl true
  def times(quick?), do: if(quick?, do: 20, else: 2_000)

  @impl true
  def setup(contestant, dir, _quick?), do: PooledDriver.start(contestant, dir, 1_000)

  @impl true
  def run(contestant, pool, n),
    do: PooledDriver.rows(contestant, pool, @sql, [n, n / 3, "item #{n}"])

  @impl true
  def floor(dir, _quick?),
    do:
      {RawDriver.file(dir, 1_000), ["insert", @sql, "SELECT quantity, price, name FROM items", 1]}
end
