if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.SQL.Assignment do
    @moduledoc false
    # Values on their way into a column: times in the column's format, JSON as JSON.
    #
    # What an INSERT selects is noted in the query, since only the caller knows the schema: as
    # `{:assign, type, expr}`, which no query of Ecto has.

    alias Ecto.Adapters.LibSql.SQL.{Expression, ExprType, Json, Scope, Temporal}

    @doc "A value for a column of the type."
    @spec expr(term(), term(), Scope.t()) :: iodata()
    def expr(type, value, scope)

    def expr(type, {:json_extract_path, _, [json, [_ | _] = path]}, scope)
        when type == :map or is_tuple(type),
        do: Json.text(json, path, scope)

    def expr(type, {:datetime_add, _, [value, count, interval]} = expr, scope) do
      if ExprType.of(value, scope) == nil,
        do: Temporal.datetime_add(value, count, interval, scope, type),
        else: converted(type, expr, scope)
    end

    def expr(type, value, scope), do: converted(type, value, scope)

    defp converted(type, expr, scope) do
      from = ExprType.of(expr, scope)

      if from != type and Temporal.temporal?(from) and Temporal.temporal?(type),
        do: expr |> Expression.operand(scope) |> Temporal.convert(from, type),
        else: Expression.expr(expr, scope)
    end

    @doc "A query that an INSERT takes its rows from, with the types of the columns noted."
    @spec note(Ecto.Query.t(), [atom()], module() | nil) :: Ecto.Query.t()
    def note(query, _columns, nil), do: query

    def note(%Ecto.Query{} = query, columns, schema) do
      types = Enum.map(columns, &ExprType.column(schema, &1))
      note(query, types)
    end

    defp note(query, types) do
      combinations = for {kind, combined} <- query.combinations, do: {kind, note(combined, types)}
      fields = query.select.fields |> Enum.zip(types) |> Enum.map(&field/1)
      put_in(%{query | combinations: combinations}.select.fields, fields)
    end

    defp field({{name, expr}, type}) when is_atom(name), do: {name, assign(expr, type)}
    defp field({expr, type}), do: assign(expr, type)

    defp assign(expr, type) do
      if Temporal.temporal?(type) or type == :map or is_tuple(type),
        do: {:assign, type, expr},
        else: expr
    end
  end
end
