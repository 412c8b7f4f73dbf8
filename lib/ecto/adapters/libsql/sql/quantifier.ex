if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.SQL.Quantifier do
    @moduledoc false
    # `x > any(subquery)` and `x > all(subquery)`, which SQLite does not have: IN and NOT IN where
    # they mean the same, else the comparison with each row, counted. As in the standard, the result
    # is NULL if a comparison with NULL leaves it open.

    alias Ecto.Adapters.LibSql.SQL.{Comparison, ExprType, Membership, Query, Scope, Subquery}
    alias Ecto.Adapters.LibSql.SQL.{Decimals, Expression, Temporal}

    @spec expr(Comparison.op(), term(), :any | :all, Ecto.SubQuery.t(), Scope.t()) :: iodata()
    def expr(:==, left, :any, subquery, scope), do: Membership.expr(left, subquery, scope)

    def expr(:!=, left, :all, subquery, scope),
      do: ["NOT (", Membership.expr(left, subquery, scope), ?)]

    def expr(op, left, quantifier, %Ecto.SubQuery{query: query} = subquery, scope) do
      {aggregate, decided, otherwise} = decision(quantifier)
      rows = query |> Subquery.name_column(:value) |> then(&Query.select(Scope.child(scope, &1)))

      [
        "(SELECT CASE WHEN #{aggregate}(\"holds\") = #{decided} THEN #{decided} ",
        "WHEN count(*) > count(\"holds\") THEN NULL ELSE #{otherwise} END FROM (SELECT ",
        compare(op, left, subquery, scope),
        ~s( AS "holds" FROM (),
        rows,
        ~s[) AS "rows"))]
      ]
    end

    defp decision(:any), do: {"max", 1, 0}
    defp decision(:all), do: {"min", 0, 1}

    @value ~s("rows"."value")

    defp compare(op, left, subquery, scope) do
      types = {ExprType.of(left, scope), ExprType.of(subquery, scope)}

      if :decimal in Tuple.to_list(types) do
        left = Decimals.operand(left, scope)
        ["ecto_decimal_cmp(", left, ", ", @value, ?), Comparison.sign(op), ?0]
      else
        {left, value} = one_type(Expression.operand(left, scope), types)
        [left, Comparison.sign(op) | value]
      end
    end

    defp one_type(left, {left_type, type}) do
      if Temporal.temporal?(left_type) and Temporal.temporal?(type) do
        common = Temporal.common(left_type, type)
        {Temporal.convert(left, left_type, common), Temporal.convert(@value, type, common)}
      else
        {left, @value}
      end
    end
  end
end
