defmodule Peers.RawDriver do
  @moduledoc """
  The drivers under the adapters, without a pool: `EctoLibSql` and `Exqlite.Sqlite3`, each with a
  statement that is prepared once.
  """

  alias Exqlite.Sqlite3
  alias Peers.Contestant

  @spec open(Contestant.t(), Path.t()) :: term()
  def open(:ecto_libsql, database) do
    {:ok, s} = EctoLibSql.connect(database: database, synchronous: :normal, cache_size: -64_000)
    s
  end

  def open(:ecto_sqlite3, database) do
    {:ok, db} = Sqlite3.open(database)

    for pragma <- ["journal_mode = WAL", "synchronous = NORMAL", "cache_size = -64000"],
        do: :ok = Sqlite3.execute(db, "PRAGMA #{pragma}")

    db
  end

  @doc """
  A file with the items that nobody has open.
  """
  @spec file(Path.t(), non_neg_integer()) :: Path.t()
  def file(dir, rows) do
    database = Path.join(dir, "raw.db")
    s = open(:ecto_libsql, database)
    create_items(:ecto_libsql, s, rows)
    :ok = EctoLibSql.disconnect(s)
    database
  end

  @doc """
  Runs statements that answer nothing.
  """
  @spec script(Contestant.t(), term(), String.t()) :: :ok
  def script(:ecto_libsql, s, sql) do
    {:ok, _} = EctoLibSql.execute_batch(s, sql)
    :ok
  end

  def script(:ecto_sqlite3, db, sql), do: :ok = Sqlite3.execute(db, sql)

  @doc """
  Makes the table `items`, of an integer, a float and a text beside its id, with so many rows.
  """
  @spec create_items(Contestant.t(), term(), non_neg_integer()) :: :ok
  def create_items(contestant, connection, rows) do
    script(contestant, connection, """
    CREATE TABLE items (id INTEGER PRIMARY KEY, quantity INTEGER, price REAL, name TEXT);
    INSERT INTO items
    WITH RECURSIVE i(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM i WHERE i < #{rows})
    SELECT i, i * 7, i / 3.0, 'item ' || i FROM i WHERE i <= #{rows}
    """)
  end

  @spec prepare(Contestant.t(), term(), String.t()) :: {term(), term()}
  def prepare(contestant, connection, sql) do
    driver = if contestant == :ecto_libsql, do: EctoLibSql, else: Sqlite3
    {:ok, statement} = driver.prepare(connection, sql)
    {connection, statement}
  end

  @doc """
  All rows of a prepared statement.
  """
  @spec rows(Contestant.t(), {term(), term()}, [term()]) :: [[term()]]
  def rows(:ecto_libsql, {s, statement}, params) do
    {:ok, %{rows: rows}} = EctoLibSql.query_stmt(s, statement, params)
    rows
  end

  def rows(:ecto_sqlite3, {db, statement}, params) do
    :ok = Sqlite3.bind(statement, params)
    {:ok, rows} = Sqlite3.fetch_all(db, statement)
    rows
  end

  @doc """
  Runs a prepared statement that answers no rows.
  """
  @spec execute(Contestant.t(), {term(), term()}, [term()]) :: :ok
  def execute(:ecto_libsql, {s, statement}, params) do
    {:ok, 1} = EctoLibSql.execute_stmt(s, statement, params)
    :ok
  end

  def execute(:ecto_sqlite3, {db, statement}, params) do
    :ok = Sqlite3.bind(statement, params)
    :done = Sqlite3.step(db, statement)
    :ok
  end
end
