if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.DDL.FullText do
    @moduledoc false
    # CREATE and DROP of an FTS5 table, with the triggers that keep it, and what other changes mean for it.

    alias Ecto.Adapters.LibSql.DDL.Database
    alias Ecto.Migration.Index
    alias Ecto.Migration.Table, as: EctoTable
    alias EctoLibSql.FTS.{Content, Statements, Table, Triggers}

    import EctoLibSql.Identifier, only: [quote_name: 2, same?: 2]

    @removals [:remove, :remove_if_exists]

    @spec create!(Database.t(), Index.t(), keyword()) :: :ok
    def create!(db, %Index{} = index, opts) do
      table = index |> table() |> Table.to_create!()

      if not (opts[:if_not_exists] and there?(db, table)),
        do: run!(db, Statements.create(table, content!(db, table)))

      :ok
    end

    @spec drop!(Database.t(), Index.t(), keyword()) :: :ok
    def drop!(db, %Index{} = index, opts), do: run!(db, Statements.drop(table(index), opts))

    @doc """
    Refuses a change that an FTS5 table of the table's rows would not survive: it knows them by names.
    """
    @spec check!(Database.t(), Ecto.Adapter.Migration.command()) :: :ok
    def check!(db, {:rename, %EctoTable{} = content, %EctoTable{}}),
      do: Enum.each(indexes(db, content), &refuse!(&1, "the table"))

    def check!(db, {:rename, %EctoTable{} = content, column, _new}),
      do: check!(db, content, [column])

    def check!(db, {:alter, %EctoTable{} = content, changes}) do
      removed = for change <- changes, elem(change, 0) in @removals, do: elem(change, 1)
      check!(db, content, removed)
    end

    def check!(_db, _command), do: :ok

    defp check!(_db, _content, []), do: :ok

    defp check!(db, content, columns) do
      for index <- indexes(db, content),
          column <- columns,
          known?(db, index, to_string(column)) do
        refuse!(index, "the column #{column}")
      end

      :ok
    end

    defp known?(db, %Table{name: name, key: key} = index, column) do
      columns = Database.pragma!(db, index.database, "table_info", name)
      same?(key, column) or Enum.any?(columns, fn [_cid, name | _] -> same?(name, column) end)
    end

    @spec refuse!(Table.t(), String.t()) :: no_return()
    defp refuse!(index, what) do
      raise ArgumentError,
            "the FTS5 table #{index.name} knows #{what} by its name: drop it before, and create it anew " <>
              "afterwards"
    end

    @doc """
    Runs `fun`, which creates or drops an index of a table, and has the triggers of its FTS5 tables go by the
    unique keys that there are then.
    """
    @spec following_keys(Database.t(), Index.t(), (-> :ok)) :: :ok
    def following_keys(db, %Index{} = index, fun) do
      case indexes(db, %{name: index.table, prefix: index.prefix}) do
        [] ->
          fun.()

        found ->
          Database.transaction!(db, fn ->
            :ok = fun.()
            Enum.each(found, &replace_triggers(db, &1))
          end)
      end
    end

    defp replace_triggers(db, %Table{} = table) do
      kept = Database.pragma!(db, table.database, "table_info", Triggers.replaced(table))
      columns = for [_cid, name | _] <- kept, name != "rowid", do: name
      table = %{table | columns: columns}
      triggers = Triggers.create(table, content!(db, table))
      Enum.each(Triggers.drop(table) ++ triggers, &Database.run!(db, &1))
    end

    @key ~r/content_rowid = '((?:[^']|'')*)'/

    # Those of a table's rows, by the triggers on it; and the one of that name.
    defp indexes(db, %{name: content, prefix: prefix}) do
      content = to_string(content)
      schema = Database.schema!(db, prefix, content)
      schema_table = quote_name(schema, "sqlite_schema")

      sql = [
        [
          "SELECT f.name, t.tbl_name, f.sql FROM ",
          schema_table,
          " AS t JOIN ",
          schema_table,
          " AS f "
        ],
        "ON t.name = f.name || '_after_insert' WHERE t.type = 'trigger' AND f.type = 'table' ",
        "AND ?1 COLLATE NOCASE IN (t.tbl_name, f.name) AND f.sql LIKE 'CREATE VIRTUAL TABLE%USING fts5(%'"
      ]

      for [name, content, definition] <- Database.rows!(db, sql, [content]),
          [_, key] <- [Regex.run(@key, definition)] do
        key = String.replace(key, "''", "'")
        %Table{name: name, database: schema, content: content, key: key}
      end
    end

    # The migration may have a prefix for all that it does.
    defp table(%Index{using: table, prefix: prefix}),
      do: %{table | database: prefix && to_string(prefix)}

    defp there?(db, %Table{name: name, database: database}) do
      Database.objects!(db, database || "main", "name = ?1 COLLATE NOCASE", [name]) != []
    end

    defp content!(_db, %Table{content: nil}), do: nil

    defp content!(db, table) do
      case Content.read(table, &Database.rows!(db, &1, &2)) do
        {:ok, content} -> content
        {:error, reason} -> raise ArgumentError, reason
      end
    end

    defp run!(db, statements),
      do: Database.transaction!(db, fn -> Enum.each(statements, &Database.run!(db, &1)) end)
  end
end
