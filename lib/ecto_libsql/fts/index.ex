if Code.ensure_loaded?(Ecto.Migration) do
  defmodule EctoLibSql.FTS.Index do
    @moduledoc false
    # EctoLibSql.Migration.fts_table/2: an FTS5 table in the form of an index, which Ecto.Migration creates,
    # drops, and reverses in both directions.

    alias EctoLibSql.FTS.Table

    @spec new(atom() | String.t(), keyword()) :: Ecto.Migration.Index.t()
    def new(name, opts) do
      table = Table.new!(name, opts)

      %Ecto.Migration.Index{
        table: table.content || table.name,
        name: table.name,
        columns: table.columns,
        prefix: table.database,
        using: table
      }
    end
  end
end
