if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.Execution do
    @moduledoc false
    # The part of Ecto.Adapters.SQL.Connection that runs statements: how Ecto's calls become
    # DBConnection's.

    alias Ecto.Adapters.LibSql.{Explain, TypedColumn}
    alias Ecto.Adapters.LibSql.Types.Declared
    alias EctoLibSql.{ConnectionPool, Query}

    @timeout 15_000
    # By how much DBConnection's clock, which closes the connection, runs behind the statement's
    # own, which only stops the statement.
    @grace 1_000

    # What a repo's configuration holds for Ecto, its migrator and its mix tasks.
    @ecto_options [
      :adapter,
      :dump_path,
      :dump_prefixes,
      :log,
      :log_stacktrace_mfa,
      :migration_cast_version_column,
      :migration_default_prefix,
      :migration_foreign_key,
      :migration_lock,
      :migration_primary_key,
      :migration_repo,
      :migration_source,
      :migration_timestamps,
      :otp_app,
      :priv,
      :query_cache,
      :repo,
      :stacktrace,
      :start_apps_before_migration,
      :telemetry_prefix
    ]

    # What the mix tasks add to it: their own switches.
    @task_options [
      :force,
      :force_drop,
      :no_compile,
      :no_deps_check,
      :prefix,
      :quiet,
      :skip_if_loaded,
      :timezone
    ]

    @type connection :: DBConnection.conn()

    @spec child_spec(keyword()) :: Supervisor.child_spec()
    def child_spec(opts),
      do: opts |> Keyword.drop(@ecto_options) |> EctoLibSql.Connection.child_spec()

    @doc """
    A repo's configuration without all that is not for `EctoLibSql.connect/1`.
    """
    @spec driver_options(keyword()) :: keyword()
    def driver_options(config) do
      config
      |> Keyword.drop(@ecto_options ++ @task_options)
      |> EctoLibSql.PoolOptions.driver()
    end

    @doc """
    The same for a mix task: of an embedded replica, which another program may have open, the options
    of its primary.
    """
    @spec task_options(keyword()) :: keyword()
    def task_options(config),
      do: config |> driver_options() |> EctoLibSql.Replica.Options.primary()

    @spec prepare_execute(connection(), String.t(), String.t(), [term()], keyword()) ::
            {:ok, Query.t(), EctoLibSql.Result.t()} | {:error, Exception.t()}
    def prepare_execute(conn, name, sql, params, opts) do
      sql = IO.iodata_to_binary(sql)
      # What Ecto keeps and runs again.
      query = %Query{name: name, statement: sql, typed_columns: TypedColumn.in?(sql)}
      with {:ok, result} <- execute(conn, query, params, opts), do: {:ok, query, result}
    end

    # `{:ok, result}`, without the query: it did not change, and Ecto would write it to its cache
    # again.
    @spec execute(connection(), Query.t(), [term()], keyword()) ::
            {:ok, EctoLibSql.Result.t()} | {:error, Exception.t()}
    def execute(conn, %Query{} = query, params, opts) do
      run_opts = opts |> describe_columns() |> deadline() |> ConnectionPool.named()

      with {:ok, ran, result} <- DBConnection.execute(conn, query, params, run_opts),
           do: {:ok, decode(result, query, opts, fn -> {:ok, ran.columns} end)}
    end

    defp describe_columns(opts),
      do: if(Declared.noted?(opts), do: [describe_columns: true] ++ opts, else: opts)

    @spec query(connection(), iodata() | Query.t(), [term()], keyword()) ::
            {:ok, EctoLibSql.Result.t()} | {:error, Exception.t()}
    def query(conn, %Query{} = query, params, opts), do: execute(conn, query, params, opts)

    def query(conn, sql, params, opts) do
      query = %Query{statement: IO.iodata_to_binary(sql)}
      execute(conn, query, params, opts)
    end

    @spec query_many(connection(), iodata(), [term()], keyword()) ::
            {:ok, [EctoLibSql.Result.t()]} | {:error, Exception.t()}
    def query_many(conn, sql, params, opts) do
      query = %Query{statement: IO.iodata_to_binary(sql), kind: :script}
      execute(conn, query, params, opts)
    end

    @spec stream(connection(), iodata(), [term()], keyword()) :: Enumerable.t()
    def stream(conn, sql, params, opts) do
      query = %Query{statement: IO.iodata_to_binary(sql)}

      conn
      |> DBConnection.stream(query, params, opts)
      |> Stream.transform(nil, fn result, described ->
        # Asked once for a stream, and only where a column's type is not known.
        described = described || (Declared.noted?(opts) && describe(conn, query, opts))
        {[decode(result, query, opts, fn -> described end)], described}
      end)
    end

    # Streams are read inside of a transaction, so this is the same connection.
    defp describe(conn, query, opts) do
      query = %{query | kind: :describe}
      opts = opts |> Keyword.drop([:log]) |> deadline()

      with {:ok, _query, columns} <- DBConnection.execute(conn, query, [], opts),
           do: {:ok, columns}
    end

    defp decode(result, %Query{typed_columns: false}, opts, describe),
      do: Declared.decode(result, opts, describe)

    defp decode(result, _query, opts, describe),
      do: result |> TypedColumn.decode() |> Declared.decode(opts, describe)

    @spec explain_query(connection(), String.t(), [term()], keyword()) ::
            {:ok, String.t() | [map()]} | {:error, Exception.t()}
    def explain_query(conn, sql, params, opts), do: Explain.explain(conn, sql, params, opts)

    @spec table_exists_query(String.t()) :: {iodata(), [term()]}
    def table_exists_query(table) do
      {"SELECT 1 FROM sqlite_schema WHERE type IN ('table', 'view') AND name = ? COLLATE NOCASE " <>
         "UNION ALL SELECT 1 FROM sqlite_temp_schema WHERE type IN ('table', 'view') " <>
         "AND name = ? COLLATE NOCASE LIMIT 1", [table, table]}
    end

    defp deadline(opts) do
      case Keyword.get(opts, :timeout, @timeout) do
        :infinity ->
          opts

        timeout ->
          now = System.monotonic_time(:millisecond)
          [statement_deadline: now + timeout, timeout: timeout + @grace] ++ opts
      end
    end
  end
end
