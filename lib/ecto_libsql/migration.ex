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

    @doc """
    An FTS5 table, for `create` and `drop`: full-text search, with `EctoLibSql.FTS`.

        create fts_table(:posts_fts,
                 content: :posts,
                 columns: [:title, :body],
                 tokenize: {:porter, {:unicode61, remove_diacritics: 2}},
                 prefix: [2, 3])

        create fts_table(:notes, columns: [:text, author: :unindexed])

    `create_if_not_exists`, `drop` and `drop_if_exists` take it, too; to drop one, the name is enough, but a
    `drop` that can be undone needs all of it.

    Options:

      * `:columns` - their names, in order; `name: :unindexed` is one that is kept and not searched. Required
      * `:content` - the table that has the rows: the index holds no text of its own, and triggers keep it in
        step, with REPLACE, upserts and changes of keys as well. A table WITHOUT ROWID has no such index.
        Default: the FTS5 table has its own rows
      * `:key` - the content's column whose number is the row's in the index: one that is INTEGER, unique and
        NOT NULL. Default: the integer primary key, or else the rowid, where the content has a primary key or a
        unique key: SQLite's `VACUUM` may number the rows of others anew. `:rowid` takes theirs all the same
      * `:triggers` - `false` makes none: the index is yours to keep. Then `:content` may be a view. Default: `true`
      * `:fill` - whether the rows that are there are indexed now. Default: `true`
      * `:contentless` - `true` keeps an index and no texts: rows are found by their rowid, and cannot be read,
        updated or deleted; `:delete` allows the latter two
      * `:tokenize` - how texts are cut into tokens: `:unicode61` (SQLite's default), with
        `remove_diacritics:` 0, 1 or 2, `categories:`, `tokenchars:`, `separators:`; `:ascii`, with the last two;
        `:trigram`, for parts of words, with `case_sensitive:` or `remove_diacritics:`; each as `{name, options}`.
        `:porter` stems English words: of unicode61, or of another, `{:porter, :ascii}`. A list of texts names an
        extension's tokenizer, and its arguments. <https://sqlite.org/fts5.html#tokenizers>
      * `:prefix` - lengths of prefixes that get an index of their own, `[2, 3]`. Default: none
      * `:detail` - `:full` (default), `:column`, without which FTS5 finds no phrases, or `:none`
      * `:columnsize` - `false` keeps no sizes: smaller, and bm25 is slow. Default: `true`
      * `:database` - the attached database that has it, and its content; the migration's `:prefix` by default

    Changes of the content's table keep the index and its triggers. What the index knows by name, a column or
    the table, is renamed or removed when the FTS5 table was dropped; else that is an error.

    Raises `ArgumentError` for options that make no sense together, and, when the migration runs, for a
    content table that cannot be indexed.
    """
    @spec fts_table(atom() | String.t(), keyword()) :: Ecto.Migration.Index.t()
    def fts_table(name, opts \\ []), do: EctoLibSql.FTS.Index.new(name, opts)
  end
end
