if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.DDL.Refill do
    @moduledoc false
    # A table's rebuild where foreign keys are enforced all the time, as a server does inside of a
    # transaction: the rows are put aside, the table is dropped, created and filled again under its
    # own name. What refers to it is looked at later (`defer_foreign_keys`, which Rebuild sets), by when
    # the rows are back. Foreign keys that would delete or change rows with those of the table (ON DELETE CASCADE,
    # SET NULL) are taken out of their columns for that time, by libSQL's ALTER COLUMN.

    alias Ecto.Adapters.LibSql.DDL.{Database, Draft, TableInfo, Verification}
    alias EctoLibSql.{CreateTable, Identifier, SqlTokens}
    alias EctoLibSql.CreateTable.{Column, Constraint}

    import EctoLibSql.Identifier, only: [quote_name: 2]

    # ALTER COLUMN does not take columns that have these.
    @fixed [:primary_key, :unique, :generated]

    @typedoc """
    `aside` is an unused name, `filled` the columns with what fills them, `indexes` the statements for
    those that stay.
    """
    @type plan :: %{aside: String.t(), filled: [{iodata(), iodata()}], indexes: [iodata()]}

    @doc """
    Makes the table what the draft says.
    """
    @spec run!(Database.t(), Draft.t(), plan()) :: :ok
    def run!(_db, %Draft{unvalidated_checks?: true}, _plan) do
      raise ArgumentError,
            "validate: false of a check is for local databases: a server checks every row that " <>
              "it writes, and this writes all of them"
    end

    def run!(db, %Draft{info: info} = draft, plan) do
      keys = acting_keys!(db, info)
      Enum.each(keys, &alter_column(db, info, &1.table, &1.without))

      refill(db, draft, quote_name(info.schema, plan.aside), plan)
      Enum.each(keys, &alter_column(db, info, &1.table, &1.column))
    end

    # A foreign key to the table may need its indexes as soon as there are rows.
    defp refill(db, %Draft{info: info, created: created} = draft, aside, plan) do
      table = quote_name(info.schema, info.name)
      {columns, expressions} = Enum.unzip(plan.filled)
      kept = for n <- 1..length(columns)//1, do: "c#{n}"

      if columns != [] do
        selected = list(Enum.zip_with(expressions, kept, &[&1, " AS ", &2]))
        Database.run!(db, ["CREATE TABLE ", aside, " AS SELECT ", selected, " FROM ", table])
      end

      Database.run!(db, ["DROP TABLE ", table])
      Database.run!(db, CreateTable.to_sql(created, table))
      Enum.each(plan.indexes, &Database.run!(db, &1))

      if columns != [] do
        Database.run!(db, [
          ["INSERT INTO ", table, " (", list(columns), ") SELECT ", list(kept), " FROM ", aside]
        ])

        Database.run!(db, ["DROP TABLE ", aside])
      end

      Verification.converted!(db, draft, table)
    end

    defp list(parts), do: Enum.intersperse(parts, ", ")

    ## Foreign keys of other tables

    defp acting_keys!(db, info) do
      for ["table", table, _, sql] when sql != nil <-
            Database.objects!(db, info.schema, "type = 'table'", []),
          not Identifier.same?(table, info.name),
          {:ok, created} <- [CreateTable.parse(sql)],
          {column, key} <- CreateTable.constraints(created),
          Constraint.acts_on_delete?(key),
          Identifier.same?(key.references.table, info.name) do
        if column == nil or Enum.any?(@fixed, &Column.has?(column, &1)), do: fixed!(key, table)
        %{table: table, column: column, without: Column.drop(column, :foreign_key)}
      end
    end

    @spec fixed!(Constraint.t(), String.t()) :: no_return()
    defp fixed!(key, table) do
      columns = if key.columns == [], do: nil, else: key.columns
      name = key.name || TableInfo.key_name(%{name: nil, columns: columns || []}, table)

      raise ArgumentError,
            "the foreign key #{name} of #{table} deletes or changes rows with those of this table " <>
              "(ON DELETE), which a server would do while the table is built anew, and the key cannot " <>
              "be taken out of its column for that time; drop the key before, and create it again " <>
              "afterwards"
    end

    # ALTER COLUMN wants the name as the definition has it, with its quotes or without.
    defp alter_column(db, info, table, column) do
      definition = column |> Column.to_sql() |> IO.iodata_to_binary()
      [{_kind, name, _lead} | _] = SqlTokens.tokenize(definition)

      Database.run!(db, [
        ["ALTER TABLE ", quote_name(info.schema, table), " ALTER COLUMN "],
        [name, " TO ", definition]
      ])
    end
  end
end
