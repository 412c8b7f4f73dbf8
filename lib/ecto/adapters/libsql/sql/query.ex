if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.SQL.Query do
    @moduledoc false
    # SELECT: the clauses of a query in SQLite's order.

    alias Ecto.Adapters.LibSql.SQL.{Combination, Condition, CTE, Lock, Numbered, Ordering}
    alias Ecto.Adapters.LibSql.SQL.{Expression, QueryError, Scope, Select, Source, Window}

    @doc "A whole query, whose columns go to Ecto."
    @spec all(Ecto.Query.t()) :: iodata()
    def all(%Ecto.Query{} = query), do: query |> Scope.new(outermost?: true) |> select()

    @doc "A query in its scope, without parentheses."
    @spec select(Scope.t()) :: iodata()
    def select(%Scope{query: query} = scope) do
      Lock.check!(scope)

      if Numbered.needed?(query),
        do: Numbered.select(scope),
        else: plain(scope)
    end

    defp plain(%Scope{query: query} = scope) do
      select = ["SELECT ", distinct(query.distinct, scope), Select.fields(scope), body(scope)]

      [
        CTE.with(scope),
        Combination.combine(select, scope),
        Combination.order_by(scope),
        limit(scope) | offset(scope)
      ]
    end

    @doc "What stands between the columns of a SELECT and its order."
    @spec body(Scope.t()) :: iodata()
    def body(%Scope{query: query} = scope) do
      [
        Source.from(scope),
        Source.joins(scope),
        Condition.where(query.wheres, scope),
        Ordering.group_by(scope),
        Condition.having(query.havings, scope) | Window.windows(scope)
      ]
    end

    # A list is Numbered's.
    defp distinct(%{expr: true}, _scope), do: "DISTINCT "
    defp distinct(%{expr: false}, _scope), do: []
    defp distinct(%{expr: []}, _scope), do: []
    defp distinct(nil, _scope), do: []

    defp distinct(other, scope),
      do: QueryError.raise_error(scope, "unsupported distinct: #{inspect(other)}")

    # SQLite has no OFFSET without LIMIT.
    @spec limit(Scope.t()) :: iodata()
    def limit(%Scope{query: %{limit: nil, offset: nil}}), do: []
    def limit(%Scope{query: %{limit: nil}}), do: " LIMIT -1"
    def limit(%Scope{query: %{limit: limit}} = scope), do: [" LIMIT " | value(limit, scope)]

    @spec offset(Scope.t()) :: iodata()
    def offset(%Scope{query: %{offset: nil}}), do: []
    def offset(%Scope{query: %{offset: offset}} = scope), do: [" OFFSET " | value(offset, scope)]

    defp value(%{expr: expr}, scope), do: Expression.expr(expr, scope)
  end
end
