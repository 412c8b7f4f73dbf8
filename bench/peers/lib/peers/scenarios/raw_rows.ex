defmodule Peers.Scenarios.RawRows do
  @moduledoc false

  @behaviour Peers.Scenario

  alias Peers.RawDriver

  @impl true
  def title(_quick?) do
    "drivers, prepared once: 1,000 rows × 4 columns (`EctoLibSql.query_stmt`; `Sqlite3.bind`, `fetch_all`)"
  end

  @impl true
  def goal, do: {:times, 3}

  @impl true
  def times(quick?), do: if(quick?, do: 2, else: 200)

  @impl true
  def setup(contestant, dir, _quick?) do
    connection = RawDriver.open(contestant, Path.join(dir, "raw.db"))
    RawDriver.create_items(contestant, connection, 1_000)
    RawDriver.prepare(contestant, connection, "SELECT * FROM items")
  end

  @impl true
  def run(contestant, statement, _n), do: [_ | _] = RawDriver.rows(contestant, statement, [])

  @impl true
  def floor(dir, _quick?), do: {RawDriver.file(dir, 1_000), ["read", "SELECT * FROM items", 0]}
end
