if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.DDL.VectorIndexes do
    @moduledoc false
    # CREATE INDEX of a vector index. libSQL makes its tables, and an entry in a table of all vector
    # indexes, when the statement is prepared. Where it then fails, they stay, and the next index
    # of that name finds its entry and is not filled: it answers nothing, without an error. So it is
    # created in a transaction, and what an earlier failure has left is removed before.

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
        [statement] = DDL.execute_ddl(command, db.types)
        Database.run!(db, statement)
      end)
    end

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
