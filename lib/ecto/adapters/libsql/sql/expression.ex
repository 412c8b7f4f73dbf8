if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.SQL.Expression do
    @moduledoc false
    # Expressions: each kind goes to the module that writes it, an unknown one is an error.

    alias Ecto.Adapters.LibSql.SQL.{Aggregate, Arithmetic, Array, Assignment, Cast, Comparison}
    alias Ecto.Adapters.LibSql.SQL.{Connective, Fragment, Json, Like, Literal, Membership, Name}
    alias Ecto.Adapters.LibSql.SQL.{QueryError, Scope, Subquery, Temporal, Window}

    @comparisons [:==, :!=, :<, :>, :<=, :>=]
    @arithmetic [:+, :-, :*, :/]
    @likes [:like, :ilike]
    @connectives [:and, :or]
    # What has to stand in parentheses next to another operator.
    @operators @comparisons ++ @arithmetic ++ @likes ++ @connectives ++ [:in, :not, :is_nil]

    @doc "An expression."
    @spec expr(term(), Scope.t()) :: iodata()
    def expr(expr, scope)

    def expr({:^, _, [ix]}, scope), do: Scope.parameter(scope, ix)

    def expr({{:., _, [{:&, _, [ix]}, field]}, _, []}, scope), do: Scope.column(scope, ix, field)

    def expr({{:., _, [{:parent_as, _, [as]}, field]}, _, []}, scope) do
      {parent, ix} = Scope.parent(scope, as)
      Scope.column(parent, ix, field)
    end

    def expr({:&, _, [ix]}, scope), do: Scope.alias_of(scope, ix)

    def expr({op, _, [left, right]}, scope) when op in @comparisons,
      do: Comparison.expr(op, left, right, scope)

    def expr({op, _, [left, right]}, scope) when op in @arithmetic,
      do: Arithmetic.expr(op, left, right, scope)

    def expr({:-, _, [value]}, scope), do: Arithmetic.negation(value, scope)

    def expr({op, _, [left, right]}, scope) when op in @likes,
      do: Like.expr(op, left, right, scope)

    def expr({op, _, [_, _]} = expr, scope) when op in @connectives,
      do: Connective.expr(op, expr, scope)

    def expr({:not, _, [value]}, scope), do: ["NOT (", expr(value, scope), ?)]
    def expr({:is_nil, _, [value]}, scope), do: [operand(value, scope) | " IS NULL"]
    def expr({:in, _, [left, right]}, scope), do: Membership.expr(left, right, scope)
    def expr({:exists, _, [subquery]}, scope), do: Subquery.exists(subquery, scope)

    def expr({quantifier, _, [%Ecto.SubQuery{}]}, scope) when quantifier in [:any, :all] do
      QueryError.raise_error(
        scope,
        "#{quantifier}/1 can only stand on the right of a comparison"
      )
    end

    def expr(%Ecto.SubQuery{} = subquery, scope), do: Subquery.expr(subquery, scope)

    def expr({:fragment, _, parts}, scope), do: Fragment.expr(parts, scope)
    def expr({:identifier, _, [name]}, _scope), do: Name.quote_name(name)

    # Ecto 3.13 leaves these two in a fragment, later versions what they stand for.
    def expr({:constant, _, [value]}, scope), do: Literal.expr(value, scope)

    def expr({:splice, _, [{:^, _, [ix, length]}]}, scope),
      do: Scope.parameters(scope, ix, length)

    def expr({:selected_as, _, [name]}, scope),
      do: [?(, scope |> Scope.aliased(name) |> expr(scope), ?)]

    def expr({:datetime_add, _, [value, count, interval]}, scope),
      do: Temporal.datetime_add(value, count, interval, scope)

    def expr({:date_add, _, [value, count, interval]}, scope),
      do: Temporal.date_add(value, count, interval, scope)

    def expr({:json_extract_path, _, [json, path]}, scope), do: Json.value(json, path, scope)

    def expr({:assign, type, value}, scope), do: Assignment.expr(type, value, scope)

    def expr({:over, _, [call, window]}, scope), do: Window.over(call, window, scope)

    def expr({:filter, _, [call, condition]}, scope),
      do: [expr(call, scope), " FILTER (WHERE ", expr(condition, scope), ?)]

    def expr({:{}, _, elements}, scope),
      do: [?(, Enum.map_intersperse(elements, ", ", &expr(&1, scope)), ?)]

    def expr(%Ecto.Query.Tagged{value: value, type: type}, scope),
      do: Cast.expr(value, type, scope)

    def expr(list, scope) when is_list(list), do: Array.literal(list, scope)

    def expr({fun, _, args}, scope) when is_atom(fun) and is_list(args),
      do: Aggregate.expr(fun, args, scope)

    def expr(literal, scope), do: Literal.expr(literal, scope)

    @doc "An expression as an operand, in parentheses if it is an operator or a fragment."
    @spec operand(term(), Scope.t()) :: iodata()
    def operand(expr, scope) do
      if parentheses?(expr),
        do: [?(, expr(expr, scope), ?)],
        else: expr(expr, scope)
    end

    @doc "Expressions, separated by commas."
    @spec list([term()], Scope.t()) :: iodata()
    def list(exprs, scope), do: Enum.map_intersperse(exprs, ", ", &expr(&1, scope))

    defp parentheses?({op, _, [_, _]}) when op in @operators, do: true
    defp parentheses?({op, _, [_]}) when op in [:-, :not, :is_nil], do: true
    defp parentheses?({:fragment, _, [_, _ | _]}), do: true
    defp parentheses?(_expr), do: false
  end
end
