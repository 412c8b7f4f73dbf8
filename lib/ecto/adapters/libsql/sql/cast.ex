if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.SQL.Cast do
    @moduledoc false
    # `type/2`, and literals that have a type.

    alias Ecto.Adapters.LibSql.SQL.{Expression, ExprType, Json, Literal, Scope, Temporal}
    alias Ecto.Adapters.LibSql.Types

    @spec expr(term(), term(), Scope.t()) :: iodata()
    def expr(value, type, scope)

    # Ecto has dumped it as the type already.
    def expr({:^, _, _} = parameter, _type, scope), do: Expression.expr(parameter, scope)

    def expr(nil, _type, _scope), do: "NULL"

    def expr(bytes, :binary, _scope) when is_binary(bytes), do: Literal.blob(bytes)

    def expr(bits, :bitstring, _scope) when is_bitstring(bits),
      do: bits |> Types.encode_bitstring() |> Literal.blob()

    def expr(number, :decimal, _scope) when is_number(number),
      do: number |> Literal.decimal() |> Literal.text()

    def expr(%{__struct__: Decimal} = decimal, _type, scope), do: Literal.expr(decimal, scope)

    def expr(integer, :float, _scope) when is_integer(integer),
      do: [Integer.to_string(integer), ".0"]

    # As JSON spells it: SQLite would make a float of a number.
    def expr({:json_extract_path, _, [json, [_ | _] = path]}, :decimal, scope),
      do: ["nullif(trim(", Json.text(json, path, scope), ~s|, '"'), 'null')|]

    def expr(value, type, scope) do
      from = ExprType.of(value, scope)
      sql = Expression.expr(value, scope)

      cond do
        from == type ->
          [?(, sql, ?)]

        Temporal.temporal?(from) and Temporal.temporal?(type) ->
          Temporal.convert([?(, sql, ?)], from, type)

        cast = Types.cast_type(type) ->
          ["CAST(", sql, " AS ", cast, ?)]

        true ->
          [?(, sql, ?)]
      end
    end
  end
end
