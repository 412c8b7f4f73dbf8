defmodule EctoLibSql.Remote do
  @moduledoc false
  # A connection to a server: the calls of EctoLibSql.Native, with the same arities and replies. Each
  # is handed to the network's threads, which send the reply; the caller waits in `receive`.

  alias EctoLibSql.{BreakerReports, Error, Identifier, Native, State, Telemetry}
  alias EctoLibSql.Remote.{Functions, Token}

  # The network's threads keep the deadline; by so much later they would have answered.
  @grace 500

  # A rollback or reset that the server does not answer ends the transaction as well.
  @ending 5_000

  ## The connection

  @spec open(map()) :: {:ok, String.t()} | {:error, Error.t()}
  def open(options) do
    with {:ok, token} <- Token.get(options.auth_token),
         {:ok, failover} <- with_tokens(options.failover) do
      options = %{options | auth_token: token, failover: failover}
      Native.remote_open(Map.put(options, :events, BreakerReports.whereis()))
    end
  end

  defp with_tokens(servers) do
    Enum.reduce_while(Enum.reverse(servers), {:ok, []}, fn {uri, token, namespace}, {:ok, done} ->
      case Token.get(token) do
        {:ok, token} -> {:cont, {:ok, [{uri, token, namespace} | done]}}
        error -> {:halt, error}
      end
    end)
  end

  @doc false
  # The functions among the tokens, by their servers' indexes.
  @spec failover_tokens(map()) :: [{non_neg_integer(), (-> String.t())}]
  def failover_tokens(%{failover: servers}) do
    for {{_uri, token, _namespace}, index} <- Enum.with_index(servers),
        is_function(token),
        do: {index, token}
  end

  def close(s), do: Native.remote_close(s)

  def ping(s), do: call(s, :ping, s.timeout)

  def breakers(s), do: Native.remote_breakers(s)

  def do_interrupt(s), do: Native.remote_interrupt(s, nil)

  def do_reset(s), do: call(s, :reset, @ending)

  def autocommit(s), do: status(s, 0)
  def last_insert_rowid(s), do: status(s, 1)
  def changes(s), do: status(s, 2)
  def total_changes(s), do: status(s, 3)

  defp status(s, index) do
    with {:ok, status} <- Native.remote_status(s), do: {:ok, elem(status, index)}
  end

  ## Queries

  # There is no quick way to a server.
  def query_short(_s, _statement, _params), do: :long

  def query(s, statement, params, timeout), do: call(s, {:query, statement, params}, timeout)

  def run(s, statement, params, timeout) do
    with {:ok, _result} <- query(s, statement, params, timeout), do: :ok
  end

  def do_query_row(s, statement, params, timeout) do
    with {:ok, {_columns, rows, _, _, _, _}} <- query(s, statement, params, timeout) do
      case rows do
        [row] -> {:ok, row}
        [_, _ | _] -> {:error, :multiple_rows}
        _none -> {:error, :no_rows}
      end
    end
  end

  def describe(s, sql, timeout), do: call(s, {:describe, sql}, timeout)

  ## Prepared statements

  def prepare(s, sql, timeout), do: call(s, {:prepare, sql}, timeout)

  def do_close_stmt(s, id), do: Native.remote_finalize(s, id)

  # The server keeps nothing of a run.
  def do_reset_statement(s, id) do
    with {:ok, _described} <- Native.remote_statement(s, id), do: :ok
  end

  def interrupt_statement(s, id), do: Native.remote_interrupt(s, id)

  def do_get_stmt_columns(s, id) do
    with {:ok, {columns, _parameters}} <- Native.remote_statement(s, id), do: {:ok, columns}
  end

  def stmt_column_count(s, id) do
    with {:ok, columns} <- do_get_stmt_columns(s, id), do: {:ok, length(columns)}
  end

  def stmt_column_name(s, id, index) do
    with {:ok, columns} <- do_get_stmt_columns(s, id) do
      case Enum.fetch(columns, index) do
        {:ok, column} -> {:ok, column.name}
        :error -> range("there is no column #{index}: the statement has #{length(columns)}")
      end
    end
  end

  def stmt_parameter_count(s, id) do
    with {:ok, parameters} <- parameters(s, id), do: {:ok, length(parameters)}
  end

  def stmt_parameter_name(s, id, position) do
    with {:ok, parameters} <- parameters(s, id) do
      if position in 1..length(parameters)//1 do
        {:ok, Enum.at(parameters, position - 1)}
      else
        range(
          "there is no parameter #{position}: the statement has #{length(parameters)}, " <>
            "counted from 1"
        )
      end
    end
  end

  defp parameters(s, id) do
    with {:ok, {_columns, parameters}} <- Native.remote_statement(s, id), do: {:ok, parameters}
  end

  defp range(message), do: {:error, %Error{code: :range, message: message}}

  ## Cursors

  def declare(s, statement, params, timeout), do: call(s, {:declare, statement, params}, timeout)
  def fetch(s, cursor, max_rows, timeout), do: call(s, {:fetch, cursor, max_rows}, timeout)
  def deallocate(s, cursor), do: Native.remote_deallocate(s, cursor)

  ## Batches: never stopped half-way by others that write, so `first` is always 0

  def execute_script(s, sql, transactional, _first, timeout),
    do: call(s, {:script, sql, transactional}, timeout)

  def execute_list(s, statements, transactional, _first, timeout),
    do: call(s, {:batch, statements, transactional}, timeout)

  ## Transactions

  def begin(s, behavior, timeout), do: call(s, {:begin, behavior}, timeout)
  def commit(s, timeout), do: call(s, :commit, timeout)
  def rollback(s), do: call(s, :rollback, @ending)

  def savepoint(s, name, timeout), do: control(s, "SAVEPOINT ", name, timeout)
  def release_savepoint(s, name, timeout), do: control(s, "RELEASE ", name, timeout)
  def rollback_to_savepoint(s, name, timeout), do: control(s, "ROLLBACK TO ", name, timeout)

  defp control(s, verb, name, timeout),
    do: run(s, IO.iodata_to_binary([verb, Identifier.quote_name(name)]), [], timeout)

  ## What only a database in this VM can do

  # `checkpoint` asks for it first.
  def patience(_s), do: {:ok, {0, 0}}

  def busy_timeout(_s, _milliseconds), do: unsupported("busy_timeout")
  def write_gate(_s), do: unsupported("write_gate")
  def cacheflush(_s, _timeout), do: unsupported("cacheflush")
  def checkpoint(_s, _mode, _timeout), do: unsupported("checkpoint")
  def do_data_versions(_s, _timeout), do: unsupported("data_versions")
  def enable_extensions(_s, _enable), do: unsupported("enable_extensions")
  def load_ext(_s, _path, _entry_point), do: unsupported("load_ext")
  def enable_foreign_keys(_s, _enable), do: unsupported("enable_foreign_keys")
  def limit_get(_s, _name), do: unsupported("EctoLibSql.Limits")
  def limit_set(_s, _name, _value), do: unsupported("EctoLibSql.Limits")
  def db_config_get(_s, _name), do: unsupported("EctoLibSql.DbConfig")
  def db_config_set(_s, _name, _on), do: unsupported("EctoLibSql.DbConfig")
  def reset_database(_s, _timeout), do: unsupported("EctoLibSql.DbConfig.reset_database")
  def reserved_bytes(_s, _schema), do: unsupported("EctoLibSql.FileControl")
  def set_reserved_bytes(_s, _schema, _bytes), do: unsupported("EctoLibSql.FileControl")
  def release_memory(_s), do: unsupported("EctoLibSql.HeapLimit.release_memory")
  def backup(_source, _source_schema, _target, _schema, _timeout), do: unsupported("backup")

  def serialize(_s, _timeout), do: unsupported("serialize")
  def do_set_authorizer(_s, _policy, _of_option), do: unsupported("set_authorizer")
  def blob_open(_s, _place, _writes, _timeout), do: unsupported("EctoLibSql.Blob")
  def vfs_of(_s), do: unsupported("EctoLibSql.Vfs.of")
  def has_hooks(_s), do: unsupported("EctoLibSql.Hooks")

  def session_create(_s, _schema, _tables, _indirect, _rowids, _timeout),
    do: unsupported("EctoLibSql.Session.create")

  def changeset_apply(_s, _changeset, _options, _timeout),
    do: unsupported("EctoLibSql.Session.apply")

  def query_counting(_s, _statement, _params, _timeout), do: unsupported("statistics: true")
  def do_expanded_sql(_s, _statement, _params, _redact, _timeout), do: unsupported("expanded_sql")
  def stmt_isexplain(_s, _id), do: unsupported("stmt_isexplain")
  def stmt_readonly(_s, _id), do: unsupported("stmt_readonly?")
  def stmt_busy(_s, _id), do: unsupported("stmt_busy?")
  def stmt_status(_s, _id, _reset), do: unsupported("stmt_status")
  def trace_start(_s, _pid, _wants), do: unsupported("EctoLibSql.Trace")
  def db_status(_s, _reset), do: unsupported("EctoLibSql.Status")

  defp unsupported(function) do
    message = "#{function} is for local databases: this connection is to a server (mode: :remote)"
    {:error, %Error{code: :unsupported, message: message}}
  end

  ## Calls

  # A token that is renewed has changed in the meantime, perhaps: nothing was run, so the call is
  # made once more with the one that is good now.
  defp call(s, request, timeout) do
    request = translated(request)

    case call_once(s, request, timeout) do
      {:error, %Error{code: :unauthorized}} = error -> renew(s, request, timeout, error)
      reply -> reply
    end
  end

  # What is of another shape is left as it is: the NIF says what is wrong with it.
  defp translated({kind, sql, rest}) when kind in [:query, :declare, :script],
    do: {kind, Functions.translate(sql), rest}

  defp translated({kind, sql}) when kind in [:describe, :prepare],
    do: {kind, Functions.translate(sql)}

  defp translated({:batch, statements, transactional}) when is_list(statements) do
    statements =
      Enum.map(statements, fn
        {sql, params} -> {Functions.translate(sql), params}
        other -> other
      end)

    {:batch, statements, transactional}
  end

  defp translated(request), do: request

  defp renew(%State{auth_token: nil, failover_tokens: []}, _request, _timeout, error), do: error

  defp renew(s, request, timeout, _error) do
    with :ok <- renew_token(s.auth_token, &Native.remote_set_token(s, &1)),
         :ok <- renew_failover_tokens(s, s.failover_tokens),
         do: call_once(s, request, timeout)
  end

  defp renew_failover_tokens(_s, []), do: :ok

  defp renew_failover_tokens(s, [{index, token} | rest]) do
    with :ok <- renew_token(token, &Native.remote_set_failover_token(s, index, &1)),
         do: renew_failover_tokens(s, rest)
  end

  defp renew_token(nil, _set), do: :ok

  defp renew_token(token, set) do
    with {:ok, token} <- Token.get(token), do: set.(token)
  end

  defp call_once(s, request, timeout) do
    reference = make_ref()

    with {:ok, call} <- begin_call(s, reference, request, timeout) do
      receive do
        {__MODULE__, ^reference, reply} -> answer(s, reply)
      after
        patience_for(timeout) -> late(s, call, reference, request)
      end
    end
  end

  defp begin_call(s, reference, request, timeout) do
    with :long <- Native.remote_call(s, reference, request, timeout),
         do: Native.remote_call_long(s, reference, request, timeout)
  end

  defp patience_for(:infinity), do: :infinity
  defp patience_for(timeout), do: timeout + @grace

  # A call that is stopped sends nothing any more; one that is over has sent.
  defp late(s, call, reference, request) do
    if Native.remote_cancel(call) do
      code = if request == :commit, do: :commit_unknown, else: :timeout
      {:error, %Error{code: code, message: "the server did not answer within the deadline"}}
    else
      receive do
        {__MODULE__, ^reference, reply} -> answer(s, reply)
      end
    end
  end

  defp answer(s, {:elsewhere, server, reason, reply}) do
    metadata = %{conn_id: s.conn_id, database: s.database, server: server, reason: reason}
    Telemetry.execute([:ecto_libsql, :failover], %{count: 1}, metadata)
    reply
  end

  defp answer(_s, reply), do: reply
end
