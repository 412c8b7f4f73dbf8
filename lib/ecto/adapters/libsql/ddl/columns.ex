if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.DDL.Columns do
    @moduledoc false
    # Column definitions, and which of them ALTER TABLE ADD COLUMN takes.

    alias Ecto.Adapters.LibSql.DDL.{Default, PrimaryKey, References}
    alias Ecto.Adapters.LibSql.Types
    alias Ecto.Migration.{Reference, Table}

    import EctoLibSql.Identifier, only: [quote_name: 1, quote_name: 2]

    @serials [:serial, :bigserial, :identity]

    @typedoc """
    Where a column stands: its table, how the primary key is written, whether the table is STRICT,
    and the repo's options for column types.
    """
    @type context :: %{
            table: Table.t(),
            key: PrimaryKey.t(),
            strict?: boolean(),
            types: keyword()
          }

    @doc """
    The definition of a column, as in CREATE TABLE.
    """
    @spec definition(tuple(), context()) :: iodata()
    def definition({add, name, type, opts}, context) do
      check_increment!(name, opts, context.table)
      column = {add, name, type, Keyword.merge(context.types, opts)}

      [
        [quote_name(name), ?\s, declared_type(column, context)],
        collation(opts),
        PrimaryKey.column_constraint(column, context),
        not_null(column, context),
        default(column),
        check(opts),
        generated(name, opts, context.table),
        References.column_constraint(column, context.table)
      ]
    end

    ## Type

    @doc """
    A column's declared type.
    """
    @spec declared_type(tuple(), context()) :: String.t()
    def declared_type({_add, name, _type, _opts} = column, context) do
      type = column_type(column, context)

      # Only a key of the very type INTEGER is the rowid, and gets its numbers from SQLite.
      if PrimaryKey.rowid?(name, context.key) and affinity(type) == :integer,
        do: "INTEGER",
        else: type
    end

    defp column_type({_add, _name, type, opts}, %{strict?: strict?, types: types}) do
      opts = types |> Keyword.merge(opts) |> Keyword.put(:strict, strict?)
      type |> storage_type() |> Types.column_type(opts)
    end

    @doc """
    The type whose values a column stores: a reference's column stores those of the column that it
    refers to.
    """
    @spec storage_type(term()) :: term()
    def storage_type(%Reference{type: type}), do: storage_type(type)
    def storage_type(type) when type in @serials, do: :id
    def storage_type(type), do: type

    @doc """
    The [affinity](https://sqlite.org/datatype3.html#determination_of_column_affinity) of a
    declared type.
    """
    @spec affinity(String.t()) :: :integer | :text | :blob | :real | :numeric
    def affinity(declared) do
      type = String.upcase(declared, :ascii)

      cond do
        type =~ "INT" -> :integer
        type =~ ~r/CHAR|CLOB|TEXT/ -> :text
        type == "" or type =~ "BLOB" -> :blob
        type =~ ~r/REAL|FLOA|DOUB/ -> :real
        true -> :numeric
      end
    end

    ## Constraints, each with a space before it

    # SQLite lets NULL into a primary key unless it is the rowid.
    defp not_null({_add, name, _type, opts} = column, context) do
      rowid? =
        PrimaryKey.rowid?(name, context.key) and declared_type(column, context) == "INTEGER"

      cond do
        opts[:null] == false -> " NOT NULL"
        opts[:null] == nil and opts[:primary_key] == true and not rowid? -> " NOT NULL"
        true -> []
      end
    end

    @doc "The COLLATE clause."
    @spec collation(keyword()) :: iodata()
    def collation(opts) do
      case opts[:collation] do
        nil -> []
        collation -> [" COLLATE ", quote_name(collation)]
      end
    end

    @doc "The DEFAULT clause."
    @spec default(tuple()) :: iodata()
    def default({_add, _name, type, opts}), do: Default.clause(opts, storage_type(type))

    @doc "The CHECK clause."
    @spec check(keyword()) :: iodata()
    def check(opts) do
      case opts[:check] do
        nil ->
          []

        expression when is_binary(expression) ->
          [" CHECK (", expression, ?)]

        %{name: name, expr: expression} ->
          [" CONSTRAINT ", quote_name(name), " CHECK (", expression, ?)]

        other ->
          raise ArgumentError,
                "check: takes a string or %{name:, expr:}, got: #{inspect(other)}"
      end
    end

    defp generated(name, opts, table) do
      case opts[:generated] do
        nil -> []
        text when is_binary(text) -> generated_text(String.trim(text), name, table)
        other -> raise ArgumentError, "generated: takes a string, got: #{inspect(other)}"
      end
    end

    defp generated_text(text, name, table) do
      cond do
        text =~ ~r/\AALWAYS\s+AS\b/i -> [" GENERATED ", text]
        text =~ ~r/\A(AS|GENERATED\s+ALWAYS\s+AS)\b/i -> [?\s, text]
        text =~ ~r/\A(GENERATED\s+)?BY\s+DEFAULT\b/i -> not_generated!(name, table, text)
        text =~ ~r/\AALWAYS\b/i -> not_generated!(name, table, text)
        true -> [" GENERATED ALWAYS AS (", text, ?)]
      end
    end

    @spec not_generated!(atom(), Table.t(), String.t()) :: no_return()
    defp not_generated!(name, table, text) do
      raise ArgumentError,
            "table #{table.name}: SQLite has no column that is generated #{inspect(text)}; " <>
              "numbers for #{name} come with the type :identity and primary_key: true"
    end

    defp check_increment!(name, opts, table) do
      if opts[:increment] not in [nil, 1] do
        raise ArgumentError,
              "table #{table.name}: SQLite's numbers go up by 1, increment: " <>
                "#{inspect(opts[:increment])} of #{name} cannot be had"
      end
    end

    ## ALTER TABLE ADD COLUMN

    @doc """
    Whether ALTER TABLE ADD COLUMN takes the column, whatever rows the table has.
    """
    @spec addable?(tuple()) :: boolean()
    def addable?({_add, _name, type, opts}) do
      default = opts[:default]

      not (opts[:primary_key] == true or
             match?(%Reference{with: [_ | _]}, type) or
             (match?(%Reference{}, type) and default != nil) or
             (opts[:null] == false and default == nil) or
             match?({:fragment, _}, default) or
             (is_binary(opts[:generated]) and opts[:generated] =~ ~r/\bSTORED\b/i))
    end

    @doc """
    The statements that add a column which is `addable?/1`.
    """
    @spec add(Table.t(), tuple(), %{strict?: boolean(), types: keyword()}) :: [iodata()]
    def add(%Table{} = table, column, %{strict?: strict?, types: types}) do
      context = %{table: table, key: :none, strict?: strict?, types: types}
      name = quote_name(table.prefix, table.name)

      [
        ["ALTER TABLE ", name, " ADD COLUMN ", definition(column, context)]
        | References.triggers(table, [column], types: types)
      ]
    end
  end
end
