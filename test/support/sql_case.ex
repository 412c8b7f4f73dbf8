if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule EctoLibSql.SQLCase do
    @moduledoc false
    # Tests of generated SQL: a repo in memory, and schemas of every kind of column.

    use ExUnit.CaseTemplate

    alias EctoLibSql.Test.Mode

    defmodule Repo do
      use Ecto.Repo, otp_app: :ecto_libsql, adapter: Ecto.Adapters.LibSql
    end

    defmodule Author do
      use Ecto.Schema

      schema "authors" do
        field(:name, :string)
        field(:age, :integer)
        has_many(:posts, EctoLibSql.SQLCase.Post)
      end
    end

    defmodule Post do
      use Ecto.Schema

      schema "posts" do
        field(:title, :string)
        field(:subtitle, :string, source: :sub_title)
        field(:visits, :integer)
        field(:rating, :float)
        field(:price, :decimal)
        field(:public, :boolean)
        field(:tags, {:array, :string})
        field(:scores, {:array, :float})
        field(:flags, {:array, :boolean})
        field(:costs, {:array, :decimal})
        field(:parts, {:array, :map})
        field(:meta, :map)
        field(:hash, :binary)
        field(:uuid, Ecto.UUID)
        field(:day, :date)
        field(:at, :time)
        field(:at_usec, :time_usec)
        field(:inserted_at, :utc_datetime)
        field(:updated_at, :utc_datetime_usec)
        belongs_to(:author, EctoLibSql.SQLCase.Author)
        has_many(:comments, EctoLibSql.SQLCase.Comment)
      end
    end

    defmodule Comment do
      use Ecto.Schema

      schema "comments" do
        field(:text, :string)
        field(:votes, :integer)
        belongs_to(:post, EctoLibSql.SQLCase.Post)
      end
    end

    # WITHOUT ROWID, with a primary key of two columns.
    defmodule Label do
      use Ecto.Schema

      @primary_key false
      schema "labels" do
        field(:post_id, :integer, primary_key: true)
        field(:name, :string, primary_key: true)
        field(:weight, :integer)
      end
    end

    defmodule Setting do
      use Ecto.Schema

      @primary_key false
      schema "settings" do
        field(:key, :string)
        field(:value, :string)
        field(:count, :integer)
        field(:active, :boolean)
      end
    end

    @tables [
      "CREATE TABLE authors (id INTEGER PRIMARY KEY, name TEXT, age INTEGER)",
      """
      CREATE TABLE posts (id INTEGER PRIMARY KEY, title TEXT, sub_title TEXT,
        visits INTEGER, rating REAL, price DECIMAL_TEXT, public INTEGER, tags JSON_TEXT,
        scores JSON_TEXT, flags JSON_TEXT, costs JSON_TEXT, parts JSON_TEXT, meta JSON_TEXT,
        hash BLOB, uuid TEXT, day TEXT, at TEXT, at_usec TEXT, inserted_at TEXT, updated_at TEXT,
        author_id INTEGER REFERENCES authors)
      """,
      "CREATE INDEX posts_visits ON posts (visits)",
      """
      CREATE TABLE comments (id INTEGER PRIMARY KEY, text TEXT, votes INTEGER DEFAULT 7,
        post_id INTEGER)
      """,
      """
      CREATE TABLE labels (post_id INTEGER, name TEXT, weight INTEGER,
        PRIMARY KEY (post_id, name)) WITHOUT ROWID
      """,
      "CREATE TABLE settings (key TEXT, value TEXT DEFAULT 'none', count INTEGER DEFAULT 5, active INTEGER)",
      "CREATE UNIQUE INDEX settings_key ON settings (key) WHERE active",
      "CREATE UNIQUE INDEX settings_lower ON settings (lower(key), value)"
    ]

    using do
      quote do
        import Ecto.Query
        import EctoLibSql.SQLCase

        alias EctoLibSql.SQLCase.{Author, Comment, Label, Post, Repo, Setting}
      end
    end

    setup do
      opts = Mode.repo(name: nil, database: ":memory:", pool_size: 1, log: false)
      repo = start_supervised!({Repo, opts})
      Repo.put_dynamic_repo(repo)
      Enum.each(@tables, &Repo.query!/1)
      :ok
    end

    @doc "The SQL of a query."
    def sql(query, operation \\ :all) do
      {sql, _params} = Repo.to_sql(operation, query)
      sql
    end

    @doc "Inserts rows with the ids 1, 2, …; a nil is NULL, not the column's default."
    def insert_all!(schema, rows) do
      rows = rows |> Enum.with_index(1) |> Enum.map(fn {row, id} -> Map.put(row, :id, id) end)
      {_count, nil} = Repo.insert_all(schema, rows)
    end
  end
end
