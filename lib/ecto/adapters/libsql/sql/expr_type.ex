if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.SQL.ExprType do
    @moduledoc false
    # The Ecto type of an expression, as far as the query tells it, `nil` where it does not. SQLite
    # stores decimals and times as text, so that the generator has to know them.

    alias Ecto.Adapters.LibSql.SQL.Scope

    # Functions whose value is one of their first argument's values.
    @same ~w(min max sum avg first_value last_value nth_value lag lead over filter)a
    @booleans ~w(== != < > <= >= and or not like ilike in is_nil exists)a

    @spec of(term(), Scope.t()) :: atom() | tuple() | nil
    def of(expr, scope)

    def of({{:., meta, [{:&, _, [ix]}, field]}, _, []}, scope) do
      case meta[:type] do
        known when known in [nil, :any] -> source(scope, ix, field)
        type -> base(type)
      end
    end

    def of({{:., _, [{:parent_as, _, [as]}, field]}, _, []}, scope) do
      {parent, ix} = Scope.parent(scope, as)
      source(parent, ix, field)
    end

    def of(%Ecto.Query.Tagged{type: type}, _scope), do: base(type)
    def of(%{__struct__: Decimal}, _scope), do: :decimal
    def of(%Ecto.SubQuery{query: query}, scope), do: only_field(query, Scope.child(scope, query))

    def of({:assign, type, _expr}, _scope), do: type
    def of({:selected_as, _, [name]}, scope), do: scope |> Scope.aliased(name) |> of(scope)
    def of({:coalesce, _, args}, scope), do: first_type(args, scope)

    def of({:datetime_add, _, [value | _]}, scope) do
      with :date <- of(value, scope), do: :naive_datetime
    end

    def of({:date_add, _, _}, _scope), do: :date
    def of({:-, _, [value]}, scope), do: of(value, scope)
    def of({op, _, _}, _scope) when op in @booleans, do: :boolean

    def of({op, _, [left, right]}, scope) when op in [:+, :-, :*, :/] do
      types = [of(left, scope), of(right, scope)]
      if :decimal in types, do: :decimal, else: Enum.find(types, & &1)
    end

    def of({:avg, _, [value | _]}, scope) do
      if of(value, scope) == :decimal, do: :decimal, else: :float
    end

    def of({fun, _, [value | _]}, scope) when fun in @same, do: of(value, scope)
    def of({name, expr}, scope) when is_atom(name), do: of(expr, scope)
    def of(_expr, _scope), do: nil

    @doc "Whether Ecto knows the type of a field, too."
    @spec known?(term(), Scope.t()) :: boolean()
    def known?({{:., meta, [{:&, _, [ix]}, field]}, _, []}, %Scope{query: query}) do
      if meta[:type] in [nil, :any] do
        case elem(query.sources, ix) do
          %Ecto.SubQuery{select: select} -> selected_type(select, field) != nil
          {table, nil, _prefix} when is_binary(table) -> false
          _ -> true
        end
      else
        true
      end
    end

    def known?(_parent_field, _scope), do: true

    @doc "The type of a field of the source with that index."
    @spec source(Scope.t(), non_neg_integer(), atom() | String.t()) :: atom() | tuple() | nil
    def source(%Scope{query: query} = scope, ix, field) do
      case elem(query.sources, ix) do
        {:values, _, [types | _]} -> named_type(types, field)
        {:fragment, _, _} -> nil
        %Ecto.SubQuery{select: select} -> subquery(select, scope, ix, field)
        {table, nil, _prefix} when is_binary(table) -> cte(scope, table, field)
        {_source, nil, _prefix} -> nil
        {_source, schema, _prefix} -> column(schema, field)
      end
    end

    # Normalized queries name columns, not fields, and `field/2` takes strings too.
    @doc "The type of a schema's column."
    @spec column(module(), atom() | String.t()) :: atom() | tuple() | nil
    def column(schema, column) do
      column = to_string(column)

      Enum.find_value(schema.__schema__(:dump), fn {_field, {source, type, _writable}} ->
        if Atom.to_string(source) == column, do: base(type)
      end)
    end

    defp subquery(select, scope, ix, field),
      do: selected_type(select, field) || selected(scope, ix, field)

    defp selected_type({:source, _, _, types}, field), do: named_type(types, field)
    defp selected_type({:struct, _, types}, field), do: named_type(types, field)
    defp selected_type({:map, types}, field), do: named_type(types, field)
    defp selected_type(_select, _field), do: nil

    defp named_type(types, field), do: types |> List.keyfind(field, 0) |> pair_type()

    # Ecto does not follow every expression that a subquery selects.
    defp selected(%Scope{query: query} = scope, ix, field) do
      case normalized(query, ix) do
        %Ecto.SubQuery{query: inner} -> field(inner, Scope.child(scope, inner), field)
        _ -> nil
      end
    end

    defp normalized(%{from: %{source: source}}, 0), do: source

    defp normalized(%{joins: joins}, ix),
      do: Enum.find_value(joins, fn join -> join.ix == ix && join.source end)

    defp cte(nil, _table, _field), do: nil

    defp cte(
           %Scope{query: %{with_ctes: %{queries: queries} = ctes} = query} = scope,
           table,
           field
         ) do
      case List.keyfind(queries, table, 0) do
        {^table, _opts, %Ecto.Query{} = inner} ->
          # Without the table itself, which a recursive query refers to.
          ctes = %{ctes | queries: List.keydelete(queries, table, 0)}
          scope = %{scope | query: %{query | with_ctes: ctes}}
          field(inner, Scope.child(scope, inner), field)

        {^table, _opts, _fragment} ->
          nil

        nil ->
          cte(scope.parent, table, field)
      end
    end

    defp cte(%Scope{parent: parent}, table, field), do: cte(parent, table, field)

    defp field(%{select: %{fields: fields}}, scope, field) do
      case List.keyfind(fields, field, 0) do
        {^field, expr} -> of(expr, scope)
        nil -> nil
      end
    end

    defp only_field(%{select: %{fields: [field]}}, scope), do: of(field, scope)
    defp only_field(_query, _scope), do: nil

    defp first_type(exprs, scope), do: Enum.find_value(exprs, &of(&1, scope))

    defp pair_type({_field, {:value, type}}), do: base(type)
    defp pair_type({_field, type}), do: base(type)
    defp pair_type(nil), do: nil

    defp base({:try, type}), do: base(type)
    defp base(:any), do: nil
    defp base({:value, type}), do: base(type)

    defp base({kind, _} = type) when kind in [:array, :map, :parameterized],
      do: Ecto.Type.type(type)

    # What a custom type is stored as (`:uuid`) need not be a type of Ecto's. Only what may be a module is
    # asked for: the VM looks for one that is not there in all its folders.
    defp base(type) when is_atom(type) do
      custom? =
        not Ecto.Type.base?(type) and Code.ensure_loaded?(type) and
          function_exported?(type, :type, 0)

      if custom?, do: Ecto.Type.type(type), else: type
    end

    defp base(_type), do: nil
  end
end
