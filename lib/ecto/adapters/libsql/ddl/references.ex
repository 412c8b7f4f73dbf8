if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.DDL.References do
    @moduledoc false
    # Foreign keys: as a column's constraint where the key is one column (so that ADD COLUMN and
    # ALTER COLUMN take it), else as the table's. Each has its name, by which a violation is
    # reported.
    #
    # SQLite sets all columns of a key to NULL or their defaults, never some of them. For a list of
    # columns, a trigger on the referenced table does it, before the key is checked.

    alias Ecto.Adapters.LibSql.DDL.Default
    alias Ecto.Migration.{Reference, Table}

    import EctoLibSql.Identifier

    @trigger_prefix "ecto_on_delete_"

    @doc """
    The constraint of a column that is a foreign key by itself, with a space before it.
    """
    @spec column_constraint(tuple(), Table.t()) :: iodata()
    def column_constraint({_add, column, %Reference{with: []} = reference, opts}, table) do
      name = name(reference, table, column)
      [" CONSTRAINT ", quote_name(name), ?\s, references(reference, column, opts, table)]
    end

    def column_constraint(_column, _table), do: []

    @doc """
    The table constraints that a column with a composite foreign key needs.
    """
    @spec table_constraints(tuple(), Table.t()) :: [iodata()]
    def table_constraints({_add, name, %Reference{with: [_ | _]} = reference, opts}, table) do
      constraint = [
        "CONSTRAINT ",
        quote_name(name(reference, table, name)),
        " FOREIGN KEY (",
        quote_names(columns(reference, name)),
        ") ",
        references(reference, name, opts, table)
      ]

      [constraint | match(reference, name, table)]
    end

    def table_constraints(_column, _table), do: []

    @doc "The name of a foreign key: the declared one, or Ecto's default."
    @spec name(Reference.t(), Table.t(), atom()) :: String.t()
    def name(%Reference{name: nil}, table, column), do: "#{table.name}_#{column}_fkey"
    def name(%Reference{name: name}, _table, _column), do: to_string(name)

    @doc "The columns of a foreign key."
    @spec columns(Reference.t(), atom()) :: [atom()]
    def columns(%Reference{with: with_columns}, column), do: [column | Keyword.keys(with_columns)]

    defp references(reference, column, opts, table) do
      check_prefix!(reference, table, column)

      [
        "REFERENCES ",
        quote_name(reference.table),
        " (",
        quote_names([reference.column | Keyword.values(reference.with)]),
        ?),
        on_delete(reference, column),
        on_update(reference.on_update),
        deferrable(opts[:deferrable], table, column)
      ]
    end

    defp check_prefix!(reference, table, column) do
      prefix = Keyword.get(reference.options, :prefix, table.prefix)

      if to_string(prefix) != to_string(table.prefix) do
        raise ArgumentError,
              "#{table.name}.#{column} references #{prefix || "main"}.#{reference.table}: in SQLite, " <>
                "a foreign key cannot refer to another database (the table is in " <>
                "#{table.prefix || "main"})"
      end
    end

    defp on_delete(%Reference{on_delete: action} = reference, column) do
      case action do
        :nothing -> []
        :delete_all -> " ON DELETE CASCADE"
        :nilify_all -> " ON DELETE SET NULL"
        :default_all -> " ON DELETE SET DEFAULT"
        :restrict -> " ON DELETE RESTRICT"
        {:nilify, _} -> if whole_key?(reference, column), do: " ON DELETE SET NULL", else: []
        {:default, _} -> if whole_key?(reference, column), do: " ON DELETE SET DEFAULT", else: []
      end
    end

    defp on_update(:nothing), do: []
    defp on_update(:update_all), do: " ON UPDATE CASCADE"
    defp on_update(:nilify_all), do: " ON UPDATE SET NULL"
    defp on_update(:restrict), do: " ON UPDATE RESTRICT"

    defp deferrable(nil, _table, _column), do: []
    defp deferrable(false, _table, _column), do: " NOT DEFERRABLE"
    defp deferrable(true, _table, _column), do: " DEFERRABLE INITIALLY IMMEDIATE"
    defp deferrable(:immediate, _table, _column), do: " DEFERRABLE INITIALLY IMMEDIATE"
    defp deferrable(:deferred, _table, _column), do: " DEFERRABLE INITIALLY DEFERRED"

    defp deferrable(other, table, column) do
      raise ArgumentError,
            "#{table.name}.#{column}: deferrable takes :deferred, :immediate, true or false, got: " <>
              inspect(other)
    end

    # For a key of one column there is no difference. SQLite parses MATCH and ignores it; FULL is a
    # matter of the row alone, so a check says it.
    defp match(%Reference{match: match}, _column, _table) when match in [nil, :simple], do: []

    defp match(%Reference{match: :full} = reference, column, table) do
      [first | rest] = columns(reference, column)

      same =
        Enum.map_intersperse(rest, " AND ", fn other ->
          [?(, quote_name(first), " IS NULL) = (", quote_name(other), " IS NULL)"]
        end)

      name = name(reference, table, column) <> "_match_full"
      [["CONSTRAINT ", quote_name(name), " CHECK (", same, ?)]]
    end

    defp match(%Reference{match: match}, column, table) do
      raise ArgumentError,
            "#{table.name}.#{column}: SQLite has no MATCH #{match |> to_string() |> String.upcase()}; " <>
              "match: takes :simple or :full"
    end

    ## ON DELETE SET NULL or DEFAULT for some of the columns

    @doc """
    The triggers that the columns' foreign keys need.

    Options: `:if_not_exists`; `:types` (the repo's options for column types); `:others`, columns
    that are there already and have a default to be set, as `{name, literal}`.
    """
    @spec triggers(Table.t(), [tuple()], keyword()) :: [iodata()]
    def triggers(%Table{} = table, columns, opts \\ []) do
      types = Keyword.get(opts, :types, [])

      defaults =
        for {_add, name, type, column_opts} <- columns do
          {to_string(name), Default.value(Keyword.merge(types, column_opts), type)}
        end

      defaults = defaults ++ Keyword.get(opts, :others, [])

      for {_add, name, %Reference{} = reference, _opts} <- columns,
          assignment <- assignments(reference, name, defaults, table),
          do: trigger(reference, name, assignment, table, opts[:if_not_exists])
    end

    @doc "The name of the trigger for the foreign key of this name."
    @spec trigger_name(String.t()) :: String.t()
    def trigger_name(key), do: @trigger_prefix <> key

    defp assignments(%Reference{on_delete: {action, set}} = reference, name, defaults, table) do
      cond do
        foreign = Enum.find(set, &(&1 not in columns(reference, name))) ->
          raise ArgumentError,
                "#{table.name}.#{name}: on_delete: {#{inspect(action)}, [...]} names #{foreign}, " <>
                  "which is no column of this foreign key"

        whole_key?(reference, name) ->
          []

        true ->
          [Enum.map_intersperse(set, ", ", &[quote_name(&1), " = ", value(action, &1, defaults)])]
      end
    end

    defp assignments(_reference, _name, _defaults, _table), do: []

    defp value(:nilify, _column, _defaults), do: "NULL"

    defp value(:default, column, defaults) do
      with {_name, default} <- List.keyfind(defaults, to_string(column), 0, "NULL"), do: default
    end

    defp trigger(reference, name, assignment, table, if_not_exists) do
      child = columns(reference, name)
      parent = [reference.column | Keyword.values(reference.with)]

      same_key =
        child
        |> Enum.zip(parent)
        |> Enum.map_intersperse(" AND ", fn {child, parent} ->
          [quote_name(child), " = OLD.", quote_name(parent)]
        end)

      [
        "CREATE TRIGGER ",
        if(if_not_exists, do: "IF NOT EXISTS ", else: []),
        quote_name(table.prefix, trigger_name(name(reference, table, name))),
        " BEFORE DELETE ON ",
        quote_name(reference.table),
        [" BEGIN UPDATE ", quote_name(table.name), " SET ", assignment],
        [" WHERE ", same_key, "; END"]
      ]
    end

    defp whole_key?(%Reference{on_delete: {_action, set}} = reference, name),
      do: Enum.sort(set) == Enum.sort(columns(reference, name))
  end
end
