if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.DDL.PrimaryKey do
    @moduledoc false
    # How a primary key is written. SQLite generates numbers only for a key of one column of the very
    # type INTEGER, which then is the rowid. So a serial column that is part of a larger key becomes
    # the key by itself, and the whole is unique besides.

    alias Ecto.Adapters.LibSql.DDL.Columns
    alias Ecto.Migration.Table

    import EctoLibSql.Identifier, only: [quote_names: 1]

    @serials [:serial, :bigserial, :identity]

    @type rowid :: :rowid | :random_rowid | :without_rowid
    @type t ::
            :none
            | {:single, atom(), rowid()}
            | {:composite, [atom()]}
            | {:serial_in, [atom()], {atom(), rowid()}}

    @doc """
    The key of a table with these options, by the columns that have `primary_key: true`.
    """
    @spec of([tuple()], String.t(), Table.t()) :: t()
    def of(columns, options, table) do
      keys = for {_add, name, type, opts} <- columns, opts[:primary_key], do: {name, type}

      case keys do
        [] -> :none
        [{name, _type}] -> {:single, name, rowid(options)}
        keys -> composite(keys, options, table)
      end
    end

    defp composite(keys, options, table) do
      names = Keyword.keys(keys)

      case for {name, type} <- keys, type in @serials, do: name do
        [] -> {:composite, names}
        [serial] -> {:serial_in, names, {serial, rowid(options)}}
        _several -> raise ArgumentError, two_serials(table)
      end
    end

    defp two_serials(table) do
      "table #{table.name}: SQLite generates numbers for one column of a table only"
    end

    defp rowid(options) do
      cond do
        options =~ ~r/\bWITHOUT\s+ROWID\b/i -> :without_rowid
        options =~ ~r/\bRANDOM\s+ROWID\b/i -> :random_rowid
        true -> :rowid
      end
    end

    @doc "The table constraints that the key needs."
    @spec table_constraints(t()) :: [iodata()]
    def table_constraints({:composite, keys}), do: [["PRIMARY KEY (", quote_names(keys), ?)]]
    def table_constraints({:serial_in, keys, _}), do: [["UNIQUE (", quote_names(keys), ?)]]
    def table_constraints(_inline), do: []

    @doc "The column's part, with a space before it."
    @spec column_constraint(tuple(), Columns.context()) :: iodata()
    def column_constraint({_add, name, _type, _opts} = column, context) do
      cond do
        kind(name, context.key) == nil -> []
        autoincrement?(column, context) -> " PRIMARY KEY AUTOINCREMENT"
        true -> " PRIMARY KEY"
      end
    end

    @doc "Whether the column is the rowid, if its type is INTEGER."
    @spec rowid?(atom(), t()) :: boolean()
    def rowid?(name, key), do: kind(name, key) in [:rowid, :random_rowid]

    @doc """
    Whether the column's numbers are never given out twice: serial types do so in other databases,
    and the option `:autoincrement` asks for it or against it.
    """
    @spec autoincrement?(tuple(), Columns.context()) :: boolean()
    def autoincrement?({_add, name, type, opts}, %{key: key, table: table}) do
      serial? = type in @serials

      case {kind(name, key), opts[:autoincrement]} do
        {nil, true} -> raise ArgumentError, refusal(table, name, "it is no key of one column")
        {nil, _} -> false
        {:rowid, nil} -> serial?
        {:rowid, wanted} -> wanted
        {:random_rowid, true} -> raise ArgumentError, refusal(table, name, "RANDOM ROWID")
        {:random_rowid, _} -> false
        {:without_rowid, wanted} when wanted == true or serial? -> without_rowid!(table, name)
        {:without_rowid, _} -> false
      end
    end

    defp kind(name, {:single, name, rowid}), do: rowid
    defp kind(name, {:serial_in, _names, {name, rowid}}), do: rowid
    defp kind(_name, _key), do: nil

    defp refusal(table, name, reason),
      do: "table #{table.name}: #{name} cannot be AUTOINCREMENT (#{reason})"

    @spec without_rowid!(Table.t(), atom()) :: no_return()
    defp without_rowid!(table, name) do
      raise ArgumentError,
            "table #{table.name}: a WITHOUT ROWID table generates no numbers for its key #{name}; " <>
              "give the key another type, as in primary_key: [name: :#{name}, type: :integer]"
    end
  end
end
