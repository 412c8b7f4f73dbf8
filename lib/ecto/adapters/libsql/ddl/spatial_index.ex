if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.DDL.SpatialIndex do
    @moduledoc false
    # `create spatial_index(...)` and `drop spatial_index(...)`, which Ecto knows as an index that uses
    # an R*Tree.

    alias Ecto.Adapters.LibSql.DDL.Database
    alias EctoLibSql.Geo

    @spec create!(Database.t(), Ecto.Migration.Index.t(), keyword()) :: :ok
    def create!(db, index, if_not_exists: if_not_exists?) do
      geo = geo(index)

      unless if_not_exists? and Geo.Index.exists?(geo, ask(db)),
        do: run!(db, Geo.Index.create(geo, ask(db)))

      :ok
    end

    @spec drop!(Database.t(), Ecto.Migration.Index.t(), keyword()) :: :ok
    def drop!(db, index, if_exists: if_exists?) do
      geo = geo(index)

      cond do
        Geo.Index.exists?(geo, ask(db)) -> run!(db, Geo.Index.drop(geo))
        if_exists? -> :ok
        true -> raise ArgumentError, "there is no spatial index #{geo.name}"
      end
    end

    defp geo(index),
      do: Geo.Index.new(index.table, index.columns, name: index.name, prefix: index.prefix)

    defp ask(db), do: &Database.rows!(db, &1, &2)

    defp run!(db, statements),
      do: Database.transaction!(db, fn -> Enum.each(statements, &Database.run!(db, &1)) end)
  end
end
