defmodule EctoLibSql do
  @moduledoc """
  The driver: [libSQL](https://github.com/tursodatabase/libsql) databases from Elixir.

      iex> {:ok, s} = EctoLibSql.connect(database: ":memory:")
      iex> {:ok, _} = EctoLibSql.query(s, "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT)")
      iex> {:ok, result} = EctoLibSql.query(s, "INSERT INTO users (name) VALUES (?), (?)", ["Ada", "Joe"])
      iex> result.num_rows
      2
      iex> {:ok, %{columns: ["id", "name"], rows: rows}} = EctoLibSql.query(s, "SELECT * FROM users")
      iex> rows
      [[1, "Ada"], [2, "Joe"]]
      iex> EctoLibSql.disconnect(s)
      :ok

  `connect/1` answers an `EctoLibSql.State`, which every other function takes first. Functions
  answer `{:ok, value}`, or `:ok`, or `{:error, %EctoLibSql.Error{}}`; those that answer a bare
  value raise the error.

  ## Processes

  A connection belongs to the process that opened it, and is closed when that process ends. Any
  process may use it in the meantime; calls run one after the other. Whoever begins a transaction
  has the connection to itself until it ends (unless the connection was opened with
  `transaction_scope: :connection`). When a process dies, its running query is stopped, its
  transaction rolled back, and its statements and cursors are freed, at once.

  ## Parameters

  A list of values for `?` and `?1`, or a keyword list or a map for `:name`, `@name` and `$name`.
  Every parameter has to be given, and no other.

  | Elixir | SQLite |
  |---|---|
  | `nil` | NULL |
  | integer of at most 64 bits | INTEGER |
  | `true`, `false` | INTEGER, 1 and 0 |
  | float, `:inf`, `:"-inf"` | REAL |
  | binary | TEXT, byte for byte |
  | `{:blob, binary}` | BLOB |
  | `{:uuid, text}` | TEXT, or BLOB with `uuid_type: :binary` |
  | `{:json, text}` | TEXT, or BLOB (JSONB) with `map_type: :binary`, `array_type: :binary` |
  | `Date` | TEXT, `2026-11-21` |
  | `Time` | TEXT, `13:05:00` or `13:05:00.000000` |
  | `NaiveDateTime` | TEXT, `2026-11-21T13:05:00` or `2026-11-21T13:05:00.000000` |
  | `DateTime` | the same, in UTC |
  | `Decimal` | TEXT, exact, without exponent |

  A keyword list that begins with the key `:blob`, `:uuid` or `:json` reads as a list of such
  values; give these names in a map.
  """

  alias EctoLibSql.{Error, Native, Options, Params, Result, State}

  require Logger

  @type params :: [term()] | keyword() | %{optional(atom() | String.t()) => term()}

  @typedoc "SQL, or the id of a prepared statement."
  @type statement :: String.t()

  @type stmt_id :: String.t()
  @type cursor :: String.t()

  @type checkpoint :: %{
          log_frames: integer(),
          checkpointed_frames: integer(),
          busy: boolean()
        }

  @type behavior :: :deferred | :immediate | :exclusive | :read_only

  @behaviors [:deferred, :immediate, :exclusive, :read_only]
  # The NIF has its own cap for one call; this asks for no less than that.
  @rows_a_call 1_000_000
  @checkpoint_modes [:passive, :full, :restart, :truncate]

  defguardp is_params(params) when is_list(params) or is_map(params)

  ## Connection

  @doc """
  Opens a connection, which belongs to the calling process.

  The file is created if it is not there. Foreign keys are enforced, a file is in WAL mode, and
  double-quoted strings and unsafe functions in the schema are refused, unless an option says
  otherwise.

  ## Options

    * `:database` - a path, `":memory:"`, or a [`file:` URI](https://sqlite.org/uri.html). Required
    * `:mode` - `:create` (default), `:read_write` (the file has to be there) or `:read_only`
    * `:read_only` - `true` is `mode: :read_only`
    * `:immutable` - `true` promises that nobody writes the file: no locks, no checks. Only with
      `mode: :read_only`
    * `:shared_cache` - share the page cache with other connections of this VM
    * `:busy_timeout` - how long to wait for a lock that another connection holds, in
      milliseconds. Default: `5000`
    * `:statement_cache_size` - how many statements stay prepared. Default: `100`
    * `:transaction_scope` - who may use the connection in a transaction: `:process` (default),
      the one that began it; `:connection`, every process that has the connection (for pools)
    * `:foreign_keys` - enforce foreign keys. Default: `true`
    * `:journal_mode` - `:wal` (default for files), `:delete`, `:truncate`, `:persist`, `:memory`,
      `:off`
    * `:synchronous` - `:normal` (default), `:full`, `:extra`, `:off`
    * `:trusted_schema` - allow unsafe functions and virtual tables in views, triggers and the
      like. Default: `false`
    * `:double_quoted_strings` - take `"x"` for a string where there is no such column. Default:
      `false`
    * `:encryption_key` - the key of an encrypted file: a binary. Needs a build with encryption
    * `:uuid_type` - how `{:uuid, text}` is stored: `:string` (default), the text, or `:binary`, its
      16 bytes. `:binary_id_type` is another name for it
    * `:map_type`, `:array_type` - how `{:json, text}` is stored, where it is an array and where it
      is not: `:string` (default), the text, or `:binary`, SQLite's [JSONB](https://sqlite.org/jsonb.html)
    * `:load_extensions` - paths, or `{path, entry_point}`, of extensions to load
    * `:cache_size`, `:cache_spill`, `:temp_store`, `:mmap_size`, `:page_size`, `:auto_vacuum`,
      `:locking_mode`, `:wal_auto_check_point`, `:journal_size_limit`, `:secure_delete`,
      `:case_sensitive_like`, `:soft_heap_limit`, `:hard_heap_limit` - the pragmas of these names
    * `:custom_pragmas` - a keyword list of other pragmas to set

  ## Errors

  `:invalid_option` names the option and what it takes. A file that is no database is `:notadb`,
  one that cannot be opened `:cantopen`, with the path and the system's reason.

      iex> {:error, error} = EctoLibSql.connect(database: ":memory:", journal: :wal)
      iex> error.code
      :invalid_option
  """
  @spec connect(keyword()) :: {:ok, State.t()} | {:error, Error.t()}
  def connect(opts) do
    with {:ok, options} <- Options.validate(opts),
         {:ok, conn_id} <- open(options.native) do
      state = %State{conn_id: conn_id, mode: :local, database: opts[:database]}
      load_extensions(state, options.load_extensions)
    end
  end

  defp open(%{mode: mode} = options) do
    with {:error, %Error{code: :cantopen} = error} when mode == :read_only <- Native.open(options) do
      hint =
        "a read-only connection does not create the file: open it for writing first " <>
          "(with Ecto: start the repo that writes, and migrate)"

      {:error, %{error | message: "#{error.message}; #{hint}"}}
    end
  end

  defp load_extensions(s, []), do: {:ok, s}

  defp load_extensions(s, extensions) do
    loaded =
      with :ok <- Native.enable_extensions(s, true),
           :ok <- load_each(s, extensions),
           do: Native.enable_extensions(s, false)

    with {:error, _} = error <- loaded do
      disconnect(s)
      error
    else
      :ok -> {:ok, s}
    end
  end

  defp load_each(s, extensions) do
    Enum.reduce_while(extensions, :ok, fn {path, entry_point}, :ok ->
      case Native.load_ext(s, path, entry_point) do
        :ok -> {:cont, :ok}
        error -> {:halt, error}
      end
    end)
  end

  @doc """
  Closes a connection: stops what it runs, rolls an open transaction back, and frees its
  statements and cursors. Closing it twice is fine.
  """
  @spec disconnect(State.t()) :: :ok
  def disconnect(%State{} = s), do: Native.close(s)

  @doc """
  Whether the connection is open: `:ok`, or an error with the code `:connection_closed`.
  """
  @spec ping(State.t()) :: :ok | {:error, Error.t()}
  def ping(%State{} = s), do: reply(s, Native.ping(s))

  @doc """
  Whether a connection's or a repo's database answers, and how fast.

  Takes a state, or what `EctoLibSql.Pool.metrics/1` takes. Waits for nobody: where the connection,
  or every connection of the pool, is in use, the status is `:busy` and no latency is measured.

  Answers a map of

    * `:status` - `:ok`, or `:busy`
    * `:latency` - how long it took to read the database's header, in microseconds: in a pool, with
      the checkout of an idle connection
    * `:mode`, `:database` - those of the state
    * `:pool` - the pool's figures, see `t:EctoLibSql.Pool.metrics/0`; `nil` for a state
    * `:gate` - what is known of the writers' queue for the file; `nil` where there is none

  An error says why the database cannot be read, or why no connection can be opened.

      iex> {:ok, s} = EctoLibSql.connect(database: ":memory:")
      iex> {:ok, %{status: :ok, mode: :local, pool: nil}} = EctoLibSql.health(s)
      iex> EctoLibSql.disconnect(s)
      iex> {:error, error} = EctoLibSql.health(s)
      iex> error.code
      :connection_closed
  """
  @spec health(State.t() | term()) :: {:ok, map()} | {:error, Exception.t()}
  defdelegate health(repo_or_state), to: EctoLibSql.Health, as: :check

  @doc """
  Sets how long a statement waits for a lock that another connection holds, in milliseconds.
  After that it is an error with the code `:busy`. 0: it does not wait.
  """
  @spec set_busy_timeout(State.t(), non_neg_integer()) :: :ok | {:error, Error.t()}
  def set_busy_timeout(%State{} = s, milliseconds)
      when is_integer(milliseconds) and milliseconds in 0..0xFFFFFFFF,
      do: reply(s, Native.busy_timeout(s, milliseconds))

  @doc """
  Brings a connection back to how it was opened: stops what it runs, rolls an open transaction
  back, drops temporary tables, views and triggers, detaches databases, forgets prepared
  statements, cursors and the last rowid, and sets the options anew. Any process may.
  """
  @spec reset_connection(State.t()) :: :ok | {:error, Error.t()}
  def reset_connection(%State{} = s), do: reply(s, Native.reset(s))

  @doc """
  Stops what the connection runs, from any process, and returns at once.

  The running query ends with the code `:interrupted`; the connection lives on. A transaction
  stays open if the query only read, and is rolled back by SQLite if it was in the middle of a
  write. Without effect when nothing runs. <https://sqlite.org/c3ref/interrupt.html>
  """
  @spec interrupt_connection(State.t()) :: :ok | {:error, Error.t()}
  def interrupt_connection(%State{} = s), do: reply(s, Native.interrupt(s))

  @doc """
  The open connections of this VM, the oldest first, for debugging and for tests that look for
  leaks. Waits for none of them.

  Each is a map of `:id`, `:owner` (a pid), `:database`, `:age` (in milliseconds), `:statements`
  and `:cursors` (maps of `:id`, `:sql`, `:owner`, `:age`), `:transaction` (`nil`, or a map of
  `:owner`, `:behavior` and `:age`), `:running` (`nil`, or the call that is under way: its `:owner`
  and `:age`) and `:cache` (the statement cache's `:size`, `:hits`, `:misses` and `:evictions`).
  """
  @spec connections() :: [map()]
  def connections, do: Native.connections()

  ## Queries

  @doc """
  Runs one statement.

  `params` as described above. A long result is fetched in several calls of the NIF, without the
  caller noticing.

  ## Options

    * `:timeout` - milliseconds after which the query is stopped, or `:infinity` (default). It
      then is an error with the code `:timeout`; the connection lives on

  ## Errors

  SQLite's, by their code; `:multiple_statements` for a script, which `execute_batch/2` runs;
  `:parameter_count`, `:parameter_names` and `:unsupported_parameter`, which say what is wrong.

      iex> {:ok, s} = EctoLibSql.connect(database: ":memory:")
      iex> {:ok, result} = EctoLibSql.query(s, "SELECT :x + :x AS twice, :y AS y", x: 2, y: "b")
      iex> {result.columns, result.rows}
      {["twice", "y"], [[4, "b"]]}
  """
  @spec query(State.t(), String.t(), params(), keyword()) ::
          {:ok, Result.t()} | {:error, Error.t()}
  def query(%State{} = s, sql, params \\ [], opts \\ [])
      when is_binary(sql) and is_params(params) do
    query_until(s, sql, params, deadline(opts))
  end

  @doc """
  As `query/4`, but answers the result and raises `EctoLibSql.Error`.
  """
  @spec query!(State.t(), String.t(), params(), keyword()) :: Result.t()
  def query!(%State{} = s, sql, params \\ [], opts \\ []), do: bang(query(s, sql, params, opts))

  @doc """
  The only row of a query; stops stepping after the second.

  Takes SQL or a prepared statement's id. `{:error, :no_rows}` and `{:error, :multiple_rows}` say
  what else there was. (A statement with RETURNING has made all of its changes either way.)

      iex> {:ok, s} = EctoLibSql.connect(database: ":memory:")
      iex> EctoLibSql.query_one(s, "SELECT 1, 'a'")
      {:ok, [1, "a"]}
  """
  @spec query_one(State.t(), statement(), params()) ::
          {:ok, [Result.value()]} | {:error, :no_rows | :multiple_rows | Error.t()}
  def query_one(%State{} = s, statement, params \\ [])
      when is_binary(statement) and is_params(params) do
    with_encoded(s, params, &Native.query_row(s, statement, &1))
  end

  @doc """
  Runs any statement, SQL or a prepared statement's id, and answers neither rows nor a count.
  """
  @spec run(State.t(), statement(), params()) :: :ok | {:error, Error.t()}
  def run(%State{} = s, statement, params \\ [])
      when is_binary(statement) and is_params(params) do
    with_encoded(s, params, &Native.run(s, statement, &1))
  end

  @doc false
  # `query/4` with an absolute deadline, milliseconds of monotonic time or :infinity, and nothing
  # checked: for EctoLibSql.Connection.
  def query_until(s, statement, params, deadline) do
    case Native.query(s, statement, params, remaining(deadline)) do
      {:ok, result} ->
        {:ok, Result.new(result)}

      {:more, cursor, columns, rows, num_rows} ->
        fetch_rest(s, cursor, columns, [rows], num_rows, deadline)

      :encode_params ->
        with {:ok, params} <- Params.encode(params),
             do: query_until(s, statement, params, deadline)

      {:error, _} = error ->
        reply(s, error)
    end
  end

  defp fetch_rest(s, cursor, columns, chunks, num_rows, deadline) do
    case Native.fetch(s, cursor, @rows_a_call, remaining(deadline)) do
      {:more, _columns, rows, count} ->
        fetch_rest(s, cursor, columns, [rows | chunks], num_rows + count, deadline)

      {:done, {_columns, rows, count, changes, last_insert_rowid, _autocommit}} ->
        {:ok,
         %Result{
           columns: columns,
           rows: concat(chunks, rows),
           num_rows: num_rows + count,
           changes: changes,
           last_insert_rowid: last_insert_rowid
         }}

      {:error, _} = error ->
        Native.deallocate(s, cursor)
        reply(s, error)
    end
  end

  # `chunks` are in reverse order.
  defp concat(chunks, last), do: Enum.reduce(chunks, last, &(&1 ++ &2))

  ## Prepared statements

  @doc """
  Prepares a statement, which stays until it is finalized, its owner dies, or its connection is
  closed or reset. (`query/4` keeps the statements it ran prepared by itself.)
  """
  @spec prepare(State.t(), String.t()) :: {:ok, stmt_id()} | {:error, Error.t()}
  def prepare(%State{} = s, sql) when is_binary(sql), do: reply(s, Native.prepare(s, sql))

  @doc """
  Runs a prepared statement, as `query/4` runs SQL.
  """
  @spec query_stmt(State.t(), stmt_id(), params(), keyword()) ::
          {:ok, Result.t()} | {:error, Error.t()}
  def query_stmt(%State{} = s, id, params \\ [], opts \\ [])
      when is_binary(id) and is_params(params) do
    with :ok <- statement_id(id), do: query_until(s, id, params, deadline(opts))
  end

  @doc """
  Runs a prepared statement and answers the number of rows it changed.
  """
  @spec execute_stmt(State.t(), stmt_id(), params(), keyword()) ::
          {:ok, non_neg_integer()} | {:error, Error.t()}
  def execute_stmt(%State{} = s, id, params \\ [], opts \\ []) do
    with {:ok, result} <- query_stmt(s, id, params, opts), do: {:ok, result.changes}
  end

  @doc """
  Ends a prepared statement's run, if it is in one, and forgets its parameters.
  """
  @spec reset_stmt(State.t(), stmt_id()) :: :ok | {:error, Error.t()}
  def reset_stmt(%State{} = s, id) when is_binary(id), do: reply(s, Native.reset_statement(s, id))

  @doc """
  Stops the prepared statement if it is what the connection runs, from any process; returns at
  once. See `interrupt_connection/1`.
  """
  @spec interrupt_stmt(State.t(), stmt_id()) :: :ok | {:error, Error.t()}
  def interrupt_stmt(%State{} = s, id) when is_binary(id),
    do: reply(s, Native.interrupt_statement(s, id))

  @doc """
  Forgets a prepared statement. Doing so twice is fine.
  """
  @spec finalize_stmt(State.t(), stmt_id()) :: :ok | {:error, Error.t()}
  def finalize_stmt(%State{} = s, id) when is_binary(id), do: reply(s, Native.close_stmt(s, id))

  @doc """
  The same as `finalize_stmt/2`.
  """
  @spec close_stmt(State.t(), stmt_id()) :: :ok | {:error, Error.t()}
  def close_stmt(%State{} = s, id), do: finalize_stmt(s, id)

  @doc """
  What SQLite knows of a statement's result columns:
  `%{name:, decl_type:, origin_name:, table:, database:}` each. All but the name are `nil` for an
  expression. <https://sqlite.org/c3ref/column_database_name.html>
  """
  @spec get_statement_columns(State.t(), stmt_id()) :: {:ok, [map()]} | {:error, Error.t()}
  def get_statement_columns(%State{} = s, id) when is_binary(id),
    do: reply(s, Native.get_stmt_columns(s, id))

  @doc "The number of a statement's result columns."
  @spec stmt_column_count(State.t(), stmt_id()) :: {:ok, non_neg_integer()} | {:error, Error.t()}
  def stmt_column_count(%State{} = s, id) when is_binary(id),
    do: reply(s, Native.stmt_column_count(s, id))

  @doc "The name of a statement's result column, counted from 0."
  @spec stmt_column_name(State.t(), stmt_id(), non_neg_integer()) ::
          {:ok, String.t()} | {:error, Error.t()}
  def stmt_column_name(%State{} = s, id, index)
      when is_binary(id) and is_integer(index) and index >= 0,
      do: reply(s, Native.stmt_column_name(s, id, index))

  @doc "The number of parameters that a statement takes."
  @spec stmt_parameter_count(State.t(), stmt_id()) ::
          {:ok, non_neg_integer()} | {:error, Error.t()}
  def stmt_parameter_count(%State{} = s, id) when is_binary(id),
    do: reply(s, Native.stmt_parameter_count(s, id))

  @doc """
  The name of a statement's parameter, counted from 1, with its sign (`":a"`, `"@a"`, `"$a"`,
  `"?5"`); `nil` for `?`.
  """
  @spec stmt_parameter_name(State.t(), stmt_id(), pos_integer()) ::
          {:ok, String.t() | nil} | {:error, Error.t()}
  def stmt_parameter_name(%State{} = s, id, position)
      when is_binary(id) and is_integer(position) and position >= 0,
      do: reply(s, Native.stmt_parameter_name(s, id, position))

  ## Cursors

  @doc """
  Opens a cursor over a query's rows. SQLite computes them as they are fetched, so memory stays
  flat however many there are.

  A cursor is closed by its last row, `deallocate/2`, an error, its owner's death, or its
  connection's end.

  An `EXPLAIN` has no cursor (`:invalid_argument`): SQLite wants it read before the schema can
  change. `query/4` runs it.
  """
  @spec declare(State.t(), statement(), params()) :: {:ok, cursor()} | {:error, Error.t()}
  def declare(%State{} = s, statement, params \\ [])
      when is_binary(statement) and is_params(params) do
    with_encoded(s, params, &Native.declare(s, statement, &1))
  end

  @doc """
  The next rows of a cursor, at most `max_rows`, and fewer where they are large.

  `{:cont, result}`: there may be more; `{:halt, result}`: these were the last, and the cursor is
  closed. Options as for `query/4`.
  """
  @spec fetch(State.t(), cursor(), pos_integer(), keyword()) ::
          {:cont | :halt, Result.t()} | {:error, Error.t()}
  def fetch(%State{} = s, cursor, max_rows \\ 500, opts \\ [])
      when is_binary(cursor) and is_integer(max_rows) and max_rows > 0 do
    case Native.fetch(s, cursor, max_rows, remaining(deadline(opts))) do
      {:more, columns, rows, count} ->
        {:cont, %Result{columns: columns, rows: rows, num_rows: count}}

      {:done, result} ->
        {:halt, Result.new(result)}

      {:error, _} = error ->
        reply(s, error)
    end
  end

  @doc """
  Closes a cursor. Doing so twice is fine.
  """
  @spec deallocate(State.t(), cursor()) :: :ok | {:error, Error.t()}
  def deallocate(%State{} = s, cursor) when is_binary(cursor),
    do: reply(s, Native.deallocate(s, cursor))

  @doc """
  A query's rows as a lazy stream, over a cursor. Errors are raised.

  ## Options

    * `:max_rows` - rows fetched in one call. Default: `500`
    * `:timeout` - for each fetch, as for `query/4`

      iex> {:ok, s} = EctoLibSql.connect(database: ":memory:")
      iex> sql = "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n) SELECT i FROM n"
      iex> s |> EctoLibSql.stream(sql) |> Stream.map(&hd/1) |> Enum.take(3)
      [1, 2, 3]
  """
  @spec stream(State.t(), statement(), params(), keyword()) :: Enumerable.t([Result.value()])
  def stream(%State{} = s, statement, params \\ [], opts \\ []) do
    opts = Keyword.validate!(opts, max_rows: 500, timeout: :infinity)

    Stream.resource(
      fn -> bang(declare(s, statement, params)) end,
      &next_rows(s, &1, opts),
      fn cursor -> cursor && deallocate(s, cursor) end
    )
  end

  defp next_rows(_s, nil, _opts), do: {:halt, nil}

  defp next_rows(s, cursor, opts) do
    case fetch(s, cursor, opts[:max_rows], timeout: opts[:timeout]) do
      {:cont, result} -> {result.rows, cursor}
      {:halt, result} -> {result.rows || [], nil}
      {:error, error} -> raise error
    end
  end

  ## Batches

  @doc """
  Runs a script: several statements, without parameters. What ran before one that fails stays
  done; the error's `:index` says which it was.

      iex> {:ok, s} = EctoLibSql.connect(database: ":memory:")
      iex> {:ok, results} = EctoLibSql.execute_batch(s, "CREATE TABLE t (a); INSERT INTO t VALUES (1), (2); SELECT a FROM t")
      iex> Enum.map(results, & &1.rows)
      [nil, nil, [[1], [2]]]
  """
  @spec execute_batch(State.t(), String.t(), keyword()) ::
          {:ok, [Result.t()]} | {:error, Error.t()}
  def execute_batch(%State{} = s, sql, opts \\ []) when is_binary(sql),
    do: results(s, Native.execute_script(s, sql, false, remaining(deadline(opts))))

  @doc """
  The same as `execute_batch/2`.
  """
  @spec execute_batch_native(State.t(), String.t()) :: {:ok, [Result.t()]} | {:error, Error.t()}
  def execute_batch_native(%State{} = s, sql), do: execute_batch(s, sql)

  @doc """
  As `execute_batch/2`, but all or nothing: in an IMMEDIATE transaction of its own, or, inside an
  open one, in a savepoint. `BEGIN`, `COMMIT` and `ROLLBACK` in it are an error.
  """
  @spec execute_transactional_batch(State.t(), String.t(), keyword()) ::
          {:ok, [Result.t()]} | {:error, Error.t()}
  def execute_transactional_batch(%State{} = s, sql, opts \\ []) when is_binary(sql),
    do: results(s, Native.execute_script(s, sql, true, remaining(deadline(opts))))

  @doc """
  Runs a list of statements with their parameters in one call. What ran before one that fails
  stays done; the error's `:index` says which it was.
  """
  @spec batch(State.t(), [{String.t(), params()}], keyword()) ::
          {:ok, [Result.t()]} | {:error, Error.t()}
  def batch(%State{} = s, statements, opts \\ []) when is_list(statements),
    do: run_batch(s, statements, false, deadline(opts))

  @doc """
  As `batch/2`, but all or nothing. See `execute_transactional_batch/2`.
  """
  @spec batch_transactional(State.t(), [{String.t(), params()}], keyword()) ::
          {:ok, [Result.t()]} | {:error, Error.t()}
  def batch_transactional(%State{} = s, statements, opts \\ []) when is_list(statements),
    do: run_batch(s, statements, true, deadline(opts))

  defp run_batch(s, statements, transactional, deadline) do
    case Native.execute_list(s, statements, transactional, remaining(deadline)) do
      :encode_params ->
        with {:ok, statements} <- encode_batch(statements),
             do: run_batch(s, statements, transactional, deadline)

      reply ->
        results(s, reply)
    end
  end

  defp encode_batch(statements) do
    statements
    |> Enum.with_index()
    |> Enum.reduce_while({:ok, []}, fn {{sql, params}, index}, {:ok, encoded} ->
      case Params.encode(params) do
        {:ok, params} -> {:cont, {:ok, [{sql, params} | encoded]}}
        {:error, error} -> {:halt, {:error, %{error | index: index, statement: sql}}}
      end
    end)
    |> then(fn
      {:ok, encoded} -> {:ok, Enum.reverse(encoded)}
      error -> error
    end)
  end

  defp results(_s, {:ok, results}), do: {:ok, Enum.map(results, &Result.new/1)}
  defp results(s, error), do: reply(s, error)

  ## Transactions

  @doc """
  Begins a transaction.

  ## Options

    * `:behavior` - `:immediate` (default) takes the write lock at once, so that no later statement
      can fail for want of it; `:deferred` takes it with the first write, which fails with
      `:busy_snapshot` if somebody wrote since the first read; `:exclusive`; `:read_only`.
      <https://sqlite.org/lang_transaction.html>
    * `:timeout` - as for `query/4`

  Answers the state that it was given: `{:ok, s}`.
  """
  @spec begin(State.t(), keyword()) :: {:ok, State.t()} | {:error, Error.t()}
  def begin(%State{} = s, opts \\ []) do
    {behavior, opts} = Keyword.pop(opts, :behavior, :immediate)

    unless behavior in @behaviors do
      raise ArgumentError,
            "behavior takes one of #{inspect(@behaviors)}, got: #{inspect(behavior)}"
    end

    with :ok <- reply(s, Native.begin(s, behavior, remaining(deadline(opts)))), do: {:ok, s}
  end

  @doc """
  Commits the open transaction.

  Where SQLite leaves it open (a deferred foreign key that is violated, `:constraint_foreignkey`;
  a lock, `:busy`), it stays open, to be mended or rolled back.
  """
  @spec commit(State.t(), keyword()) :: {:ok, State.t()} | {:error, Error.t()}
  def commit(%State{} = s, opts \\ []) do
    with :ok <- reply(s, Native.commit(s, remaining(deadline(opts)))), do: {:ok, s}
  end

  @doc """
  Rolls the open transaction back.
  """
  @spec rollback(State.t()) :: {:ok, State.t()} | {:error, Error.t()}
  def rollback(%State{} = s) do
    with :ok <- reply(s, Native.rollback(s)), do: {:ok, s}
  end

  @doc """
  Runs `fun`, which is given the connection, in a transaction.

  Commits and answers `{:ok, value}` when `fun` answers `{:ok, value}` or another value. Rolls
  back and answers `{:error, reason}` when it answers `{:error, reason}`; rolls back, too, when it
  raises, throws or exits, which goes on to the caller. Options as for `begin/2`.

      iex> {:ok, s} = EctoLibSql.connect(database: ":memory:")
      iex> :ok = EctoLibSql.run(s, "CREATE TABLE t (a)")
      iex> EctoLibSql.transaction(s, fn s ->
      ...>   EctoLibSql.run(s, "INSERT INTO t VALUES (1)")
      ...>   {:error, :changed_my_mind}
      ...> end)
      {:error, :changed_my_mind}
      iex> EctoLibSql.query_one(s, "SELECT count(*) FROM t")
      {:ok, [0]}
  """
  @spec transaction(State.t(), (State.t() -> {:ok, value} | {:error, reason} | value), keyword()) ::
          {:ok, value} | {:error, reason | Error.t()}
        when value: term(), reason: term()
  def transaction(%State{} = s, fun, opts \\ []) when is_function(fun, 1) do
    with {:ok, s} <- begin(s, opts) do
      try do
        fun.(s)
      catch
        kind, reason ->
          rollback(s)
          :erlang.raise(kind, reason, __STACKTRACE__)
      else
        {:error, _} = error ->
          with {:ok, _} <- rollback(s), do: error

        {:ok, value} ->
          commit_or_roll_back(s, value)

        value ->
          commit_or_roll_back(s, value)
      end
    end
  end

  defp commit_or_roll_back(s, value) do
    case commit(s) do
      {:ok, _} ->
        {:ok, value}

      error ->
        # Where SQLite left it open; else there is nothing to roll back.
        rollback(s)
        error
    end
  end

  @doc """
  Sets a savepoint. Outside of a transaction it begins one, which releasing it commits.
  <https://sqlite.org/lang_savepoint.html>
  """
  @spec create_savepoint(State.t(), String.t()) :: :ok | {:error, Error.t()}
  def create_savepoint(%State{} = s, name) when is_binary(name),
    do: reply(s, Native.savepoint(s, name))

  @doc """
  Forgets a savepoint and keeps what was done since.
  """
  @spec release_savepoint_by_name(State.t(), String.t()) :: :ok | {:error, Error.t()}
  def release_savepoint_by_name(%State{} = s, name) when is_binary(name),
    do: reply(s, Native.release_savepoint(s, name))

  @doc """
  Undoes what was done since a savepoint, which stays set.
  """
  @spec rollback_to_savepoint_by_name(State.t(), String.t()) :: :ok | {:error, Error.t()}
  def rollback_to_savepoint_by_name(%State{} = s, name) when is_binary(name),
    do: reply(s, Native.rollback_to_savepoint(s, name))

  ## Metadata

  @doc """
  The rowid of the connection's last successful `INSERT`; 0 if there was none.
  <https://sqlite.org/c3ref/last_insert_rowid.html>
  """
  @spec last_insert_rowid(State.t()) :: integer()
  def last_insert_rowid(%State{} = s), do: s |> reply(Native.last_insert_rowid(s)) |> bang()

  @doc """
  The number of rows that the last completed `INSERT`, `UPDATE` or `DELETE` changed, triggers not
  counted. <https://sqlite.org/c3ref/changes.html>
  """
  @spec changes(State.t()) :: non_neg_integer()
  def changes(%State{} = s), do: s |> reply(Native.changes(s)) |> bang()

  @doc """
  The number of rows changed since the connection was opened, triggers and foreign key actions
  counted. <https://sqlite.org/c3ref/total_changes.html>
  """
  @spec total_changes(State.t()) :: non_neg_integer()
  def total_changes(%State{} = s), do: s |> reply(Native.total_changes(s)) |> bang()

  @doc """
  Whether no transaction is open. <https://sqlite.org/c3ref/get_autocommit.html>
  """
  @spec autocommit?(State.t()) :: boolean()
  def autocommit?(%State{} = s), do: s |> reply(Native.autocommit(s)) |> bang()

  ## Memory and disk

  @doc """
  Writes the page cache's dirty pages of an open transaction out.

  That frees memory, and does not commit: it says nothing of what survives a crash. In WAL mode
  the pages go to the log. <https://sqlite.org/c3ref/db_cacheflush.html>
  """
  @spec cacheflush(State.t()) :: :ok | {:error, Error.t()}
  def cacheflush(%State{} = s), do: reply(s, Native.cacheflush(s))

  @doc """
  Copies frames of the write-ahead log into the database.

  `:passive` (default) copies what it can without waiting; `:full` waits for writers, `:restart`
  also for readers; `:truncate` empties the log file, too. `:busy` is true where somebody kept it
  from finishing. The counts are -1 where the database is not in WAL mode.
  <https://sqlite.org/c3ref/wal_checkpoint_v2.html>
  """
  @spec checkpoint(State.t(), :passive | :full | :restart | :truncate) ::
          {:ok, checkpoint()} | {:error, Error.t()}
  def checkpoint(%State{} = s, mode \\ :passive) when mode in @checkpoint_modes,
    do: reply(s, Native.checkpoint(s, mode))

  ## Shared

  # Runs a NIF that takes parameters; where one is a struct it has answered before anything ran.
  defp with_encoded(s, params, call) do
    case call.(params) do
      :encode_params -> with {:ok, params} <- Params.encode(params), do: reply(s, call.(params))
      reply -> reply(s, reply)
    end
  end

  # Milliseconds of monotonic time, or :infinity.
  defp deadline([]), do: :infinity

  defp deadline(opts) do
    case Keyword.validate!(opts, timeout: :infinity) do
      [timeout: :infinity] ->
        :infinity

      [timeout: timeout] when is_integer(timeout) and timeout >= 0 ->
        System.monotonic_time(:millisecond) + timeout

      [timeout: other] ->
        raise ArgumentError, "timeout takes milliseconds or :infinity, got: #{inspect(other)}"
    end
  end

  defp remaining(:infinity), do: :infinity
  defp remaining(deadline), do: max(deadline - System.monotonic_time(:millisecond), 0)

  # No SQL, which a statement's id would otherwise be taken for.
  defp statement_id(id) do
    if byte_size(id) == 36,
      do: :ok,
      else:
        {:error, %Error{code: :statement_closed, message: "#{inspect(id)} is no statement's id"}}
  end

  defp bang({:ok, value}), do: value
  defp bang({:error, error}), do: raise(error)

  # Use of what is another's is a mistake of the program: it is told, and it is logged.
  defp reply(s, {:error, %Error{code: code, message: message}} = error)
       when code in [:not_transaction_owner, :wrong_connection] do
    Logger.warning(
      "EctoLibSql: #{message} (connection #{s.conn_id}, called by #{inspect(self())})"
    )

    error
  end

  defp reply(_s, reply), do: reply
end
