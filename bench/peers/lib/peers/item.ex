defmodule Peers.Item do
  @moduledoc """
  A row of eight columns, with datetimes.
  """

  use Ecto.Schema

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
