defmodule Peers.Scenarios.RawBatch do
  @moduledoc false

  @behaviour Peers.Scenario

  alias Peers.RawDriver

  @rows 100
  @insert "INSERT INTO items (quantity, price, name) VALUES (?, ?, ?)"

  @impl true
  def title(_quick?) do
    "drivers: #{@rows} inserts in a transaction (one `EctoLibSql.batch_transactional`; BEGIN, " <>
      "#{@rows} × `Sqlite3.bind` and `step` of a statement prepared once, COMMIT)"
  end

  @impl true
  def goal, do: nil

  @impl true
  def times(quick?), do: if(quick?, do: 5, else: 500)

  @impl true
  def setup(contestant, dir, _quick?) do
    connection = RawDriver.open(contestant, Path.join(dir, "raw.db"))
    RawDriver.create_items(contestant, connection, 0)

    case contestant do
      :ecto_libsql -> connection
      :ecto_sqlite3 -> RawDriver.prepare(contestant, connection, @insert)
    end
  end

  @impl true
  def run(:ecto_libsql, s, n) do
    {:ok, [_ | _]} = EctoLibSql.batch_transactional(s, Enum.map(rows(n), &{@insert, &1}))
  end

  def run(:ecto_sqlite3, {db, _statement} = prepared, n) do
    RawDriver.script(:ecto_sqlite3, db, "BEGIN IMMEDIATE")
    for row <- rows(n), do: RawDriver.execute(:ecto_sqlite3, prepared, row)
    RawDriver.script(:ecto_sqlite3, db, "COMMIT")
  end

  defp rows(n), do: for(i <- 1..@rows, do: [n + i, (n + i) / 3, "item #{n + i}"])

  @impl true
  def floor(dir, _quick?) do
    work = ["insert", @insert, "SELECT quantity, price, name FROM items", @rows]
    {RawDriver.file(dir, 1_000), work}
  end
end
