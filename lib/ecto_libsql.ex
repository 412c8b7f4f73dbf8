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

  ## Writers

  SQLite has one writer for a file at a time. All connections of this VM to one file, however its
  path is spelled, share a write gate: IMMEDIATE and EXCLUSIVE transactions, and statements that
  write outside of one, pass it one after the other, in the order in which they came. Who waits is a
  process in `receive`; no thread of the VM is held. Readers wait for nobody (in WAL mode).

  A call waits for at most `:busy_timeout`, and no longer than its own `:timeout`. Then it is an error
  with the code `:busy`, whose `:wait` says for how long it waited, which process had the gate, and
  since when. `write_gate/1` shows who has it now.

  A DEFERRED transaction passes the gate with its first write. If somebody else has written since it
  first read, that write is an error with the code `:busy_snapshot`, at once: such a transaction can
  only be rolled back and run again.

  The locks of other programs on the file, and of readers outside of WAL mode, are waited for by
  making the call again every millisecond or two, by one process for each file; who writes without a
  pause leaves other programs a gap every 5 milliseconds. A connection with attached
  databases passes only its main database's gate; the others' locks are waited for in this way, too.

  ## Servers and embedded replicas

  `connect(uri: "libsql://…", auth_token: "…")` opens a database on a libSQL server, and with
  `:database` a local copy that follows it, an embedded replica. The functions are the same, and so
  are results, errors and constraints. [Servers and embedded replicas](servers.html) says what
  differs: deadlines and lost transactions, breaker and failover, where a call is made, and what a
  read sees. `EctoLibSql.Offline` is a copy that is written at local speed.

  ## Retries

  `:retry` says how often a call is made again after an error that may pass: `:busy` and its
  relatives, and errors of reading and locking the file (`:ioerr_read`, `:ioerr_lock`, …), with
  pauses that grow from 10 milliseconds to a second. Only where nothing was applied: not inside a
  transaction, not for scripts and batches that are not transactional, and not for errors of
  writing, after which it is not known what was applied. `transaction/3` takes it, too, and then runs
  the whole function again, also after `:busy_snapshot`. `EctoLibSql.Telemetry` lists the events that
  tell of waits and retries.

  ## Timeouts

  Every call has a deadline: its `:timeout`, or the connection's. SQLite is asked to stop some 50,000
  times a second, so a query ends within a few milliseconds of it, with the code `:timeout`, and its
  connection lives on. What SQLite does in one step cannot be stopped in its middle: `DELETE FROM t`
  without a condition, a function on a value of 100 MB, the writing of a commit.

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
  | `{:jsonb, text}` | BLOB (JSONB) |
  | `Date` | TEXT, `2026-11-21` |
  | `Time` | TEXT, `13:05:00` or `13:05:00.000000` |
  | `NaiveDateTime` | TEXT, `2026-11-21T13:05:00` or `2026-11-21T13:05:00.000000` |
  | `DateTime` | the same, in UTC |
  | `Decimal` | TEXT, exact, without exponent |

  A keyword list that begins with the key `:blob`, `:uuid`, `:json` or `:jsonb` reads as a list of such
  values; give these names in a map.
  """

  alias EctoLibSql.{
    Authorizer,
    Backend,
    Call,
    ChangeFeed,
    Error,
    Function,
    Hooks,
    Native,
    Options,
    ReaderHeap,
    Redact,
    Remote,
    Replication,
    Result,
    Retry,
    SlowQuery,
    State
  }

  alias EctoLibSql.{Offline, Replica.Freezing, Replica.Opening}

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
    * `:vfs` - the name of the VFS by which SQLite opens the files: see `EctoLibSql.Vfs`.
      Not in a build with encryption, where it is an error with the code `:unsupported`
    * `:busy_timeout` - how long a call waits for others that write, in milliseconds. Default: `5000`
    * `:timeout` - how long a call may take that does not say, in milliseconds, or `:infinity`.
      Default: `15000`
    * `:retry` - how often a call is made again whose error may pass. See "Retries". Default: `0`
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
    * `:slow_query` - milliseconds: each statement that took at least so long is told by the telemetry
      event `[:ecto_libsql, :slow_query]` (`EctoLibSql.Telemetry`), those of scripts, batches and
      cursors one by one. Or a keyword list of `:threshold`, the milliseconds, and, for the event to have the
      SQL with the parameters' values as well, `expanded_sql: true` and `:redact`, which says what is
      not to be in it, as for `expanded_sql/4`, and has no default. Default: none is told, at no cost
    * `:functions` - SQL functions and collations that SQLite lacks, in groups (`[:decimal, :regexp]`), or
      written in Elixir. `EctoLibSql.Function` says which there are, and how. Default: none
    * `:load_extensions` - paths, or `{path, entry_point}`, of extensions to load
    * `:allowed_extensions` - absolute paths: files, and folders, of which extensions may be loaded. Default:
      any may. See `EctoLibSql.Native.load_ext/3`
    * `:limits` - how large things may become: `[sql_length: 100_000, …]`. See `EctoLibSql.Limits`
    * `:db_config` - other settings: `[defensive: true, …]`. See `EctoLibSql.DbConfig`
    * `:nofollow` - `true` refuses a path that goes through a symbolic link, with the code
      `:cantopen_symlink`. Default: `false`
    * `:cache_size`, `:cache_spill`, `:temp_store`, `:mmap_size`, `:page_size`, `:auto_vacuum`,
      `:locking_mode`, `:wal_auto_check_point`, `:journal_size_limit`, `:secure_delete`,
      `:case_sensitive_like`, `:soft_heap_limit`, `:hard_heap_limit` - the pragmas of these names.
      The heap limits hold for the whole VM and need `config :ecto_libsql, memory_statistics: true`,
      which is read once, when the first connection is opened. See `EctoLibSql.HeapLimit`
    * `:custom_pragmas` - a keyword list of other pragmas to set
    * `:change_feed` - the name of an `EctoLibSql.ChangeFeed`, which is told of all that the connection
      changes. Default: none
    * `:authorizer` - what statements may do: a policy of `EctoLibSql.Authorizer`. Default: everything

  ## Options of a database on a server

    * `:uri` - `libsql://`, `https://`, `http://`, `wss://` or `ws://`. Required
    * `:auth_token` - a string, or a function without arguments that answers one: it is called at
      connect, and once more when the server does not accept the token any more. The call is then
      made again
    * `:namespace` - the database's name on a server that has several
    * `:ca_file` - a PEM file with the CAs to trust instead of the public ones
    * `:client_certificate` - `{certificate, key}`, two PEM files, for a server that wants one
    * `:remote_encryption_key` - the key of a database that is encrypted at the server
    * `:breaker` - when a server that does not answer is not asked for a while: a keyword list of
      `:failures` (default: `5`), `:open_for` (`5_000` milliseconds) and `:max_open_for` (`15_000`), or
      `false`: it always is. The server's connections share it, and the options given last hold
    * `:failover` - servers that are asked for what only reads while this one is away: a list of URIs, or
      of `{uri, options}` with an `:auth_token` and a `:namespace` where they differ. Default: none. See
      [Servers that do not answer](servers.html#servers-that-do-not-answer)
    * `:timeout`, `:retry`, `:transaction_scope`, `:uuid_type`, `:binary_id_type`, `:map_type`,
      `:array_type` - as above

  `:busy_timeout`, `:cache_size`, `:cache_spill`, `:journal_mode`, `:journal_size_limit`, `:mmap_size`,
  `:statement_cache_size`, `:synchronous`, `:temp_store` and `:wal_auto_check_point` are accepted and
  have no effect, so that a configuration for a file can stay as it is: a server does all that its own way.
  All others are an error with the code `:unsupported`, which names them.

  ## Options of an embedded replica

  Those of a database on a server but `:failover`, and

    * `:database` - the path of the local copy. Required
    * `:sync` - how often the copy is brought up to date by itself: `true` (default), every five seconds;
      milliseconds; or `false`, at connect and when it is asked for
    * `:read_your_writes` - whether a write returns when the copy has it. Default: `true`
    * `:sync_protocol` - `:auto` (default) or `:v1`, the one that there is
    * `:encryption_key` - the key of the local copy
    * `:busy_timeout`, `:cache_size`, `:cache_spill`, `:case_sensitive_like`, `:functions`,
      `:mmap_size`, `:slow_query`, `:statement_cache_size`, `:temp_store` - as above, for reading the
      copy

  ## Options of a copy that is written offline

    * `:offline` - `true`: `:database` is a local copy that is written at local speed and synced with
      the server at `:uri`. See `EctoLibSql.Offline`. Default: `false`
    * `:sync` - `true` (every 5 seconds, the default), the milliseconds between two syncs, or `false`
    * `:uri`, `:auth_token`, `:namespace`, `:ca_file`, `:client_certificate`, `:remote_encryption_key` -
      as for a database on a server
    * all options of a local database, but for `:encryption_key`, `:immutable`, another `:journal_mode`
      or `:page_size`, and `locking_mode: :exclusive`

  ## Errors

  `:invalid_option` names the option and what it takes. A file that is no database is `:notadb`,
  one that cannot be opened `:cantopen`, with the path and the system's reason. `:unsupported` is
  what this version, or its configuration, does not have.

      iex> {:error, error} = EctoLibSql.connect(database: ":memory:", journal: :wal)
      iex> error.code
      :invalid_option
  """
  @spec connect(keyword()) :: {:ok, State.t()} | {:error, Error.t()}
  def connect(opts) do
    with {:ok, {mode, options}} <- Options.validate(opts),
         :ok <- SlowQuery.listen(opts) do
      case mode do
        :local -> connect_local(options, opts)
        :remote -> connect_remote(options, opts)
        :replica -> connect_replica(options, opts)
        :offline -> connect_offline(options, opts)
      end
    end
  end

  defp connect_local(options, opts) do
    with {:ok, conn_id} <- open(options.native),
         {:ok, s} <- set_up(state(conn_id, :local, opts[:database], opts), options),
         do: ChangeFeed.attach(s, opts[:change_feed])
  end

  defp connect_remote(options, opts) do
    with {:ok, conn_id} <- Remote.open(options) do
      state = state(conn_id, :remote, options.database, opts)
      token = if is_function(options.auth_token), do: options.auth_token
      {:ok, %{state | auth_token: token, failover_tokens: Remote.failover_tokens(options)}}
    end
  end

  defp connect_replica(options, opts),
    do: Opening.open(options, state(nil, :replica, options.path, opts))

  defp connect_offline(options, opts) do
    s = state(nil, :offline, options.path, opts)

    with {:ok, s} <- Offline.Opening.open(options, s, opts[:timeout]),
         {:ok, s} <- set_up(s, options.local),
         do: ChangeFeed.attach(s, opts[:change_feed])
  end

  defp state(conn_id, mode, database, opts) do
    %State{
      conn_id: conn_id,
      mode: mode,
      database: database,
      timeout: Keyword.get(opts, :timeout, 15_000),
      retry: Keyword.get(opts, :retry, 0)
    }
  end

  defp open(%{mode: mode} = options) do
    with {:error, %Error{code: :cantopen} = error} when mode == :read_only <- Call.open(options) do
      hint =
        "a read-only connection does not create the file: open it for writing first " <>
          "(with Ecto: start the repo that writes, and migrate)"

      {:error, %{error | message: "#{error.message}; #{hint}"}}
    end
  end

  defp set_up(s, options) do
    with {:ok, s} <- load_extensions(s, options.load_extensions),
         {:ok, s} <- define_functions(s, options.functions),
         do: Authorizer.protect(s, options.authorizer)
  end

  defp load_extensions(s, []), do: {:ok, s}

  defp load_extensions(s, extensions) do
    loaded =
      with :ok <- Backend.of(s).enable_extensions(s, true),
           :ok <- load_each(s, extensions),
           do: Backend.of(s).enable_extensions(s, false)

    with {:error, _} = error <- loaded do
      disconnect(s)
      error
    else
      :ok -> {:ok, s}
    end
  end

  defp define_functions(s, functions) do
    with {:error, _} = error <- Function.define_all(s, functions) do
      disconnect(s)
      error
    end
  end

  defp load_each(s, extensions) do
    Enum.reduce_while(extensions, :ok, fn {path, entry_point}, :ok ->
      case Backend.of(s).load_ext(s, path, entry_point) do
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
  def disconnect(%State{} = s), do: Backend.of(s).close(s)

  @doc """
  Whether the connection is open: `:ok`, or an error with the code `:connection_closed`. One that is
  at work for another process for longer than a moment is `:busy`.
  """
  @spec ping(State.t()) :: :ok | {:error, Error.t()}
  def ping(%State{} = s), do: Call.ask(s, &Backend.of(&1).ping(&1))

  @doc """
  Whether a connection's or a repo's database answers, and how fast.

  Takes a state, or what `EctoLibSql.Pool.metrics/1` takes. Waits for nobody: where the connection,
  or every connection of the pool, is in use, the status is `:busy` and no latency is measured.

  Answers a map of

    * `:status` - `:ok`; `:busy`; or `:degraded`, where the server does not answer but reads do: those
      of a replica, or by one of `:failover`. What writes is an error
    * `:latency` - how long it took to read the database's header, in microseconds: in a pool, with
      the checkout of an idle connection
    * `:error` - with `:degraded`, the server's, where it was asked
    * `:mode`, `:database` - those of the state
    * `:pool` - the pool's figures, see `t:EctoLibSql.Pool.metrics/0`; `nil` for a state
    * `:gate` - the file's write gate, as `EctoLibSql.write_gate/1` answers it; `nil` where there is none
    * `:breakers` - those of the servers, as `breakers/0` lists them; the first one's first
    * `:replication` - of a replica, `t:EctoLibSql.Replication.status/0`; else `nil`

  An error says why the database cannot be read, or why no connection can be opened. It comes within
  two seconds; where a server's breaker is open, at once.

  For a readiness endpoint, an instance that has `:ok`, `:busy` or `:degraded` can do something, and
  one with an error nothing:

      # in a Plug.Router
      get "/ready" do
        case EctoLibSql.health(MyApp.Repo) do
          {:ok, %{status: status}} -> send_resp(conn, 200, to_string(status))
          {:error, error} -> send_resp(conn, 503, Exception.message(error))
        end
      end

  Where an instance that cannot write is of no use, `:degraded` is a 503 as well. All instances lose
  a server at the same time, so do not let a liveness check, after which they are restarted, ask this.

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
  Sets how long a call waits for others that write, in milliseconds. After that it is an error with
  the code `:busy`. 0: it does not wait. See "Writers".
  """
  @spec set_busy_timeout(State.t(), non_neg_integer()) :: :ok | {:error, Error.t()}
  def set_busy_timeout(%State{} = s, milliseconds)
      when is_integer(milliseconds) and milliseconds in 0..0xFFFFFFFF,
      do: Backend.of(s).busy_timeout(s, milliseconds)

  @doc """
  Brings a connection back to how it was opened: stops what it runs, rolls an open transaction
  back, drops temporary tables, views and triggers, detaches databases, forgets prepared
  statements, cursors and the last rowid, and sets the options anew, its policy among them. Any process
  may.
  """
  @spec reset_connection(State.t()) :: :ok | {:error, Error.t()}
  def reset_connection(%State{} = s), do: Call.reset(s)

  @doc """
  Sets what the connection's statements may do from now on: a policy of `EctoLibSql.Authorizer`. `nil` and
  `[]` let them do everything.
  """
  @spec set_authorizer(State.t(), Authorizer.policy()) :: :ok | {:error, Error.t()}
  def set_authorizer(%State{} = s, policy), do: Authorizer.set(s, policy)

  @doc """
  Stops what the connection runs, from any process, and returns at once.

  The running query ends with the code `:interrupted`; the connection lives on. A transaction
  stays open if the query only read, and is rolled back by SQLite if it was in the middle of a
  write. A call that waits to write ends likewise. Without effect when nothing runs.
  <https://sqlite.org/c3ref/interrupt.html>
  """
  @spec interrupt_connection(State.t()) :: :ok | {:error, Error.t()}
  def interrupt_connection(%State{} = s), do: Backend.of(s).do_interrupt(s)

  @doc """
  The open connections of this VM, the oldest first, for debugging and for tests that look for
  leaks. Waits for none of them.

  Each is a map of `:id`, `:owner` (a pid), `:database`, `:age` (in milliseconds), `:statements`,
  `:cursors`, `:blobs` and `:sessions` (maps of `:id`, `:sql`, `:owner`, `:age`; a blob's `:sql` says where
  it is, a session's what it records), `:transaction` (`nil`, or a map of `:owner`, `:behavior` and `:age`), `:running` (`nil`, or the call that is under way: its `:owner`
  and `:age`) and `:cache` (the statement cache's `:size`, `:hits`, `:misses` and `:evictions`; `nil`
  for a database on a server).
  """
  @spec connections() :: [map()]
  def connections, do: Native.connections()

  @doc """
  The breakers of all servers that this VM has connections to. Waits for nobody.

  A map for each server and namespace:

    * `:server` - its URI; `:namespace`
    * `:state` - `:closed`: it is asked. `:open`: it is not, and calls fail at once with the code
      `:circuit_open`. `:half_open`: the same, while it is asked whether it is back
    * `:since` - for how long it has been so, in milliseconds
    * `:failures` - how many calls in a row had no answer; `:reason` - what the last of them said
    * `:retry_in` - while it is open, when the server is asked again, in milliseconds
    * `:opened` - how often it was opened that was closed; `:refused` - how many calls it has refused

  See [Servers that do not answer](servers.html#servers-that-do-not-answer).
  """
  @spec breakers() :: [map()]
  def breakers do
    {:ok, breakers} = Native.remote_breakers(nil)
    breakers
  end

  @doc """
  The breakers of a connection's servers: that of `:uri` first, then those of `:failover`, as
  `breakers/0` has them. None for a local database.
  """
  @spec breakers(State.t()) :: {:ok, [map()]} | {:error, Error.t()}
  def breakers(%State{} = s), do: Backend.of(s).breakers(s)

  @doc """
  The write gate of the connection's database: who writes, and how many wait. Waits for nothing.

  `{:ok, map}` of `:holder` (`nil`, or a map of `:pid`, `:connection` and `:held`, in milliseconds),
  `:queue` (how many wait) and, since the first connection was opened, `:grants` (how often somebody
  got the gate), `:waits` (how often of these after waiting), `:waited` and `:longest_wait` (in
  microseconds). `{:ok, nil}` for a database that nobody shares, and for a connection that only reads.
  """
  @spec write_gate(State.t()) :: {:ok, map() | nil} | {:error, Error.t()}
  def write_gate(%State{} = s), do: Backend.of(s).write_gate(s)

  ## Queries

  @doc """
  Runs one statement.

  `params` as described above. A long result is fetched in several calls of the NIF, without the
  caller noticing.

  ## Options

    * `:timeout` - milliseconds after which the query is stopped, or `:infinity`. It then is an
      error with the code `:timeout`; the connection lives on. Default: the connection's `:timeout`
    * `:retry` - how often it is run again if its error may pass. See "Retries". Default: the
      connection's `:retry`
    * `:statistics` - `true`: the result has what SQLite counted in this run, in `:statistics`
      (`t:EctoLibSql.Status.statement/0`). The result is then fetched in one call, however long it
      is. Default: `false`

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
      when is_binary(sql) and is_params(params),
      do: counting(s, sql, params, opts)

  defp counting(s, statement, params, []),
    do: retrying(s, [], &Call.query(s, statement, params, &1))

  defp counting(s, statement, params, opts) do
    case Keyword.pop(opts, :statistics, false) do
      {false, opts} ->
        retrying(s, opts, &Call.query(s, statement, params, &1))

      {true, opts} ->
        retrying(s, opts, &Call.query_counting(s, statement, params, &1))

      {other, _opts} ->
        raise ArgumentError, "statistics takes true or false, got: #{inspect(other)}"
    end
  end

  @doc """
  As `query/4`, but answers the result and raises `EctoLibSql.Error`.
  """
  @spec query!(State.t(), String.t(), params(), keyword()) :: Result.t()
  def query!(%State{} = s, sql, params \\ [], opts \\ []), do: bang(query(s, sql, params, opts))

  @doc """
  The only row of a query; stops stepping after the second.

  Takes SQL or a prepared statement's id. `{:error, :no_rows}` and `{:error, :multiple_rows}` say
  what else there was. (A statement with RETURNING has made all of its changes either way.) Options
  as for `query/4`.

      iex> {:ok, s} = EctoLibSql.connect(database: ":memory:")
      iex> EctoLibSql.query_one(s, "SELECT 1, 'a'")
      {:ok, [1, "a"]}
  """
  @spec query_one(State.t(), statement(), params(), keyword()) ::
          {:ok, [Result.value()]} | {:error, :no_rows | :multiple_rows | Error.t()}
  def query_one(%State{} = s, statement, params \\ [], opts \\ [])
      when is_binary(statement) and is_params(params),
      do: retrying(s, opts, &Call.query_row(s, statement, params, &1))

  @doc """
  Runs any statement, SQL or a prepared statement's id, and answers neither rows nor a count.
  Options as for `query/4`.
  """
  @spec run(State.t(), statement(), params(), keyword()) :: :ok | {:error, Error.t()}
  def run(%State{} = s, statement, params \\ [], opts \\ [])
      when is_binary(statement) and is_params(params),
      do: retrying(s, opts, &Call.run(s, statement, params, &1))

  ## Prepared statements

  @doc """
  Prepares a statement, which stays until it is finalized, its owner dies, or its connection is
  closed or reset. (`query/4` keeps the statements it ran prepared by itself.) Takes `:timeout`.
  """
  @spec prepare(State.t(), String.t(), keyword()) :: {:ok, stmt_id()} | {:error, Error.t()}
  def prepare(%State{} = s, sql, opts \\ []) when is_binary(sql),
    do: Call.prepare(s, sql, deadline(s, opts))

  @doc """
  Runs a prepared statement, as `query/4` runs SQL.
  """
  @spec query_stmt(State.t(), stmt_id(), params(), keyword()) ::
          {:ok, Result.t()} | {:error, Error.t()}
  def query_stmt(%State{} = s, id, params \\ [], opts \\ [])
      when is_binary(id) and is_params(params) do
    with :ok <- statement_id(id), do: counting(s, id, params, opts)
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
  def reset_stmt(%State{} = s, id) when is_binary(id),
    do: Call.reply(s, Backend.of(s).do_reset_statement(s, id))

  @doc """
  Stops the prepared statement if it is what the connection runs, from any process; returns at
  once. See `interrupt_connection/1`.
  """
  @spec interrupt_stmt(State.t(), stmt_id()) :: :ok | {:error, Error.t()}
  def interrupt_stmt(%State{} = s, id) when is_binary(id),
    do: Call.reply(s, Backend.of(s).interrupt_statement(s, id))

  @doc """
  Forgets a prepared statement. Doing so twice is fine.
  """
  @spec finalize_stmt(State.t(), stmt_id()) :: :ok | {:error, Error.t()}
  def finalize_stmt(%State{} = s, id) when is_binary(id),
    do: Call.reply(s, Backend.of(s).do_close_stmt(s, id))

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
    do: Call.reply(s, Backend.of(s).do_get_stmt_columns(s, id))

  @doc "The number of a statement's result columns."
  @spec stmt_column_count(State.t(), stmt_id()) :: {:ok, non_neg_integer()} | {:error, Error.t()}
  def stmt_column_count(%State{} = s, id) when is_binary(id),
    do: Call.reply(s, Backend.of(s).stmt_column_count(s, id))

  @doc "The name of a statement's result column, counted from 0."
  @spec stmt_column_name(State.t(), stmt_id(), non_neg_integer()) ::
          {:ok, String.t()} | {:error, Error.t()}
  def stmt_column_name(%State{} = s, id, index)
      when is_binary(id) and is_integer(index) and index >= 0,
      do: Call.reply(s, Backend.of(s).stmt_column_name(s, id, index))

  @doc "The number of parameters that a statement takes."
  @spec stmt_parameter_count(State.t(), stmt_id()) ::
          {:ok, non_neg_integer()} | {:error, Error.t()}
  def stmt_parameter_count(%State{} = s, id) when is_binary(id),
    do: Call.reply(s, Backend.of(s).stmt_parameter_count(s, id))

  @doc """
  The name of a statement's parameter, counted from 1, with its sign (`":a"`, `"@a"`, `"$a"`,
  `"?5"`); `nil` for `?`.
  """
  @spec stmt_parameter_name(State.t(), stmt_id(), pos_integer()) ::
          {:ok, String.t() | nil} | {:error, Error.t()}
  def stmt_parameter_name(%State{} = s, id, position)
      when is_binary(id) and is_integer(position) and position >= 0,
      do: Call.reply(s, Backend.of(s).stmt_parameter_name(s, id, position))

  @doc """
  Whether a statement is an `EXPLAIN` (`1`) or an `EXPLAIN QUERY PLAN` (`2`), or neither (`0`).
  <https://sqlite.org/c3ref/stmt_isexplain.html>
  """
  @spec stmt_isexplain(State.t(), stmt_id()) :: {:ok, 0 | 1 | 2} | {:error, Error.t()}
  def stmt_isexplain(%State{} = s, id) when is_binary(id),
    do: Call.reply(s, Backend.of(s).stmt_isexplain(s, id))

  @doc """
  Whether a statement writes no database file. `BEGIN`, `COMMIT` and most pragmas write none either.
  <https://sqlite.org/c3ref/stmt_readonly.html>

      iex> {:ok, s} = EctoLibSql.connect(database: ":memory:")
      iex> {:ok, id} = EctoLibSql.prepare(s, "SELECT 1")
      iex> EctoLibSql.stmt_readonly?(s, id)
      {:ok, true}
  """
  @spec stmt_readonly?(State.t(), stmt_id()) :: {:ok, boolean()} | {:error, Error.t()}
  def stmt_readonly?(%State{} = s, id) when is_binary(id),
    do: Call.reply(s, Backend.of(s).stmt_readonly(s, id))

  @doc """
  Whether a run of a statement has begun and not ended: a cursor over it has been fetched from, and
  has rows left. Waits for a call that is under way. <https://sqlite.org/c3ref/stmt_busy.html>
  """
  @spec stmt_busy?(State.t(), stmt_id()) :: {:ok, boolean()} | {:error, Error.t()}
  def stmt_busy?(%State{} = s, id) when is_binary(id),
    do: Call.reply(s, Backend.of(s).stmt_busy(s, id))

  @doc """
  What SQLite has counted in a statement's runs since it was prepared, or since `reset: true` was
  last asked for, after which the counters begin anew: `t:EctoLibSql.Status.statement/0`.

  A run with `statistics: true` has them begin anew, too.
  """
  @spec stmt_status(State.t(), stmt_id(), keyword()) ::
          {:ok, EctoLibSql.Status.statement()} | {:error, Error.t()}
  def stmt_status(%State{} = s, id, opts \\ []) when is_binary(id) do
    [reset: reset] = Keyword.validate!(opts, reset: false)
    Call.reply(s, Backend.of(s).stmt_status(s, id, reset))
  end

  @doc """
  The SQL of a statement with its parameters' values written in, as it would run with them. Nothing
  is run, and a prepared statement's run, if it is in one, goes on.

  Takes SQL or a prepared statement's id. The text can be run in the statement's place and gives
  the same rows; only a column that has no name of its own is named after its text.

  ## Options

    * `:redact` - what is not to be read in it. A list of parameters' names (`:password`, `"@key"`)
      and positions, from 1: their values are not written, but `'[redacted]'`. A name that the
      statement does not have is an error. `true`: no value at all. Then parameters stay as they
      are, strings, blobs and numbers in the SQL itself become `'[redacted]'`, and comments go; what is
      left are keywords and names. Default: `false`
    * `:timeout` - as for `query/4`

  An error with the code `:toobig` where the text would be longer than SQLite takes, or than 64 MiB.

      iex> {:ok, s} = EctoLibSql.connect(database: ":memory:")
      iex> sql = "SELECT :user, :password, 'x'"
      iex> EctoLibSql.expanded_sql(s, sql, [user: "joe", password: "xyzzy"], redact: [:password])
      {:ok, "SELECT 'joe', '[redacted]', 'x'"}
      iex> EctoLibSql.expanded_sql(s, sql, [user: "joe", password: "xyzzy"], redact: true)
      {:ok, "SELECT :user, :password, '[redacted]'"}
  """
  @spec expanded_sql(State.t(), statement(), params(), keyword()) ::
          {:ok, String.t()} | {:error, Error.t()}
  def expanded_sql(%State{} = s, statement, params \\ [], opts \\ [])
      when is_binary(statement) and is_params(params) do
    {redact, opts} = Keyword.pop(opts, :redact, false)

    with {:ok, redact} <- Redact.names(redact),
         do: Call.expanded_sql(s, statement, params, redact, deadline(s, opts))
  end

  ## Cursors

  @doc """
  Opens a cursor over a query's rows. SQLite computes them as they are fetched, so memory stays
  flat however many there are.

  Takes `:timeout`. A cursor is closed by its last row, `deallocate/2`, an error, its owner's death, or its
  connection's end.

  An `EXPLAIN` has no cursor (`:invalid_argument`): SQLite wants it read before the schema can
  change. `query/4` runs it.
  """
  @spec declare(State.t(), statement(), params(), keyword()) ::
          {:ok, cursor()} | {:error, Error.t()}
  def declare(%State{} = s, statement, params \\ [], opts \\ [])
      when is_binary(statement) and is_params(params),
      do: Call.declare(s, statement, params, deadline(s, opts))

  @doc """
  The next rows of a cursor, at most `max_rows`, and fewer where they are large.

  `{:cont, result}`: there may be more; `{:halt, result}`: these were the last, and the cursor is
  closed. Takes `:timeout`.
  """
  @spec fetch(State.t(), cursor(), pos_integer(), keyword()) ::
          {:cont | :halt, Result.t()} | {:error, Error.t()}
  def fetch(%State{} = s, cursor, max_rows \\ 500, opts \\ [])
      when is_binary(cursor) and is_integer(max_rows) and max_rows > 0,
      do: Call.fetch(s, cursor, max_rows, deadline(s, opts))

  @doc """
  Closes a cursor. Doing so twice is fine.
  """
  @spec deallocate(State.t(), cursor()) :: :ok | {:error, Error.t()}
  def deallocate(%State{} = s, cursor) when is_binary(cursor),
    do: Call.reply(s, Backend.of(s).deallocate(s, cursor))

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
    opts = Keyword.validate!(opts, max_rows: 500, timeout: s.timeout)

    Stream.resource(
      fn -> {bang(declare(s, statement, params)), ReaderHeap.enter_stream()} end,
      &next_rows(s, &1, opts),
      fn {cursor, room} ->
        ReaderHeap.leave_stream(room)
        cursor && deallocate(s, cursor)
      end
    )
  end

  defp next_rows(_s, {nil, _room} = done, _opts), do: {:halt, done}

  defp next_rows(s, {cursor, room}, opts) do
    case fetch(s, cursor, opts[:max_rows], timeout: opts[:timeout]) do
      {:cont, result} -> {result.rows, {cursor, room}}
      {:halt, result} -> {result.rows || [], {nil, room}}
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
    do: Call.script(s, sql, false, deadline(s, opts))

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
    do: retrying(s, opts, &Call.script(s, sql, true, &1))

  @doc """
  Runs a list of statements with their parameters in one call. What ran before one that fails
  stays done; the error's `:index` says which it was.
  """
  @spec batch(State.t(), [{String.t(), params()}], keyword()) ::
          {:ok, [Result.t()]} | {:error, Error.t()}
  def batch(%State{} = s, statements, opts \\ []) when is_list(statements),
    do: Call.batch(s, statements, false, deadline(s, opts))

  @doc """
  As `batch/2`, but all or nothing. See `execute_transactional_batch/2`.
  """
  @spec batch_transactional(State.t(), [{String.t(), params()}], keyword()) ::
          {:ok, [Result.t()]} | {:error, Error.t()}
  def batch_transactional(%State{} = s, statements, opts \\ []) when is_list(statements),
    do: retrying(s, opts, &Call.batch(s, statements, true, &1))

  ## Transactions

  @doc """
  Begins a transaction.

  ## Options

    * `:behavior` - `:immediate` (default) takes the write lock at once, so that no later statement
      can fail for want of it; `:deferred` takes it with the first write, which fails with
      `:busy_snapshot` if somebody wrote since the first read; `:exclusive`; `:read_only`.
      <https://sqlite.org/lang_transaction.html>
    * `:timeout`, `:retry` - as for `query/4`

  Answers the state that it was given: `{:ok, s}`.
  """
  @spec begin(State.t(), keyword()) :: {:ok, State.t()} | {:error, Error.t()}
  def begin(%State{} = s, opts \\ []) do
    {behavior, opts} = Keyword.pop(opts, :behavior, :immediate)

    unless behavior in @behaviors do
      raise ArgumentError,
            "behavior takes one of #{inspect(@behaviors)}, got: #{inspect(behavior)}"
    end

    with :ok <- retrying(s, opts, &Call.begin(s, behavior, &1)), do: {:ok, s}
  end

  @doc """
  Commits the open transaction.

  Where SQLite leaves it open (a deferred foreign key that is violated, `:constraint_foreignkey`;
  a lock, `:busy`), it stays open, to be mended or rolled back.
  """
  @spec commit(State.t(), keyword()) :: {:ok, State.t()} | {:error, Error.t()}
  def commit(%State{} = s, opts \\ []) do
    with :ok <- Call.commit(s, deadline(s, opts)), do: {:ok, s}
  end

  @doc """
  Rolls the open transaction back.
  """
  @spec rollback(State.t()) :: {:ok, State.t()} | {:error, Error.t()}
  def rollback(%State{} = s) do
    with :ok <- Call.rollback(s), do: {:ok, s}
  end

  @doc """
  Runs `fun`, which is given the connection, in a transaction.

  Commits and answers `{:ok, value}` when `fun` answers `{:ok, value}` or another value. Rolls
  back and answers `{:error, reason}` when it answers `{:error, reason}`; rolls back, too, when it
  raises, throws or exits, which goes on to the caller.

  Options as for `begin/2`, but `:retry` says how often the whole of it, `fun` included, is run
  again when it fails with an error that may pass: `:busy`, `:busy_snapshot` and the others of
  "Retries", answered or raised.

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
    {retry, opts} = Keyword.pop(opts, :retry, s.retry)
    Retry.transaction(s, retry, fn -> run_transaction(s, fun, [retry: 0] ++ opts) end)
  end

  defp run_transaction(s, fun, opts) do
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
    do: Call.savepoint(s, name, deadline(s, []))

  @doc """
  Forgets a savepoint and keeps what was done since.
  """
  @spec release_savepoint_by_name(State.t(), String.t()) :: :ok | {:error, Error.t()}
  def release_savepoint_by_name(%State{} = s, name) when is_binary(name),
    do: Call.release_savepoint(s, name, deadline(s, []))

  @doc """
  Undoes what was done since a savepoint, which stays set.
  """
  @spec rollback_to_savepoint_by_name(State.t(), String.t()) :: :ok | {:error, Error.t()}
  def rollback_to_savepoint_by_name(%State{} = s, name) when is_binary(name),
    do: Call.rollback_to_savepoint(s, name, deadline(s, []))

  ## Metadata

  # While another process's query runs on the connection for longer than a moment, these raise an
  # error with the code `:busy`.

  @doc """
  The rowid of the connection's last successful `INSERT`; 0 if there was none.
  <https://sqlite.org/c3ref/last_insert_rowid.html>
  """
  @spec last_insert_rowid(State.t()) :: integer()
  def last_insert_rowid(%State{} = s),
    do: s |> Call.ask(&Backend.of(&1).last_insert_rowid(&1)) |> bang()

  @doc """
  The number of rows that the last completed `INSERT`, `UPDATE` or `DELETE` changed, triggers not
  counted. <https://sqlite.org/c3ref/changes.html>
  """
  @spec changes(State.t()) :: non_neg_integer()
  def changes(%State{} = s), do: s |> Call.ask(&Backend.of(&1).changes(&1)) |> bang()

  @doc """
  The number of rows changed since the connection was opened, triggers and foreign key actions
  counted. <https://sqlite.org/c3ref/total_changes.html>
  """
  @spec total_changes(State.t()) :: non_neg_integer()
  def total_changes(%State{} = s), do: s |> Call.ask(&Backend.of(&1).total_changes(&1)) |> bang()

  @doc """
  Whether no transaction is open. <https://sqlite.org/c3ref/get_autocommit.html>
  """
  @spec autocommit?(State.t()) :: boolean()
  def autocommit?(%State{} = s), do: s |> Call.ask(&Backend.of(&1).autocommit(&1)) |> bang()

  ## Hooks

  @doc """
  Sends the process messages of the rows that the connection changes. `EctoLibSql.Hooks` says which,
  and what `opts` are.
  """
  @spec add_update_hook(State.t(), pid(), keyword()) :: :ok | {:error, Error.t()}
  def add_update_hook(%State{} = s, pid \\ self(), opts \\ []),
    do: Hooks.add(s, :update, pid, opts)

  @doc """
  Ends what `add_update_hook/3` began for this process. What was committed before has been sent when this
  returns; nothing comes after it. To remove a hook that is not there is fine.
  """
  @spec remove_update_hook(State.t(), pid()) :: :ok | {:error, Error.t()}
  def remove_update_hook(%State{} = s, pid \\ self()), do: Hooks.remove(s, :update, pid)

  @doc """
  Sends the process a message after each of the connection's commits. See `EctoLibSql.Hooks`.
  """
  @spec add_commit_hook(State.t(), pid(), keyword()) :: :ok | {:error, Error.t()}
  def add_commit_hook(%State{} = s, pid \\ self(), opts \\ []),
    do: Hooks.add(s, :commit, pid, opts)

  @doc """
  As `remove_update_hook/2`, of `add_commit_hook/3`.
  """
  @spec remove_commit_hook(State.t(), pid()) :: :ok | {:error, Error.t()}
  def remove_commit_hook(%State{} = s, pid \\ self()), do: Hooks.remove(s, :commit, pid)

  @doc """
  Sends the process a message after each of the connection's rollbacks. See `EctoLibSql.Hooks`.
  """
  @spec add_rollback_hook(State.t(), pid(), keyword()) :: :ok | {:error, Error.t()}
  def add_rollback_hook(%State{} = s, pid \\ self(), opts \\ []),
    do: Hooks.add(s, :rollback, pid, opts)

  @doc """
  As `remove_update_hook/2`, of `add_rollback_hook/3`.
  """
  @spec remove_rollback_hook(State.t(), pid()) :: :ok | {:error, Error.t()}
  def remove_rollback_hook(%State{} = s, pid \\ self()), do: Hooks.remove(s, :rollback, pid)

  @doc """
  Sends the process a message after each commit to a write-ahead log. See `EctoLibSql.Hooks`.
  """
  @spec add_wal_hook(State.t(), pid(), keyword()) :: :ok | {:error, Error.t()}
  def add_wal_hook(%State{} = s, pid \\ self(), opts \\ []), do: Hooks.add(s, :wal, pid, opts)

  @doc """
  As `remove_update_hook/2`, of `add_wal_hook/3`.
  """
  @spec remove_wal_hook(State.t(), pid()) :: :ok | {:error, Error.t()}
  def remove_wal_hook(%State{} = s, pid \\ self()), do: Hooks.remove(s, :wal, pid)

  ## Memory and disk

  @doc """
  Writes the page cache's dirty pages of an open transaction out.

  That frees memory, and does not commit: it says nothing of what survives a crash. In WAL mode
  the pages go to the log. <https://sqlite.org/c3ref/db_cacheflush.html>
  """
  @spec cacheflush(State.t()) :: :ok | {:error, Error.t()}
  def cacheflush(%State{} = s), do: Call.cacheflush(s, deadline(s, []))

  @doc """
  Copies frames of the write-ahead log into the database.

  `:passive` (default) copies what it can without waiting; `:full` waits for writers, `:restart`
  also for readers; `:truncate` empties the log file, too. `:busy` is true where somebody kept it
  from finishing. The counts are -1 where the database is not in WAL mode.
  <https://sqlite.org/c3ref/wal_checkpoint_v2.html>
  """
  @spec checkpoint(State.t(), :passive | :full | :restart | :truncate, keyword()) ::
          {:ok, checkpoint()} | {:error, Error.t()}
  def checkpoint(%State{} = s, mode \\ :passive, opts \\ []) when mode in @checkpoint_modes,
    do: Call.checkpoint(s, mode, deadline(s, opts))

  ## Embedded replicas

  # The functions of EctoLibSql.Replication, for a connection's state. On any other kind of database they
  # are an error with the code `:unsupported`.

  @doc """
  Fetches what a replica's primary has. See `EctoLibSql.Replication.sync/2`.

  A copy that is written offline pushes what was written here, or else pulls what others wrote:
  `EctoLibSql.Offline.sync/2`.
  """
  @spec sync(State.t(), keyword()) ::
          {:ok, %{frame_no: non_neg_integer() | nil, frames_synced: non_neg_integer()}}
          | {:error, Error.t()}
  def sync(s, opts \\ [])

  def sync(%State{mode: :offline} = s, opts) do
    with {:ok, synced} <- Offline.sync(s, opts),
         do: {:ok, %{frame_no: synced.frame, frames_synced: synced.pushed + synced.pulled}}
  end

  def sync(%State{} = s, opts), do: Replication.sync(s, opts)

  @doc """
  Waits until a replica has a frame. See `EctoLibSql.Replication.wait_for_frame/3`.
  """
  @spec sync_until(State.t(), non_neg_integer(), timeout()) ::
          {:ok, non_neg_integer()} | {:error, Error.t()}
  def sync_until(%State{} = s, frame, timeout \\ 15_000),
    do: Replication.wait_for_frame(s, frame, timeout)

  @doc """
  The frame up to which a replica is complete. See `EctoLibSql.Replication.replication_index/1`.
  """
  @spec replication_index(State.t()) :: {:ok, non_neg_integer() | nil} | {:error, Error.t()}
  def replication_index(%State{} = s), do: Replication.replication_index(s)

  @doc """
  The highest frame that a write of this VM became. See
  `EctoLibSql.Replication.max_write_replication_index/1`.
  """
  @spec max_write_replication_index(State.t()) ::
          {:ok, non_neg_integer() | nil} | {:error, Error.t()}
  def max_write_replication_index(%State{} = s), do: Replication.max_write_replication_index(s)

  @doc """
  Waits until what a replica has fetched is in its file. See
  `EctoLibSql.Replication.flush_replicator/2`.
  """
  @spec flush_replicator(State.t(), keyword()) ::
          {:ok, non_neg_integer() | nil} | {:error, Error.t()}
  def flush_replicator(%State{} = s, opts \\ []), do: Replication.flush_replicator(s, opts)

  @doc """
  Makes a replica a database of its own, which nothing replicates any more, and answers a connection
  to it, which belongs to the calling process: `mode: :local`. The state that was given is closed.

  The file stays where it is, encrypted as it was; what says that it was a replica goes. All other
  connections of this VM to the replica answer errors with the code `:frozen` from then on: before a repo's
  replica is frozen, the repo is to be stopped, and started again with `database:` alone.

  Not inside a transaction (`:transaction_open`). A reader that keeps the log from being written into the
  file is waited for; an error leaves the replica as it is. Takes `:timeout`, and the options of
  `connect/1` for the local connection.
  """
  @spec freeze(State.t(), keyword()) :: {:ok, State.t()} | {:error, Error.t()}
  def freeze(s, opts \\ [])
  def freeze(%State{mode: :replica} = s, opts), do: Freezing.freeze(s, opts)
  def freeze(%State{} = s, _opts), do: Replication.no_replica(s)

  ## Shared

  # Of a call with the options :timeout and :retry.
  defp retrying(s, [], call) do
    case s.retry do
      0 -> call.(Call.deadline(s.timeout))
      times -> Retry.call(s, times, fn -> call.(Call.deadline(s.timeout)) end)
    end
  end

  defp retrying(s, opts, call) do
    opts = Keyword.validate!(opts, timeout: s.timeout, retry: s.retry)
    Retry.call(s, opts[:retry], fn -> call.(Call.deadline(opts[:timeout])) end)
  end

  # Of a call with the option :timeout.
  defp deadline(s, []), do: Call.deadline(s.timeout)

  defp deadline(s, opts) do
    [timeout: timeout] = Keyword.validate!(opts, timeout: s.timeout)
    Call.deadline(timeout)
  end

  # No SQL, which a statement's id would otherwise be taken for.
  defp statement_id(id) do
    if byte_size(id) == 36,
      do: :ok,
      else:
        {:error, %Error{code: :statement_closed, message: "#{inspect(id)} is no statement's id"}}
  end

  defp bang({:ok, value}), do: value
  defp bang({:error, error}), do: raise(error)
end
