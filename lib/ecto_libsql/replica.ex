defmodule EctoLibSql.Replica do
  @moduledoc false
  # An embedded replica's connection: the calls of EctoLibSql.Native, with the same arities and
  # replies. What only reads is made on the local file, all else at the primary; EctoLibSql.Replica.Route
  # decides.

  alias EctoLibSql.{Error, Native, Remote}
  alias EctoLibSql.Replica.Route

  @closed [:statement_closed, :cursor_closed]

  ## The connection

  def close(s) do
    _ = Remote.close(s.replica.primary)
    closed = Native.close(s)
    Native.replica_close(s.replica.handle)
    closed
  end

  def ping(s) do
    with {:ok, _autocommit} <- autocommit(s), do: Native.ping(s)
  end

  def breakers(s), do: Remote.breakers(s.replica.primary)

  def do_interrupt(s) do
    with :ok <- Native.do_interrupt(s), do: Remote.do_interrupt(s.replica.primary)
  end

  def do_reset(s) do
    with :ok <- Native.do_reset(s), do: Remote.do_reset(s.replica.primary)
  end

  def autocommit(s) do
    case Route.place(s) do
      {:error, _} = error -> error
      :outdated -> {:error, outdated(s)}
      place -> {:ok, place not in [:primary, :snapshot]}
    end
  end

  # Whoever opens connections is to open another.
  defp outdated(s) do
    %Error{
      code: :connection_closed,
      message: "the file of the replica #{s.database} was lost or damaged, and is another one now"
    }
  end

  def last_insert_rowid(s), do: Remote.last_insert_rowid(s.replica.primary)
  def changes(s), do: Remote.changes(s.replica.primary)
  def total_changes(s), do: Remote.total_changes(s.replica.primary)

  def busy_timeout(s, milliseconds), do: Native.busy_timeout(s, milliseconds)
  def patience(s), do: Native.patience(s)

  ## Queries

  def query_short(s, statement, params) do
    if Native.replica_reads_here(s.replica.handle),
      do: s |> Native.query_short(statement, params) |> unless_damaged(),
      else: :long
  end

  defp unless_damaged({:error, error} = reply),
    do: if(Route.damage?(error), do: :long, else: reply)

  defp unless_damaged(reply), do: reply

  def query(s, statement, params, timeout),
    do: statement(s, statement, timeout, &Native.query/4, &Remote.query/4, params)

  def run(s, statement, params, timeout),
    do: statement(s, statement, timeout, &Native.run/4, &Remote.run/4, params)

  def do_query_row(s, statement, params, timeout),
    do: statement(s, statement, timeout, &Native.do_query_row/4, &Remote.do_query_row/4, params)

  defp statement(s, statement, timeout, native, remote, params) do
    primary = s.replica.primary

    Route.statement(
      s,
      statement,
      timeout,
      &native.(s, statement, params, &1),
      &at_primary(s, statement, fn statement -> remote.(primary, statement, params, &1) end)
    )
  end

  # A statement that was prepared here runs by its text in a transaction at the primary.
  defp at_primary(s, statement, run) do
    with {:error, %Error{code: :statement_closed}} = error <- run.(statement) do
      case Native.statement_sql(s, statement) do
        {:ok, sql} -> run.(sql)
        {:error, _} -> error
      end
    end
  end

  # In a transaction, the primary may have another schema than anybody else.
  def describe(s, sql, timeout) do
    primary = s.replica.primary

    if Route.place(s) == :primary,
      do: Remote.describe(primary, sql, timeout),
      else: either(Native.describe(s, sql, timeout), &Remote.describe(primary, sql, &1), timeout)
  end

  ## Prepared statements: those that read are the file's, all others the primary's

  def prepare(s, sql, timeout) do
    Route.here(s, fn ->
      either(
        Native.prepare(s, sql, timeout),
        &Remote.prepare(s.replica.primary, sql, &1),
        timeout
      )
    end)
  end

  defp either(:at_primary, remote, timeout), do: remote.(timeout)
  defp either(reply, _remote, _timeout), do: reply

  def do_close_stmt(s, id), do: both(s, id, &Native.do_close_stmt/2, &Remote.do_close_stmt/2)

  def do_reset_statement(s, id),
    do: of(s, id, &Native.do_reset_statement/2, &Remote.do_reset_statement/2)

  def interrupt_statement(s, id),
    do: of(s, id, &Native.interrupt_statement/2, &Remote.interrupt_statement/2)

  def do_get_stmt_columns(s, id),
    do: of(s, id, &Native.do_get_stmt_columns/2, &Remote.do_get_stmt_columns/2)

  def stmt_column_count(s, id),
    do: of(s, id, &Native.stmt_column_count/2, &Remote.stmt_column_count/2)

  def stmt_column_name(s, id, index) do
    of(s, id, &Native.stmt_column_name(&1, &2, index), &Remote.stmt_column_name(&1, &2, index))
  end

  def stmt_parameter_count(s, id),
    do: of(s, id, &Native.stmt_parameter_count/2, &Remote.stmt_parameter_count/2)

  def stmt_parameter_name(s, id, position) do
    of(
      s,
      id,
      &Native.stmt_parameter_name(&1, &2, position),
      &Remote.stmt_parameter_name(&1, &2, position)
    )
  end

  # Of whichever of the two knows it.
  defp of(s, id, native, remote) do
    case native.(s, id) do
      {:error, %Error{code: code}} when code in @closed -> remote.(s.replica.primary, id)
      reply -> reply
    end
  end

  defp both(s, id, native, remote) do
    with :ok <- native.(s, id), do: remote.(s.replica.primary, id)
  end

  ## Cursors

  def declare(s, statement, params, timeout),
    do: statement(s, statement, timeout, &Native.declare/4, &Remote.declare/4, params)

  def fetch(s, cursor, max_rows, timeout) do
    with {:error, %Error{code: :cursor_closed}} <- Native.fetch(s, cursor, max_rows, timeout),
         do: fetch_at_primary(s, cursor, max_rows, timeout)
  end

  # The server tells what a cursor's statement has written when it is asked anew.
  defp fetch_at_primary(s, cursor, max_rows, timeout) do
    primary = s.replica.primary

    with {:done, _result} = done <- Remote.fetch(primary, cursor, max_rows, timeout) do
      if Route.place(s) != :primary,
        do: Route.at_primary(s, timeout, fn _ -> Remote.ping(primary) end)

      done
    end
  end

  def deallocate(s, cursor), do: both(s, cursor, &Native.deallocate/2, &Remote.deallocate/2)

  ## Batches: at the primary as soon as one of their statements is

  def execute_script(s, sql, transactional, first, timeout) do
    Route.batch(
      s,
      timeout,
      &Native.execute_script(s, sql, transactional, first, &1),
      &Remote.execute_script(s.replica.primary, sql, transactional, first, &1)
    )
  end

  def execute_list(s, statements, transactional, first, timeout) do
    Route.batch(
      s,
      timeout,
      &Native.execute_list(s, statements, transactional, first, &1),
      &Remote.execute_list(s.replica.primary, statements, transactional, first, &1)
    )
  end

  ## Transactions: those for reading only are snapshots of the file

  def begin(s, :read_only, timeout) do
    Route.read(
      s,
      timeout,
      &Native.begin(s, :read_only, &1),
      &Remote.begin(s.replica.primary, :read_only, &1)
    )
  end

  def begin(s, behavior, timeout) do
    in_transaction(
      s,
      fn -> Native.begin(s, behavior, timeout) end,
      fn -> Remote.begin(s.replica.primary, behavior, timeout) end
    )
  end

  def commit(s, timeout) do
    in_transaction(
      s,
      fn -> Native.commit(s, timeout) end,
      fn -> Route.at_primary(s, timeout, &Remote.commit(s.replica.primary, &1)) end
    )
  end

  def rollback(s),
    do:
      in_transaction(s, fn -> Native.rollback(s) end, fn -> Remote.rollback(s.replica.primary) end)

  def savepoint(s, name, timeout) do
    in_transaction(
      s,
      fn -> Native.savepoint(s, name, timeout) end,
      fn -> Remote.savepoint(s.replica.primary, name, timeout) end
    )
  end

  # The outermost one's release commits.
  def release_savepoint(s, name, timeout) do
    in_transaction(
      s,
      fn -> Native.release_savepoint(s, name, timeout) end,
      fn ->
        Route.at_primary(s, timeout, &Remote.release_savepoint(s.replica.primary, name, &1))
      end
    )
  end

  def rollback_to_savepoint(s, name, timeout) do
    in_transaction(
      s,
      fn -> Native.rollback_to_savepoint(s, name, timeout) end,
      fn -> Remote.rollback_to_savepoint(s.replica.primary, name, timeout) end
    )
  end

  defp in_transaction(s, snapshot, primary) do
    case Route.place(s) do
      :snapshot -> snapshot.()
      {:error, _} = error -> error
      _elsewhere -> primary.()
    end
  end

  ## What only a local database can do

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

  def has_hooks(_s), do: unsupported("EctoLibSql.Hooks")

  def do_set_authorizer(_s, _policy, _of_option), do: unsupported("set_authorizer")

  def blob_open(_s, _place, true, _timeout), do: unsupported("EctoLibSql.Blob with mode: :write")

  def blob_open(s, place, false, timeout),
    do: Route.here(s, fn -> Native.blob_open(s, place, false, timeout) end)

  def vfs_of(_s), do: unsupported("EctoLibSql.Vfs.of")

  def session_create(_s, _schema, _tables, _indirect, _rowids, _timeout),
    do: unsupported("EctoLibSql.Session.create")

  def changeset_apply(_s, _changeset, _options, _timeout),
    do: unsupported("EctoLibSql.Session.apply")

  # What is on the file just now.
  def serialize(s, timeout), do: Route.here(s, fn -> Native.serialize(s, timeout) end)

  # Where the file is read; what the primary does is not counted.
  def query_counting(s, statement, params, timeout) do
    Route.statement(
      s,
      statement,
      timeout,
      &Native.query_counting(s, statement, params, &1),
      fn timeout ->
        Remote.query_counting(s.replica.primary, statement, params, timeout)
      end
    )
  end

  def do_expanded_sql(_s, _statement, _params, _redact, _timeout), do: unsupported("expanded_sql")
  def stmt_isexplain(s, id), do: of(s, id, &Native.stmt_isexplain/2, &Remote.stmt_isexplain/2)
  def stmt_readonly(s, id), do: of(s, id, &Native.stmt_readonly/2, &Remote.stmt_readonly/2)
  def stmt_busy(s, id), do: of(s, id, &Native.stmt_busy/2, &Remote.stmt_busy/2)

  def stmt_status(s, id, reset),
    do: of(s, id, &Native.stmt_status(&1, &2, reset), &Remote.stmt_status(&1, &2, reset))

  # Of the connection that reads the file.
  def db_status(s, reset), do: Native.db_status(s, reset)
  def trace_start(s, pid, wants), do: Native.trace_start(s, pid, wants)

  defp unsupported(function) do
    message =
      "#{function} is for local databases: this connection is to a replica (mode: :replica)"

    {:error, %Error{code: :unsupported, message: message}}
  end
end
