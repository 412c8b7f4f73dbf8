if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.SQL.Aggregate do
    @moduledoc false
    # Function calls: those that Ecto's query language has, and no other.

    alias Ecto.Adapters.LibSql.SQL.{Collation, Decimals, Expression, ExprType, QueryError, Scope}

    # Name and arities.
    @functions %{
      count: [1],
      sum: [1],
      avg: [1],
      min: [1],
      max: [1],
      row_number: [0],
      rank: [0],
      dense_rank: [0],
      percent_rank: [0],
      cume_dist: [0],
      ntile: [1],
      first_value: [1],
      last_value: [1],
      nth_value: [2],
      lag: [1, 2, 3],
      lead: [1, 2, 3]
    }

    @spec expr(atom(), [term()], Scope.t()) :: iodata()
    def expr(:count, [], _scope), do: "count(*)"

    # All of them as text, since numbers sort before text.
    def expr(:coalesce, [left, right] = args, scope) do
      if :decimal in Enum.map(args, &ExprType.of(&1, scope)) do
        ["coalesce(", Decimals.text(left, scope), ", ", Decimals.text(right, scope), ?)]
      else
        ["coalesce(", Expression.expr(left, scope), ", ", Expression.expr(right, scope), ?)]
      end
    end

    def expr(fun, [value, :distinct], scope) do
      check!(fun, 1, scope)
      [open(fun, value, scope), "DISTINCT ", Collation.collated(value, scope), ?)]
    end

    def expr(fun, [value], scope) do
      check!(fun, 1, scope)
      [open(fun, value, scope), Expression.expr(value, scope), ?)]
    end

    def expr(fun, args, scope) do
      check!(fun, length(args), scope)
      [Atom.to_string(fun), ?(, Expression.list(args, scope), ?)]
    end

    defp open(fun, value, scope) do
      decimal = ExprType.of(value, scope) == :decimal && Decimals.aggregate(fun)
      decimal || [Atom.to_string(fun), ?(]
    end

    defp check!(fun, arity, scope) do
      if arity not in Map.get(@functions, fun, []) do
        QueryError.raise_error(
          scope,
          "unknown function #{fun}/#{arity}: use a fragment for functions that Ecto does not have"
        )
      end
    end
  end
end
