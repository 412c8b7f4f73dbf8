if Code.ensure_loaded?(Ecto.Schema) do
  defmodule EctoLibSql.Vector.Numbered do
    @moduledoc false
    # The rows of the common table expressions in a query for the nearest: with a schema, their columns'
    # types are known, and the adapter need not ask for them after the query.

    use Ecto.Schema

    @primary_key false
    schema "libsql_vector_queries" do
      field(:query, :integer)
      field(:vector, :binary)
      field(:id, :integer)
    end
  end
end
