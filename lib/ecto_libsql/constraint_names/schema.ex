defmodule EctoLibSql.ConstraintNames.Schema do
  @moduledoc false
  # What the schema says of a table's unique indexes and foreign keys.

  alias EctoLibSql.ConstraintNames.Trial
  alias EctoLibSql.{CreateTable, Identifier, State}

  import EctoLibSql.Identifier, only: [quote_name: 1, quote_name: 2]

  @type unique_index :: %{
          schema: String.t(),
          index: String.t(),
          name: String.t() | nil,
          columns: [String.t()],
          droppable?: boolean()
        }

  @type foreign_key :: %{
          schema: String.t(),
          child: String.t(),
          id: non_neg_integer(),
          name: String.t() | nil,
          columns: [String.t()],
          parent: String.t(),
          parent_columns: [String.t() | nil],
          on_update: String.t(),
          on_delete: String.t()
        }

  @doc "The attached databases, as `PRAGMA database_list` counts them."
  @spec databases(State.t()) :: [{non_neg_integer(), String.t()}]
  def databases(s) do
    for [number, name, _file] <- Trial.rows(s, "PRAGMA database_list"), do: {number, name}
  end

  @doc """
  The databases that have a table of this name. SQLite's messages do not say in which it was.
  """
  @spec with_table(State.t(), String.t()) :: [String.t()]
  def with_table(s, table) do
    for {_number, schema} <- databases(s), table_sql(s, schema, table) != nil, do: schema
  end

  defp table_sql(s, schema, table) do
    sql = [
      "SELECT sql FROM ",
      quote_name(schema, "sqlite_schema"),
      " WHERE type = 'table' AND name = ? COLLATE NOCASE"
    ]

    with [[sql] | _] <- Trial.rows(s, sql, [table]), do: sql, else: (_ -> nil)
  end

  @doc "The table's definition."
  @spec create_table(State.t(), String.t(), String.t()) :: {:ok, CreateTable.t()} | :error
  def create_table(s, schema, table) do
    case table_sql(s, schema, table) do
      sql when is_binary(sql) -> CreateTable.parse(sql)
      nil -> :error
    end
  end

  ## Unique indexes

  @doc """
  The table's unique indexes, with the name that was declared for each, if one was. Those of the
  primary key are not among them.
  """
  @spec unique_indexes(State.t(), String.t(), String.t()) :: [unique_index()]
  def unique_indexes(s, schema, table) do
    for [_seq, index, 1, origin | _] <- pragma(s, schema, "index_list", table),
        origin in ["c", "u"],
        columns = index_columns(s, schema, index) do
      %{
        schema: schema,
        index: index,
        name: if(origin == "c", do: index, else: declared_unique(s, schema, table, columns)),
        columns: columns,
        droppable?: origin == "c"
      }
    end
  end

  # An expression has no column; SQLite names an index that has one by itself.
  defp index_columns(s, schema, index) do
    for [_seq, _cid, name, _desc, _collation, 1] <- pragma(s, schema, "index_xinfo", index),
        do: name || ""
  end

  defp declared_unique(s, schema, table, columns) do
    with {:ok, created} <- create_table(s, schema, table) do
      Enum.find_value(CreateTable.constraints(created), fn {column, constraint} ->
        declared = if column, do: [column.name], else: constraint.columns
        if constraint.kind == :unique and same?(declared, columns), do: constraint.name
      end)
    else
      :error -> nil
    end
  end

  defp same?(a, b), do: Enum.map(a, &Identifier.fold/1) == Enum.map(b, &Identifier.fold/1)

  ## Foreign keys

  @doc "The foreign keys of a table, as they are declared."
  @spec foreign_keys(State.t(), String.t(), String.t()) :: [foreign_key()]
  def foreign_keys(s, schema, table) do
    keys =
      s
      |> pragma(schema, "foreign_key_list", table)
      |> Enum.group_by(&hd/1)
      |> Enum.sort(:desc)

    # They are counted from the last one.
    declared = s |> declared_keys(schema, table) |> Enum.reverse()

    for {id, [[_, _, parent, _, _, on_update, on_delete | _] | _] = rows} <- keys do
      columns = Enum.map(rows, &Enum.at(&1, 3))

      %{
        schema: schema,
        child: table,
        id: id,
        name: declared_name(Enum.at(declared, id), columns),
        columns: columns,
        parent: parent,
        parent_columns: Enum.map(rows, &Enum.at(&1, 4)),
        on_update: on_update,
        on_delete: on_delete
      }
    end
  end

  defp declared_keys(s, schema, table) do
    case create_table(s, schema, table) do
      {:ok, created} -> CreateTable.foreign_keys(created)
      :error -> []
    end
  end

  defp declared_name(%{name: name, columns: declared}, columns),
    do: if(same?(declared, columns), do: name)

  defp declared_name(nil, _columns), do: nil

  @doc "The tables of a database that have foreign keys, with these."
  @spec all_foreign_keys(State.t(), String.t()) :: [foreign_key()]
  def all_foreign_keys(s, schema) do
    sql = ["SELECT name FROM ", quote_name(schema, "sqlite_schema"), " WHERE type = 'table'"]

    for [table] <- Trial.rows(s, sql),
        key <- foreign_keys(s, schema, table),
        do: key
  end

  defp pragma(s, schema, pragma, argument) do
    Trial.rows(s, ["PRAGMA ", quote_name(schema), ?., pragma, ?(, quote_name(argument), ?)])
  end
end
