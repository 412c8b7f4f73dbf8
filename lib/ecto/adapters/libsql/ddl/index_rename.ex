if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.DDL.IndexRename do
    @moduledoc false
    # SQLite has no statement that renames an index: it is created again under its new name.

    alias Ecto.Adapters.LibSql.DDL.Database
    alias Ecto.Migration.Index
    alias EctoLibSql.SqlTokens

    import EctoLibSql.Identifier, only: [quote_name: 2]

    @spec run!(Database.t(), Index.t(), String.t()) :: :ok
    def run!(db, %Index{} = index, new_name) do
      name = to_string(index.name)
      schema = Database.schema!(db, index.prefix, name)
      where = "type = 'index' AND name = ?1 COLLATE NOCASE"

      case Database.objects!(db, schema, where, [name]) do
        [[_, _, _, sql]] when is_binary(sql) -> rename(db, schema, name, new_name, sql)
        [_made_by_a_constraint] -> raise ArgumentError, "a constraint made this index"
        [] -> raise ArgumentError, "there is no such index"
      end
    end

    defp rename(db, schema, name, new_name, sql) do
      Database.transaction!(db, fn ->
        Database.run!(db, ["DROP INDEX ", quote_name(schema, name)])
        Database.run!(db, renamed(sql, quote_name(schema, new_name)))
      end)
    end

    # `CREATE [UNIQUE] INDEX name ON ...`, as SQLite keeps it.
    defp renamed(sql, name) do
      tokens = SqlTokens.tokenize(sql)
      at = Enum.find_index(tokens, fn {_kind, text, _lead} -> String.upcase(text) == "INDEX" end)
      {head, [_name | rest]} = Enum.split(tokens, at + 1)
      [SqlTokens.text(head), ?\s, name, for({_kind, text, lead} <- rest, do: [lead, text])]
    end
  end
end
