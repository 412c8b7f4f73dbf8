if Code.ensure_loaded?(Ecto.Migration) do
  defmodule EctoLibSql.Geo.Migration do
    @moduledoc false
    # The helper of migrations: an index of Ecto's that uses an R*Tree, which the adapter makes.

    alias EctoLibSql.Geo

    @options [:name, :prefix]

    @spec spatial_index(atom() | String.t(), term(), keyword()) :: Ecto.Migration.Index.t()
    def spatial_index(table, column, opts) do
      index = Geo.Index.new(table, column, options!(opts))

      columns =
        case index.column do
          {latitude, longitude} -> [latitude, longitude]
          column -> [column]
        end

      Ecto.Migration.index(index.table, columns,
        name: index.name,
        prefix: opts[:prefix],
        using: :rtree
      )
    end

    defp options!(opts) do
      case Keyword.keys(opts) -- @options do
        [] ->
          opts

        [unknown | _] ->
          raise ArgumentError,
                "a spatial index takes the options #{Enum.map_join(@options, ", ", &inspect/1)}, " <>
                  "got: #{inspect(unknown)}"
      end
    end
  end
end
