if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.SQL.Select do
    @moduledoc false
    # The columns of a SELECT or RETURNING.

    alias Ecto.Adapters.LibSql.SQL.{
      Collation,
      Expression,
      ExprType,
      Json,
      Name,
      QueryError,
      Scope
    }

    alias Ecto.Adapters.LibSql.TypedColumn

    # Functions whose value Ecto loads by the type of the field that they are called with, and
    # operators whose value it knows to be a boolean or a time.
    @by_field ~w(count avg min max sum row_number rank dense_rank percent_rank cume_dist ntile lag
                 lead first_value last_value nth_value)a
    @known ~w(== != < > <= >= and or not is_nil like ilike datetime_add date_add)a

    @spec fields(Scope.t()) :: iodata()
    def fields(%Scope{query: %{select: %{fields: [_ | _] = fields}}} = scope),
      do: Enum.map_intersperse(fields, ", ", &(&1 |> column(scope) |> named()))

    # Nothing is selected, or nothing that is in the database.
    def fields(_scope), do: "1"

    @doc "` RETURNING …`, where the query selects something."
    @spec returning(Scope.t()) :: iodata()
    def returning(%Scope{query: %{select: nil}}), do: []
    def returning(scope), do: [" RETURNING " | fields(Scope.returning(scope))]

    @doc "A column with its name, `nil` if it has none."
    @spec column(term(), Scope.t()) :: {iodata(), String.t() | nil}
    def column({name, expr}, scope) when is_atom(name) do
      {value, suffix} = value(expr, scope)
      {value, Atom.to_string(name) <> (suffix || "")}
    end

    def column(expr, scope), do: value(expr, scope)

    @doc "The name of a column where it needs one: what it is called, or the field that it is."
    @spec result_name(term(), Scope.t()) :: String.t() | nil
    def result_name(field, scope) do
      case {column(field, scope), expression(field)} do
        {{_value, nil}, {{:., _, [_source, name]}, _, []}} -> to_string(name)
        {{_value, name}, _expr} -> name
      end
    end

    @doc "The name of a column in ORDER BY."
    @spec alias_name(atom(), Scope.t()) :: String.t()
    def alias_name(name, scope) do
      {_value, name} = column({name, Scope.aliased(scope, name)}, scope)
      name
    end

    @doc "The expression of a column."
    @spec expression(term()) :: term()
    def expression({name, expr}) when is_atom(name), do: expr
    def expression(expr), do: expr

    defp named({value, nil}), do: value
    defp named({value, name}), do: [value, " AS " | Name.quote_name(name)]

    defp value({:&, _, [ix]}, scope) do
      QueryError.raise_error(
        scope,
        "the columns of #{describe(elem(scope.query.sources, ix))} are not known: " <>
          "it has no schema, so select has to name its fields"
      )
    end

    # What the members of a combination have in common is not known.
    defp value(expr, %Scope{outermost?: true, query: %{combinations: []}} = scope),
      do: typed(expr, scope)

    defp value(expr, scope), do: {plain(expr, scope), nil}

    defp typed({:json_extract_path, _, [json, [_ | _] = path]}, scope),
      do: {Json.text(json, path, scope), TypedColumn.suffix(:map)}

    defp typed(expr, scope) do
      suffix =
        if not typed_by_ecto?(expr, scope),
          do: expr |> ExprType.of(scope) |> TypedColumn.suffix()

      {plain(expr, scope), suffix}
    end

    defp typed_by_ecto?({{:., _, _}, _, []} = field, scope), do: ExprType.known?(field, scope)
    defp typed_by_ecto?(%Ecto.Query.Tagged{}, _scope), do: true
    defp typed_by_ecto?({op, _, _}, _scope) when op in @known, do: true

    defp typed_by_ecto?({fun, _, [{{:., _, [{:&, _, _}, _]}, _, []} = field | _]}, scope)
         when fun in @by_field,
         do: typed_by_ecto?(field, scope)

    defp typed_by_ecto?({wrapper, _, [call, _]}, scope) when wrapper in [:filter, :over],
      do: typed_by_ecto?(call, scope)

    defp typed_by_ecto?(_expr, _scope), do: false

    defp plain(expr, scope) do
      if compares_rows?(scope.query),
        do: Collation.collated(expr, scope),
        else: Expression.expr(expr, scope)
    end

    # DISTINCT and the set operations compare rows by the columns' collations.
    defp compares_rows?(%{distinct: %{expr: true}}), do: true
    defp compares_rows?(%{combinations: [_ | _]}), do: true
    defp compares_rows?(_query), do: false

    defp describe({table, _, _}) when is_binary(table), do: inspect(table)
    defp describe({:fragment, _, _}), do: "a fragment"
    defp describe(_), do: "this source"
  end
end
