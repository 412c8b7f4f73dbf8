if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.SQL.Combination do
    @moduledoc false
    # UNION, INTERSECT, EXCEPT, applied one after the other.
    #
    # SQLite has no parentheses around the queries of a combination: one that has an order, a limit,
    # CTEs or combinations of its own becomes a subselect.

    alias Ecto.Adapters.LibSql.SQL.{Numbered, Query, QueryError, Scope}

    @spec combinations(Scope.t()) :: iodata()
    def combinations(%Scope{query: %{combinations: combinations}} = scope) do
      Enum.map(combinations, fn {kind, query} ->
        [word(kind, scope) | member(Scope.sibling(scope, query))]
      end)
    end

    defp word(:union, _scope), do: " UNION "
    defp word(:union_all, _scope), do: " UNION ALL "
    defp word(:except, _scope), do: " EXCEPT "
    defp word(:intersect, _scope), do: " INTERSECT "

    defp word(kind, scope),
      do: QueryError.raise_error(scope, "SQLite has no #{inspect(kind)}, only #{set(kind)}")

    defp set(:except_all), do: ":except"
    defp set(:intersect_all), do: ":intersect"

    defp member(%Scope{query: query} = scope) do
      if simple?(query),
        do: Query.select(scope),
        else: ["SELECT * FROM (", Query.select(scope), ?)]
    end

    defp simple?(query) do
      match?(%{order_bys: [], limit: nil, offset: nil, combinations: [], with_ctes: nil}, query) and
        not Numbered.needed?(query)
    end
  end
end
