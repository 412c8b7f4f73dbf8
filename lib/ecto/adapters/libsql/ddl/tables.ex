if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.DDL.Tables do
    @moduledoc false
    # CREATE TABLE and DROP TABLE.

    alias Ecto.Adapters.LibSql.DDL.{Columns, PrimaryKey, References}
    alias Ecto.Migration.Table

    import EctoLibSql.Identifier, only: [quote_name: 2, quote_text: 1]

    @doc """
    The statements that create a table: the table, the start of its sequence, and the triggers of
    the references that need one.

    Options: `:if_not_exists`, `:types` (the repo's options for column types).
    """
    @spec create(Table.t(), [tuple()], keyword()) :: [iodata()]
    def create(%Table{} = table, columns, opts) do
      options = options(table)
      check_engine!(table)

      context = %{
        table: table,
        key: PrimaryKey.of(columns, options, table),
        strict?: options =~ ~r/\bSTRICT\b/i,
        types: Keyword.get(opts, :types, [])
      }

      create = [
        ["CREATE ", modifiers(table), "TABLE "],
        if(opts[:if_not_exists], do: "IF NOT EXISTS ", else: []),
        quote_name(table.prefix, table.name),
        [" (", Enum.intersperse(definitions(columns, context), ", "), ?)],
        if(options == "", do: [], else: [?\s, options])
      ]

      triggers = References.triggers(table, columns, opts)
      [create | start_sequence(table, columns, context)] ++ triggers
    end

    defp definitions([], %{table: table}) do
      raise ArgumentError,
            "create table #{table.name}: a table has at least one column in SQLite"
    end

    defp definitions(columns, %{table: table, key: key} = context) do
      Enum.map(columns, &Columns.definition(&1, context)) ++
        PrimaryKey.table_constraints(key) ++
        Enum.flat_map(columns, &References.table_constraints(&1, table))
    end

    @doc """
    The statement that drops a table. Option: `:if_exists`.
    """
    @spec drop(Table.t(), keyword()) :: iodata()
    def drop(%Table{} = table, opts) do
      [
        "DROP TABLE ",
        if(opts[:if_exists], do: "IF EXISTS ", else: []),
        quote_name(table.prefix, table.name)
      ]
    end

    ## Sequences

    defp start_sequence(table, columns, context) do
      for {_add, name, _type, opts} = column <- columns, start = opts[:start_value] do
        if not PrimaryKey.autoincrement?(column, context) do
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

    # ecto_sql 3.13's struct has no modifiers.
    defp modifiers(%Table{} = table) do
      case Map.get(table, :modifiers) do
        nil -> []
        modifiers -> modifier(modifiers, table)
      end
    end

    defp modifier(modifiers, table) do
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
  end
end
