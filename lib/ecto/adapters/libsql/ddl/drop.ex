if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.DDL.Drop do
    @moduledoc false
    # DROP TABLE. SQLite deletes a table's rows before it drops it, with all that ON DELETE does to
    # those that refer to them. So a table that rows refer to is not dropped; with `mode: :cascade`,
    # the foreign keys to it go, and the views on it, as in PostgreSQL.

    alias Ecto.Adapters.LibSql.DDL.{Alter, Database, Draft, References, TableInfo}
    alias Ecto.Adapters.LibSql.DDL.{Tables, Verification}
    alias Ecto.Migration.Table
    alias EctoLibSql.{CreateTable, Identifier}

    import EctoLibSql.Identifier, only: [quote_name: 1, quote_name: 2]

    @spec run!(Database.t(), Table.t(), :restrict | :cascade, keyword()) :: :ok
    def run!(db, %Table{} = table, mode, opts) do
      schema = Database.schema!(db, table.prefix, table.name)
      where = "type = 'table' AND name = ?1 COLLATE NOCASE"

      case Database.objects!(db, schema, where, [table.name]) do
        # SQLite's own message says which table.
        [] -> Database.run!(db, Tables.drop(table, opts))
        [[_, _, _, sql]] -> drop(db, table, schema, sql, mode)
      end
    end

    defp drop(db, table, schema, sql, mode) do
      info = %TableInfo{
        schema: schema,
        name: table.name,
        created: created(sql),
        indexes: [],
        triggers: []
      }

      Database.transaction!(db, fn ->
        views = if mode == :cascade, do: Verification.working_views(db, schema), else: []
        children = TableInfo.children(db, info)
        if mode == :cascade, do: drop_keys(db, info, children), else: check!(db, info, children)
        drop_triggers(db, info)
        Database.run!(db, Tables.drop(%{table | prefix: schema}, []))
        drop_broken(db, schema, views)
      end)
    end

    # A virtual table has no foreign keys.
    defp created(sql) do
      case CreateTable.parse(sql) do
        {:ok, created} -> created
        :error -> %CreateTable{name: "", columns: [], constraints: [], options: ""}
      end
    end

    defp check!(db, info, children) do
      referring =
        if Database.foreign_keys?(db), do: Enum.filter(children, &rows?(db, info, &1)), else: []

      if referring != [] do
        names = Enum.map_join(referring, ", ", &"#{&1.name} of #{&1.table}")

        raise ArgumentError,
              "rows refer to it (#{names}): drop those tables or delete those rows first, or give " <>
                "mode: :cascade, which drops the foreign keys"
      end
    end

    defp rows?(db, info, child) do
      set = Enum.map_intersperse(child.columns, " AND ", &[quote_name(&1), " IS NOT NULL"])
      table = quote_name(info.schema, child.table)
      Database.rows!(db, ["SELECT EXISTS (SELECT 1 FROM ", table, " WHERE ", set, ?)]) == [[1]]
    end

    defp drop_keys(db, info, children) do
      for table <- children |> Enum.map(& &1.table) |> Enum.uniq() do
        child = %Table{name: table, prefix: info.schema}

        db
        |> TableInfo.fetch!(child)
        |> Draft.new()
        |> Draft.reject_constraints(fn _column, constraint ->
          constraint.kind == :foreign_key and
            Identifier.same?(constraint.references.table, info.name)
        end)
        |> Draft.rebuild()
        |> Alter.finish!(db)
      end
    end

    defp drop_broken(db, schema, views) do
      for view <- views, match?({:error, _}, Verification.view_works(db, schema, view)) do
        Database.run!(db, ["DROP VIEW ", quote_name(schema, view)])
      end
    end

    # On the tables that this one referred to.
    defp drop_triggers(db, info) do
      for key <- CreateTable.foreign_keys(info.created),
          name = References.trigger_name(TableInfo.key_name(key, info.name)) do
        Database.run!(db, ["DROP TRIGGER IF EXISTS ", quote_name(info.schema, name)])
      end
    end
  end
end
