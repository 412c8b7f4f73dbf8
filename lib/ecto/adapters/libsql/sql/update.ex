if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.SQL.Update do
    @moduledoc false
    # UPDATE, of a query and of one row.

    alias Ecto.Adapters.LibSql.SQL.{Changes, Condition, CTE, Expression, Name, Row, RowKey}
    alias Ecto.Adapters.LibSql.SQL.{Scope, Select, Source, Target}

    @doc """
    An UPDATE of all rows that the query finds.

    A row that a join finds more than once is updated once, with one of the matches.
    """
    @spec update_all(Ecto.Query.t()) :: iodata()
    def update_all(%Ecto.Query{} = query) do
      scope = Scope.new(query)
      Target.check!(scope)
      [CTE.with(scope), update(scope), Select.returning(scope)]
    end

    defp update(%Scope{query: %{joins: []} = query} = scope),
      do: [head(scope), Condition.where(query.wheres, scope)]

    defp update(%Scope{query: %{joins: joins}} = scope) do
      if Enum.all?(joins, &listed?/1), do: from_list(scope), else: from_self(scope)
    end

    # What UPDATE's own FROM can hold: its conditions cannot name the table that is updated, so
    # they go to WHERE, where they mean the same only for inner joins; nor can a fragment.
    defp listed?(%{qual: qual, source: {table, _schema}}) when is_binary(table),
      do: qual in [:inner, :cross]

    defp listed?(%{qual: qual, source: %Ecto.SubQuery{}}), do: qual in [:inner, :cross]
    defp listed?(_join), do: false

    defp from_list(%Scope{query: %{joins: joins, wheres: wheres}} = scope) do
      sources =
        Enum.map_intersperse(joins, ", ", &Source.named(&1.source, &1.ix, &1.hints, scope))

      conditions =
        for(%{on: %{expr: on}} <- joins, on != true, do: Expression.expr(on, scope)) ++
          [Condition.conditions(wheres, scope)]

      [head(scope), " FROM ", sources | where(conditions)]
    end

    # The table joined with itself: the joins go to its second mention.
    defp from_self(%Scope{query: %{wheres: wheres}} = scope) do
      {_kind, columns} = RowKey.columns(scope)
      name = Scope.alias_of(scope, 0)

      same_row =
        Enum.map_intersperse(columns, " AND ", &[~s("target".), &1, " = ", name, ?. | &1])

      [
        ["UPDATE ", Scope.table(scope, 0), ~s( AS "target" SET ), Changes.set(scope)],
        [Source.from(scope), Source.joins(scope)],
        where([same_row, Condition.conditions(wheres, scope)])
      ]
    end

    defp head(%Scope{query: %{from: from}} = scope),
      do: [
        "UPDATE ",
        Source.named(from.source, 0, from.hints, scope),
        " SET " | Changes.set(scope)
      ]

    defp where(conditions) do
      case Condition.all_of(conditions) do
        [] -> []
        all -> [" WHERE " | all]
      end
    end

    @doc "An UPDATE of one row, found by the filters."
    @spec update(Name.name() | nil, Name.name(), [atom()], keyword(), Row.returning()) :: iodata()
    def update(prefix, table, fields, filters, returning) do
      {changes, next} =
        Enum.map_reduce(fields, 1, fn field, number ->
          {[Name.quote_name(field), " = ?" | Integer.to_string(number)], number + 1}
        end)

      [
        ["UPDATE ", Name.quote_table(prefix, table), " SET ", Enum.intersperse(changes, ", ")],
        [" WHERE ", Row.filters(filters, next), Row.returning(returning)]
      ]
    end
  end
end
