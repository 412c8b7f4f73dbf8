if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.SQL.Connective do
    @moduledoc false
    # AND and OR. SQLite reads a chain of them as a tree as deep as the chain is long, of which it
    # takes 1000 levels: a long chain is written as a balanced tree.

    alias Ecto.Adapters.LibSql.SQL.{Expression, Scope}

    @long 100

    @doc "The conditions that the operator connects."
    @spec expr(:and | :or, term(), Scope.t()) :: iodata()
    def expr(op, {op, _, [left, right]} = expr, scope) do
      case chain(op, expr, []) do
        [_, _ | _] = parts when length(parts) > @long ->
          parts |> Enum.map(&Expression.operand(&1, scope)) |> connect(op)

        _short ->
          [Expression.operand(left, scope), word(op) | Expression.operand(right, scope)]
      end
    end

    @doc "Written conditions, connected."
    @spec connect([iodata()], :and | :or) :: iodata()
    def connect(parts, op) do
      if length(parts) > @long,
        do: balanced(parts, length(parts), word(op)),
        else: Enum.intersperse(parts, word(op))
    end

    defp balanced([part], 1, _word), do: part

    defp balanced(parts, count, word) do
      half = div(count, 2)
      {left, right} = Enum.split(parts, half)
      [?(, balanced(left, half, word), word, balanced(right, count - half, word), ?)]
    end

    defp chain(op, {op, _, [left, right]}, parts), do: chain(op, left, chain(op, right, parts))
    defp chain(_op, part, parts), do: [part | parts]

    defp word(:and), do: " AND "
    defp word(:or), do: " OR "
  end
end
