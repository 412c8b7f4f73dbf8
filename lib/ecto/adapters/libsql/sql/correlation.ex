if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.SQL.Correlation do
    @moduledoc false
    # What can be read off a normalized query: whether it refers to a query around it, and which
    # parameter is its first.

    @doc "Whether something in the query is `parent_as` of a query outside of it."
    @spec correlated?(Ecto.Query.t()) :: boolean()
    def correlated?(query), do: outside?(query, [])

    defp outside?(query, known) do
      known = Map.keys(query.aliases) ++ known

      query
      |> terms()
      |> reduce(false, fn
        {:parent_as, _, [as]}, found? -> found? or as not in known
        %Ecto.SubQuery{query: inner}, found? -> found? or outside?(inner, known)
        _term, found? -> found?
      end)
    end

    @doc "The lowest index of a parameter, `nil` without any."
    @spec first_parameter(Ecto.Query.t()) :: non_neg_integer() | nil
    def first_parameter(query) do
      query
      |> terms()
      |> reduce(nil, fn
        {:^, _, [ix | _]}, first when is_integer(ix) -> min(ix, first)
        {:values, _, [_types, ix, _rows]}, first -> min(ix, first)
        %Ecto.SubQuery{query: inner}, first -> least(first_parameter(inner), first)
        _term, first -> first
      end)
    end

    # An atom is more than any integer.
    defp least(nil, first), do: first
    defp least(ix, first), do: min(ix, first)

    # The normalized parts: other fields, such as the sources, hold numbers of their own.
    defp terms(query) do
      exprs =
        [query.distinct, query.limit, query.offset] ++
          query.wheres ++
          query.group_bys ++
          query.havings ++ query.order_bys ++ query.updates ++ Keyword.values(query.windows)

      ctes = if query.with_ctes, do: query.with_ctes.queries, else: []

      [
        for(%{expr: expr} <- exprs, do: expr),
        query.select && query.select.fields,
        query.from && query.from.source,
        for(%{source: source, on: on} <- query.joins, do: [source, on.expr]),
        for({_kind, combined} <- query.combinations, do: terms(combined)),
        for({_name, _opts, cte} <- ctes, do: cte(cte))
      ]
    end

    defp cte(%Ecto.Query{} = query), do: terms(query)
    defp cte(%{expr: expr}), do: expr

    defp reduce(%Ecto.Query.Tagged{value: value}, acc, fun), do: reduce(value, acc, fun)
    defp reduce(%_{} = struct, acc, fun), do: fun.(struct, acc)
    defp reduce([head | tail], acc, fun), do: reduce(tail, reduce(head, acc, fun), fun)

    defp reduce(tuple, acc, fun) when is_tuple(tuple),
      do: tuple |> Tuple.to_list() |> reduce(fun.(tuple, acc), fun)

    defp reduce(_term, acc, _fun), do: acc
  end
end
