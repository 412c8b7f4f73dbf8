if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.SQL.Array do
    @moduledoc false
    # Arrays, which are stored as JSON, or JSONB: literals, push and pull.

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
      in_form(array, ["json_insert(coalesce(", array, ", '[]'), '$[#]', ", value, ?)])
    end

    @doc "The array without the elements that equal the value; NULL stays NULL."
    @spec pull(iodata(), term(), term(), Scope.t()) :: iodata()
    def pull(array, value, type, scope) do
      kept =
        case element_type(type, value, scope) do
          :decimal ->
            ["ecto_decimal_cmp(each.value, ", Expression.expr(value, scope), ") IS NOT 0"]

          type when type == :map or is_tuple(type) ->
            ["each.value IS NOT json(", Expression.expr(value, scope), ?)]

          type ->
            ["each.value IS NOT " | as_element(Expression.operand(value, scope), type)]
        end

      # Each element as the JSON that it is in the array.
      elements = ["json(", array, " -> each.fullkey)"]

      pulled = [
        ["iif(", array, " IS NULL, NULL, (SELECT json_group_array(", elements],
        [") FROM json_each(", array, ") AS each WHERE ", kept, "))"]
      ]

      in_form(array, pulled)
    end

    # JSONB stays JSONB, or it would not equal other JSONB any more.
    defp in_form(array, changed),
      do: ["iif(typeof(", array, ") = 'blob', jsonb(", changed, "), ", changed, ?)]

    @doc """
    A value as the element of an array, as json_each() has it: JSON holds no blobs, so that bytes
    are in hexadecimal there and UUIDs text, whatever a column of their type holds.
    """
    @spec as_element(iodata(), term()) :: iodata()
    def as_element(value, type) when type in [:binary, :bitstring],
      do: ["iif(", value, " IS NULL, NULL, hex(", value, "))"]

    def as_element(value, type) when type in [:uuid, :binary_id] do
      part = fn range -> ["substr(hex(", value, "), ", range, ?)] end
      parts = Enum.map(["1, 8", "9, 4", "13, 4", "17, 4", "21"], part)

      [
        ["iif(typeof(", value, ") = 'blob', lower("],
        [Enum.intersperse(parts, " || '-' || "), "), ", value, ?)]
      ]
    end

    def as_element(value, _type), do: value

    defp element_type({:array, type}, _value, _scope), do: type
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
      [short, long] = for digits <- ["15", "17"], do: ["printf('%!.", digits, "g', ", value, ?)]
      shown = ["iif(CAST(", short, " AS REAL) = ", value, ", ", short, ", ", long, ?)]
      ["iif(", value, " IS NULL, NULL, json(", shown, "))"]
    end

    defp element(value, type, scope), do: value |> Expression.expr(scope) |> as_element(type)
  end
end
