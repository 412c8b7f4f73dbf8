if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.SQL.Fragment do
    @moduledoc false
    # Fragments: SQL as it was written, with expressions between.

    alias Ecto.Adapters.LibSql.SQL.{Expression, FullText, QueryError, Scope}

    @type parts :: [{:raw, String.t()} | {:expr, term()}]

    @select ~r/\A\s*(SELECT|VALUES|WITH)\b/i

    @doc "A fragment in an expression, or in FROM: a table-valued function, a table, a SELECT."
    @spec expr(parts(), Scope.t()) :: iodata()
    def expr([{:raw, marker}, {:expr, expr}, {:raw, ")"}], scope)
        when marker in ["fts5_table(", "fts5_column("],
        do: FullText.expr(marker, expr, scope)

    def expr(parts, scope) do
      check!(parts, scope)
      sql = Enum.map(parts, &part(&1, scope))
      if select?(parts), do: [?(, sql, ?)], else: sql
    end

    @doc "A fragment as the query of a CTE, in its parentheses."
    @spec query(parts(), Scope.t()) :: iodata()
    def query(parts, scope) do
      check!(parts, scope)
      [?(, Enum.map(parts, &part(&1, scope)), ?)]
    end

    defp check!([part | _], scope) when not is_tuple(part) or tuple_size(part) != 2,
      do: keyword_error(scope)

    defp check!([{kind, _} | _], scope) when kind not in [:raw, :expr], do: keyword_error(scope)
    defp check!([[_ | _]], scope), do: keyword_error(scope)
    defp check!(_parts, _scope), do: :ok

    defp keyword_error(scope) do
      QueryError.raise_error(
        scope,
        "SQLite has no keyword or interpolated fragments: a fragment has to be a string of SQL"
      )
    end

    @doc "Whether the fragment is a query of its own."
    @spec select?(parts()) :: boolean()
    def select?([{:raw, raw} | _]), do: Regex.match?(@select, raw)
    def select?(_parts), do: false

    defp part({:raw, raw}, _scope), do: raw
    defp part({:expr, expr}, scope), do: Expression.operand(expr, scope)
  end
end
