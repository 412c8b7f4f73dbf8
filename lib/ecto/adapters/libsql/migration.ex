if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.Migration do
    @moduledoc """
    How `Ecto.Migration` works on SQLite: all of it, except for what is named here.

    ## Tables

      * A primary key of the type `:bigserial` (Ecto's default), `:serial` or `:identity` is `INTEGER
        PRIMARY KEY AUTOINCREMENT`: a number is never given out twice. `:id` and other integer types
        are `INTEGER PRIMARY KEY`, which may give out the highest number anew once its row is gone.
        The option `:autoincrement` of `add/3` asks for the one or the other
      * `options:` takes `"STRICT"`, `"WITHOUT ROWID"`, `"RANDOM ROWID"`, with commas between them;
        `modifiers:` takes `"TEMPORARY"`. A WITHOUT ROWID table numbers no rows
      * A serial column in a key of several columns is the key by itself, and the whole is unique
      * `prefix:` is the name of an attached database. Foreign keys stay within one
      * `generated:` takes `"ALWAYS AS (a + b) STORED"`, `"AS (a + b)"`, or an expression
      * `check:` of `add/3` takes an expression, or `%{name: "positive", expr: "a > 0"}`
      * Comments are accepted, and kept nowhere; so is `:size`: SQLite's types have no length
      * `default: fragment("CURRENT_TIMESTAMP")` is SQLite's `2026-11-21 13:05:00`, which sorts apart
        from the times that Ecto writes; `fragment("strftime('%Y-%m-%dT%H:%M:%S', 'now')")` is like
        them

    `drop table` is refused while rows of other tables refer to the table (SQLite would delete its
    rows first, with what ON DELETE does then); `mode: :cascade` removes the foreign keys to it, and
    the views on it.

    Columns of the type `:vector`, and indexes on them: `EctoLibSql.Migration.vector_index/3`.

    ## Changes

    A change for which SQLite and libSQL have a statement is made by that: columns that are added
    (with a default that is no expression), removed (with the indexes that they are in), renamed, and
    what libSQL's `ALTER COLUMN` can change without a look at the rows. For all else the table is
    built anew, in the migration's transaction, as
    [SQLite's documentation](https://sqlite.org/lang_altertable.html#otheralter) has it: rows, rowids,
    sequence, indexes, triggers and views stay, foreign keys are checked at the end. That takes time
    and space in proportion to the table.

    A column's new type converts its values: between text and blobs, to the width of the new kind of
    time, to numbers, where every value is one, and to vectors of a kind, of which all have the new dimension; else
    the migration fails.

    Constraints are created and dropped by a rebuild, those of any kind by their names.

    On a server, which enforces foreign keys all the time, the rows are put aside and written back, and
    foreign keys are looked at when they are there again. A foreign key with an ON DELETE is taken out of
    its column for that time; where it is no part of one, the change is refused before anything is done.
    `validate: false` of a check is for local databases.

    ## References

    A foreign key is named as in other databases (`posts_author_id_fkey`), and reported by that name.
    `deferrable: :deferred` (of `add/3`) has it checked at the commit. `on_delete: {:nilify, columns}`
    and `{:default, columns}` of some of a key's columns are a trigger on the referenced table.
    `match: :full` of several columns is a check, `:partial` is refused. `validate: false` leaves the
    rows that are there alone.

    ## Indexes

    Unique, partial and expression indexes as everywhere. `concurrently`, `only` and `using: :btree`
    are accepted: they ask for nothing else. `include` of an index that is not unique are further
    columns of it. NULL is the smallest value: `asc_nulls_first` and `desc_nulls_last` are accepted.
    Other directions, `using`, `include` of a unique index, `nulls_distinct: false` and `options` are
    refused.

    ## Execute

    `execute/1` runs all statements of its text, `execute/2` takes `""` for nothing to undo.

    ## Errors

    An error names the command and, where it can, what to do:

        alter table posts: NOT NULL constraint failed: posts.who; there are rows without a
        value: give the column a default, or fill it first
    """

    alias Ecto.Adapters.LibSql.DDL

    alias Ecto.Adapters.LibSql.DDL.{
      Alter,
      Command,
      Constraints,
      Database,
      Drop,
      FullText,
      IndexRename,
      SpatialIndex,
      VectorIndexes
    }

    alias Ecto.Migration.{Constraint, Index, Table}
    alias EctoLibSql.FTS

    @creates [:create, :create_if_not_exists]
    @drops [:drop, :drop_if_exists]

    @doc """
    What a repo's configuration says of column types, as `Ecto.Adapters.LibSql.Types` takes it.
    """
    @spec column_types(keyword()) :: keyword()
    def column_types(config) do
      uuid_type = config[:uuid_type] || config[:binary_id_type]
      types = Keyword.take(config, [:map_type, :array_type])
      if uuid_type, do: [{:uuid_type, uuid_type} | types], else: types
    end

    @doc """
    Runs a command of a migration.
    """
    @spec execute_ddl(
            Ecto.Adapter.adapter_meta(),
            Ecto.Adapter.Migration.command(),
            keyword()
          ) :: {:ok, []}
    def execute_ddl(meta, command, opts) do
      db = %Database{meta: meta, opts: opts, types: Map.get(meta, :column_types, [])}

      try do
        run!(db, command)
      rescue
        error in [EctoLibSql.Error, ArgumentError] ->
          reraise Command.explain(error, command), __STACKTRACE__
      end

      {:ok, []}
    end

    defp run!(db, {:alter, %Table{} = table, changes} = command) do
      FullText.check!(db, command)
      Alter.run!(db, table, changes)
    end

    defp run!(db, {drop, %Table{} = table, mode}) when drop in @drops,
      do: Drop.run!(db, table, mode, if_exists: drop == :drop_if_exists)

    defp run!(db, {:create, %Constraint{check: check} = constraint}) when is_binary(check),
      do: Constraints.create!(db, constraint)

    defp run!(db, {drop, %Constraint{} = constraint, _mode}) when drop in @drops,
      do: Constraints.drop!(db, constraint, if_exists: drop == :drop_if_exists)

    defp run!(db, {create, %Index{using: %FTS.Table{}} = index}) when create in @creates,
      do: FullText.create!(db, index, if_not_exists: create == :create_if_not_exists)

    defp run!(db, {drop, %Index{using: %FTS.Table{}} = index, _mode}) when drop in @drops,
      do: FullText.drop!(db, index, if_exists: drop == :drop_if_exists)

    defp run!(_db, {:rename, %Index{using: %FTS.Table{}}, _new_name}),
      do: raise(ArgumentError, "an FTS5 table is not renamed: drop it, and create it anew")

    defp run!(db, {create, %Index{using: :rtree} = index}) when create in @creates,
      do: SpatialIndex.create!(db, index, if_not_exists: create == :create_if_not_exists)

    defp run!(db, {drop, %Index{using: :rtree} = index, _mode}) when drop in @drops,
      do: SpatialIndex.drop!(db, index, if_exists: drop == :drop_if_exists)

    defp run!(_db, {:rename, %Index{using: :rtree}, _new_name}),
      do: raise(ArgumentError, "a spatial index is not renamed: drop it, and create it anew")

    defp run!(db, {:rename, %Index{} = index, new_name}) do
      Database.transaction!(db, fn ->
        IndexRename.run!(db, index, to_string(new_name))
        VectorIndexes.renamed!(db, index, to_string(new_name))
      end)
    end

    defp run!(db, {create, %Index{} = index} = command) when create in @creates,
      do: run_index!(db, index, command, &VectorIndexes.create!/2)

    defp run!(db, {drop, %Index{} = index, _mode} = command) when drop in @drops,
      do: run_index!(db, index, command, &VectorIndexes.drop!/2)

    # Several statements, perhaps.
    defp run!(db, sql) when is_binary(sql), do: Database.script!(db, sql)

    defp run!(db, command) do
      FullText.check!(db, command)
      run_statements!(db, command)
    end

    defp run_index!(db, index, command, run_vector!) do
      cond do
        VectorIndexes.vector?(index) ->
          run_vector!.(db, command)

        # REPLACE goes by unique indexes, and so do the triggers of full-text indexes.
        index.unique ->
          FullText.following_keys(db, index, fn -> run_statements!(db, command) end)

        true ->
          run_statements!(db, command)
      end
    end

    defp run_statements!(db, command) do
      case DDL.execute_ddl(command, db.types) do
        [statement] ->
          Database.run!(db, statement)

        statements ->
          Database.transaction!(db, fn -> Enum.each(statements, &Database.run!(db, &1)) end)
      end
    end
  end
end
