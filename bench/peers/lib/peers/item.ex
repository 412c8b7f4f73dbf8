defmodule Peers.Item do
  @moduledoc """
  A row of eight columns, with datetimes.
  """

  use Ecto.Schema

  alias Peers.Contestant

  schema "items" do
    field(:name, :string)
    field(:note, :string)
    field(:quantity, :integer)
    field(:price, :float)
    field(:active, :boolean)
    timestamps(type: :utc_datetime_usec)
  end

  @columns """
  id INTEGER PRIMARY KEY, name TEXT, note TEXT, quantity INTEGER, price REAL, active INTEGER,
  inserted_at TEXT, updated_at TEXT
  """

  @doc """
  Makes the table, with so many rows.
  """
  @spec create(module(), non_neg_integer()) :: :ok
  def create(repo, rows) do
    repo.query!("CREATE TABLE items (#{@columns})")

    repo.transaction(fn ->
      for chunk <- Enum.chunk_every(Enum.take(numbers(), rows), 500),
          do: repo.insert_all(__MODULE__, Enum.map(chunk, &row/1))
    end)

    :ok
  end

  @doc """
  A file with the table, that nobody has open.
  """
  @spec file(Path.t(), non_neg_integer()) :: Path.t()
  def file(dir, rows) do
    database = Path.join(dir, "items.db")

    # In a process of its own, whose repo it is.
    task =
      Task.async(fn ->
        {repo, pool} = Contestant.start(:ecto_libsql, database, 1)
        create(repo, rows)
        Supervisor.stop(pool)
      end)

    :ok = Task.await(task, :infinity)
    database
  end

  @doc """
  All columns, as Ecto selects them.
  """
  @spec select() :: String.t()
  def select,
    do: "SELECT id, name, note, quantity, price, active, inserted_at, updated_at FROM items"

  @doc """
  The insert of a row, and the query for values to insert.
  """
  @spec insert() :: {String.t(), String.t()}
  def insert do
    fields = "name, note, quantity, price, active, inserted_at, updated_at"
    {"INSERT INTO items (#{fields}) VALUES (?, ?, ?, ?, ?, ?, ?)", "SELECT #{fields} FROM items"}
  end

  @doc """
  The values of a row, without the id.
  """
  @spec row(pos_integer()) :: map()
  def row(n) do
    at = DateTime.add(~U[2026-01-01 00:00:00.000000Z], n, :second)

    %{
      name: "item #{n}",
      note: "some longer text that is on every row, #{n}",
      quantity: n * 7,
      price: n / 3,
      active: rem(n, 2) == 0,
      inserted_at: at,
      updated_at: at
    }
  end

  defp numbers, do: Stream.iterate(1, &(&1 + 1))
end
