if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.SQL.Changes do
    @moduledoc false
    # SET: the updates of a query.

    alias Ecto.Adapters.LibSql.SQL.{Arithmetic, Array, Assignment, ExprType, Name}
    alias Ecto.Adapters.LibSql.SQL.{QueryError, Scope}

    @spec set(Scope.t()) :: iodata()
    def set(%Scope{query: %{updates: updates}} = scope) do
      changes =
        for %{expr: expr} <- updates, {op, fields} <- expr, {field, value} <- fields do
          [Name.quote_name(field), " = " | value(op, field, value, scope)]
        end

      Enum.intersperse(changes, ", ")
    end

    defp value(:set, field, value, scope), do: Assignment.expr(type(field, scope), value, scope)
    defp value(:inc, field, value, scope), do: Arithmetic.expr(:+, column(field), value, scope)

    defp value(:push, field, value, scope),
      do: Array.push(Scope.column(scope, 0, field), value, type(field, scope), scope)

    defp value(:pull, field, value, scope),
      do: Array.pull(Scope.column(scope, 0, field), value, type(field, scope), scope)

    defp value(op, _field, _value, scope),
      do: QueryError.raise_error(scope, "unknown update operation #{inspect(op)}")

    defp type(field, scope), do: ExprType.source(scope, 0, field)

    defp column(field), do: {{:., [], [{:&, [], [0]}, field]}, [], []}
  end
end
