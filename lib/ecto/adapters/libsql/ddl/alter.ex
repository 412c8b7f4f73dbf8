if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.DDL.Alter do
    @moduledoc false
    # ALTER TABLE: each change by a statement of SQLite's where it has one, else all of them by a
    # rebuild.

    alias Ecto.Adapters.LibSql.DDL.{Columns, Database, Draft, Modify, PrimaryKey, Rebuild}
    alias Ecto.Adapters.LibSql.DDL.{References, TableInfo, Verification}
    alias Ecto.Migration.{Reference, Table}
    alias EctoLibSql.CreateTable
    alias EctoLibSql.CreateTable.{Column, Constraint}
    alias EctoLibSql.SqlTokens

    import EctoLibSql.Identifier, only: [quote_name: 1, quote_name: 2, same?: 2]

    @doc """
    Makes the changes to a table.
    """
    @spec run!(Database.t(), Table.t(), [tuple()]) :: :ok
    def run!(db, %Table{} = table, changes) do
      info = TableInfo.fetch!(db, table)
      table = %{table | prefix: info.schema}
      key = PrimaryKey.of(changes_with_key(changes), info.created.options, table)

      context = %{
        table: table,
        key: key,
        strict?: CreateTable.option?(info.created, "STRICT"),
        types: db.types,
        db: db
      }

      draft = Enum.reduce(changes, Draft.new(info), &change(&1, &2, context))
      draft |> add_key(context) |> finish!(db)
    end

    defp changes_with_key(changes) do
      for {change, name, type, opts} <- changes, change in [:add, :add_if_not_exists, :modify] do
        {change, name, type, opts}
      end
    end

    @doc """
    Makes the table what the draft says, by statements if they suffice.
    """
    @spec finish!(Draft.t(), Database.t()) :: :ok
    def finish!(%Draft{created: %{columns: []}}, _db),
      do: raise(ArgumentError, "a table has at least one column in SQLite")

    def finish!(%Draft{rebuild?: true} = draft, db) do
      Rebuild.run!(db, draft)
      drop_triggers(draft, db)
    end

    def finish!(%Draft{} = draft, db) do
      Database.transaction!(db, fn ->
        draft.statements |> Enum.reverse() |> Enum.each(&Database.run!(db, &1))

        if draft.check_keys? and Database.foreign_keys?(db),
          do: Verification.foreign_keys!(db, draft)

        drop_triggers(draft, db)
      end)
    end

    # Those that stand for ON DELETE SET NULL of some columns belong to their key.
    defp drop_triggers(%Draft{info: info, dropped_keys: keys}, db) do
      for key <- keys, name = References.trigger_name(key) do
        Database.run!(db, ["DROP TRIGGER IF EXISTS ", quote_name(info.schema, name)])
      end

      :ok
    end

    ## Changes

    defp change({:add_if_not_exists, name, type, opts}, draft, context) do
      if Draft.column(draft, to_string(name)),
        do: draft,
        else: change({:add, name, type, opts}, draft, context)
    end

    defp change({:remove_if_exists, name, _type}, draft, context),
      do: change({:remove_if_exists, name}, draft, context)

    defp change({:remove_if_exists, name}, draft, context) do
      if Draft.column(draft, to_string(name)),
        do: change({:remove, name}, draft, context),
        else: draft
    end

    defp change({:remove, name, _type, _opts}, draft, context),
      do: change({:remove, name}, draft, context)

    defp change({:remove, name}, draft, context), do: remove(column!(draft, name), draft, context)

    defp change({:modify, name, type, opts}, draft, context),
      do: Modify.modify(draft, column!(draft, name), {:modify, name, type, opts}, context)

    defp change({:add, name, _type, _opts} = column, draft, context) do
      if Draft.column(draft, to_string(name)) do
        raise ArgumentError, "add #{name}: the table has that column; see add_if_not_exists/3"
      end

      add(column, draft, context)
    end

    defp column!(draft, name) do
      Draft.column(draft, to_string(name)) ||
        raise ArgumentError,
              "there is no column #{name}; there are " <>
                Enum.map_join(draft.created.columns, ", ", & &1.name)
    end

    ## Add

    defp add({_add, name, type, _opts} = column, draft, %{table: table} = context) do
      if column_key?(column), do: no_key!(draft, name)

      added = column |> Columns.definition(context) |> parse_column()

      constraints =
        column |> References.table_constraints(table) |> Enum.flat_map(&parse_constraints/1)

      triggers = References.triggers(table, [column], types: context.types, others: others(draft))

      draft
      |> Draft.add_column(added)
      |> Draft.add_constraints(constraints)
      |> unvalidated(type, name, table)
      |> then(fn draft ->
        if Columns.addable?(column),
          do: Draft.statements(draft, Columns.add(table, column, context)),
          else: Draft.rebuild(%{draft | triggers: draft.triggers ++ triggers})
      end)
    end

    defp column_key?({_add, _name, _type, opts}), do: opts[:primary_key] == true

    defp no_key!(%Draft{created: created}, name) do
      with {[_ | _] = columns, _key} <- CreateTable.primary_key(created) do
        raise ArgumentError,
              "#{name}: the table has a primary key (#{Enum.join(columns, ", ")}); drop it first"
      end
    end

    defp unvalidated(draft, %Reference{validate: false} = reference, name, table) do
      key = References.name(reference, table, name)
      %{draft | unvalidated_keys: [key | draft.unvalidated_keys]}
    end

    defp unvalidated(draft, _type, _name, _table), do: draft

    # The defaults of the columns that are there.
    @doc false
    @spec others(Draft.t()) :: [{String.t(), iodata()}]
    def others(%Draft{created: created}) do
      for column <- created.columns,
          default = Enum.find(column.constraints, &(&1.kind == :default)) do
        {column.name, default_value(default)}
      end
    end

    defp default_value(%Constraint{text: text}) do
      text
      |> SqlTokens.tokenize()
      |> Enum.drop_while(fn {_kind, text, _lead} -> CreateTable.keyword(text) != "DEFAULT" end)
      |> tl()
      |> SqlTokens.text()
    end

    defp add_key(draft, %{key: key}) do
      case PrimaryKey.table_constraints(key) do
        [] -> draft
        [sql] -> draft |> Draft.add_constraints(parse_constraints(sql)) |> Draft.rebuild()
      end
    end

    ## Remove

    defp remove(%Column{name: name} = column, draft, %{table: table}) do
      mentioning =
        for index <- draft.info.indexes, TableInfo.mentions?(index.words, [name]), do: index

      plain? = plain?(column, draft)

      draft
      |> drop_keys_of([name])
      |> Draft.drop_column(name)
      |> Draft.reject_constraints(fn _column, constraint -> mentions?(constraint, name) end)
      |> then(fn draft ->
        if plain?,
          do: Draft.statements(draft, remove_statements(mentioning, column, table)),
          else: Draft.rebuild(draft)
      end)
    end

    # SQLite's DROP COLUMN does not take a column that anything but an index mentions.
    defp plain?(%Column{name: name} = column, %Draft{created: created}) do
      not Enum.any?(column.constraints, &(&1.kind in [:primary_key, :unique, :foreign_key])) and
        length(created.columns) > 1 and
        Enum.all?(CreateTable.constraints(created), fn {of, constraint} ->
          (of != nil and of.name == name) or not mentions?(constraint, name)
        end)
    end

    # What a key refers to is another table's.
    defp mentions?(%Constraint{kind: kind, columns: columns}, name)
         when kind in [:foreign_key, :primary_key, :unique],
         do: Enum.any?(columns, &same?(&1, name))

    defp mentions?(%Constraint{expression: expression}, name),
      do: expression != nil and TableInfo.mentions?(expression, [name])

    defp remove_statements(indexes, column, table) do
      drops = for index <- indexes, do: ["DROP INDEX ", quote_name(table.prefix, index.name)]
      name = quote_name(table.prefix, table.name)
      drops ++ [["ALTER TABLE ", name, " DROP COLUMN ", quote_name(column.name)]]
    end

    defp drop_keys_of(%Draft{created: created, info: info} = draft, names) do
      keys =
        for key <- CreateTable.foreign_keys(created),
            Enum.any?(key.columns, fn column -> Enum.any?(names, &same?(&1, column)) end),
            do: TableInfo.key_name(key, info.name)

      %{draft | dropped_keys: keys ++ draft.dropped_keys}
    end

    ## SQL as parts of a definition

    @doc false
    @spec parse_constraints(iodata()) :: [Constraint.t()]
    def parse_constraints(sql) do
      {:ok, constraints} =
        sql |> IO.iodata_to_binary() |> SqlTokens.tokenize() |> Constraint.parse_all()

      constraints
    end

    defp parse_column(sql) do
      {:ok, column} = sql |> IO.iodata_to_binary() |> SqlTokens.tokenize() |> Column.parse()
      column
    end
  end
end
