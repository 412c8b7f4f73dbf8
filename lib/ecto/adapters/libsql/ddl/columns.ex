if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.DDL.Columns do
    @moduledoc false
    # Column definitions, and which of them ALTER TABLE ADD COLUMN takes.

    alias Ecto.Adapters.LibSql.DDL.{Default, References, Tables}
    alias Ecto.Adapters.LibSql.Types
    alias Ecto.Migration.{Reference, Table}

    import EctoLibSql.Identifier, only: [quote_name: 1, quote_name: 2]

    @serials [:serial, :bigserial, :identity]

    @typedoc """
    Where a column stands: its table, how the primary key is written, and whether the table is
    STRICT.
    """
    @type context :: %{table: Table.t(), key: term(), strict?: boolean()}

    @doc """
    The definition of a column, as in CREATE TABLE.
    """
    @spec definition(tuple(), context()) :: iodata()
    def definition({_add, name, type, opts}, context) do
      check_options!(name, type, opts, context.table)
      constraints = constraints(name, type, opts, context)
      [quote_name(name), type_text(name, type, opts, context), constraints]
    end

    @doc """
    The constraints of a column, each with a space before it.
    """
    @spec constraints(atom(), term(), keyword(), context()) :: iodata()
    def constraints(name, type, opts, context) do
      [
        collation(opts),
        primary_key(name, type, opts, context),
        not_null(name, type, opts, context),
        Default.clause(opts, storage_type(type)),
        check(opts),
        generated(name, opts, context.table),
        References.column_constraint(name, type, opts, context.table)
      ]
    end

    ## Type

    @doc """
    A column's declared type, with a space before it.
    """
    @spec type_text(atom(), term(), keyword(), context()) :: iodata()
    def type_text(name, type, opts, context) do
      [?\s, declared(name, type, opts, context)]
    end

    defp declared(name, type, opts, context) do
      text = column_type(type, opts, context)

      # Only a key of the very type INTEGER is the rowid, and gets its numbers from SQLite.
      if rowid_alias?(name, context.key) and affinity(text) == :integer,
        do: "INTEGER",
        else: text
    end

    defp column_type(type, opts, %{strict?: strict?}) do
      opts = if strict?, do: Keyword.put(opts, :strict, true), else: opts
      type |> storage_type() |> Types.column_type(opts) |> IO.iodata_to_binary()
    end

    @doc """
    The type whose values a column stores: what a reference's column has is the type of the one
    that it refers to.
    """
    @spec storage_type(term()) :: term()
    def storage_type(%Reference{} = reference),
      do: reference |> Tables.referencing_type() |> storage_type()

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

    ## Primary key

    defp rowid_alias?(name, {:single, name, kind}), do: kind != :without_rowid
    defp rowid_alias?(name, {:serial_in, _names, {name, _kind}}), do: true
    defp rowid_alias?(_name, _key), do: false

    defp primary_key(name, type, opts, %{key: key} = context) do
      cond do
        not inline_key?(name, key) -> []
        autoincrement?(name, type, opts, context) -> " PRIMARY KEY AUTOINCREMENT"
        true -> " PRIMARY KEY"
      end
    end

    defp inline_key?(name, {:single, name, _kind}), do: true
    defp inline_key?(name, {:serial_in, _names, {name, _kind}}), do: true
    defp inline_key?(_name, _key), do: false

    @doc """
    Whether the column's numbers are never given out twice: serial types do so in other databases,
    and the option `:autoincrement` asks for it or against it.
    """
    @spec autoincrement?(atom(), term(), keyword(), context()) :: boolean()
    def autoincrement?(name, type, opts, %{key: key, table: table}) do
      case {rowid_kind(name, key), opts[:autoincrement]} do
        {nil, true} ->
          raise ArgumentError, no_autoincrement(table, name, "it is no integer key")

        {nil, _} ->
          false

        {:rowid, nil} ->
          type in @serials

        {:rowid, wanted} ->
          wanted

        {:random_rowid, true} ->
          raise ArgumentError, no_autoincrement(table, name, "RANDOM ROWID")

        {:random_rowid, _} ->
          false

        {:without_rowid, wanted} ->
          without_rowid!(wanted == true or type in @serials, table, name)
      end
    end

    defp rowid_kind(name, {:single, name, kind}), do: kind
    defp rowid_kind(name, {:serial_in, _names, {name, kind}}), do: kind
    defp rowid_kind(_name, _key), do: nil

    defp no_autoincrement(table, name, reason),
      do: "table #{table.name}: #{name} cannot be AUTOINCREMENT (#{reason})"

    defp without_rowid!(false, _table, _name), do: false

    defp without_rowid!(true, table, name) do
      raise ArgumentError,
            "table #{table.name}: a WITHOUT ROWID table generates no numbers for its key #{name}; " <>
              "give the key another type, as in primary_key: [name: :#{name}, type: :integer]"
    end

    # SQLite lets NULL into a primary key unless it is the rowid.
    defp not_null(name, type, opts, context) do
      key? = opts[:primary_key] == true and not serial_key?(name, type, context)

      cond do
        opts[:null] == false -> " NOT NULL"
        opts[:null] == nil and key? -> " NOT NULL"
        true -> []
      end
    end

    defp serial_key?(name, type, %{key: key} = context) do
      rowid_alias?(name, key) and affinity(column_type(type, [], context)) == :integer
    end

    ## Other constraints

    defp collation(opts) do
      case opts[:collation] do
        nil -> []
        collation -> [" COLLATE ", quote_name(collation)]
      end
    end

    defp check(opts) do
      case opts[:check] do
        nil ->
          []

        expression when is_binary(expression) ->
          [" CHECK (", expression, ?)]

        %{name: name, expr: expression} ->
          named_check(name, expression)

        other ->
          raise ArgumentError, "check: takes a string or %{name:, expr:}, got: #{inspect(other)}"
      end
    end

    defp named_check(name, expression),
      do: [" CONSTRAINT ", quote_name(name), " CHECK (", expression, ?)]

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
        text =~ ~r/\ABY\s+DEFAULT\b/i -> raise ArgumentError, not_generated(name, table, text)
        true -> [" GENERATED ALWAYS AS (", text, ?)]
      end
    end

    defp not_generated(name, table, text) do
      "table #{table.name}: SQLite has no column that is GENERATED #{text}; for #{name} take the " <>
        "type :identity or :bigserial with primary_key: true"
    end

    defp check_options!(name, _type, opts, table) do
      if opts[:increment] not in [nil, 1] do
        raise ArgumentError,
              "table #{table.name}: SQLite's numbers go up by 1, increment: " <>
                "#{inspect(opts[:increment])} of #{name} cannot be had"
      end
    end

    ## ALTER TABLE ADD COLUMN

    @doc """
    Whether ALTER TABLE ADD COLUMN takes the column; if not, why.
    """
    @spec addable(atom(), term(), keyword(), Table.t()) :: :ok | {:error, String.t()}
    def addable(_name, type, opts, _table) do
      cond do
        opts[:primary_key] ->
          {:error, "a primary key"}

        composite?(type) ->
          {:error, "a composite foreign key"}

        match?(%Reference{}, type) and opts[:default] != nil ->
          {:error, "a default of a reference"}

        opts[:null] == false and opts[:default] == nil ->
          {:error, "NOT NULL without default"}

        match?({:fragment, _}, opts[:default]) ->
          {:error, "a default to compute"}

        stored?(opts[:generated]) ->
          {:error, "a stored generated column"}

        true ->
          :ok
      end
    end

    defp composite?(%Reference{with: with_columns}), do: with_columns != []
    defp composite?(_type), do: false

    defp stored?(nil), do: false
    defp stored?(generated), do: generated =~ ~r/\bSTORED\b/i

    @doc """
    The statements that add a column which is `addable/4`.
    """
    @spec add(Table.t(), atom(), term(), keyword(), keyword()) :: [iodata()]
    def add(%Table{} = table, name, type, opts, table_opts \\ []) do
      context = %{table: table, key: :none, strict?: Keyword.get(table_opts, :strict?, false)}
      column = {:add, name, type, opts}

      [
        [
          "ALTER TABLE ",
          quote_name(table.prefix, table.name),
          " ADD COLUMN ",
          definition(column, context)
        ]
        | References.triggers(table, [column])
      ]
    end
  end
end
