if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.SQL.Window do
    @moduledoc false
    # WINDOW and OVER.

    alias Ecto.Adapters.LibSql.SQL.{Expression, Name, Ordering, Scope}

    @spec windows(Scope.t()) :: iodata()
    def windows(%Scope{query: %{windows: []}}), do: []

    def windows(%Scope{query: %{windows: windows}} = scope) do
      definitions =
        Enum.map_intersperse(windows, ", ", fn {name, %{expr: definition}} ->
          [Name.quote_name(name), " AS " | definition(definition, scope)]
        end)

      [" WINDOW " | definitions]
    end

    @spec over(term(), atom() | keyword(), Scope.t()) :: iodata()
    def over(call, name, scope) when is_atom(name),
      do: [Expression.expr(call, scope), " OVER " | Name.quote_name(name)]

    def over(call, definition, scope),
      do: [Expression.expr(call, scope), " OVER " | definition(definition, scope)]

    defp definition(definition, scope),
      do: [?(, Enum.map_intersperse(definition, ?\s, &part(&1, scope)), ?)]

    defp part({:partition_by, exprs}, scope),
      do: ["PARTITION BY " | Ordering.groups(exprs, scope)]

    defp part({:order_by, terms}, scope), do: ["ORDER BY " | Ordering.terms(terms, scope)]

    defp part({:frame, {:fragment, _, _} = fragment}, scope),
      do: Expression.expr(fragment, scope)
  end
end
