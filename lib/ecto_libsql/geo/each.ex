if Code.ensure_loaded?(Ecto.Schema) do
  defmodule EctoLibSql.Geo.Each do
    @moduledoc false
    # The rows of json_each, as which points are sent along with a query: its columns have types here,
    # which a server would else be asked for.

    use Ecto.Schema

    @primary_key false
    schema "json_each" do
      field(:key, :integer)
      field(:value, :string)
    end
  end
end
