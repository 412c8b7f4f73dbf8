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

    alias EctoLibSql.JSON.Schema

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

    @doc """
    An index on a path into a column of JSON, text or JSONB, for `create` and `drop`.

        create json_index(:users, :settings, ["address", "city"])
        create json_index(:users, :settings, ["email"], unique: true, where: "active")
        drop json_index(:users, :settings, ["address", "city"])

    The path is a list of keys and indexes, as `EctoLibSql.JSON` has them; the options are those of
    `Ecto.Migration.index/3`. It is an index on the expression that `u.settings["address"]["city"]`,
    `json_extract_path/2` and `EctoLibSql.JSON.Query.json_extract/2` are in a condition or a sorting;
    the last only where its path is written out, since what is interpolated in it comes after SQLite
    has looked for an index. Objects and arrays are indexed as JSON text, JSON's booleans as 1 and 0; a comparison
    of Ecto's with `true` or `false` asks for the type, and uses no index.

        iex> EctoLibSql.Migration.json_index(:users, :settings, ["address", "city"]).columns
        [~S|json_extract("settings", '$."address"."city"')|]

    The name is `users_settings_address_city_index` unless `:name` says otherwise. In a column with an
    index on a path, what is not JSON cannot be stored, and where there is some already, the index is
    not made: "malformed JSON". A path that is none raises `ArgumentError`.
    """
    @spec json_index(atom() | String.t(), atom(), EctoLibSql.JSON.path(), keyword()) ::
            Ecto.Migration.Index.t()
    def json_index(table, column, path, opts \\ []), do: Schema.index(table, column, path, opts)

    @doc """
    What `generated:` takes for a column that is the value at a path of another one.

        add :city, :string, generated: json_generated(:settings, ["address", "city"])

    With `stored: true` the value is kept in the table; else it is calculated when it is read, and an
    index on the column keeps it. In the schema it is a field that is not written:

        field :city, :string, writable: :never, read_after_writes: true

    It is SQL:

        iex> EctoLibSql.Migration.json_generated(:settings, ["address", "city"])
        ~S|ALWAYS AS (json_extract("settings", '$."address"."city"')) VIRTUAL|
    """
    @spec json_generated(atom(), EctoLibSql.JSON.path(), keyword()) :: String.t()
    def json_generated(column, path, opts \\ []), do: Schema.generated(column, path, opts)

    @doc """
    What `check:` takes for a column that is to hold JSON only, or NULL: text, or JSONB that is
    looked at to its last byte.

        add :settings, :map, check: json_check(:settings)
        create constraint(:users, :settings_are_json, check: json_check(:settings))

    `form: :text` and `form: :jsonb` allow the one or the other only.

        iex> EctoLibSql.Migration.json_check(:settings)
        ~S|json_valid("settings", 9)|
    """
    @spec json_check(atom(), keyword()) :: String.t()
    def json_check(column, opts \\ []), do: Schema.check(column, opts)

    ## UUIDs

    @doc """
    The default of a column: another UUID for each row.

        create table(:movies, primary_key: false) do
          add :id, :uuid, primary_key: true, default: uuid_default(version: 7)
        end

    Options:

      * `:version` - `4` (default) or `7`, as `EctoLibSql.UUID` says
      * `:storage` - `:text`, for a column of the type `:string`, or `:binary`, for one of the type
        `:binary`. Without it, what the repo's option `:uuid_type` says, for a column of the type `:uuid`
        or `:binary_id`
      * `:monotonic` - whether those of version 7 ascend also within a millisecond, as those that are
        made in Elixir do. Default: `false`

    The default is plain SQL, so that every program which opens the file can insert rows: with SQLite 3.8.3 and
    later for text, and 3.41 and later for 16 bytes, which need `unhex`. Of version 7, all rows of a
    statement have the same time and a random order.

    With `monotonic: true` it is a function of this library's engine, `uuid7()` or `uuid7_blob()`, for
    repos with `functions: [:uuid]`. A connection without it, and another program, can read the table, but an
    INSERT that needs the default is the error `unknown function: uuid7()`. It is for local databases:
    sqld has a `uuid7()` of its own, which does not ascend within a millisecond, and no `uuid7_blob()`.

    Raises an `ArgumentError` for other options, and for `monotonic: true` where the repo does not have
    the function, or has its database at a server.
    """
    @spec uuid_default(version: 4 | 7, storage: :text | :binary, monotonic: boolean()) ::
            {:fragment, String.t()}
    def uuid_default(opts \\ []), do: EctoLibSql.UUID.Migration.default(opts)

    @doc """
    A check that a column holds UUIDs only, or NULL: text in small letters, or 16 bytes.

        add :id, :uuid, primary_key: true, check: uuid_check(:id)

    Options:

      * `:storage` - as of `uuid_default/1`
      * `:name` - the constraint's name, for `Ecto.Changeset.check_constraint/3`. Default: that of the column
        with `_is_uuid`

    For a table that is there:

        %{name: name, expr: expr} = uuid_check(:id)
        create constraint(:movies, name, check: expr)
    """
    @spec uuid_check(atom() | String.t(), storage: :text | :binary, name: atom() | String.t()) ::
            %{name: String.t(), expr: String.t()}
    def uuid_check(column, opts \\ []), do: EctoLibSql.UUID.Migration.check(column, opts)

    @doc """
    Changes the form in which a column's UUIDs are stored, and with it that of all columns that foreign
    keys tie to it, in whichever direction.

        def change do
          convert_uuid :users, :id, to: :binary
        end

    Options:

      * `:to` - `:binary`, 16 bytes in a BLOB, or `:text`, 36 characters in TEXT. Undone, it is the other
      * `:prefix` - the attached database that has the table. Default: that of the migration's run

    The tables are built anew, as `Ecto.Adapters.LibSql.Migration` says of changes for which SQLite has no
    statement: in the migration's transaction, with their rowids, indexes, triggers and foreign keys.
    Defaults of `uuid_default/1`, defaults that are a UUID, and checks of `uuid_check/2` become those of
    the new form.

    Values may be of either form before. What is none is an error that names the first, and so is a
    default of another kind, or a check that refuses the new form; then nothing is changed. Views,
    triggers and other SQL that compares with UUIDs as literals is not changed.
    """
    @spec convert_uuid(atom() | String.t(), atom() | String.t(),
            to: :text | :binary,
            prefix: atom() | String.t()
          ) :: :ok
    def convert_uuid(table, column, opts),
      do: EctoLibSql.UUID.Migration.convert(table, column, opts)

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
