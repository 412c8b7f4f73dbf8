if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.DDL do
    @moduledoc false
    # The commands of Ecto.Migration that are SQL text by themselves. Those for which one has to
    # look at the table first (modify, remove, constraints, ...) are in Ecto.Adapters.LibSql.Migration,
    # which calls this for the others.

    alias Ecto.Adapters.LibSql.DDL.{Columns, Indexes, Tables}
    alias Ecto.Migration.{Constraint, Index, Table}

    import EctoLibSql.Identifier, only: [quote_name: 1, quote_name: 2]

    @creates [:create, :create_if_not_exists]
    @drops [:drop, :drop_if_exists]

    @doc """
    The statements of a command, in order. `types` are the repo's options for column types.
    """
    @spec execute_ddl(Ecto.Adapter.Migration.command(), keyword()) :: [iodata()]
    def execute_ddl(command, types \\ [])

    def execute_ddl({command, %Table{} = table, columns}, types) when command in @creates do
      opts = [if_not_exists: command == :create_if_not_exists, types: types]
      Tables.create(table, columns, opts)
    end

    def execute_ddl({command, %Table{} = table, :restrict}, _types) when command in @drops,
      do: [Tables.drop(table, if_exists: command == :drop_if_exists)]

    def execute_ddl({command, %Index{} = index}, _types) when command in @creates,
      do: [Indexes.create(index, if_not_exists: command == :create_if_not_exists)]

    def execute_ddl({command, %Index{} = index, mode}, _types) when command in @drops,
      do: [Indexes.drop(index, mode, if_exists: command == :drop_if_exists)]

    def execute_ddl({:alter, %Table{} = table, changes} = command, types) do
      Enum.flat_map(changes, fn
        {:add, _name, _type, _opts} = column -> add_column(table, column, types, command)
        _other -> needs_the_table!(command)
      end)
    end

    def execute_ddl(
          {:rename, %Table{prefix: prefix} = table, %Table{prefix: prefix} = new},
          _types
        ) do
      [["ALTER TABLE ", quote_name(prefix, table.name), " RENAME TO ", quote_name(new.name)]]
    end

    def execute_ddl({:rename, %Table{} = table, %Table{} = new}, _types) do
      raise ArgumentError,
            "rename table #{table.name}: SQLite cannot move a table from one database " <>
              "(#{inspect(table.prefix)}) to another (#{inspect(new.prefix)}); create it there, " <>
              "copy the rows with execute/1, and drop it here"
    end

    def execute_ddl({:rename, %Table{} = table, column, new_column}, _types) do
      [
        [
          "ALTER TABLE ",
          quote_name(table.prefix, table.name),
          " RENAME COLUMN ",
          quote_name(column),
          " TO ",
          quote_name(new_column)
        ]
      ]
    end

    def execute_ddl({_command, %Constraint{exclude: exclude} = constraint}, _types)
        when is_binary(exclude) do
      raise ArgumentError,
            "create constraint #{constraint.name}: SQLite has no exclusion constraints; a unique " <>
              "index or a trigger that raises may serve"
    end

    def execute_ddl(sql, _types) when is_binary(sql), do: [sql]

    def execute_ddl(keyword, _types) when is_list(keyword),
      do: raise(ArgumentError, "LibSql adapter does not support keyword lists in execute")

    def execute_ddl(command, _types), do: needs_the_table!(command)

    defp add_column(table, column, types, command) do
      if Columns.addable?(column),
        do: Columns.add(table, column, %{strict?: false, types: types}),
        else: needs_the_table!(command)
    end

    defp needs_the_table!(command) do
      raise ArgumentError,
            "#{inspect(command)} is no single statement in SQLite, the table as it is has to be " <>
              "looked at first: run it in a migration, through Ecto.Adapters.LibSql.execute_ddl/3"
    end
  end
end
