defmodule EctoLibSql.CreateTable do
  @moduledoc false
  # A CREATE TABLE statement as SQLite keeps it in sqlite_schema, taken apart: what the pragmas do
  # not tell (names of constraints, checks, collations, conflict clauses), and what a table's
  # rebuild writes again, word for word where it does not change it.

  alias EctoLibSql.CreateTable.{Column, Constraint}
  alias EctoLibSql.{Identifier, SqlTokens}

  @enforce_keys [:name, :columns, :constraints, :options]
  defstruct [:name, :columns, :constraints, :options, temporary?: false]

  @type t :: %__MODULE__{
          name: String.t(),
          columns: [Column.t()],
          constraints: [Constraint.t()],
          options: String.t(),
          temporary?: boolean()
        }

  @type foreign_key :: %{
          name: String.t() | nil,
          columns: [String.t()],
          table: String.t(),
          parent_columns: [String.t()],
          deferred?: boolean()
        }

  @doc """
  Takes a statement apart; `:error` where it is none that creates an ordinary table.

      iex> {:ok, table} = EctoLibSql.CreateTable.parse("CREATE TABLE t (a INT CONSTRAINT x CHECK (a > 0))")
      iex> [%{name: "a", type: "INT", constraints: [check]}] = table.columns
      iex> {check.kind, check.name, check.text}
      {:check, "x", "CONSTRAINT x CHECK (a > 0)"}
  """
  @spec parse(String.t()) :: {:ok, t()} | :error
  def parse(sql) do
    with {:ok, temporary?, rest} <- head(SqlTokens.tokenize(sql)),
         {:ok, name, rest} <- name(rest),
         {group, options} <- SqlTokens.split_group(rest),
         {:ok, columns, constraints} <- body(group |> tl() |> Enum.drop(-1)) do
      {:ok,
       %__MODULE__{
         name: name,
         columns: columns,
         constraints: constraints,
         options: SqlTokens.text(options),
         temporary?: temporary?
       }}
    end
  end

  defp head([{:word, create, _} | rest]) do
    case {keyword(create), rest} do
      {"CREATE", [{:word, second, _} | rest]} -> head(keyword(second), rest)
      _ -> :error
    end
  end

  defp head(_tokens), do: :error

  defp head("TABLE", rest), do: {:ok, false, rest}

  defp head(temporary, [{:word, table, _} | rest]) when temporary in ["TEMP", "TEMPORARY"] do
    if keyword(table) == "TABLE", do: {:ok, true, rest}, else: :error
  end

  defp head(_other, _rest), do: :error

  # With its schema, where the statement comes from elsewhere than sqlite_schema.
  defp name([{_, _schema, _}, {:punctuation, ".", _} | rest]), do: name(rest)
  defp name([{:punctuation, _, _} | _]), do: :error
  defp name([{_kind, text, _lead} | rest]), do: {:ok, Identifier.unquote_name(text), rest}
  defp name([]), do: :error

  defp body(tokens) do
    with {:ok, parts} <- split_commas(tokens, [], []),
         {columns, constraints} = Enum.split_while(parts, &(not Constraint.starts?(&1))),
         {:ok, columns} <- each(columns, &Column.parse/1),
         {:ok, constraints} <- each(constraints, &Constraint.parse_all/1) do
      {:ok, columns, List.flatten(constraints)}
    end
  end

  defp split_commas([], [], _parts), do: :error
  defp split_commas([], part, parts), do: {:ok, Enum.reverse([Enum.reverse(part) | parts])}

  defp split_commas([{:punctuation, ",", _} | rest], part, parts),
    do: split_commas(rest, [], [Enum.reverse(part) | parts])

  defp split_commas([{:punctuation, "(", _} | _] = tokens, part, parts) do
    with {group, rest} <- SqlTokens.split_group(tokens),
         do: split_commas(rest, Enum.reverse(group, part), parts)
  end

  defp split_commas([token | rest], part, parts), do: split_commas(rest, [token | part], parts)

  defp each(parts, parse) do
    Enum.reduce_while(parts, {:ok, []}, fn part, {:ok, parsed} ->
      case parse.(part) do
        {:ok, one} -> {:cont, {:ok, [one | parsed]}}
        :error -> {:halt, :error}
      end
    end)
    |> case do
      {:ok, parsed} -> {:ok, Enum.reverse(parsed)}
      :error -> :error
    end
  end

  @doc """
  The statement, for a table of another name.
  """
  @spec to_sql(t(), iodata()) :: iodata()
  def to_sql(%__MODULE__{} = table, quoted_name) do
    definitions =
      Enum.map(table.columns, &Column.to_sql/1) ++ Enum.map(table.constraints, & &1.text)

    [
      if(table.temporary?, do: "CREATE TEMPORARY TABLE ", else: "CREATE TABLE "),
      quoted_name,
      [" (", Enum.intersperse(definitions, ", "), ?)],
      if(table.options == "", do: [], else: [?\s, table.options])
    ]
  end

  @doc "The column of that name."
  @spec column(t(), String.t()) :: Column.t() | nil
  def column(%__MODULE__{columns: columns}, name),
    do: Enum.find(columns, &Identifier.same?(&1.name, name))

  @doc """
  The constraints of the columns and of the table, each with the column that it stands in.
  """
  @spec constraints(t()) :: [{Column.t() | nil, Constraint.t()}]
  def constraints(%__MODULE__{} = table) do
    in_columns = for column <- table.columns, c <- column.constraints, do: {column, c}
    in_columns ++ Enum.map(table.constraints, &{nil, &1})
  end

  @doc """
  The foreign keys, in the order in which they are declared: `PRAGMA foreign_key_list` counts them
  from the last.
  """
  @spec foreign_keys(t()) :: [foreign_key()]
  def foreign_keys(%__MODULE__{} = table) do
    for {column, %Constraint{kind: :foreign_key} = key} <- constraints(table) do
      %{
        name: key.name,
        columns: if(column, do: [column.name], else: key.columns),
        table: key.references.table,
        parent_columns: key.references.columns,
        deferred?: key.references.deferred?
      }
    end
  end

  @doc """
  The columns of the primary key, and the constraint that declares it.
  """
  @spec primary_key(t()) :: {[String.t()], Constraint.t() | nil}
  def primary_key(%__MODULE__{} = table) do
    Enum.find_value(constraints(table), {[], nil}, fn
      {nil, %{kind: :primary_key} = key} -> {key.columns, key}
      {column, %{kind: :primary_key} = key} -> {[column.name], key}
      _other -> nil
    end)
  end

  @doc """
  The column that is the rowid: <https://sqlite.org/lang_createtable.html#rowid>.
  """
  @spec rowid_alias(t()) :: Column.t() | nil
  def rowid_alias(%__MODULE__{} = table) do
    with {[name], key} <- primary_key(table),
         %Column{type: type} = column <- column(table, name),
         true <- keyword(type) == "INTEGER" and rowid?(table),
         false <- Column.has?(column, :primary_key) and key.text =~ ~r/\bDESC\b/i do
      column
    else
      _ -> nil
    end
  end

  @doc "Whether the table's rows have rowids."
  @spec rowid?(t()) :: boolean()
  def rowid?(%__MODULE__{} = table), do: not option?(table, "WITHOUT ROWID")

  @doc "Whether the table has this option (STRICT, WITHOUT ROWID, RANDOM ROWID)."
  @spec option?(t(), String.t()) :: boolean()
  def option?(%__MODULE__{options: options}, option) do
    options
    |> SqlTokens.tokenize()
    |> Enum.map_join(" ", fn {_kind, text, _lead} -> keyword(text) end)
    |> String.split(" , ")
    |> Enum.member?(option)
  end

  @doc "A word in capitals, as keywords are compared."
  @spec keyword(String.t()) :: String.t()
  def keyword(word), do: String.upcase(word, :ascii)
end
