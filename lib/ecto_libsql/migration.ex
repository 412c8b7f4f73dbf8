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

    @doc """
    An index by which the nearest vectors are found, for `create` and `drop`.

        create table(:movies) do
          add :title, :text
          add :embedding, :vector, size: 384, type: :f32
        end

        create vector_index(:movies, :embedding, metric: :cosine, compress_neighbors: :f8)

    The column has the type `:vector`, with `size:`, its dimension, and `type:`, one of
    `EctoLibSql.Vector.kinds/0`. The index is libSQL's DiskANN, a graph of neighbors. Options, which are
    libSQL's own, with its defaults:

      * `:metric` - `:cosine` (default) or `:l2`
      * `:max_neighbors` - the edges of a row at most. Default: 3√n, rounded up, for n dimensions, or
        less where a row would be more than some fifty times the vector. Each takes room for a vector
      * `:compress_neighbors` - the kind in which neighbors' vectors are kept: `:f32`, `:f16`, `:fb16`,
        `:f8`, or `:f1bit` (for `:cosine` only). Default: the column's
      * `:alpha` - from 1 on, how readily far neighbors are kept. Default: 1.2
      * `:search_l`, `:insert_l` - how many rows a search, and the search for an insert's neighbors,
        keep in view. Defaults: 200 and 70
      * `:type` - `:diskann` (default)
      * `:name` - of letters, digits and underscores. Default: `movies_embedding_index`

    docs/performance.md has figures of what they cost and bring. Building takes milliseconds a row, in
    one statement, so a large table wants `timeout: :infinity` in the repo's configuration for migrations.

    Raises `ArgumentError` for options that are not known or not allowed, and for `prefix:`: libSQL keeps vector
    indexes in the main database. The database refuses (`EctoLibSql.Error`) a column of another
    type, a table WITHOUT ROWID with a key of several columns, and rows whose vectors are of another kind
    or dimension; then nothing is left of the index, which libSQL by itself does not care for.
    """
    @spec vector_index(atom() | String.t(), atom() | String.t(), keyword()) ::
            Ecto.Migration.Index.t()
    def vector_index(table, column, opts \\ []),
      do: EctoLibSql.Vector.Definition.new!(table, column, opts)

    ## Geography

    ## JSON

    ## UUIDs

    ## Full text
  end
end
