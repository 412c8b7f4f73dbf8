if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.SQL.Condition do
    @moduledoc false
    # WHERE and HAVING: several conditions, each added with `and` or with `or` to those before it.

    alias Ecto.Adapters.LibSql.SQL.{Expression, Scope}

    @spec where([%{op: :and | :or, expr: term()}], Scope.t()) :: iodata()
    def where([], _scope), do: []
    def where(wheres, scope), do: [" WHERE " | conditions(wheres, scope)]

    @spec having([%{op: :and | :or, expr: term()}], Scope.t()) :: iodata()
    def having([], _scope), do: []
    def having(havings, scope), do: [" HAVING " | conditions(havings, scope)]

    @doc "The conditions as one, `nil` if there are none."
    @spec conditions([%{op: :and | :or, expr: term()}], Scope.t()) :: iodata() | nil
    def conditions([], _scope), do: nil

    def conditions([%{expr: expr, op: op} | rest], scope) do
      {_op, sql} =
        Enum.reduce(rest, {op, parens(expr, scope)}, fn
          %{expr: expr, op: op}, {op, acc} -> {op, [acc, word(op) | parens(expr, scope)]}
          %{expr: expr, op: op}, {_, acc} -> {op, [?(, acc, ?), word(op) | parens(expr, scope)]}
        end)

      sql
    end

    @doc "The parts that are there, joined with AND."
    @spec all_of([iodata() | nil]) :: iodata()
    def all_of(parts) do
      parts
      |> Enum.reject(&is_nil/1)
      |> Enum.map_intersperse(" AND ", &[?(, &1, ?)])
    end

    defp parens(expr, scope), do: [?(, Expression.expr(expr, scope), ?)]

    defp word(:and), do: " AND "
    defp word(:or), do: " OR "
  end
end
