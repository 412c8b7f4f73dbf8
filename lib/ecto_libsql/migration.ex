if Code.ensure_loaded?(Ecto.Migration) do
  defmodule EctoLibSql.Migration do
    @moduledoc """
    What migrations ask of libSQL beyond `Ecto.Migration`: indexes of vectors, of places and of paths
    in JSON, tables for full-text search, defaults that are UUIDs.

        defmodule MyApp.Repo.Migrations.CreateMovies do
          use Ecto.Migration
          import EctoLibSql.Migration

          def change do
            ...
          end
        end

    All of it can be undone, and works on local databases, at a server and on a replica.
    """

    ## Vectors

    ## Geography

    @doc """
    A spatial index: an R*Tree of the points of a column, for `create` and `drop`.

        create spatial_index(:places, :location)
        create spatial_index(:stations, [:latitude, :longitude])

    The column holds `EctoLibSql.Geo.Point`s; two columns hold degrees, the latitude first. The index is
    a table of its own, `places_location_rtree`, filled from the rows that are there and kept by
    triggers, whichever program writes them; what is no point is then refused. `EctoLibSql.Geo.within/5` and
    `EctoLibSql.Geo.nearest/5` use it.

    The table needs a primary key of one column. An index is dropped before its table, and before a
    column that it is on.

    Options:

      * `:name` - the table's. Default: `places_location_rtree`
      * `:prefix` - as everywhere, an attached database

    Errors are `ArgumentError`s that name the index: there is no such table or column, its primary key has
    several columns, a row holds something that is no point.
    """
    @spec spatial_index(
            atom() | String.t(),
            atom() | String.t() | [atom() | String.t()],
            keyword()
          ) ::
            Ecto.Migration.Index.t()
    defdelegate spatial_index(table, column, opts \\ []), to: EctoLibSql.Geo.Migration

    ## JSON

    ## UUIDs

    ## Full text
  end
end
