if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.Migration do
    @moduledoc false
    # `c:Ecto.Adapter.Migration.execute_ddl/3`: what `Ecto.Adapters.LibSql.DDL` has statements for,
    # and what takes a look at the table first.

    alias Ecto.Adapters.LibSql.DDL
    alias Ecto.Adapters.LibSql.DDL.{Alter, Command, Constraints, Database, Drop, IndexRename}
    alias Ecto.Migration.{Constraint, Index, Table}

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

    defp run!(db, {:alter, %Table{} = table, changes}), do: Alter.run!(db, table, changes)

    defp run!(db, {drop, %Table{} = table, mode}) when drop in @drops,
      do: Drop.run!(db, table, mode, if_exists: drop == :drop_if_exists)

    defp run!(db, {:create, %Constraint{check: check} = constraint}) when is_binary(check),
      do: Constraints.create!(db, constraint)

    defp run!(db, {drop, %Constraint{} = constraint, _mode}) when drop in @drops,
      do: Constraints.drop!(db, constraint, if_exists: drop == :drop_if_exists)

    defp run!(db, {:rename, %Index{} = index, new_name}),
      do: IndexRename.run!(db, index, to_string(new_name))

    # Several statements, perhaps.
    defp run!(db, sql) when is_binary(sql), do: Database.script!(db, sql)

    defp run!(db, command) do
      case DDL.execute_ddl(command, db.types) do
        [statement] ->
          Database.run!(db, statement)

        statements ->
          Database.transaction!(db, fn -> Enum.each(statements, &Database.run!(db, &1)) end)
      end
    end
  end
end
