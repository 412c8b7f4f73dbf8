if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.SQL.Comparison do
    @moduledoc false
    # `==`, `<` and the others, where the types of the two sides say how to compare: decimals as
    # numbers, times in one precision, JSON's booleans as such.

    alias Ecto.Adapters.LibSql.SQL.{Decimals, Expression, ExprType, Json, QueryError, Scope}
    alias Ecto.Adapters.LibSql.SQL.{Quantifier, Temporal}

    @type op :: :== | :!= | :< | :> | :<= | :>=

    @spec expr(op(), term(), term(), Scope.t()) :: iodata()
    def expr(op, left, {quantifier, _, [%Ecto.SubQuery{} = subquery]}, scope)
        when quantifier in [:any, :all],
        do: Quantifier.expr(op, left, quantifier, subquery, scope)

    def expr(op, {:json_extract_path, _, [json, path]}, boolean, scope)
        when op in [:==, :!=] and is_boolean(boolean),
        do: json_boolean(op, json, path, boolean, scope)

    def expr(op, boolean, {:json_extract_path, _, [json, path]}, scope)
        when op in [:==, :!=] and is_boolean(boolean),
        do: json_boolean(op, json, path, boolean, scope)

    def expr(op, {:{}, _, lefts} = left, {:{}, _, rights} = right, scope) do
      if Enum.any?(lefts ++ rights, &(ExprType.of(&1, scope) == :decimal)) do
        QueryError.raise_error(
          scope,
          "decimals in a comparison of tuples are not supported: compare them one by one"
        )
      end

      [Expression.expr(left, scope), sign(op) | Expression.expr(right, scope)]
    end

    def expr(op, left, right, scope) do
      types = Temporal.types(left, right, {ExprType.of(left, scope), ExprType.of(right, scope)})

      cond do
        :decimal in Tuple.to_list(types) ->
          [Decimals.compare(left, right, scope), sign(op), ?0]

        json?(types) ->
          [json(left, scope), sign(op) | json(right, scope)]

        Temporal.convert?(left, right, types) ->
          {left, right} = Temporal.operands(left, right, types, scope)
          [left, sign(op) | right]

        true ->
          [Expression.operand(left, scope), sign(op) | Expression.operand(right, scope)]
      end
    end

    @doc "How SQL spells the comparison, with a space on either side."
    @spec sign(op()) :: String.t()
    def sign(:==), do: " = "
    def sign(:!=), do: " != "
    def sign(:<), do: " < "
    def sign(:>), do: " > "
    def sign(:<=), do: " <= "
    def sign(:>=), do: " >= "

    # 1 is not true in JSON.
    defp json_boolean(op, json, path, boolean, scope),
      do: [Json.type(json, path, scope), sign(op), ?', Atom.to_string(boolean), ?']

    # Either side may be text or JSONB.
    defp json?({left, right}), do: json_type?(left) or json_type?(right)

    defp json_type?({kind, _}) when kind in [:array, :map], do: true
    defp json_type?(type), do: type == :map

    defp json(expr, scope), do: ["json(", Expression.expr(expr, scope), ?)]
  end
end
