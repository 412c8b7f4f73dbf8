if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.SQL.Select do
    @moduledoc false
    # The columns of a SELECT or RETURNING.

    alias Ecto.Adapters.LibSql.JsonColumn
    alias Ecto.Adapters.LibSql.SQL.{Collation, Expression, Json, Name, QueryError, Scope}

    @spec fields(Scope.t()) :: iodata()
    def fields(%Scope{query: %{select: %{fields: []}}}), do: "1"

    def fields(%Scope{query: %{select: %{fields: fields}}} = scope),
      do: Enum.map_intersperse(fields, ", ", &field(&1, scope))

    def fields(%Scope{query: %{select: nil}}), do: "1"

    @doc "` RETURNING …`, where the query selects something."
    @spec returning(Scope.t()) :: iodata()
    def returning(%Scope{query: %{select: nil}}), do: []
    def returning(scope), do: [" RETURNING " | fields(Scope.returning(scope))]

    @doc "One column without its name."
    @spec value(term(), Scope.t()) :: iodata()
    def value({:&, _, [ix]}, scope) do
      QueryError.raise_error(
        scope,
        "the columns of #{describe(elem(scope.query.sources, ix))} are not known: " <>
          "it has no schema, so select has to name its fields"
      )
    end

    def value(expr, scope) do
      if compares_rows?(scope.query),
        do: Collation.collated(expr, scope),
        else: Expression.expr(expr, scope)
    end

    @doc "The name of a column, where it has one."
    @spec name(term()) :: atom() | String.t() | nil
    def name({name, _expr}) when is_atom(name), do: name
    def name({{:., _, [_source, field]}, _, []}), do: field
    def name(_expr), do: nil

    @doc "The expression of a column."
    @spec expression(term()) :: term()
    def expression({name, expr}) when is_atom(name), do: expr
    def expression(expr), do: expr

    defp field({name, expr}, scope) when is_atom(name),
      do: [value(expr, scope), " AS " | Name.quote_name(name)]

    # JSON's true and false are not SQLite's 1 and 0: a path goes to Ecto as JSON, in a column that
    # says so.
    defp field({:json_extract_path, _, [json, path]} = expr, %Scope{outermost?: true} = scope) do
      if scope.query.combinations == [],
        do: [Json.text(json, path, scope), " AS " | Name.quote_name(JsonColumn.name())],
        else: value(expr, scope)
    end

    defp field(expr, scope), do: value(expr, scope)

    # DISTINCT and the set operations compare rows by the columns' collations.
    defp compares_rows?(%{distinct: %{expr: true}}), do: true
    defp compares_rows?(%{combinations: [_ | _]}), do: true
    defp compares_rows?(_query), do: false

    defp describe({table, _, _}) when is_binary(table), do: inspect(table)
    defp describe({:fragment, _, _}), do: "a fragment"
    defp describe(_), do: "this source"
  end
end
