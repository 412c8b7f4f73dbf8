defmodule Peers.Scenarios.PooledRows do
  @moduledoc false

  @behaviour Peers.Scenario

  alias Peers.{PooledDriver, RawDriver}

  @sql "SELECT * FROM items"

  @impl true
  def title(_quick?) do
    "drivers, a pool of one: 1,000 rows × 4 columns (`DBConnection.prepare_execute!` with `EctoLibSql.Query`; `Exqlite.query!`)"
  end

  @impl true
  def goal, do: {:times, 3}

  @impl true
  def times(quick?), do: if(quick?, do: 2, else: 200)

  @impl true
  def setup(contestant, dir, _quick?), do: PooledDriver.start(contestant, dir, 1_000)

  @impl true
  def run(contestant, pool, _n),
    do: [_ | _] = PooledDriver.rows(contestant, pool, @sql, [])

  @impl true
  def floor(dir, _quick?), do: {RawDriver.file(dir, 1_000), ["read", @sql, 0]}
end
