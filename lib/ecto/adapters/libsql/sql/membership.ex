if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.SQL.Membership do
    @moduledoc false
    # `in`: a list, an interpolated list, a subquery, or an array that is stored as JSON.

    alias Ecto.Adapters.LibSql.SQL.{Array, Collation, Decimals, Expression, ExprType, Fragment}
    alias Ecto.Adapters.LibSql.SQL.{QueryError, Scope, Subquery, Temporal}
    alias Ecto.Adapters.LibSql.Types.Json

    @spec expr(term(), term(), Scope.t()) :: iodata()
    def expr(left, right, scope)

    # As one parameter for each element.
    def expr(left, {:^, _, [ix, length]}, scope),
      do: [left(left, [], scope), " IN (", Scope.parameters(scope, ix, length), ?)]

    def expr(left, %Ecto.SubQuery{} = subquery, scope) do
      check_times!(left, [subquery], scope)
      [left(left, [subquery], scope), " IN " | Subquery.expr(subquery, scope)]
    end

    def expr(left, list, scope) when is_list(list) do
      check_times!(left, list, scope)

      elements =
        if decimal?([left | list], scope),
          do: Enum.map_intersperse(list, ", ", &Decimals.text(&1, scope)),
          else: Expression.list(list, scope)

      [left(left, list, scope), " IN (", elements, ?)]
    end

    def expr(left, {:json, json}, scope) do
      check_literals!(ExprType.of(left, scope), scope)
      expr(left, json |> Json.decode() |> elem(1), scope)
    end

    def expr(left, %Ecto.Query.Tagged{value: list}, scope) when is_list(list),
      do: expr(left, list, scope)

    def expr(left, {:fragment, _, parts} = fragment, scope) do
      if Fragment.select?(parts),
        do: [left(left, [], scope), " IN " | Expression.expr(fragment, scope)],
        else: array(left, fragment, scope)
    end

    def expr(left, array, scope), do: array(left, array, scope)

    # NULL, not false, if the array is NULL: `not` would turn false into true.
    defp array(left, array, scope) do
      {type, collation} =
        case ExprType.of(array, scope) do
          {:array, :decimal} -> {:decimal, Collation.decimal()}
          {:array, type} -> {type, Collation.of(left, scope)}
          _ -> {ExprType.of(left, scope), Collation.of(left, scope)}
        end

      array = Expression.operand(array, scope)
      left = left |> Expression.operand(scope) |> Array.as_element(type)

      [
        [?(, left, collation, " IN (SELECT value FROM json_each("],
        [array, ")) OR (", array, " IS NULL AND NULL))"]
      ]
    end

    # IN compares by the collation of its left side.
    defp left(left, others, scope) do
      if decimal?([left | others], scope),
        do: [Expression.operand(left, scope) | Collation.decimal()],
        else: Expression.operand(left, scope)
    end

    defp decimal?(exprs, scope), do: Enum.any?(exprs, &(ExprType.of(&1, scope) == :decimal))

    # Texts of two widths are never equal.
    defp check_times!(left, others, scope) do
      types = [left | others] |> Enum.map(&ExprType.of(&1, scope)) |> Enum.uniq()

      if Temporal.mixed?(types) do
        QueryError.raise_error(
          scope,
          "`in` with dates or times of different types (#{Enum.map_join(types, ", ", &inspect/1)}) " <>
            "is not supported: convert them with type/2"
        )
      end
    end

    # The literals went through JSON, which has no form for these.
    defp check_literals!(type, scope) when type in [:binary, :binary_id, :uuid, :bitstring] do
      QueryError.raise_error(
        scope,
        "literals of type #{inspect(type)} on the right of `in` are not supported: " <>
          "interpolate the list with ^"
      )
    end

    defp check_literals!(_type, _scope), do: :ok
  end
end
