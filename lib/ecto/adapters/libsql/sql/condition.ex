if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.SQL.Condition do
    @moduledoc false
    # WHERE and HAVING: several conditions, each added with `and` or with `or` to those before it.

    alias Ecto.Adapters.LibSql.SQL.{Connective, Expression, Scope}

    @spec where([%{op: :and | :or, expr: term()}], Scope.t()) :: iodata()
    def where([], _scope), do: []
    def where(wheres, scope), do: [" WHERE " | conditions(wheres, scope)]

    @spec having([%{op: :and | :or, expr: term()}], Scope.t()) :: iodata()
    def having([], _scope), do: []
    def having(havings, scope), do: [" HAVING " | conditions(havings, scope)]

    @doc "The conditions as one, `nil` if there are none."
    @spec conditions([%{op: :and | :or, expr: term()}], Scope.t()) :: iodata() | nil
    def conditions([], _scope), do: nil

    # A run of one operator is one chain, and what was there before another operator is one part.
    def conditions([%{op: first} | _] = conditions, scope) do
      {op, parts} =
        Enum.reduce(conditions, {first, []}, fn
          %{op: op, expr: expr}, {op, parts} ->
            {op, [parens(expr, scope) | parts]}

          %{op: op, expr: expr}, {last, parts} ->
            {op, [parens(expr, scope), [group(last, parts)]]}
        end)

      connect(op, parts)
    end

    defp group(op, parts), do: [?(, connect(op, parts), ?)]
    defp connect(op, parts), do: parts |> Enum.reverse() |> Connective.connect(op)

    @doc "The parts that are there, joined with AND."
    @spec all_of([iodata() | nil]) :: iodata()
    def all_of(parts) do
      parts
      |> Enum.reject(&is_nil/1)
      |> Enum.map_intersperse(" AND ", &[?(, &1, ?)])
    end

    defp parens(expr, scope), do: [?(, Expression.expr(expr, scope), ?)]
  end
end
