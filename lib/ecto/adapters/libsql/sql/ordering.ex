if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.SQL.Ordering do
    @moduledoc false
    # ORDER BY, GROUP BY and PARTITION BY.

    alias Ecto.Adapters.LibSql.SQL.{Collation, Name, Scope, Select}

    @spec order_by(Scope.t()) :: iodata()
    def order_by(%Scope{query: %{order_bys: order_bys}} = scope) do
      case Enum.flat_map(order_bys, & &1.expr) do
        [] -> []
        terms -> [" ORDER BY " | Enum.map_intersperse(terms, ", ", &top_term(&1, scope))]
      end
    end

    @doc "The terms of a window's ORDER BY."
    @spec terms([{atom(), term()}], Scope.t()) :: iodata()
    def terms(terms, scope), do: Enum.map_intersperse(terms, ", ", &term(&1, scope))

    @spec group_by(Scope.t()) :: iodata()
    def group_by(%Scope{query: %{group_bys: group_bys}} = scope) do
      case Enum.flat_map(group_bys, & &1.expr) do
        [] -> []
        exprs -> [" GROUP BY " | groups(exprs, scope)]
      end
    end

    @spec groups([term()], Scope.t()) :: iodata()
    def groups(exprs, scope),
      do: Enum.map_intersperse(exprs, ", ", &Collation.collated(&1, scope))

    # Alone in ORDER BY an alias is the column of the result, also in a combination; anywhere else
    # a column of the same name would be taken before it, so its expression is written.
    defp top_term({direction, {:selected_as, _, [name]} = expr}, scope) do
      collation = Collation.of(expr, scope)
      alias_name = Select.alias_name(name, scope)
      [Name.quote_name(alias_name), collation | direction(direction)]
    end

    defp top_term(term, scope), do: term(term, scope)

    defp term({direction, expr}, scope),
      do: [Collation.collated(expr, scope) | direction(direction)]

    @spec direction(atom()) :: iodata()
    def direction(:asc), do: []
    def direction(:asc_nulls_last), do: " ASC NULLS LAST"
    def direction(:asc_nulls_first), do: " ASC NULLS FIRST"
    def direction(:desc), do: " DESC"
    def direction(:desc_nulls_last), do: " DESC NULLS LAST"
    def direction(:desc_nulls_first), do: " DESC NULLS FIRST"
  end
end
