if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.SQL.Target do
    @moduledoc false
    # What update_all and delete_all can be run on: a table.

    alias Ecto.Adapters.LibSql.SQL.{QueryError, Scope}

    @spec check!(Scope.t()) :: :ok
    def check!(%Scope{query: %{from: %{source: {table, _schema}}}}) when is_binary(table), do: :ok

    def check!(scope) do
      QueryError.raise_error(
        scope,
        "update_all and delete_all need a table, not a fragment or a list of values"
      )
    end
  end
end
