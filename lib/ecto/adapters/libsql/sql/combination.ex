if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.SQL.Combination do
    @moduledoc false
    # UNION, INTERSECT, EXCEPT, applied one after the other.
    #
    # SQLite has no parentheses around the queries of a combination: one that has an order, a limit,
    # CTEs or combinations of its own becomes a subselect. Nor has it EXCEPT ALL and INTERSECT ALL:
    # there the equal rows of each side are numbered, and the rows compared with their numbers.

    alias Ecto.Adapters.LibSql.SQL.{Collation, Name, Numbered, Ordering, Query, QueryError}
    alias Ecto.Adapters.LibSql.SQL.{Scope, Select}

    @counted [except_all: " EXCEPT ", intersect_all: " INTERSECT "]

    @doc "The SELECT, without order and limit, combined with the others of its query."
    @spec combine(iodata(), Scope.t()) :: iodata()
    def combine(select, %Scope{query: %{combinations: combinations}} = scope) do
      Enum.reduce(combinations, select, fn {kind, query}, left ->
        right = member(Scope.sibling(scope, query))
        combine(kind, left, right, scope)
      end)
    end

    defp combine(kind, left, right, scope) do
      case Keyword.fetch(@counted, kind) do
        {:ok, word} -> counted(word, left, right, scope)
        :error -> [left, word(kind) | right]
      end
    end

    defp word(:union), do: " UNION "
    defp word(:union_all), do: " UNION ALL "
    defp word(:except), do: " EXCEPT "
    defp word(:intersect), do: " INTERSECT "

    defp member(%Scope{query: query} = scope) do
      if simple?(query),
        do: Query.select(scope),
        else: ["SELECT * FROM (", Query.select(scope), ?)]
    end

    defp simple?(query) do
      match?(%{order_bys: [], limit: nil, offset: nil, combinations: [], with_ctes: nil}, query) and
        not Numbered.needed?(query)
    end

    defp counted(word, left, right, %Scope{query: %{select: %{fields: fields}}} = scope) do
      columns = for ix <- 1..length(fields), do: [?", ?c, Integer.to_string(ix), ?"]
      list = Enum.intersperse(columns, ", ")

      compared =
        for {field, column} <- Enum.zip(fields, columns),
            do: [column | field |> Select.expression() |> Collation.of(scope)]

      selected =
        compared
        |> Enum.zip(columns)
        |> Enum.map(fn {value, column} -> [value, " AS " | column] end)

      named =
        fields
        |> Enum.zip(columns)
        |> Enum.map_intersperse(", ", fn {field, column} ->
          named(column, Select.result_name(field, scope))
        end)

      numbered = [
        ["SELECT ", Enum.intersperse(selected, ", "), ", row_number() OVER (PARTITION BY "],
        [Enum.intersperse(compared, ", "), ") FROM "]
      ]

      [
        ["SELECT ", named, ~s[ FROM (WITH "(left)" (], list, ") AS (", left],
        [~s[), "(right)" (], list, ") AS (", right, ") "],
        [numbered, ~s["(left)"], word, numbered, ~s["(right)")]]
      ]
    end

    defp named(column, nil), do: column
    defp named(column, name), do: [column, " AS " | Name.quote_name(name)]

    @doc "ORDER BY of the whole."
    @spec order_by(Scope.t()) :: iodata()
    def order_by(%Scope{query: %{combinations: combinations}} = scope) do
      if Enum.any?(combinations, fn {kind, _query} -> Keyword.has_key?(@counted, kind) end),
        do: order_by_position(scope),
        else: Ordering.order_by(scope)
    end

    # The sources are out of sight there, the columns of the result are not.
    defp order_by_position(%Scope{query: query} = scope) do
      fields = Enum.map(query.select.fields, &bare/1)

      case Enum.flat_map(query.order_bys, & &1.expr) do
        [] ->
          []

        terms ->
          positions =
            Enum.map_intersperse(terms, ", ", fn {direction, expr} ->
              [position(expr, fields, scope) | Ordering.direction(direction)]
            end)

          [" ORDER BY " | positions]
      end
    end

    defp position({:selected_as, _, [name]}, _fields, _scope), do: Name.quote_name(name)

    defp position(expr, fields, scope) do
      case Enum.find_index(fields, &(&1 == bare(expr))) do
        nil ->
          QueryError.raise_error(
            scope,
            "a combination with except_all or intersect_all can only be ordered by what it selects"
          )

        ix ->
          Integer.to_string(ix + 1)
      end
    end

    # Without what the planner notes on fields in a select.
    defp bare(field) do
      Macro.prewalk(Select.expression(field), fn
        {:., _meta, args} -> {:., [], args}
        other -> other
      end)
    end
  end
end
