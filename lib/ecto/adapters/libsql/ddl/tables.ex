if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.DDL.Tables do
    @moduledoc false
    # CREATE TABLE and DROP TABLE.

    alias Ecto.Adapters.LibSql.DDL.{Columns, References}
    alias Ecto.Migration.{Reference, Table}

    import EctoLibSql.Identifier, only: [quote_name: 2, quote_names: 1, quote_text: 1]

    @serials [:serial, :bigserial, :identity]

    @doc """
    The statements that create a table: the table, the start of its sequence, and the triggers of
    the references that need one.
    """
    @spec create(Table.t(), [tuple()], keyword()) :: [iodata()]
    def create(%Table{} = table, columns, opts) do
      options = options(table)
      modifiers = modifiers(table)
      check_engine!(table)
      keys = primary_keys(columns)
      context = %{table: table, key: key_form(keys, options, table), strict?: strict?(options)}

      [create_table(table, columns, context, modifiers, options, opts)] ++
        start_sequence(table, columns, context) ++
        References.triggers(table, columns)
    end

    defp create_table(table, columns, context, modifiers, options, opts) do
      [
        "CREATE ",
        modifiers,
        "TABLE ",
        if(opts[:if_not_exists], do: "IF NOT EXISTS ", else: []),
        quote_name(table.prefix, table.name),
        " (",
        Enum.intersperse(definitions(columns, context), ", "),
        ?),
        if(options == "", do: [], else: [?\s, options])
      ]
    end

    defp definitions([], %{table: table}) do
      raise ArgumentError,
            "create table #{table.name}: a table has at least one column in SQLite"
    end

    defp definitions(columns, %{table: table} = context) do
      Enum.map(columns, &Columns.definition(&1, context)) ++
        key_definition(context.key) ++
        Enum.flat_map(columns, &References.table_constraints(&1, table))
    end

    defp key_definition({:composite, keys}), do: [["PRIMARY KEY (", quote_names(keys), ?)]]
    defp key_definition({:serial_in, keys, _serial}), do: [["UNIQUE (", quote_names(keys), ?)]]
    defp key_definition(_inline), do: []

    @spec drop(Table.t(), keyword()) :: iodata()
    def drop(%Table{} = table, opts) do
      [
        "DROP TABLE ",
        if(opts[:if_exists], do: "IF EXISTS ", else: []),
        quote_name(table.prefix, table.name)
      ]
    end

    ## Primary key

    defp primary_keys(columns) do
      for {_add, name, type, opts} <- columns, opts[:primary_key], do: {name, type, opts}
    end

    # How the primary key is written. SQLite generates numbers only for a key of one integer
    # column; where a serial column is part of a larger key it becomes that key, which makes the
    # whole unique too.
    defp key_form([], _options, _table), do: :none
    defp key_form([{name, _type, _opts}], options, table), do: single(name, options, table)

    defp key_form(keys, options, table) do
      names = Enum.map(keys, &elem(&1, 0))

      case Enum.filter(keys, &(elem(&1, 1) in @serials)) do
        [] -> {:composite, names}
        [{serial, _type, _opts}] -> serial_in(names, serial, options, table)
        _several -> raise ArgumentError, two_serials(table)
      end
    end

    defp single(name, options, _table), do: {:single, name, rowid_kind(options)}

    defp serial_in(names, serial, options, table) do
      if rowid_kind(options) == :without_rowid do
        raise ArgumentError,
              "create table #{table.name}: a WITHOUT ROWID table generates no numbers for " <>
                "#{serial}; give the column another type, or leave it out of the key"
      end

      {:serial_in, names, {serial, rowid_kind(options)}}
    end

    defp two_serials(table) do
      "create table #{table.name}: SQLite generates numbers for one column of a table only"
    end

    defp rowid_kind(options) do
      cond do
        options =~ ~r/\bWITHOUT\s+ROWID\b/i -> :without_rowid
        options =~ ~r/\bRANDOM\s+ROWID\b/i -> :random_rowid
        true -> :rowid
      end
    end

    ## Sequences

    defp start_sequence(table, columns, context) do
      for {_add, name, type, opts} <- columns, start = opts[:start_value] do
        if not Columns.autoincrement?(name, type, opts, context) do
          raise ArgumentError,
                "create table #{table.name}: start_value of #{name} needs a primary key of the " <>
                  "type :identity, :serial or :bigserial"
        end

        sequence = quote_name(table.prefix, "sqlite_sequence")
        name = quote_text(table.name)

        [
          ["INSERT INTO ", sequence, " (name, seq) SELECT ", name, ", ", to_string(start - 1)],
          [" WHERE NOT EXISTS (SELECT 1 FROM ", sequence, " WHERE name = ", name, ?)]
        ]
      end
    end

    ## Options

    defp options(%Table{options: nil}), do: ""
    defp options(%Table{options: options}) when is_binary(options), do: options

    defp options(%Table{options: options}) when is_list(options) do
      raise ArgumentError, "LibSql adapter does not support keyword lists in :options"
    end

    defp strict?(options), do: options =~ ~r/\bSTRICT\b/i

    defp modifiers(%Table{modifiers: nil}), do: []

    defp modifiers(%Table{modifiers: modifiers} = table) do
      if is_binary(modifiers) and modifiers =~ ~r/\A\s*TEMP(ORARY)?\s*\z/i do
        "TEMPORARY "
      else
        raise ArgumentError,
              "create table #{table.name}: the only modifiers in SQLite are \"TEMPORARY\" and " <>
                "\"TEMP\", got: #{inspect(modifiers)}"
      end
    end

    defp check_engine!(%Table{engine: nil}), do: :ok

    defp check_engine!(%Table{engine: engine} = table) do
      raise ArgumentError,
            "create table #{table.name}: SQLite has no storage engines, remove engine: " <>
              inspect(engine)
    end

    @doc """
    The type that a column gets that references one of this type.
    """
    @spec referencing_type(Reference.t()) :: term()
    def referencing_type(%Reference{type: type}) when type in @serials, do: :integer
    def referencing_type(%Reference{type: type}), do: type
  end
end
