if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.Connection do
    @moduledoc false
    # `Ecto.Adapters.SQL.Connection`: only delegates.

    @behaviour Ecto.Adapters.SQL.Connection

    alias Ecto.Adapters.LibSql.{Constraints, DDL, Execution}
    alias Ecto.Adapters.LibSql.SQL.{Delete, Insert, Query, Update}

    ## Running

    @impl true
    defdelegate child_spec(opts), to: Execution

    @impl true
    defdelegate prepare_execute(conn, name, sql, params, opts), to: Execution

    @impl true
    defdelegate execute(conn, query, params, opts), to: Execution

    @impl true
    defdelegate query(conn, sql, params, opts), to: Execution

    @impl true
    defdelegate query_many(conn, sql, params, opts), to: Execution

    @impl true
    defdelegate stream(conn, sql, params, opts), to: Execution

    @impl true
    defdelegate explain_query(conn, sql, params, opts), to: Execution

    @impl true
    defdelegate table_exists_query(table), to: Execution

    ## Queries and writes

    @impl true
    defdelegate all(query), to: Query

    @impl true
    defdelegate update_all(query), to: Update

    @impl true
    defdelegate delete_all(query), to: Delete

    # ecto_sql 3.13 has no options, 3.14 has.
    @impl true
    def insert(prefix, table, header, rows, on_conflict, returning, placeholders, _opts \\ []),
      do: Insert.insert(prefix, table, header, rows, on_conflict, returning, placeholders)

    @impl true
    defdelegate update(prefix, table, fields, filters, returning), to: Update

    @impl true
    defdelegate delete(prefix, table, filters, returning), to: Delete

    ## Definitions

    @impl true
    defdelegate execute_ddl(command), to: DDL

    @impl true
    def ddl_logs(_result), do: []

    @impl true
    defdelegate to_constraints(exception, opts), to: Constraints
  end
end
