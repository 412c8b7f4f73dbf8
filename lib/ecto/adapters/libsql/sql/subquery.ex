if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.SQL.Subquery do
    @moduledoc false
    # Subqueries in expressions.

    alias Ecto.Adapters.LibSql.SQL.{Query, Scope, Select}

    @spec expr(Ecto.SubQuery.t(), Scope.t()) :: iodata()
    def expr(%Ecto.SubQuery{query: query}, scope),
      do: [?(, Query.select(Scope.child(scope, query)), ?)]

    @spec exists(Ecto.SubQuery.t(), Scope.t()) :: iodata()
    def exists(subquery, scope), do: ["EXISTS " | expr(subquery, scope)]

    @doc "The subquery with its only column called by the name."
    @spec name_column(Ecto.Query.t(), atom()) :: Ecto.Query.t()
    def name_column(query, name) do
      update_in(query.select.fields, fn [field] -> [{name, Select.expression(field)}] end)
    end
  end
end
