if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule EctoLibSql.JsonCase do
    @moduledoc false
    # Tests of JSON in Ecto: a repo with a table that has the same JSON as text and as JSONB.

    use ExUnit.CaseTemplate

    import Ecto.Query

    alias EctoLibSql.Test.Mode

    defmodule Repo do
      use Ecto.Repo, otp_app: :ecto_libsql, adapter: Ecto.Adapters.LibSql
    end

    defmodule Doc do
      use Ecto.Schema

      schema "docs" do
        field(:name, :string)
        field(:text, :map)
        field(:jsonb, EctoLibSql.JSON.Binary)
        field(:tags, EctoLibSql.JSON.Binary, of: {:array, :string})
        field(:on, EctoLibSql.JSON.Binary, of: :date)
      end
    end

    @data %{
      "title" => "it's",
      "n" => 3,
      "half" => 0.5,
      "on" => true,
      "none" => nil,
      "quo\"te" => %{"a.b" => [1, 2, %{"c" => "deep"}]},
      "tags" => ["red", "green"]
    }

    using do
      quote do
        import Ecto.Query
        import EctoLibSql.JSON.Query
        import EctoLibSql.JsonCase

        alias EctoLibSql.JsonCase.{Doc, Repo}
      end
    end

    setup do
      opts = Mode.repo(name: nil, database: ":memory:", pool_size: 1, log: false)
      repo = start_supervised!({Repo, opts})
      Repo.put_dynamic_repo(repo)

      Repo.query!("""
      CREATE TABLE docs (id INTEGER PRIMARY KEY, name TEXT, text JSON_TEXT, jsonb JSON_BLOB,
        tags JSON_BLOB, "on" JSON_BLOB)
      """)

      Repo.insert!(%Doc{name: "a", text: @data, jsonb: @data, tags: ["x", "y"]})
      Repo.insert!(%Doc{name: "empty"})
      :ok
    end

    @doc "The columns with the JSON."
    def columns, do: [:text, :jsonb]

    @doc "The JSON."
    def data, do: @data

    @doc "What a query finds in the row that has JSON."
    def one(query), do: Repo.one(where(query, [d], d.name == "a"))
    @doc "The ids of the rows that a query finds."
    def ids(query), do: Repo.all(from(d in query, order_by: d.id, select: d.id))

    @doc "How a column stores it."
    def stored(column),
      do: Repo.query!("SELECT typeof(#{column}) FROM docs WHERE name = 'a'").rows
  end
end
