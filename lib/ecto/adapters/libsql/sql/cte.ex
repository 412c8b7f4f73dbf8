if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.SQL.CTE do
    @moduledoc false
    # WITH.

    alias Ecto.Adapters.LibSql.SQL.{Fragment, Name, Query, QueryError, Scope}

    @spec with(Scope.t()) :: iodata()
    def with(%Scope{query: %{with_ctes: %{queries: [_ | _]} = ctes}} = scope) do
      recursive = if ctes.recursive, do: "RECURSIVE ", else: []
      tables = Enum.map_intersperse(ctes.queries, ", ", &table(&1, scope))
      ["WITH ", recursive, tables, ?\s]
    end

    def with(_scope), do: []

    defp table({name, opts, query}, scope) do
      [Name.quote_name(name), " AS ", hint(opts[:materialized]) | body(query, opts, scope)]
    end

    defp hint(nil), do: []
    defp hint(true), do: "MATERIALIZED "
    defp hint(false), do: "NOT MATERIALIZED "

    defp body(%Ecto.Query{} = query, opts, scope) do
      operation = opts[:operation] || :all

      if operation != :all do
        QueryError.raise_error(
          query,
          "SQLite has no data-modifying CTE (operation: #{inspect(operation)}): run the " <>
            "#{operation} on its own, in the same transaction"
        )
      end

      [?(, Query.select(Scope.child(scope, query)), ?)]
    end

    defp body(%{expr: {:fragment, _, parts}}, _opts, scope), do: Fragment.query(parts, scope)
  end
end
