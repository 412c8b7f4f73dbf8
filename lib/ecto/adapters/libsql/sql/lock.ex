if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.SQL.Lock do
    @moduledoc false
    # Row locks. SQLite has one lock for writing, which a transaction of the adapter takes when it
    # begins (`mode: :immediate`, the default): nobody else can change a row that it reads, so
    # `FOR UPDATE` and its relatives hold without a word in the SQL. Outside of a transaction such a
    # lock would end with its statement. Any other lock is an error.

    alias Ecto.Adapters.LibSql.SQL.{Expression, QueryError, Scope}

    @held ~r/\A\s*FOR\s+(UPDATE|SHARE|NO\s+KEY\s+UPDATE|KEY\s+SHARE)\b/i

    @spec check!(Scope.t()) :: :ok
    def check!(%Scope{query: %{lock: nil}}), do: :ok

    def check!(%Scope{query: %{lock: lock}} = scope) do
      text = text(lock, scope)

      if not Regex.match?(@held, text) do
        QueryError.raise_error(
          scope,
          "SQLite has no lock #{inspect(text)}. A transaction holds the database's write lock, so " <>
            ~s(that "FOR UPDATE", "FOR SHARE" and the like are accepted)
        )
      end

      :ok
    end

    defp text(lock, _scope) when is_binary(lock), do: lock
    defp text(lock, scope), do: lock |> Expression.expr(scope) |> IO.iodata_to_binary()
  end
end
