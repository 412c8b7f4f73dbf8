defmodule EctoLibSql.Geo.Index do
  @moduledoc false
  # A spatial index: an R*Tree (<https://sqlite.org/rtree.html>) beside the table, with a row for each of
  # the table's rows that has a point, and triggers that keep it so. All is in SQL that any SQLite
  # runs: other programs may write the table.
  #
  # The tree numbers its rows. A table whose primary key is its rowid lends those numbers; for any other
  # key, a table of keys gives them. Either way the tree's column `key` holds the primary key. The
  # corners of a row are its point, which SQLite rounds outwards to floats of 32 bits: what is
  # found in the tree is looked at again in the table.
  #
  # A REPLACE takes rows away without a call of triggers. Their rows of the tree have keys
  # that no row of the table has, until one comes and takes them away: they are in nobody's way.

  alias EctoLibSql.Geo.SQL

  import EctoLibSql.Identifier, only: [quote_name: 1, quote_name: 2, quote_text: 1, same?: 2]

  @enforce_keys [:table, :column, :name]
  defstruct [:prefix, :table, :column, :name]

  @typedoc "A column of points, or the columns of the latitude and of the longitude."
  @type column :: String.t() | {String.t(), String.t()}

  @type t :: %__MODULE__{
          prefix: String.t() | nil,
          table: String.t(),
          column: column(),
          name: String.t()
        }

  @typedoc "How the database is asked: by a statement and its parameters, which answers rows."
  @type ask :: (iodata(), [term()] -> [[term()]])

  @doc """
  The index of a table's column; `opts` are `:name` and `:prefix`.
  """
  @spec new(atom() | String.t(), term(), keyword()) :: t()
  def new(table, column, opts \\ []) do
    column = column!(column)

    %__MODULE__{
      table: to_string(table),
      column: column,
      prefix: opts[:prefix] && to_string(opts[:prefix]),
      name: to_string(opts[:name] || name(table, column))
    }
  end

  @doc "The name that an index has if it is given none."
  @spec name(atom() | String.t(), term()) :: String.t()
  def name(table, column) do
    case column!(column) do
      {latitude, longitude} -> "#{table}_#{latitude}_#{longitude}_rtree"
      column -> "#{table}_#{column}_rtree"
    end
  end

  defp column!({latitude, longitude}), do: {to_string(latitude), to_string(longitude)}
  defp column!([latitude, longitude]), do: {to_string(latitude), to_string(longitude)}
  defp column!([column]), do: column!(column)
  defp column!(column) when is_atom(column) or is_binary(column), do: to_string(column)

  defp column!(other) do
    raise ArgumentError,
          "a spatial index takes a column of points, or the columns of the latitude and the " <>
            "longitude as a list or tuple, got: #{inspect(other)}"
  end

  @doc "Whether there is such an index."
  @spec exists?(t(), ask()) :: boolean()
  def exists?(%__MODULE__{} = index, ask) do
    sql = ["SELECT 1 FROM ", quote_name(index.prefix, "sqlite_schema"), " WHERE name = ?1"]
    ask.([sql, " AND type = 'table' AND sql LIKE '%USING rtree%'"], [index.name]) != []
  end

  ## Creating and dropping

  @doc """
  The statements that create and fill it. Raises an `ArgumentError` where that cannot be.
  """
  @spec create(t(), ask()) :: [iodata()]
  def create(%__MODULE__{} = index, ask) do
    key = key!(index, ask)
    columns!(index, ask)
    points!(index, key, ask)
    tree(index, key) ++ triggers(index, key)
  end

  @doc "The statements that drop it."
  @spec drop(t()) :: [iodata()]
  def drop(%__MODULE__{} = index) do
    triggers =
      for suffix <- ~w(insert update delete),
          do: ["DROP TRIGGER IF EXISTS ", named(index, suffix)]

    triggers ++ [["DROP TABLE IF EXISTS ", named(index, "keys")], ["DROP TABLE ", tree(index)]]
  end

  # `{:rowid, column}` or `{:numbered, column}`.
  defp key!(index, ask) do
    sql = "SELECT type, wr FROM pragma_table_list(?1) WHERE schema = coalesce(?2, schema)"

    case ask.(sql, [index.table, index.prefix]) do
      [] -> refuse!(index, "there is no such table")
      [["table", without_rowid] | _] -> key!(index, without_rowid == 0, primary_key(index, ask))
      [[type, _] | _] -> refuse!(index, "it is a #{type}, and no table with rows of its own")
    end
  end

  defp key!(_index, true, [[column, type]]) do
    if same?(type, "INTEGER"), do: {:rowid, column}, else: {:numbered, column}
  end

  defp key!(_index, false, [[column, _type]]), do: {:numbered, column}

  defp key!(index, _rowid?, []),
    do: refuse!(index, "the table has no primary key, by which the index could know its rows")

  defp key!(index, _rowid?, columns) do
    names = Enum.map_join(columns, ", ", &hd/1)
    refuse!(index, "its primary key has to be one column, and is #{names}")
  end

  defp primary_key(index, ask),
    do: ask.(["SELECT name, type ", table_info(index), " WHERE pk > 0 ORDER BY pk"], [])

  defp columns!(index, ask) do
    names = for [name] <- ask.(["SELECT name ", table_info(index)], []), do: name

    for column <- columns(index), not Enum.any?(names, &same?(&1, column)) do
      refuse!(index, "the table has no column #{column}")
    end
  end

  # Hidden columns, which are generated ones, too.
  defp table_info(index) do
    schema = if index.prefix, do: [", ", quote_text(index.prefix)], else: []
    ["FROM pragma_table_xinfo(", quote_text(index.table), schema, ?)]
  end

  defp points!(index, {_kind, key}, ask) do
    key = quote_name(key)
    values = index |> columns() |> Enum.map_intersperse(", ", &quote_name/1)

    sql = ["SELECT ", [key, ", ", values], " FROM ", quote_name(index.prefix, index.table)]

    with [[key | values] | _] <- ask.([sql, " WHERE NOT (", valid(index, []), ") LIMIT 1"], []) do
      shown = Enum.map_join(values, ", ", &inspect/1)
      refuse!(index, "the row with the key #{inspect(key)} has no point there, but #{shown}")
    end
  end

  @spec refuse!(t(), String.t()) :: no_return()
  defp refuse!(index, reason) do
    columns = index |> columns() |> Enum.join(", ")
    raise ArgumentError, "spatial index #{index.name} on #{index.table} (#{columns}): #{reason}"
  end

  ## The tree

  defp tree(index, {:rowid, key}) do
    [
      ["CREATE VIRTUAL TABLE ", tree(index), " USING rtree(key, south, north, west, east)"],
      [
        ["INSERT INTO ", tree(index), row(index, ["place.", quote_name(key)], "place.")],
        from(index)
      ]
    ]
  end

  defp tree(index, {:numbered, key}) do
    keys = named(index, "keys")
    key = ["place.", quote_name(key)]
    same = [" JOIN ", keys, " AS numbered ON numbered.key = ", key]

    [
      ["CREATE VIRTUAL TABLE ", tree(index), " USING rtree(id, south, north, west, east, +key)"],
      ["CREATE TABLE ", keys, " (id INTEGER PRIMARY KEY, key NOT NULL UNIQUE)"],
      ["INSERT INTO ", keys, " (key) SELECT ", key, from(index)],
      [
        ["INSERT INTO ", tree(index), row(index, "numbered.id", "place.", ", numbered.key")],
        from(index, same)
      ]
    ]
  end

  # The columns of a row of the tree.
  defp row(index, id, row, key \\ []) do
    {latitude, longitude} = coordinates(index, row)

    [
      [" SELECT ", id, ", "],
      Enum.intersperse([latitude, latitude, longitude, longitude], ", "),
      key
    ]
  end

  defp from(index, join \\ []) do
    table = quote_name(index.prefix, index.table)
    [" FROM ", table, " AS place", join, " WHERE ", filled(index, "place.")]
  end

  ## Triggers

  defp triggers(index, key) do
    [
      trigger(index, "insert", "INSERT", [], [
        check(index),
        taken(index, key, "new."),
        given(index, key)
      ]),
      trigger(index, "update", "UPDATE", [" WHEN ", changed(index, key)], [
        check(index),
        taken(index, key, "old."),
        taken(index, key, "new."),
        given(index, key)
      ]),
      trigger(index, "delete", "DELETE", [], [taken(index, key, "old.")])
    ]
  end

  # The tables in a trigger are those of its own database.
  defp trigger(index, suffix, event, condition, statements) do
    [
      ["CREATE TRIGGER ", named(index, suffix), " AFTER ", event, " ON "],
      [quote_name(index.table), condition, " BEGIN ", statements, "END"]
    ]
  end

  defp check(index) do
    columns = index |> columns() |> Enum.join(", ")

    form =
      if is_tuple(index.column),
        do: "degrees from -90 to 90, and from -180 to 180",
        else: "a JSON array of latitude, longitude and perhaps elevation"

    message = "#{index.table} (#{columns}) takes points: #{form}"
    ["SELECT RAISE(ABORT, ", quote_text(message), ") WHERE NOT (", valid(index, "new."), "); "]
  end

  defp changed(index, {_kind, key}) do
    [key | columns(index)]
    |> Enum.map(&quote_name/1)
    |> Enum.map_intersperse(" OR ", &["old.", &1, " IS NOT new.", &1])
  end

  defp taken(index, {:rowid, key}, row),
    do: ["DELETE FROM ", quote_name(index.name), " WHERE key = ", row, quote_name(key), "; "]

  defp taken(index, {:numbered, key}, row) do
    keys = quote_name(index.name <> "_keys")
    same = [" WHERE key = ", row, quote_name(key)]

    [
      ["DELETE FROM ", quote_name(index.name), " WHERE id = (SELECT id FROM ", keys, same, "); "],
      ["DELETE FROM ", keys, same, "; "]
    ]
  end

  defp given(index, {:rowid, key}) do
    [
      ["INSERT INTO ", quote_name(index.name), row(index, ["new.", quote_name(key)], "new.")],
      [" WHERE ", filled(index, "new."), "; "]
    ]
  end

  defp given(index, {:numbered, key}) do
    keys = quote_name(index.name <> "_keys")
    key = ["new.", quote_name(key)]

    [
      ["INSERT INTO ", keys, " (key) SELECT ", key, " WHERE ", filled(index, "new."), "; "],
      ["INSERT INTO ", quote_name(index.name), row(index, "id", "new.", ", key"), " FROM ", keys],
      [" WHERE key = ", key, " AND ", filled(index, "new."), "; "]
    ]
  end

  ## Names and columns

  defp tree(index), do: quote_name(index.prefix, index.name)
  defp named(index, suffix), do: quote_name(index.prefix, "#{index.name}_#{suffix}")

  defp columns(%{column: {latitude, longitude}}), do: [latitude, longitude]
  defp columns(%{column: column}), do: [column]

  defp qualified(index, row), do: for(column <- columns(index), do: [row, quote_name(column)])

  defp coordinates(index, row) do
    case qualified(index, row) do
      [point] -> {SQL.latitude(point), SQL.longitude(point)}
      [latitude, longitude] -> {latitude, longitude}
    end
  end

  defp filled(index, row),
    do: index |> qualified(row) |> Enum.map_intersperse(" AND ", &[&1, " IS NOT NULL"])

  defp valid(index, row) do
    case qualified(index, row) do
      [point] -> SQL.valid(point)
      [latitude, longitude] -> SQL.valid(latitude, longitude)
    end
  end
end
