if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.SQL.Source do
    @moduledoc false
    # FROM and the joins: tables, subqueries, fragments, lists of values.

    alias Ecto.Adapters.LibSql.SQL.{Correlation, Expression, Fragment, Name, Query}
    alias Ecto.Adapters.LibSql.SQL.{QueryError, Scope}

    @hint ~r/\A\s*(INDEXED\s+BY\s+("([^"]|"")+"|[\w$]+)|NOT\s+INDEXED)\s*\z/iu

    @spec from(Scope.t()) :: iodata()
    def from(%Scope{query: %{from: %{source: source, hints: hints}}} = scope),
      do: [" FROM " | named(source, 0, hints, scope)]

    @spec joins(Scope.t()) :: iodata()
    def joins(%Scope{query: %{joins: joins}} = scope), do: Enum.map(joins, &join(&1, scope))

    @doc "A source with its alias and hints."
    @spec named(term(), non_neg_integer(), [String.t()], Scope.t()) :: iodata()
    def named(source, ix, hints, scope) do
      [
        source(source, ix, scope),
        " AS ",
        Scope.alias_of(scope, ix) | hints(hints, source, scope)
      ]
    end

    @doc "The hints of a table: which index to use, or that none is."
    @spec hints([String.t()], term(), Scope.t()) :: iodata()
    def hints([], _source, _scope), do: []

    def hints([hint], {table, _}, scope) when is_binary(table) do
      if not (is_binary(hint) and Regex.match?(@hint, hint)) do
        QueryError.raise_error(
          scope,
          ~s(SQLite has no hint #{inspect(hint)}, only "INDEXED BY name" and "NOT INDEXED")
        )
      end

      [?\s | hint]
    end

    def hints([_], _source, scope),
      do: QueryError.raise_error(scope, "only a table takes a hint in SQLite")

    def hints(hints, _source, scope),
      do:
        QueryError.raise_error(scope, "a table takes one hint in SQLite, got: #{inspect(hints)}")

    defp join(%{source: source, ix: ix, qual: qual, hints: hints, on: %{expr: on}}, scope) do
      check_lateral!(qual, source, scope)
      [word(qual), named(source, ix, hints, scope) | on(qual, on, scope)]
    end

    defp word(qual) when qual in [:inner, :inner_lateral], do: " INNER JOIN "
    defp word(qual) when qual in [:left, :left_lateral], do: " LEFT JOIN "
    defp word(qual) when qual in [:cross, :cross_lateral], do: " CROSS JOIN "
    defp word(:right), do: " RIGHT JOIN "
    defp word(:full), do: " FULL JOIN "

    defp on(qual, true, _scope) when qual in [:cross, :cross_lateral], do: []
    defp on(_qual, expr, scope), do: [" ON " | Expression.expr(expr, scope)]

    # A table-valued function may refer to the sources before it, a subquery in FROM may not.
    defp check_lateral!(qual, %Ecto.SubQuery{query: query}, scope)
         when qual in [:inner_lateral, :left_lateral, :cross_lateral] do
      if Correlation.correlated?(query) do
        QueryError.raise_error(
          scope,
          "SQLite has no lateral join of a subquery that refers to its parent (#{inspect(qual)}): " <>
            "only fragments of table-valued functions, such as json_each, can do that"
        )
      end
    end

    defp check_lateral!(_qual, _source, _scope), do: :ok

    defp source(%Ecto.SubQuery{query: query}, _ix, scope),
      do: [?(, Query.select(Scope.child(scope, query)), ?)]

    defp source({:fragment, _, parts}, _ix, scope), do: Fragment.expr(parts, scope)

    defp source({{:fragment, _, parts}, _schema}, _ix, scope), do: Fragment.expr(parts, scope)

    defp source({:values, _, [types, ix, rows]}, _ix, scope), do: values(types, ix, rows, scope)

    defp source({table, _schema}, ix, scope) when is_binary(table), do: Scope.table(scope, ix)

    defp source(other, _ix, scope),
      do: QueryError.raise_error(scope, "unsupported source: #{inspect(other)}")

    # SQLite names the columns of VALUES column1, column2, … and takes no other names for them.
    defp values(types, ix, rows, scope) do
      width = length(types)

      columns =
        types
        |> Enum.with_index(1)
        |> Enum.map_intersperse(", ", fn {{field, _type}, number} ->
          ["column", Integer.to_string(number), " AS " | Name.quote_name(field)]
        end)

      rows =
        Enum.map_intersperse(1..rows//1, ?,, fn row ->
          [?(, Scope.parameters(scope, ix + (row - 1) * width, width), ?)]
        end)

      ["(SELECT ", columns, " FROM (VALUES ", rows, "))"]
    end
  end
end
