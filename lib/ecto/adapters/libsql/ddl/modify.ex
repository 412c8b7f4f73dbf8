if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.DDL.Modify do
    @moduledoc false
    # The change of a column: by libSQL's ALTER TABLE ... ALTER COLUMN where the rows as they are
    # satisfy the new definition, which that does not look at; else by a rebuild, which writes them
    # anew.

    alias Ecto.Adapters.LibSql.DDL.{Alter, Columns, Database, Draft, PrimaryKey}
    alias Ecto.Adapters.LibSql.DDL.{References, TableInfo, VectorColumns}
    alias Ecto.Migration.Reference
    alias EctoLibSql.CreateTable
    alias EctoLibSql.CreateTable.Column

    import EctoLibSql.Identifier, only: [quote_name: 1, quote_name: 2, same?: 2]

    @second_times [:time, :naive_datetime, :utc_datetime]
    @microsecond_times [:time_usec, :naive_datetime_usec, :utc_datetime_usec]

    @doc """
    Makes the change to the draft.
    """
    @spec modify(Draft.t(), Column.t(), tuple(), map()) :: Draft.t()
    def modify(%Draft{} = draft, %Column{} = old, {_modify, name, type, opts} = change, context) do
      refuse_generated!(name, opts)
      {draft, column} = drop_from(draft, old, opts[:from], context.table, name)
      refuse_second_key!(draft, change, context.table)

      column =
        column
        |> put_type(change, draft, context)
        |> put_null(opts)
        |> put_default(change, opts)
        |> put_collation(opts)
        |> Column.add(Columns.check(opts))
        |> Column.add(References.column_constraint(change, context.table))
        |> put_key(change, context)

      table_constraints =
        change
        |> References.table_constraints(context.table)
        |> Enum.flat_map(&Alter.parse_constraints/1)

      triggers =
        References.triggers(context.table, [change],
          types: context.types,
          others: Alter.others(draft)
        )

      conversion = conversion(type, opts, column, old)

      draft
      |> Draft.put_column(column)
      |> Draft.add_constraints(table_constraints)
      |> unvalidated(change, context.table)
      |> converted(type, opts, column, old)
      |> put_copy(name, conversion)
      |> decide(old, column, {table_constraints, triggers, conversion, opts}, context)
    end

    ## What goes

    # `from:` says what the column was. Only its foreign key matters: that is dropped.
    defp drop_from(draft, column, {%Reference{} = reference, _opts}, table, name),
      do: drop_from(draft, column, reference, table, name)

    defp drop_from(draft, column, %Reference{} = reference, table, name) do
      key = References.name(reference, table, name)
      columns = Enum.map(References.columns(reference, name), &to_string/1)
      match? = &key?(&1, &2, key, columns)

      found = for {of, c} <- CreateTable.constraints(draft.created), match?.(of, c), do: of
      if found == [], do: no_such_key!(name, reference, key)

      draft = Draft.reject_constraints(draft, match?)
      draft = %{draft | dropped_keys: [key | draft.dropped_keys]}
      # Only what stands in the column goes with the column's definition.
      draft = if nil in found, do: Draft.rebuild(draft), else: draft
      {draft, Draft.column(draft, column.name)}
    end

    defp drop_from(draft, column, _from, _table, _name), do: {draft, column}

    @spec no_such_key!(atom(), Reference.t(), String.t()) :: no_return()
    defp no_such_key!(name, reference, key) do
      raise ArgumentError,
            "modify #{name}, from: references(:#{reference.table}): the column has no foreign key #{key}"
    end

    # By its name, or, where the schema gives it none, by its columns.
    defp key?(of, %{kind: :foreign_key} = constraint, key, columns) do
      own = if of, do: [of.name], else: constraint.columns
      constraint.name == key or (constraint.name == nil and same_names?(own, columns))
    end

    defp key?(_of, _constraint, _key, _columns), do: false

    defp same_names?(a, b),
      do: length(a) == length(b) and a |> Enum.zip(b) |> Enum.all?(fn {a, b} -> same?(a, b) end)

    defp refuse_second_key!(
           draft,
           {_modify, name, %Reference{} = reference, _opts},
           table
         ) do
      key = References.name(reference, table, name)

      if Enum.any?(CreateTable.constraints(draft.created), fn {_of, c} -> c.name == key end) do
        raise ArgumentError,
              "modify #{name}: there is a foreign key #{key} already; say from: references(...), which " <>
                "drops it, or give the new one another name"
      end
    end

    defp refuse_second_key!(_draft, _change, _table), do: :ok

    defp refuse_generated!(name, opts) do
      if opts[:generated] do
        raise ArgumentError,
              "modify #{name}: what a column is generated from cannot be changed in place; remove the " <>
                "column and add it again"
      end
    end

    ## The new definition

    # The rowid's type stays INTEGER, or it would be the rowid no more.
    defp put_type(column, change, draft, context) do
      type = Columns.declared_type(change, context)
      rowid = CreateTable.rowid_alias(draft.created)

      if rowid != nil and rowid.name == column.name and Columns.affinity(type) == :integer,
        do: column,
        else: Column.put_type(column, type)
    end

    defp put_null(column, opts) do
      case opts[:null] do
        nil -> column
        true -> column |> Column.drop(:not_null) |> Column.drop(:null)
        false -> column |> Column.drop(:not_null) |> Column.drop(:null) |> Column.add("NOT NULL")
      end
    end

    defp put_default(column, change, opts) do
      case Keyword.fetch(opts, :default) do
        :error -> column
        {:ok, nil} -> Column.drop(column, :default)
        {:ok, _default} -> column |> Column.drop(:default) |> Column.add(Columns.default(change))
      end
    end

    defp put_collation(column, opts) do
      if opts[:collation],
        do: column |> Column.drop(:collate) |> Column.add(Columns.collation(opts)),
        else: column
    end

    defp put_key(column, {_modify, name, _type, opts} = change, context) do
      cond do
        not (opts[:primary_key] || false) -> column
        Column.has?(column, :primary_key) -> already_key!(name)
        true -> column |> put_null(null: false) |> Column.add(key(change, context))
      end
    end

    defp key(change, context), do: PrimaryKey.column_constraint(change, context)

    @spec already_key!(atom()) :: no_return()
    defp already_key!(name),
      do: raise(ArgumentError, "modify #{name}: it is the primary key already")

    defp unvalidated(
           draft,
           {_modify, name, %Reference{validate: false} = reference, _opts},
           table
         ) do
      key = References.name(reference, table, name)
      %{draft | unvalidated_keys: [key | draft.unvalidated_keys]}
    end

    defp unvalidated(draft, _change, _table), do: draft

    defp converted(draft, :vector, opts, column, _old) do
      converted = {column.name, {:vector, opts[:size], VectorColumns.bytes(opts)}}
      %{draft | converted: [converted | draft.converted]}
    end

    defp converted(draft, _type, _opts, column, old) do
      from = Columns.affinity(old.type)
      to = Columns.affinity(column.type)

      if from != to and to in [:integer, :real],
        do: %{draft | converted: [{column.name, column.type} | draft.converted]},
        else: draft
    end

    ## The rows

    defp put_copy(draft, name, conversion) do
      name = to_string(name)

      case draft.copies do
        %{^name => copy} when conversion != nil ->
          %{draft | copies: %{draft.copies | name => conversion.(copy)}}

        _ ->
          draft
      end
    end

    # What SQLite's affinity does not do by itself: blobs and text, and the width of times.
    defp conversion(:vector, opts, _column, _old), do: VectorColumns.conversion(opts)

    defp conversion(type, _opts, column, old) do
      case {Columns.affinity(column.type), Columns.affinity(old.type)} do
        {:blob, from} when from != :blob -> json(type, "jsonb") || when_type("text", "BLOB")
        {:text, :blob} -> json(type, "json") || when_type("blob", "TEXT")
        {:text, _} -> time(type)
        _ -> nil
      end
    end

    defp json({kind, _}, function) when kind in [:array, :map], do: json(:map, function)

    defp json(type, function) when type in [:map, :json, :jsonb],
      do: &[function, ?(, &1, ?)]

    defp json(_type, _function), do: nil

    defp when_type(type, to) do
      fn copy ->
        ["CASE typeof(", copy, ") WHEN '", type, "' THEN CAST(", copy, " AS ", to, ") ELSE "] ++
          [copy, " END"]
      end
    end

    defp time(type) when type in @microsecond_times do
      fn copy ->
        [
          [
            "CASE WHEN ",
            copy,
            " GLOB '*[0-9]:[0-9][0-9]:[0-9][0-9]' THEN ",
            copy,
            " || '.000000'"
          ],
          [" WHEN ", copy, " GLOB '[0-9]*-[0-9][0-9]-[0-9][0-9]' THEN ", copy],
          [" || 'T00:00:00.000000' ELSE ", copy, " END"]
        ]
      end
    end

    defp time(type) when type in @second_times do
      fn copy ->
        [
          ["CASE WHEN ", copy, " GLOB '*[0-9]:[0-9][0-9]:[0-9][0-9].[0-9]*' THEN substr(", copy],
          [", 1, instr(", copy, ", '.') - 1) WHEN ", copy],
          [
            " GLOB '[0-9]*-[0-9][0-9]-[0-9][0-9]' THEN ",
            copy,
            " || 'T00:00:00' ELSE ",
            copy,
            " END"
          ]
        ]
      end
    end

    defp time(:date) do
      fn copy ->
        [
          "CASE WHEN ",
          copy,
          " GLOB '[0-9]*-[0-9][0-9]-[0-9][0-9]T*' THEN substr(",
          copy,
          ", 1, 10)"
        ] ++
          [" ELSE ", copy, " END"]
      end
    end

    defp time(_type), do: nil

    ## ALTER COLUMN or rebuild

    defp decide(draft, old, column, {table_constraints, triggers, conversion, opts}, context) do
      name = quote_name(context.table.prefix, context.table.name)

      if table_constraints == [] and alterable?(draft, old, column, conversion, opts, context) do
        column_name = quote_name(old.name)
        definition = Column.to_sql(%{column | text: nil})

        draft
        |> Draft.statements([
          ["ALTER TABLE ", name, " ALTER COLUMN ", column_name, " TO ", definition] | triggers
        ])
        |> Map.update!(:check_keys?, &(&1 or Column.has?(column, :foreign_key)))
      else
        Draft.rebuild(%{draft | triggers: draft.triggers ++ triggers})
      end
    end

    defp alterable?(draft, old, column, conversion, opts, context) do
      {key, _constraint} = CreateTable.primary_key(draft.created)

      Columns.affinity(old.type) == Columns.affinity(column.type) and
        not Enum.any?(key, &same?(&1, column.name)) and
        not Enum.any?(column.constraints, &(&1.kind in [:unique, :generated, :primary_key])) and
        opts[:collation] == nil and opts[:check] == nil and
        not vector?(column, old) and
        not (opts[:null] == false and nulls?(draft, old, context)) and
        not (conversion != nil and changes?(draft, old, conversion, context))
    end

    # Of another kind or dimension than before, as an index on it would not be.
    defp vector?(column, old), do: column.type != old.type and column.type =~ ~r/_BLOB\(/

    defp nulls?(draft, column, context),
      do: any?(draft, [quote_name(column.name), " IS NULL"], context)

    defp changes?(draft, column, conversion, context) do
      name = quote_name(column.name)
      any?(draft, [name, " IS NOT ", conversion.(name)], context)
    end

    # A column that the same command adds or changes is not as it will be: the rebuild sees to it.
    defp any?(%Draft{info: %TableInfo{} = info, statements: []}, condition, %{db: db}) do
      table = quote_name(info.schema, info.name)

      Database.rows!(db, ["SELECT EXISTS (SELECT 1 FROM ", table, " WHERE ", condition, ?)]) == [
        [1]
      ]
    end

    defp any?(_draft, _condition, _context), do: true
  end
end
