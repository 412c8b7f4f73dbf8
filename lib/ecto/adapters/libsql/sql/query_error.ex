if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.SQL.QueryError do
    @moduledoc false
    # How the generator refuses what SQLite cannot say: an error that names the construct.

    alias Ecto.Adapters.LibSql.SQL.Scope

    @spec raise_error(Ecto.Query.t() | Scope.t() | nil, String.t()) :: no_return()
    def raise_error(%Scope{query: query}, message), do: raise_error(query, message)
    def raise_error(nil, message), do: raise(ArgumentError, message)

    def raise_error(%Ecto.Query{} = query, message),
      do: raise(Ecto.QueryError, query: query, message: message)
  end
end
