if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.SQL.Numbered do
    @moduledoc false
    # What SQLite can only say with numbered rows: `distinct: [columns]` (the first row of each
    # group) and `limit` `with_ties`. The query numbers its rows with window functions, and the
    # query around it picks by the numbers.

    alias Ecto.Adapters.LibSql.SQL.{Combination, CTE, Expression, Name, Ordering}
    alias Ecto.Adapters.LibSql.SQL.{Query, QueryError, Scope, Select}

    @spec needed?(Ecto.Query.t()) :: boolean()
    def needed?(query), do: distinct_on?(query) or with_ties?(query)

    defp distinct_on?(%{distinct: %{expr: [_ | _]}}), do: true
    defp distinct_on?(_query), do: false

    defp with_ties?(%{limit: %{with_ties: true}}), do: true
    defp with_ties?(_query), do: false

    @spec select(Scope.t()) :: iodata()
    def select(%Scope{query: query} = scope) do
      if with_ties?(query), do: with_ties(scope), else: distinct_on(scope)
    end

    ## distinct: [columns]

    # As in DISTINCT ON, the rows are ordered by the distinct columns first.
    defp distinct_on(%Scope{query: query} = scope) do
      distinct = query.distinct.expr
      groups = distinct |> Keyword.values() |> Ordering.groups(scope)
      partition = ["PARTITION BY " | groups]

      case {query.combinations, merge(distinct, order_terms(query))} do
        {[], [_ | _] = terms} when query.order_bys != [] ->
          order = ["ORDER BY " | Ordering.terms(terms, scope)]
          numbers = [{"pick", numbering([partition, ?\s | order])}, {"place", numbering(order)}]
          picked = outer(scope, numbers, ~s("pick" = 1))
          [CTE.with(scope), picked, ~s( ORDER BY "place") | limits(scope)]

        {_combinations, _terms} ->
          picked = outer(scope, [{"pick", numbering(partition)}], ~s("pick" = 1))

          [
            CTE.with(scope),
            Combination.combine(picked, scope),
            Combination.order_by(scope) | limits(scope)
          ]
      end
    end

    defp order_terms(query), do: Enum.flat_map(query.order_bys, & &1.expr)

    defp merge([term | left], [term | right]), do: [term | merge(left, right)]
    defp merge(left, right), do: left ++ right

    ## limit with_ties

    defp with_ties(%Scope{query: query} = scope) do
      check_with_ties!(scope)
      order = ["ORDER BY " | query |> order_terms() |> Ordering.terms(scope)]
      numbers = [{"rank", ["rank() OVER (", order, ?)]}, {"place", numbering(order)}]
      limit = Expression.operand(query.limit.expr, scope)

      picked =
        case query.offset do
          nil ->
            [~s("rank" <= ) | limit]

          %{expr: offset} ->
            offset = Expression.operand(offset, scope)
            [~s("rank" <= ), limit, " + ", offset, ~s( AND "place" > ) | offset]
        end

      [CTE.with(scope), outer(scope, numbers, picked) | ~s( ORDER BY "place")]
    end

    defp check_with_ties!(%Scope{query: query} = scope) do
      cond do
        order_terms(query) == [] ->
          QueryError.raise_error(scope, "limit with_ties needs an order_by")

        query.combinations != [] or
            match?(%{expr: distinct} when distinct != false, query.distinct) ->
          QueryError.raise_error(
            scope,
            "limit with_ties of a combination or a distinct query is not supported: " <>
              "put that query into a subquery"
          )

        true ->
          :ok
      end
    end

    ## Both

    defp numbering(window), do: ["row_number() OVER (", window, ?)]

    defp outer(%Scope{query: query} = scope, numbers, picked) do
      fields = query |> fields() |> Enum.with_index()

      outer =
        Enum.map_intersperse(fields, ", ", fn {field, ix} ->
          named(ix, Select.result_name(field, scope))
        end)

      inner =
        Enum.map(fields, fn {field, ix} ->
          {value, _name} = Select.column(field, scope)
          [value, " AS " | column(ix)]
        end)

      numbers = Enum.map(numbers, fn {name, sql} -> [sql, " AS " | Name.quote_name(name)] end)

      [
        "SELECT ",
        outer,
        " FROM (SELECT ",
        Enum.intersperse(inner ++ numbers, ", "),
        Query.body(scope),
        ") WHERE " | picked
      ]
    end

    defp fields(%{select: %{fields: []}}), do: [1]
    defp fields(%{select: %{fields: fields}}), do: fields

    defp named(ix, nil), do: column(ix)
    defp named(ix, name), do: [column(ix), " AS " | Name.quote_name(name)]

    defp column(ix), do: [?", ?c, Integer.to_string(ix), ?"]

    defp limits(scope), do: [Query.limit(scope) | Query.offset(scope)]
  end
end
