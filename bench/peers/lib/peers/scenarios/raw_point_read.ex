defmodule Peers.Scenarios.RawPointRead do
  @moduledoc false

  @behaviour Peers.Scenario

  alias Peers.RawDriver

  @rows 10_000

  @impl true
  def title(_quick?) do
    "drivers, prepared once: point read (`EctoLibSql.query_stmt`; `Sqlite3.bind`, `fetch_all`)"
  end

  @impl true
  def goal, do: {:times, 3}

  @impl true
  def times(quick?), do: if(quick?, do: 20, else: 20_000)

  @impl true
  def setup(contestant, dir, _quick?) do
    connection = RawDriver.open(contestant, Path.join(dir, "raw.db"))
    RawDriver.create_items(contestant, connection, @rows)
    RawDriver.prepare(contestant, connection, "SELECT * FROM items WHERE id = ?")
  end

  @impl true
  def run(contestant, statement, n),
    do: [[_, _, _, _]] = RawDriver.rows(contestant, statement, [rem(n * 7, @rows) + 1])

  @impl true
  def floor(dir, _quick?),
    do: {RawDriver.file(dir, @rows), ["read", "SELECT * FROM items WHERE id = ?", @rows]}
end
