if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.SQL.Arithmetic do
    @moduledoc false
    # `+`, `-`, `*`, `/`.

    alias Ecto.Adapters.LibSql.SQL.{Decimals, Expression, ExprType, Scope}

    @spec expr(:+ | :- | :* | :/, term(), term(), Scope.t()) :: iodata()
    def expr(op, left, right, scope) do
      if :decimal in [ExprType.of(left, scope), ExprType.of(right, scope)] do
        Decimals.arithmetic(op, left, right, scope)
      else
        [
          Expression.operand(left, scope),
          ?\s,
          Atom.to_string(op),
          ?\s | Expression.operand(right, scope)
        ]
      end
    end

    @spec negation(term(), Scope.t()) :: iodata()
    def negation(value, scope) do
      if ExprType.of(value, scope) == :decimal,
        do: Decimals.arithmetic(:-, 0, value, scope),
        else: ["-(", Expression.expr(value, scope), ?)]
    end
  end
end
