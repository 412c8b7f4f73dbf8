defmodule EctoLibSql.FTS.Fragments do
  @moduledoc false
  # The code that the macros of EctoLibSql.FTS stand for: fragments, in which all that is given is a parameter.

  @spec match(Macro.t(), Macro.t()) :: Macro.t()
  def match(source, searched) do
    searched =
      case searched do
        {:^, _, [value]} -> value
        text when is_binary(text) -> text
        other -> refuse!("match/2: interpolate what is searched for, ^(...)", other)
      end

    quote do
      fragment(
        "? MATCH ?",
        unquote(table_or_column(source)),
        ^EctoLibSql.FTS.to_match(unquote(searched))
      )
    end
  end

  defp table_or_column({name, _, context} = source) when is_atom(name) and is_atom(context),
    do: table(:match, source)

  defp table_or_column({{:., _, [_, field]}, _, []} = column) when is_atom(field), do: column
  defp table_or_column({:field, _, [_, _]} = column), do: column

  defp table_or_column(other),
    do: refuse!("match/2 takes a binding of an FTS5 table, or a column of it", other)

  @spec rank(Macro.t()) :: Macro.t()
  def rank(source), do: quote(do: fragment("?.rank", unquote(binding!(:rank, source))))

  @spec bm25(Macro.t()) :: Macro.t()
  def bm25(source), do: quote(do: fragment("bm25(?)", unquote(table(:bm25, source))))

  @spec bm25(Macro.t(), Macro.t()) :: Macro.t()
  def bm25(source, weights) do
    table = table(:bm25, source)
    weights = weights!(weights)

    quote do
      fragment(
        "bm25(?, ?)",
        unquote(table),
        splice(^EctoLibSql.FTS.Weights.check!(unquote(weights)))
      )
    end
  end

  defp weights!({:^, _, [value]}), do: value

  defp weights!([_ | _] = weights) do
    if Enum.all?(weights, &number?/1),
      do: weights,
      else: refuse!("bm25/2 takes a list of numbers, the columns' weights", weights)
  end

  defp weights!([]), do: refuse!("bm25/2 takes a list of numbers, the columns' weights", [])
  defp weights!(other), do: refuse!("bm25/2: interpolate the weights, ^weights", other)

  defp number?({:-, _, [number]}), do: is_number(number)
  defp number?(number), do: is_number(number)

  @spec highlight(Macro.t(), Macro.t(), Macro.t(), Macro.t()) :: Macro.t()
  def highlight(source, column, open, close), do: call(:highlight, source, column, [open, close])

  @spec snippet(Macro.t(), Macro.t(), {Macro.t(), Macro.t(), Macro.t()}, Macro.t()) :: Macro.t()
  def snippet(_source, _column, _markers, tokens) when is_integer(tokens) and tokens not in 1..64,
    do: refuse!("snippet/6 takes 1 to 64 tokens", tokens)

  def snippet(source, column, {open, close, ellipsis}, tokens),
    do: call(:snippet, source, column, [open, close, ellipsis, tokens])

  # A column's name is written once more where it is not evaluated: SQLite refuses one that is no column.
  defp call(function, source, column, arguments) do
    table = table(function, source)
    position = position(function, source, column)
    arguments = [table, position | Enum.map(arguments, &parameter/1)]
    call = "#{function}(#{Enum.map_join(arguments, ", ", fn _ -> "?" end)})"

    if is_atom(column) do
      field = quote(do: field(unquote(source), unquote(column)))
      fragment("CASE WHEN 0 THEN ? ELSE #{call} END", [field | arguments])
    else
      fragment(call, arguments)
    end
  end

  defp fragment(sql, arguments),
    do: quote(do: fragment(unquote(sql), unquote_splicing(arguments)))

  # The adapter writes what looks the position up.
  defp position(_function, source, column)
       when is_atom(column) and column not in [nil, true, false],
       do: fragment("fts5_column(?)", [quote(do: field(unquote(source), unquote(column)))])

  defp position(_function, _source, column) when is_integer(column), do: parameter(column)

  defp position(_function, _source, {:-, _, [column]}) when is_integer(column),
    do: parameter(-column)

  defp position(_function, _source, {:^, _, [_]} = column), do: column

  defp position(function, _source, other),
    do: refuse!("#{function}: a column is an atom, its position, or interpolated", other)

  defp parameter(literal) when is_binary(literal) or is_integer(literal),
    do: quote(do: ^unquote(literal))

  defp parameter(other), do: other

  # The adapter writes the hidden column that stands for the whole table.
  defp table(function, source), do: fragment("fts5_table(?)", [binding!(function, source)])

  defp binding!(_function, {name, _, context} = binding) when is_atom(name) and is_atom(context),
    do: binding

  defp binding!(function, other),
    do: refuse!("#{function} takes a binding of an FTS5 table", other)

  @spec refuse!(String.t(), Macro.t()) :: no_return()
  defp refuse!(reason, code),
    do: raise(ArgumentError, "#{reason}; got: #{Macro.to_string(code)}")
end
