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

    ## Geography

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

    ## Full text
  end
end
