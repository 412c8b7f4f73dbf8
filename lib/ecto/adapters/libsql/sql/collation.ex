if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.SQL.Collation do
    @moduledoc false
    # Decimals are stored as text: sorting, grouping and comparing rows need the collation that
    # reads it as numbers.

    alias Ecto.Adapters.LibSql.SQL.{Expression, ExprType, Scope}

    @spec collated(term(), Scope.t()) :: iodata()
    def collated(expr, scope), do: [Expression.operand(expr, scope) | of(expr, scope)]

    @spec of(term(), Scope.t()) :: iodata()
    def of(expr, scope),
      do: if(ExprType.of(expr, scope) == :decimal, do: decimal(), else: [])

    @spec decimal() :: String.t()
    def decimal, do: " COLLATE ECTO_DECIMAL"
  end
end
