if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.SQL.Delete do
    @moduledoc false
    # DELETE, of a query and of one row.

    alias Ecto.Adapters.LibSql.SQL.{Condition, CTE, Name, Row, RowKey, Scope, Select}
    alias Ecto.Adapters.LibSql.SQL.{Source, Target}

    @spec delete_all(Ecto.Query.t()) :: iodata()
    def delete_all(%Ecto.Query{} = query) do
      scope = Scope.new(query)
      Target.check!(scope)
      [CTE.with(scope), delete(scope), Select.returning(scope)]
    end

    defp delete(%Scope{query: %{joins: []} = query} = scope) do
      from = Source.named(query.from.source, 0, query.from.hints, scope)
      ["DELETE FROM ", from, Condition.where(query.wheres, scope)]
    end

    # DELETE has no joins: they find the keys of its rows.
    defp delete(%Scope{} = scope) do
      {kind, columns} = RowKey.columns(scope)
      name = Scope.alias_of(scope, 0)
      key = Enum.map_intersperse(columns, ", ", &[name, ?. | &1])

      [
        ["DELETE FROM ", Scope.table(scope, 0), " AS ", name, " WHERE ", tuple(key, columns)],
        [" IN (SELECT ", key, Source.from(scope), Source.joins(scope)],
        [Condition.where(scope.query.wheres, scope), ?), itself(kind, scope)]
      ]
    end

    defp tuple(key, [_]), do: key
    defp tuple(key, _columns), do: [?(, key, ?)]

    # Nobody but the schema says that its primary key is unique, and a row that goes by mistake is
    # gone: the joins have to find this row, not only one with the same key.
    defp itself(:rowid, _scope), do: []

    defp itself(:primary_key, %Scope{query: %{wheres: wheres}} = scope) do
      [
        ~s[ AND EXISTS (SELECT 1 FROM (SELECT 1 AS "row") AS "self"],
        Source.joins(scope),
        " WHERE ",
        Condition.all_of([~s("self"."row" = 1), Condition.conditions(wheres, scope)]),
        ?)
      ]
    end

    @doc "A DELETE of one row, found by the filters."
    @spec delete(Name.name() | nil, Name.name(), keyword(), Row.returning()) :: iodata()
    def delete(prefix, table, filters, returning) do
      [
        ["DELETE FROM ", Name.quote_table(prefix, table), " WHERE "],
        [Row.filters(filters, 1), Row.returning(returning)]
      ]
    end
  end
end
