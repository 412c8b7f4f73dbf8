if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.SQL.Array do
    @moduledoc false
    # Arrays, which are stored as JSON: literals, push and pull.

    alias Ecto.Adapters.LibSql.SQL.{Expression, ExprType, Scope}

    @doc "An array whose elements are expressions."
    @spec literal([term()], Scope.t()) :: iodata()
    def literal(elements, scope) do
      elements = Enum.map_intersperse(elements, ", ", &element(&1, ExprType.of(&1, scope), scope))
      ["json_array(", elements, ?)]
    end

    @doc "The array with an element at its end; NULL counts as an empty one."
    @spec push(iodata(), term(), term(), Scope.t()) :: iodata()
    def push(array, value, type, scope) do
      value = element(value, element_type(type, value, scope), scope)
      ["json_insert(coalesce(", array, ", '[]'), '$[#]', ", value, ?)]
    end

    @doc "The array without the elements that equal the value; NULL stays NULL."
    @spec pull(iodata(), term(), term(), Scope.t()) :: iodata()
    def pull(array, value, type, scope) do
      kept =
        case element_type(type, value, scope) do
          :decimal ->
            ["ecto_decimal_cmp(each.value, ", Expression.expr(value, scope), ") IS NOT 0"]

          _type ->
            ["each.value IS NOT " | Expression.operand(value, scope)]
        end

      # Each element as the JSON that it is in the array.
      elements = ["json(", array, " -> each.fullkey)"]

      [
        ["iif(", array, " IS NULL, NULL, (SELECT json_group_array(", elements],
        [") FROM json_each(", array, ") AS each WHERE ", kept, "))"]
      ]
    end

    defp element_type({:array, type}, _value, _scope), do: Ecto.Type.type(type)
    defp element_type(_type, value, scope), do: ExprType.of(value, scope)

    # SQLite has no booleans, and writes floats into JSON with 15 digits.
    defp element(value, :boolean, scope) do
      value = Expression.operand(value, scope)
      ["json(CASE ", value, " WHEN 1 THEN 'true' WHEN 0 THEN 'false' ELSE 'null' END)"]
    end

    defp element(value, _type, _scope) when is_boolean(value),
      do: ["json('", Atom.to_string(value), "')"]

    defp element(value, type, scope) when type == :map or is_tuple(type) do
      value = Expression.operand(value, scope)
      ["json(coalesce(", value, ", 'null'))"]
    end

    defp element(value, :float, scope) do
      value = Expression.operand(value, scope)

      [
        [
          "iif(",
          value,
          " IS NULL, NULL, json(iif(CAST(printf('%!.15g', ",
          value,
          ") AS REAL) = "
        ],
        [value, ", printf('%!.15g', ", value, "), printf('%!.17g', ", value, "))))"]
      ]
    end

    defp element(value, _type, scope), do: Expression.expr(value, scope)
  end
end
