defmodule EctoLibSql.FTS.Content do
  @moduledoc false
  # The table that an FTS5 table indexes, as it is in the database: the column that is its rowid, and the
  # conditions under which REPLACE deletes rows of it.

  alias EctoLibSql.{Identifier, SqlTokens}
  alias EctoLibSql.FTS.Table

  import EctoLibSql.Identifier, only: [quote_name: 1, quote_name: 2, same?: 2]

  @enforce_keys [:key]
  defstruct [:key, :rowid, unique: [], watched: :all]

  @typedoc """
  `key` is the column whose number is the row's in the index, `rowid` the table's own. `unique` are
  conditions that a row of the table fulfils where `new` cannot stand beside it; `watched` are the columns
  that these and the index are about (`:all` where that is not known).
  """
  @type t :: %__MODULE__{
          key: String.t(),
          rowid: String.t() | nil,
          unique: [iodata()],
          watched: [String.t()] | :all
        }

  @typedoc "Asks the database: SQL and its parameters, for the rows."
  @type ask :: (iodata(), [term()] -> [[term()]])

  @doc """
  Looks at the table's content. Answers what is wrong with it as a text.
  """
  @spec read(Table.t(), ask()) :: {:ok, t()} | {:error, String.t()}
  def read(%Table{content: content} = table, ask) do
    with {:ok, kind} <- kind(table, ask),
         columns = columns(table, ask),
         :ok <- columns_there(table, columns),
         {:ok, key} <- key(table, kind, columns, ask) do
      {:ok, with_unique(%__MODULE__{key: key}, table, columns, ask)}
    else
      {:error, reason} -> {:error, "FTS5 table #{table.name}: content: #{content}: #{reason}"}
    end
  end

  defp kind(%Table{content: content} = table, ask) do
    where = " WHERE name = ? COLLATE NOCASE AND schema = ?"
    sql = ["SELECT type, wr FROM pragma_table_list", where]

    case ask.(sql, [content, table.database || "main"]) do
      [] -> {:error, "there is no such table"}
      [["table", 1]] -> {:error, "it is WITHOUT ROWID, and FTS5 knows rows by their rowid"}
      [["table", 0]] -> {:ok, :table}
      [[type, _]] when table.triggers -> {:error, not_a_table(type)}
      [["view", _]] -> {:ok, :view}
      [[type, _]] -> {:error, not_a_table(type)}
    end
  end

  defp not_a_table("view"),
    do:
      "it is a view, which can have no triggers that keep the index: give triggers: false, and " <>
        "keep it yourself"

  defp not_a_table(type), do: "it is a #{type} table, not an ordinary one"

  defp columns(%Table{content: content, database: database}, ask) do
    sql = "SELECT name, type, pk, hidden, \"notnull\" FROM pragma_table_xinfo(?, ?) ORDER BY cid"

    for [name, type, pk, hidden, not_null] <- ask.(sql, [content, database || "main"]),
        hidden != 1 do
      %{name: name, type: type, pk: pk, generated: hidden in [2, 3], not_null: not_null == 1}
    end
  end

  defp names(columns), do: Enum.map(columns, & &1.name)

  defp columns_there(table, columns) do
    case Enum.reject(table.columns, &find(columns, &1)) do
      [] ->
        :ok

      missing ->
        {:error,
         "it has no column #{Enum.join(missing, ", ")}; it has #{Enum.join(names(columns), ", ")}"}
    end
  end

  defp find(columns, name), do: Enum.find(columns, &same?(&1.name, name))

  ## The key

  defp key(%Table{key: nil}, :view, _columns, _ask),
    do: {:error, "key: says which column of a view is the rowid"}

  defp key(%Table{key: nil} = table, :table, columns, ask) do
    cond do
      key = rowid_alias(columns) -> {:ok, key}
      indexes(table, ask) == [] -> {:error, no_key()}
      true -> rowid(columns)
    end
  end

  defp key(%Table{key: key} = table, kind, columns, ask) do
    case find(columns, key) do
      nil when kind == :table ->
        if(rowid?(key), do: rowid(columns), else: no_column(key))

      nil ->
        no_column(key)

      %{name: name} when kind == :view ->
        {:ok, name}

      column ->
        if(unique?(column, table, columns, ask), do: {:ok, column.name}, else: no_key(key))
    end
  end

  defp no_column(key), do: {:error, "key: it has no column #{key}"}

  defp no_key(key) do
    {:error,
     "key: #{key} is not an INTEGER column that is unique and NOT NULL, and FTS5 knows rows by such a " <>
       "number"}
  end

  # VACUUM numbers the rows of a table anew that has no index and shows its rowid in no column.
  defp no_key do
    "it has neither an INTEGER PRIMARY KEY nor any unique key or index, so VACUUM would change the rowids " <>
      "by which FTS5 knows its rows"
  end

  defp rowid_alias(columns) do
    case Enum.filter(columns, &(&1.pk > 0)) do
      [%{type: type, name: name}] -> if same?(type, "INTEGER"), do: name
      _none_or_several -> nil
    end
  end

  @rowid_names ~w(rowid _rowid_ oid)

  defp rowid?(name), do: Enum.any?(@rowid_names, &same?(&1, name))

  defp rowid(columns) do
    case rowid_names(columns) do
      [name | _] -> {:ok, name}
      [] -> {:error, "its columns take all names of the rowid"}
    end
  end

  defp rowid_names(columns), do: Enum.reject(@rowid_names, &find(columns, &1))

  defp unique?(column, table, columns, ask) do
    rowid_alias(columns) == column.name or
      (same?(column.type, "INTEGER") and (column.not_null or column.pk > 0) and
         Enum.any?(indexes(table, ask), fn index ->
           index.unique and not index.partial and
             match?([%{name: name}] when name == column.name, index.columns)
         end))
  end

  ## What is unique

  defp with_unique(content, %Table{triggers: false}, _columns, _ask), do: content

  defp with_unique(content, table, columns, ask) do
    indexes = for index <- indexes(table, ask), index.unique, do: index
    rowid = rowid_alias(columns) || List.first(rowid_names(columns))

    # An UPDATE may call the rowid by any of its names, and changes generated columns without naming them.
    names =
      [content.key | List.wrap(rowid)] ++
        rowid_names(columns) ++
        Table.indexed(table) ++ for(index <- indexes, column <- index.columns, do: column.name)

    known? =
      Enum.all?(indexes, &plain?/1) and
        not Enum.any?(names, &match?(%{generated: true}, find(columns, &1)))

    %{
      content
      | rowid: rowid,
        unique: Enum.map(indexes, &condition(&1, columns)),
        watched: if(known?, do: Enum.uniq(names), else: :all)
    }
  end

  defp indexes(%Table{content: content, database: database}, ask) do
    schema = database || "main"
    sql = ~s|SELECT name, "unique", partial FROM pragma_index_list(?, ?) ORDER BY seq|

    for [name, unique, partial] <- ask.(sql, [content, schema]) do
      %{
        unique: unique == 1,
        partial: partial == 1,
        sql: definition(schema, name, ask),
        columns: index_columns(schema, name, ask)
      }
    end
  end

  # An index of a constraint has none.
  defp definition(schema, name, ask) do
    sql = ["SELECT sql FROM ", quote_name(schema, "sqlite_schema"), " WHERE name = ?"]
    with [[sql]] <- ask.(sql, [name]), do: sql, else: ([] -> nil)
  end

  defp index_columns(schema, name, ask) do
    sql = "SELECT name, coll FROM pragma_index_xinfo(?, ?) WHERE key = 1 ORDER BY seqno"
    for [name, collation] <- ask.(sql, [name, schema]), do: %{name: name, collation: collation}
  end

  # Of columns alone, and of all rows.
  defp plain?(index), do: not index.partial and Enum.all?(index.columns, & &1.name)

  defp condition(index, columns) do
    if plain?(index),
      do: Enum.map_intersperse(index.columns, " AND ", &same_value/1),
      else: same_terms(index.sql, columns)
  end

  defp same_value(%{name: name, collation: collation}),
    do: [quote_name(name), " = new.", quote_name(name), " COLLATE ", quote_name(collation)]

  defp same_terms(sql, columns) do
    {terms, where} = terms(sql)

    new =
      Enum.map_intersperse(
        columns,
        ", ",
        &["new.", quote_name(&1.name), " AS ", quote_name(&1.name)]
      )

    equal =
      Enum.map_intersperse(terms, " AND ", fn term ->
        [?(, term, ") = (SELECT ", term, " FROM (SELECT ", new, "))"]
      end)

    if where == "", do: equal, else: [equal, " AND (", where, ?)]
  end

  # `CREATE UNIQUE INDEX name ON table (terms) WHERE condition`
  defp terms(sql) do
    tokens = SqlTokens.tokenize(sql)
    rest = Enum.drop_while(tokens, &(not match?({:punctuation, "(", _}, &1)))
    {group, rest} = SqlTokens.split_group(rest)
    inner = group |> Enum.drop(1) |> Enum.drop(-1)

    where =
      rest
      |> Enum.drop_while(&(not keyword?(&1, ["WHERE"])))
      |> Enum.drop(1)

    {inner |> split([], 0, []) |> Enum.map(&without_direction/1), SqlTokens.text(where)}
  end

  defp split([], term, _depth, terms), do: Enum.reverse([Enum.reverse(term) | terms])

  defp split([{:punctuation, ",", _} | rest], term, 0, terms),
    do: split(rest, [], 0, [Enum.reverse(term) | terms])

  defp split([token | rest], term, depth, terms) do
    depth =
      case token do
        {:punctuation, "(", _} -> depth + 1
        {:punctuation, ")", _} -> depth - 1
        _ -> depth
      end

    split(rest, [token | term], depth, terms)
  end

  defp without_direction(tokens) do
    tokens
    |> Enum.reverse()
    |> Enum.drop_while(&keyword?(&1, ["ASC", "DESC"]))
    |> Enum.reverse()
    |> SqlTokens.text()
  end

  defp keyword?({:word, word, _lead}, keywords),
    do: Identifier.fold(word) in Enum.map(keywords, &Identifier.fold/1)

  defp keyword?(_token, _keywords), do: false
end
