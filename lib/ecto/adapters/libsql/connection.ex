if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.Connection do
    @moduledoc false
    # `Ecto.Adapters.SQL.Connection`: only delegates.

    @behaviour Ecto.Adapters.SQL.Connection

    alias Ecto.Adapters.LibSql.{Constraints, DDL, Execution}

    ## Running (helper CONN: Execution)

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

    ## Definitions

    @impl true
    defdelegate execute_ddl(command), to: DDL

    @impl true
    def ddl_logs(_result), do: []

    @impl true
    defdelegate to_constraints(exception, opts), to: Constraints
  end
end
