if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.DDL.Rebuild do
    @moduledoc false
    # A table built anew, as <https://sqlite.org/lang_altertable.html#otheralter> says: for what
    # ALTER TABLE cannot do. Rows keep their rowids, the table its indexes, triggers and sequence;
    # foreign keys are not enforced while the old table is dropped (its rows would go, and with them
    # what refers to them) and are checked afterwards. On a server, where they cannot be turned off,
    # Refill does it another way.

    alias Ecto.Adapters.LibSql.DDL.{Database, Draft, Refill, TableInfo, Verification}
    alias EctoLibSql.CreateTable
    alias EctoLibSql.SqlTokens

    import EctoLibSql.Identifier, only: [quote_name: 1, quote_name: 2, fold: 1]

    @doc """
    Makes the table what the draft says; of several drafts, each, before foreign keys are checked.
    """
    @spec run!(Database.t(), Draft.t() | [Draft.t(), ...]) :: :ok
    def run!(db, %Draft{} = draft), do: run!(db, [draft])

    def run!(db, [%Draft{info: info} | _] = drafts) do
      Database.transaction!(db, fn ->
        views = Verification.working_views(db, info.schema)
        unenforced(db, fn -> Enum.each(drafts, &build(db, &1)) end)
        Enum.each(drafts, &Verification.run!(db, &1, views))
      end)
    end

    defp unenforced(db, fun) do
      if Database.server?(db),
        do: Database.with_pragma(db, "defer_foreign_keys", fun),
        else: Database.without_foreign_keys(db, fun)
    end

    defp build(db, %Draft{info: info} = draft) do
      sequence = sequence(db, info)
      if Database.server?(db), do: refill(db, draft), else: replace(db, draft)
      restore_sequence(db, info, sequence)
      triggers = for trigger <- info.triggers, do: in_schema(trigger.sql, info.schema)
      Enum.each(triggers ++ draft.triggers, &Database.run!(db, &1))
    end

    defp refill(db, draft) do
      Refill.run!(db, draft, %{
        aside: unused_name(db, draft.info),
        filled: filled(draft),
        indexes: indexes(draft)
      })
    end

    defp replace(db, %Draft{info: info, created: created} = draft) do
      old = quote_name(info.schema, info.name)
      new_name = unused_name(db, info)
      new = quote_name(info.schema, new_name)

      # Else the renaming would look for the table that is not there just then in all views and
      # triggers that mention it.
      Database.with_pragma(db, "legacy_alter_table", fn ->
        Database.run!(db, CreateTable.to_sql(%{created | temporary?: false}, new))
        named_as(info.name, new_name, fn -> copy(db, draft, old, new) end)
        Verification.converted!(db, draft, new)
        Database.run!(db, ["DROP TABLE ", old])
        Database.run!(db, ["ALTER TABLE ", new, " RENAME TO ", quote_name(info.name)])
        Enum.each(indexes(draft), &Database.run!(db, &1))
      end)
    end

    defp unused_name(db, info) do
      taken = for [_, name | _] <- Database.objects!(db, info.schema, "1", []), do: fold(name)

      ["ecto_rebuild_" <> info.name]
      |> Stream.concat(
        Stream.map(Stream.iterate(1, &(&1 + 1)), &"ecto_rebuild_#{&1}_#{info.name}")
      )
      |> Enum.find(&(fold(&1) not in taken))
    end

    ## Rows

    defp copy(db, %Draft{unvalidated_checks?: true} = draft, old, new) do
      Database.with_pragma(db, "ignore_check_constraints", fn ->
        copy(db, %{draft | unvalidated_checks?: false}, old, new)
      end)
    end

    defp copy(db, draft, old, new) do
      {columns, expressions} = Enum.unzip(filled(draft))

      if columns != [] do
        Database.run!(db, [
          ["INSERT INTO ", new, " (", Enum.intersperse(columns, ", ")],
          [") SELECT ", Enum.intersperse(expressions, ", "), " FROM ", old]
        ])
      end
    end

    # The columns that are filled from the table as it was, each with its expression.
    defp filled(%Draft{created: created, copies: copies} = draft) do
      rowid(draft) ++
        for column <- created.columns,
            copy = copies[column.name],
            do: {quote_name(column.name), copy}
    end

    # A rowid that no column shows is copied by one of its names, if a column does not take them
    # all.
    defp rowid(%Draft{info: %{created: old}, created: new, copies: copies}) do
      shown = CreateTable.rowid_alias(new)
      names = for column <- old.columns ++ new.columns, do: fold(column.name)
      name = Enum.find(["rowid", "_rowid_", "oid"], &(&1 not in names))

      if CreateTable.rowid?(old) and CreateTable.rowid?(new) and name != nil and
           not (shown != nil and is_map_key(copies, shown.name)),
         do: [{name, name}],
         else: []
    end

    # Nobody knows the table by the name that it has meanwhile.
    defp named_as(name, new_name, fun) do
      fun.()
    rescue
      error in EctoLibSql.Error ->
        message = String.replace(error.message, new_name, name)
        reraise %{error | message: message}, __STACKTRACE__
    end

    ## AUTOINCREMENT: numbers that were given out are not to be given out again

    defp sequence(db, info) do
      case Database.objects!(db, info.schema, "name = 'sqlite_sequence'", []) do
        [] ->
          nil

        [_table] ->
          table = quote_name(info.schema, "sqlite_sequence")
          rows = Database.rows!(db, ["SELECT seq FROM ", table, " WHERE name = ?"], [info.name])
          with [[sequence] | _] <- rows, do: sequence, else: ([] -> nil)
      end
    end

    defp restore_sequence(_db, _info, nil), do: :ok

    defp restore_sequence(db, info, sequence) do
      table = quote_name(info.schema, "sqlite_sequence")
      name = EctoLibSql.Identifier.quote_text(info.name)
      sequence = to_string(sequence)

      # A table that is no longer AUTOINCREMENT has none.
      if autoincrement?(db, info) do
        Database.run!(db, ["DELETE FROM ", table, " WHERE name = ", name])

        Database.run!(db, [
          "INSERT INTO ",
          table,
          " (name, seq) VALUES (",
          name,
          ", ",
          sequence,
          ?)
        ])
      end
    end

    defp autoincrement?(db, info) do
      [["table", _, _, sql]] =
        Database.objects!(db, info.schema, "type = 'table' AND name = ?1 COLLATE NOCASE", [
          info.name
        ])

      with {:ok, created} <- CreateTable.parse(sql),
           {_columns, %{text: text}} <- CreateTable.primary_key(created),
           do: text =~ ~r/\bAUTOINCREMENT\b/i
    end

    ## Indexes and triggers

    # As in PostgreSQL, an index goes with any of its columns.
    defp indexes(%Draft{info: info, removed: removed}) do
      for index <- info.indexes,
          not TableInfo.mentions?(index.words, removed),
          do: in_schema(index.sql, info.schema)
    end

    # sqlite_schema has the statements without their schema.
    @doc false
    @spec in_schema(String.t(), String.t()) :: iodata()
    def in_schema(sql, "main"), do: sql

    def in_schema(sql, schema) do
      tokens = SqlTokens.tokenize(sql)
      at = Enum.find_index(tokens, &keyword?(&1, ["INDEX", "TRIGGER"]))
      {head, [{_kind, name, _lead} | rest]} = Enum.split(tokens, at + 1)
      tail = for {_kind, text, lead} <- rest, do: [lead, text]
      [SqlTokens.text(head), ?\s, quote_name(schema), ?., name, tail]
    end

    defp keyword?({:word, word, _lead}, keywords), do: CreateTable.keyword(word) in keywords
    defp keyword?(_token, _keywords), do: false
  end
end
