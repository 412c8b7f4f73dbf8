defmodule EctoLibSql.Native do
  @moduledoc """
  The NIF, and the functions that go by its names.

  Most programs use `EctoLibSql` and `EctoLibSql.Pragma`. The functions documented here are part
  of the same contract; the others are the boundary's own.

  The library is built by `rustler` where that is there, and else by `make`, which leaves it in
  `priv/native`.
  """

  use EctoLibSql.NIF

  alias EctoLibSql.{Call, Error, State}

  @doc """
  How long a statement waits for a lock that another connection holds, in milliseconds.

  The same as `EctoLibSql.set_busy_timeout/2`.
  """
  @spec busy_timeout(State.t(), non_neg_integer()) :: :ok | {:error, Error.t()}
  def busy_timeout(_state, _milliseconds), do: not_loaded()

  @doc """
  Brings a connection back to how it was opened. See `EctoLibSql.reset_connection/1`.
  """
  @spec reset(State.t()) :: :ok | {:error, Error.t()}
  def reset(state), do: EctoLibSql.reset_connection(state)

  @doc """
  Stops what the connection runs. See `EctoLibSql.interrupt_connection/1`.
  """
  @spec interrupt(State.t()) :: :ok | {:error, Error.t()}
  def interrupt(state), do: EctoLibSql.interrupt_connection(state)

  @doc """
  The only row of a query. See `EctoLibSql.query_one/3`.
  """
  @spec query_row(State.t(), String.t(), EctoLibSql.params()) ::
          {:ok, [EctoLibSql.Result.value()]} | {:error, :no_rows | :multiple_rows | Error.t()}
  def query_row(state, statement, params), do: EctoLibSql.query_one(state, statement, params)

  @doc """
  Ends a prepared statement's run. See `EctoLibSql.reset_stmt/2`.
  """
  @spec reset_statement(State.t(), String.t()) :: :ok | {:error, Error.t()}
  def reset_statement(state, id), do: EctoLibSql.reset_stmt(state, id)

  @doc """
  Forgets a prepared statement. See `EctoLibSql.finalize_stmt/2`.
  """
  @spec close_stmt(State.t(), String.t()) :: :ok | {:error, Error.t()}
  def close_stmt(state, id), do: EctoLibSql.finalize_stmt(state, id)

  @doc """
  What SQLite knows of a statement's result columns. See `EctoLibSql.get_statement_columns/2`.
  """
  @spec get_stmt_columns(State.t(), String.t()) :: {:ok, [map()]} | {:error, Error.t()}
  def get_stmt_columns(state, id), do: EctoLibSql.get_statement_columns(state, id)

  @doc """
  Allows or forbids `load_ext/3` on this connection. Off when a connection is opened.

  The SQL function `load_extension()` stays off either way.
  """
  @spec enable_extensions(State.t(), boolean()) :: :ok | {:error, Error.t()}
  def enable_extensions(_state, _enable), do: not_loaded()

  @doc """
  Loads the shared library at `path` as an [extension](https://sqlite.org/loadext.html).

  Without an entry point, SQLite derives its name from the file's. Extensions have to be allowed
  first, with `enable_extensions/2` or the option `:load_extensions`.

  An extension is native code and can do anything that the VM can. `config :ecto_libsql,
  allowed_extensions: ["/opt/my_app/extensions"]` says for the application, and the connect option
  `:allowed_extensions` for a connection, which files, or files in which folders, may be loaded; where both are
  given, both have to allow it. It is the real file that counts, with links and `..` resolved, and that file is
  loaded: under its own name, and none of the system's folders are searched.

  Errors: `:extensions_disabled`; `:extension_not_allowed`, whose message has the path and the list;
  `:load_extension`, whose message has the path and SQLite's reason.
  """
  @spec load_ext(State.t(), String.t(), String.t() | nil) :: :ok | {:error, Error.t()}
  def load_ext(state, path, entry_point \\ nil)
  def load_ext(_state, _path, _entry_point), do: not_loaded()

  @doc """
  Turns the enforcement of foreign keys on or off, also inside a transaction, where
  `EctoLibSql.Pragma.disable_foreign_keys/1` cannot: a table's rebuild needs that.

  What is violated while it is off stays violated; `EctoLibSql.Pragma.foreign_key_check/1` finds
  it. Off until it is turned on again, or the connection is reset.
  """
  @spec enable_foreign_keys(State.t(), boolean()) :: :ok | {:error, Error.t()}
  def enable_foreign_keys(_state, _enable), do: not_loaded()

  @doc """
  For each database of the connection (`"main"`, `"temp"` and those that are attached) a number that
  every commit to it changes, be it this connection's or another's, and nothing else does. To be
  compared with other answers for the same connection only.

  The pragma `data_version` leaves out what the connection itself commits.

      iex> {:ok, s} = EctoLibSql.connect(database: ":memory:")
      iex> {:ok, [{"main", before}, {"temp", _}]} = EctoLibSql.Native.data_versions(s)
      iex> {:ok, _} = EctoLibSql.query(s, "CREATE TABLE t (a)")
      iex> {:ok, [{"main", version}, {"temp", _}]} = EctoLibSql.Native.data_versions(s)
      iex> version == before
      false
  """
  @spec data_versions(State.t()) ::
          {:ok, [{String.t(), non_neg_integer()}]} | {:error, Error.t()}
  def data_versions(%State{} = s), do: Call.data_versions(s, Call.deadline(s.timeout))

  @doc """
  Runs a script. See `EctoLibSql.execute_batch/2`.
  """
  @spec execute_batch_sql(State.t(), String.t()) ::
          {:ok, [EctoLibSql.Result.t()]} | {:error, Error.t()}
  def execute_batch_sql(state, sql), do: EctoLibSql.execute_batch(state, sql)

  @doc """
  Runs a script. See `EctoLibSql.execute_batch/2`.
  """
  @spec execute_batch_native(State.t(), String.t()) ::
          {:ok, [EctoLibSql.Result.t()]} | {:error, Error.t()}
  def execute_batch_native(state, sql), do: EctoLibSql.execute_batch(state, sql)

  @doc """
  Reads a [pragma](https://sqlite.org/pragma.html), or sets it.

  `name` is a pragma's name, with its schema where wanted (`"main.user_version"`); `value` an
  integer, a boolean, an atom (a keyword such as `:wal`) or a string, which is quoted.

  Answers `{:ok, value}`: `nil` for a pragma that returns nothing, the value for one that returns
  one, a list for one that returns several, and a list of maps with atom keys for one that
  returns a table.

  `soft_heap_limit` and `hard_heap_limit` can be set where the configuration has
  `config :ecto_libsql, memory_statistics: true`; else that is an error with the code `:unsupported`.

      iex> {:ok, s} = EctoLibSql.connect(database: ":memory:")
      iex> EctoLibSql.Native.pragma_query(s, "user_version", 7)
      {:ok, nil}
      iex> EctoLibSql.Native.pragma_query(s, "user_version")
      {:ok, 7}
  """
  @spec pragma_query(State.t(), String.t() | atom(), integer() | boolean() | atom() | String.t()) ::
          {:ok, term()} | {:error, Error.t()}
  def pragma_query(state, name, value \\ nil), do: EctoLibSql.Pragma.query(state, name, value)

  @doc """
  The frame up to which a replica is complete. See `EctoLibSql.replication_index/1`.
  """
  @spec get_frame_number_for_replica(State.t()) ::
          {:ok, non_neg_integer() | nil} | {:error, Error.t()}
  def get_frame_number_for_replica(state), do: EctoLibSql.replication_index(state)

  @doc """
  The highest frame that a write of this VM became. See `EctoLibSql.max_write_replication_index/1`.
  """
  @spec get_max_write_frame(State.t()) :: {:ok, non_neg_integer() | nil} | {:error, Error.t()}
  def get_max_write_frame(state), do: EctoLibSql.max_write_replication_index(state)

  @doc """
  Waits until what a replica has fetched is in its file. See `EctoLibSql.flush_replicator/2`.
  """
  @spec flush_and_get_frame(State.t()) :: {:ok, non_neg_integer() | nil} | {:error, Error.t()}
  def flush_and_get_frame(state), do: EctoLibSql.flush_replicator(state)

  @doc """
  Waits until a replica has a frame. See `EctoLibSql.sync_until/3`.
  """
  @spec sync_until_frame(State.t(), non_neg_integer(), timeout()) ::
          {:ok, non_neg_integer()} | {:error, Error.t()}
  def sync_until_frame(state, frame, timeout \\ 15_000),
    do: EctoLibSql.sync_until(state, frame, timeout)

  @doc """
  Makes a replica a database of its own. See `EctoLibSql.freeze/2`.
  """
  @spec freeze_replica(State.t()) :: {:ok, State.t()} | {:error, Error.t()}
  def freeze_replica(state), do: EctoLibSql.freeze(state)

  @doc false
  def open(_options), do: not_loaded()
  @doc false
  def close(_state), do: not_loaded()
  @doc false
  def ping(_state), do: not_loaded()
  @doc false
  def query(_state, _statement, _params, _timeout), do: not_loaded()
  @doc false
  def query_short(_state, _statement, _params), do: not_loaded()
  @doc false
  def run(_state, _statement, _params, _timeout), do: not_loaded()
  @doc false
  def declare(_state, _statement, _params, _timeout), do: not_loaded()
  @doc false
  def fetch(_state, _cursor, _max_rows, _timeout), do: not_loaded()
  @doc false
  def deallocate(_state, _cursor), do: not_loaded()
  @doc false
  def prepare(_state, _sql, _timeout), do: not_loaded()
  @doc false
  def describe(_state, _sql, _timeout), do: not_loaded()
  @doc false
  def interrupt_statement(_state, _id), do: not_loaded()
  @doc false
  def stmt_column_count(_state, _id), do: not_loaded()
  @doc false
  def stmt_column_name(_state, _id, _index), do: not_loaded()
  @doc false
  def stmt_parameter_count(_state, _id), do: not_loaded()
  @doc false
  def stmt_parameter_name(_state, _id, _position), do: not_loaded()
  @doc false
  def stmt_isexplain(_state, _id), do: not_loaded()
  @doc false
  def stmt_readonly(_state, _id), do: not_loaded()
  @doc false
  def stmt_busy(_state, _id), do: not_loaded()
  @doc false
  def stmt_status(_state, _id, _reset), do: not_loaded()
  @doc false
  def query_counting(_state, _statement, _params, _timeout), do: not_loaded()
  @doc false
  def do_expanded_sql(_state, _statement, _params, _redact, _timeout), do: not_loaded()
  @doc false
  def db_status(_state, _reset), do: not_loaded()
  @doc false
  @spec library_status(boolean()) :: {:ok, map()} | {:error, Error.t()}
  def library_status(_reset), do: not_loaded()
  @doc false
  @spec trace_listen() :: :ok
  def trace_listen, do: not_loaded()
  @doc false
  def trace_start(_state, _subscriber, _wants), do: not_loaded()
  @doc false
  @spec trace_stop(reference()) :: :ok
  def trace_stop(_outlet), do: not_loaded()
  @doc false
  @spec trace_taken(reference()) :: {boolean(), non_neg_integer()}
  def trace_taken(_outlet), do: not_loaded()
  @doc false
  def execute_script(_state, _sql, _transactional, _first, _timeout), do: not_loaded()
  @doc false
  def execute_list(_state, _statements, _transactional, _first, _timeout), do: not_loaded()
  @doc false
  def begin(_state, _behavior, _timeout), do: not_loaded()
  @doc false
  def commit(_state, _timeout), do: not_loaded()
  @doc false
  def rollback(_state), do: not_loaded()
  @doc false
  def savepoint(_state, _name, _timeout), do: not_loaded()
  @doc false
  def release_savepoint(_state, _name, _timeout), do: not_loaded()
  @doc false
  def rollback_to_savepoint(_state, _name, _timeout), do: not_loaded()
  @doc false
  def last_insert_rowid(_state), do: not_loaded()
  @doc false
  def changes(_state), do: not_loaded()
  @doc false
  def total_changes(_state), do: not_loaded()
  @doc false
  def autocommit(_state), do: not_loaded()
  @doc false
  def cacheflush(_state, _timeout), do: not_loaded()
  @doc false
  def checkpoint(_state, _mode, _timeout), do: not_loaded()
  @doc false
  def backup(_source, _source_schema, _target, _schema, _timeout), do: not_loaded()
  @doc false
  def backup_begin(_target, _source, _timeout), do: not_loaded()
  @doc false
  def backup_step(_target, _pages, _timeout), do: not_loaded()
  @doc false
  def serialize(_state, _timeout), do: not_loaded()
  @doc false
  def deserialize(_state, _image, _timeout), do: not_loaded()
  @doc false
  def blob_open(_state, _place, _writes, _timeout), do: not_loaded()
  @doc false
  def blob_read(_state, _blob, _offset, _length, _timeout), do: not_loaded()
  @doc false
  def blob_write(_state, _blob, _offset, _data, _timeout), do: not_loaded()
  @doc false
  def blob_reopen(_state, _blob, _rowid, _timeout), do: not_loaded()
  @doc false
  def blob_close(_state, _blob), do: not_loaded()
  @doc false
  def vfs_names, do: not_loaded()
  @doc false
  def vfs_of(_state), do: not_loaded()
  @doc false
  def fault_start(_name, _script), do: not_loaded()
  @doc false
  def fault_set(_name, _script), do: not_loaded()
  @doc false
  def fault_stop(_name), do: not_loaded()
  @doc false
  def fault_status(_name), do: not_loaded()
  @doc false
  def fault_log(_name), do: not_loaded()
  @doc false
  def fault_power_loss(_name), do: not_loaded()
  @doc false
  def has_hooks(_state), do: :ok
  @doc false
  def hook_channel(_bound), do: not_loaded()
  @doc false
  def hook_bound(_channel, _bound), do: not_loaded()
  @doc false
  def hook_add(_state, _channel, _hook), do: not_loaded()
  @doc false
  def hook_remove(_state, _channel, _hook), do: not_loaded()
  @doc false
  def hook_take(_channel, _most), do: not_loaded()
  @doc false
  def feed_open(_name, _bound), do: not_loaded()
  @doc false
  def feed_attach(_state, _name, _hook), do: not_loaded()
  @doc false
  def feed_close(_channel), do: not_loaded()
  @doc false
  def session_create(_state, _schema, _tables, _indirect, _rowids, _timeout), do: not_loaded()
  @doc false
  def session_attach(_state, _session, _tables, _timeout), do: not_loaded()
  @doc false
  def session_enable(_state, _session, _on), do: not_loaded()
  @doc false
  def session_indirect(_state, _session, _on), do: not_loaded()
  @doc false
  def session_status(_state, _session), do: not_loaded()
  @doc false
  def session_changeset(_state, _session, _patchset, _timeout), do: not_loaded()
  @doc false
  def session_diff(_state, _session, _from, _table, _timeout), do: not_loaded()
  @doc false
  def session_close(_state, _session), do: not_loaded()
  @doc false
  def changeset_apply(_state, _changeset, _options, _timeout), do: not_loaded()
  @doc false
  def changeset_invert(_changeset), do: not_loaded()
  @doc false
  def changeset_concat(_changesets), do: not_loaded()
  @doc false
  def changeset_rebase(_changeset, _decided), do: not_loaded()
  @doc false
  def changeset_info(_changeset), do: not_loaded()
  @doc false
  def changeset_read(_changeset, _position), do: not_loaded()
  @doc false
  def do_set_authorizer(_state, _policy, _of_option), do: not_loaded()
  @doc false
  def query_exempt(_state, _sql, _params, _timeout), do: not_loaded()
  @doc false
  def wal_frame_count(_state, _timeout), do: not_loaded()
  @doc false
  def wal_read_frames(_state, _first, _most, _timeout), do: not_loaded()
  @doc false
  def wal_insert_begin(_state, _timeout), do: not_loaded()
  @doc false
  def wal_insert_frames(_state, _frames, _timeout), do: not_loaded()
  @doc false
  def wal_insert_end(_state), do: not_loaded()
  @doc false
  def wal_checkpoints(_state, _on), do: not_loaded()
  @doc false
  def start_up, do: not_loaded()
  @doc false
  def shut_down, do: not_loaded()
  @doc false
  def function_create(_state, _function, _definition), do: not_loaded()
  @doc false
  def function_remove(_state, _name, _arity), do: not_loaded()
  @doc false
  def function_keep(_state), do: not_loaded()
  @doc false
  def function_call(_state, _name, _args), do: not_loaded()
  @doc false
  def function_call_long(_state, _name, _args), do: not_loaded()
  @doc false
  def function_cancel(_call), do: not_loaded()
  @doc false
  def function_answer(_call, _number, _value), do: not_loaded()
  @doc false
  def function_answer_long(_call, _number, _value), do: not_loaded()
  @doc false
  def function_fail(_call, _number, _message), do: not_loaded()
  @doc false
  def connections, do: not_loaded()
  @doc false
  @spec memory_statistics(boolean()) :: boolean()
  def memory_statistics(_keep), do: not_loaded()
  @doc false
  def do_data_versions(_state, _timeout), do: not_loaded()
  @doc false
  def do_reset(_state), do: not_loaded()
  @doc false
  def do_interrupt(_state), do: not_loaded()
  @doc false
  def do_reset_statement(_state, _id), do: not_loaded()
  @doc false
  def do_close_stmt(_state, _id), do: not_loaded()
  @doc false
  def do_get_stmt_columns(_state, _id), do: not_loaded()
  @doc false
  def do_query_row(_state, _statement, _params, _timeout), do: not_loaded()
  @doc false
  def patience(_state), do: not_loaded()
  @doc false
  def give_up(_state, _turn), do: not_loaded()
  @doc false
  def write_gate(_state), do: not_loaded()

  @doc false
  def breakers(_state), do: {:ok, []}

  ## What is set on a connection: EctoLibSql.Limits, DbConfig, FileControl, HeapLimit

  @doc false
  def limit_get(_state, _name), do: not_loaded()
  @doc false
  def limit_set(_state, _name, _value), do: not_loaded()
  @doc false
  def db_config_get(_state, _name), do: not_loaded()
  @doc false
  def db_config_set(_state, _name, _on), do: not_loaded()
  @doc false
  def reset_database(_state, _timeout), do: not_loaded()
  @doc false
  def reserved_bytes(_state, _schema), do: not_loaded()
  @doc false
  def set_reserved_bytes(_state, _schema, _bytes), do: not_loaded()
  @doc false
  def release_memory(_state), do: not_loaded()
  @doc false
  def heap_limits(_soft, _hard), do: not_loaded()
  @doc false
  def begin_with_heap_limits(_soft, _hard), do: not_loaded()
  @doc false
  def memory_used(_forget_highest), do: not_loaded()

  ## Connections to servers: EctoLibSql.Remote

  @doc false
  def remote_open(_options), do: not_loaded()
  @doc false
  def remote_call(_state, _reference, _request, _timeout), do: not_loaded()
  @doc false
  def remote_call_long(_state, _reference, _request, _timeout), do: not_loaded()
  @doc false
  def remote_cancel(_call), do: not_loaded()
  @doc false
  def remote_close(_state), do: not_loaded()
  @doc false
  def remote_interrupt(_state, _statement), do: not_loaded()
  @doc false
  def remote_status(_state), do: not_loaded()
  @doc false
  def remote_statement(_state, _id), do: not_loaded()
  @doc false
  def remote_finalize(_state, _id), do: not_loaded()
  @doc false
  def remote_deallocate(_state, _cursor), do: not_loaded()
  @doc false
  def remote_set_token(_state, _token), do: not_loaded()
  @doc false
  def remote_set_failover_token(_state, _index, _token), do: not_loaded()
  @doc false
  def remote_breakers(_state), do: not_loaded()

  ## Embedded replicas: EctoLibSql.Replica

  @doc false
  def statement_sql(_state, _id), do: not_loaded()
  @doc false
  def replica_open(_options, _reference, _timeout), do: not_loaded()
  @doc false
  def replica_connect(_handle, _primary, _local, _read_your_writes), do: not_loaded()
  @doc false
  def replica_close(_handle), do: not_loaded()
  @doc false
  def replica_reads_here(_handle), do: not_loaded()
  @doc false
  def replica_place(_handle), do: not_loaded()
  @doc false
  def replica_written(_handle), do: not_loaded()
  @doc false
  def replica_missed(_handle), do: not_loaded()
  @doc false
  def replica_damaged(_handle), do: not_loaded()
  @doc false
  def replica_call(_handle, _reference, _request, _timeout), do: not_loaded()
  @doc false
  def replica_status(_handle), do: not_loaded()
  @doc false
  def replica_frames(_handle), do: not_loaded()
  @doc false
  def replica_set_token(_path, _token), do: not_loaded()
  @doc false
  def replica_open_frozen(_handle, _options), do: not_loaded()
  @doc false
  def replica_sync_frames(_path, _frames, _encryption_key), do: not_loaded()
  @doc false
  def replica_listen, do: not_loaded()

  ## Copies that are written offline: EctoLibSql.Offline

  @doc false
  def offline_open(_options, _reference, _timeout), do: not_loaded()
  @doc false
  def offline_call(_state, _reference, _request, _timeout), do: not_loaded()
  @doc false
  def offline_set_token(_path, _token), do: not_loaded()
  @doc false
  def offline_set_aside(_path, _reference), do: not_loaded()
  @doc false
  def offline_listen, do: not_loaded()

  defp not_loaded, do: :erlang.nif_error(:nif_not_loaded)
end
