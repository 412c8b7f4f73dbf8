if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.SQL.Decimals do
    @moduledoc false
    # Decimals are stored as exact text, and computed and compared by functions that the driver
    # registers: SQLite's own arithmetic would take them for floats.

    alias Ecto.Adapters.LibSql.SQL.{Expression, ExprType, Literal, Scope}

    @functions [
      +: "ecto_decimal_add(",
      -: "ecto_decimal_sub(",
      *: "ecto_decimal_mul(",
      /: "ecto_decimal_div("
    ]
    @aggregates [
      sum: "ecto_decimal_sum(",
      avg: "ecto_decimal_avg(",
      min: "ecto_decimal_min(",
      max: "ecto_decimal_max("
    ]

    @doc "-1, 0 or 1, or NULL."
    @spec compare(term(), term(), Scope.t()) :: iodata()
    def compare(left, right, scope),
      do: ["ecto_decimal_cmp(", operand(left, scope), ", ", operand(right, scope), ?)]

    @spec arithmetic(:+ | :- | :* | :/, term(), term(), Scope.t()) :: iodata()
    def arithmetic(op, left, right, scope),
      do: [@functions[op], operand(left, scope), ", ", operand(right, scope), ?)]

    @doc "The beginning of an aggregate's call, `nil` for one that decimals need no other for."
    @spec aggregate(atom()) :: String.t() | nil
    def aggregate(fun), do: @aggregates[fun]

    @doc "A literal number is written as the text that a decimal is stored as, digit by digit."
    @spec operand(term(), Scope.t()) :: iodata()
    def operand(number, _scope) when is_number(number),
      do: number |> Literal.decimal() |> Literal.text()

    def operand(%Ecto.Query.Tagged{value: number, type: :decimal}, scope) when is_number(number),
      do: operand(number, scope)

    def operand(expr, scope), do: Expression.expr(expr, scope)

    @doc "An expression as the text that a decimal is stored as, also where it is another number."
    @spec text(term(), Scope.t()) :: iodata()
    def text(expr, scope) do
      sql = operand(expr, scope)

      if is_number(expr) or is_nil(expr) or ExprType.of(expr, scope) == :decimal,
        do: sql,
        else: ["CAST(", sql, " AS TEXT)"]
    end
  end
end
