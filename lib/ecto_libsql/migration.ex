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
  end
end
