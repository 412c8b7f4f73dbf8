if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.DDL.VectorIndexes do
    @moduledoc false
    # Vector indexes are created, renamed and dropped with care for three things that libSQL does.
    #
    # It makes an index's tables, and its entry in a table of all vector indexes, when CREATE INDEX is
    # prepared. Where that fails later, they stay; the next index of that name finds its entry and is
    # not filled, so that rows are missing from it, without an error. So an index is created in a
    # transaction, and what an earlier failure has left is removed before.
    #
    # A DELETE without WHERE empties the table and not the index: what it knows of stays in it, and a
    # new row with the same rowid is an error. A trigger, even one that does nothing, has SQLite
    # delete row by row.
    #
    # It drops an index's tables while it parses DROP INDEX. Where another connection has changed the
    # schema meanwhile, that reads the schema anew under the parser's hands, and the program crashes.
    # Within a transaction, a query before it has the schema read.

    alias Ecto.Adapters.LibSql.DDL
    alias Ecto.Adapters.LibSql.DDL.Database
    alias Ecto.Migration.Index

    import EctoLibSql.Identifier, only: [quote_name: 1]

    @entries "libsql_vector_meta_shadow"

    @doc "Whether it is one."
    @spec vector?(Index.t()) :: boolean()
    def vector?(%Index{columns: [column]}) when is_binary(column),
      do: column =~ ~r/\A\s*libsql_vector_idx\s*\(/i

    def vector?(_index), do: false

    @spec create!(Database.t(), tuple()) :: :ok
    def create!(db, {_create, %Index{name: name} = index} = command) do
      if index.prefix do
        raise ArgumentError,
              "a vector index is of the main database, and cannot have the prefix #{inspect(index.prefix)}"
      end

      Database.transaction!(db, fn ->
        remove_leftovers(db, to_string(name))
        run_command!(db, command)
        create_trigger!(db, name, index.table)
      end)
    end

    @spec drop!(Database.t(), tuple()) :: :ok
    def drop!(db, {_drop, %Index{} = index, _mode} = command) do
      Database.transaction!(db, fn ->
        _read_schema = object?(db, "index", index.name)
        run_command!(db, command)
        drop_trigger!(db, index.name)
      end)
    end

    @doc "Gives the trigger of an index the index's new name, where it has one."
    @spec renamed!(Database.t(), Index.t(), String.t()) :: :ok
    def renamed!(db, %Index{} = index, new_name) do
      if object?(db, "trigger", trigger(index.name)) do
        drop_trigger!(db, index.name)
        create_trigger!(db, new_name, index.table)
      end

      :ok
    end

    defp run_command!(db, command) do
      [statement] = DDL.execute_ddl(command, db.types)
      Database.run!(db, statement)
    end

    defp create_trigger!(db, name, table) do
      Database.run!(db, [
        ["CREATE TRIGGER IF NOT EXISTS ", quote_name(trigger(name))],
        [" BEFORE DELETE ON ", quote_name(table), " WHEN 0 BEGIN SELECT 1; END"]
      ])
    end

    defp drop_trigger!(db, name),
      do: Database.run!(db, ["DROP TRIGGER IF EXISTS ", quote_name(trigger(name))])

    defp trigger(name), do: "#{name}_row_by_row"

    defp remove_leftovers(db, name) do
      if not object?(db, "index", name) and object?(db, "table", @entries) do
        entry = "SELECT 1 FROM #{@entries} WHERE name = ?"

        if Database.rows!(db, entry, [name]) != [] do
          Database.rows!(db, "DELETE FROM #{@entries} WHERE name = ?", [name])
          Database.run!(db, ["DROP TABLE IF EXISTS ", quote_name(name <> "_shadow")])
        end
      end
    end

    defp object?(db, type, name) do
      where = "type = ?1 AND name = ?2 COLLATE NOCASE"
      Database.objects!(db, "main", where, [type, name]) != []
    end
  end
end
