defmodule EctoLibSql.FTS.Select do
  @moduledoc false
  # A search in an FTS5 table as SQL with parameters: EctoLibSql.FTS.query/4.

  alias EctoLibSql.FTS
  alias EctoLibSql.FTS.Weights

  import EctoLibSql.Identifier, only: [quote_name: 1, quote_name: 2, quote_text: 1]

  @doc """
  The SQL of a search, and its parameters in order.
  """
  @spec build(String.t(), FTS.searched(), keyword()) :: {iodata(), [term()]}
  def build(table, expression, opts) do
    opts =
      Keyword.validate!(opts, select: nil, weights: nil, limit: nil, offset: 0, columns: [])

    match = expression |> FTS.expression(Keyword.take(opts, [:columns])) |> to_string()
    {selected, selected_params} = select(table, opts[:select])
    {weighted, weights} = weights(opts[:weights])
    name = quote_name(table)

    {
      [
        ["SELECT ", selected, " FROM ", name, " WHERE ", name, " MATCH ?", weighted],
        " ORDER BY rank LIMIT ? OFFSET ?"
      ],
      selected_params ++
        [match | weights] ++ [count!(:limit, opts[:limit] || -1), count!(:offset, opts[:offset])]
    }
  end

  defp count!(_option, count) when is_integer(count), do: count

  defp count!(option, other),
    do: raise(ArgumentError, "#{option}: takes a number of rows, got: #{inspect(other)}")

  defp weights(nil), do: {[], []}
  defp weights(weights), do: {" AND rank MATCH ?", [Weights.rank!(weights)]}

  defp select(_table, nil), do: {"rowid, *", []}

  defp select(table, [_ | _] = selected) do
    {sql, params} = selected |> Enum.map(&selected(table, &1)) |> Enum.unzip()
    {Enum.intersperse(sql, ", "), Enum.concat(params)}
  end

  defp select(_table, other),
    do: raise(ArgumentError, "select: takes a list of columns, got: #{inspect(other)}")

  defp selected(table, {:highlight, column, open, close})
       when is_binary(open) and is_binary(close) do
    {marked(table, column, [
       "highlight(",
       quote_name(table),
       ", ",
       position(table, column),
       ", ?, ?)"
     ]), [open, close]}
  end

  defp selected(table, {:snippet, column, open, close, ellipsis, tokens})
       when is_binary(open) and is_binary(close) and is_binary(ellipsis) and tokens in 1..64 do
    call = ["snippet(", quote_name(table), ", ", position(table, column), ", ?, ?, ?, ?)"]
    {marked(table, column, call), [open, close, ellipsis, tokens]}
  end

  # With its table, since a server takes a name in quotes for a text where there is no such column.
  defp selected(table, column) when is_atom(column) or is_binary(column),
    do: {quote_name(table, column), []}

  defp selected(_table, other) do
    raise ArgumentError,
          "select: takes columns, {:highlight, column, open, close} and {:snippet, column, open, close, " <>
            "ellipsis, tokens} with 1 to 64 tokens, got: #{inspect(other)}"
  end

  # FTS5 counts columns; SQLite looks the name up and refuses one that is not there.
  defp position(_table, :any), do: "-1"

  defp position(table, column) do
    name = column |> to_string() |> quote_text()

    [
      "(SELECT cid FROM pragma_table_info(",
      quote_text(table),
      ") WHERE name = ",
      name,
      " COLLATE NOCASE)"
    ]
  end

  defp marked(_table, :any, call), do: [call, " AS ", quote_name("any")]

  defp marked(table, column, call) do
    [
      ["CASE WHEN 0 THEN ", quote_name(table, column)],
      [" ELSE ", call, " END AS ", quote_name(column)]
    ]
  end
end
