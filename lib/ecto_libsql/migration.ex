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

    ## JSON

    ## UUIDs

    ## Full text
  end
end
