defmodule EctoLibSql.Vector.Index do
  @moduledoc """
  The indexes of vectors that a table has: `EctoLibSql.Vector.indexes/2`.

  Public fields:

    * `:name` - the index's name, which `index:` of `EctoLibSql.Vector.nearest/5` takes
    * `:table`, `:column` - what it is on
    * `:metric` - `:cosine` or `:l2`
    * `:options` - a map of the other parameters that it was created with, all as text
  """

  alias EctoLibSql.{Error, Identifier, SqlTokens, State}

  @enforce_keys [:name, :table, :column, :metric, :options]
  defstruct @enforce_keys

  @type t :: %__MODULE__{
          name: String.t(),
          table: String.t(),
          column: String.t(),
          metric: EctoLibSql.Vector.metric(),
          options: %{String.t() => String.t()}
        }

  @sql """
  SELECT name, tbl_name, sql FROM sqlite_schema
  WHERE type = 'index' AND tbl_name = ? COLLATE NOCASE AND instr(lower(sql), 'libsql_vector_idx') > 0
  ORDER BY name
  """

  @doc false
  @spec all(State.t() | module(), String.t()) :: {:ok, [t()]} | {:error, Error.t()}
  def all(place, table) do
    with {:ok, %{rows: rows}} <- query(place, @sql, [table]), do: {:ok, Enum.map(rows, &new/1)}
  end

  defp query(%State{} = s, sql, params), do: EctoLibSql.query(s, sql, params)
  defp query(repo, sql, params), do: repo.query(sql, params)

  defp new([name, table, sql]) do
    [column | parameters] = arguments(sql)

    options =
      for parameter <- parameters, into: %{} do
        [key, value] = parameter |> Identifier.unquote_name() |> String.split("=", parts: 2)
        {String.downcase(key), value}
      end

    {metric, options} = Map.pop(options, "metric", "cosine")

    %__MODULE__{
      name: name,
      table: table,
      column: Identifier.unquote_name(column),
      metric: if(String.downcase(metric) == "l2", do: :l2, else: :cosine),
      options: options
    }
  end

  # Those of libsql_vector_idx(column, 'key=value', ...).
  defp arguments(sql) do
    sql
    |> SqlTokens.tokenize()
    |> Enum.map(fn {_kind, text, _lead} -> text end)
    |> Enum.drop_while(&(String.downcase(&1) != "libsql_vector_idx"))
    |> Enum.drop(2)
    |> Enum.take_while(&(&1 != ")"))
    |> Enum.reject(&(&1 == ","))
  end
end
