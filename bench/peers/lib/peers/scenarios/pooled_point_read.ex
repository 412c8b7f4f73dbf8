defmodule Peers.Scenarios.PooledPointRead do
  @moduledoc false

  @behaviour Peers.Scenario

  alias Peers.{PooledDriver, RawDriver}

  @rows 10_000
  @sql "SELECT * FROM items WHERE id = ?"

  @impl true
  def title(_quick?) do
    "drivers, a pool of one: point read (`DBConnection.prepare_execute!` with `EctoLibSql.Query`; `Exqlite.query!`)"
  end

  @impl true
  def goal, do: {:times, 3}

  @impl true
  def times(quick?), do: if(quick?, do: 20, else: 5_000)

  @impl true
  def setup(contestant, dir, _quick?), do: PooledDriver.start(contestant, dir, @rows)

  @impl true
  def run(contestant, pool, n),
    do: [[_, _, _, _]] = PooledDriver.rows(contestant, pool, @sql, [rem(n * 7, @rows) + 1])

  @impl true
  def floor(dir, _quick?), do: {RawDriver.file(dir, @rows), ["read", @sql, @rows]}
end
