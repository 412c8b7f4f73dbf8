if Code.ensure_loaded?(DBConnection) do
  defmodule EctoLibSql.Connection do
    @moduledoc """
    The driver as a `DBConnection`: pools, transactions, streams.

        {:ok, pool} =
          DBConnection.start_link(EctoLibSql.Connection, database: "app.db", pool_size: 5)

        query = %EctoLibSql.Query{statement: "SELECT ? + ?"}
        {:ok, _query, %EctoLibSql.Result{rows: [[3]]}} = DBConnection.execute(pool, query, [1, 2])

    Takes the options of `DBConnection.start_link/2`, those of `EctoLibSql.connect/1`, and:

      * `:default_transaction_mode` - how `DBConnection.transaction/3` begins one that does not
        say: `:immediate` (default), `:deferred`, `:exclusive` or `:read_only`
      * `:retry` - how often a statement is run again outside of a transaction whose error may pass.
        A statement's own option of this name wins. Default: `0`
      * `:attach` - databases that every connection [attaches](https://sqlite.org/lang_attach.html),
        a keyword list of names and files: `attach: [archive: "archive.db"]`. To Ecto, the name is a
        prefix. Default: none
      * `:sandbox` - what a test in Ecto's sandbox works on: `:transaction` (default), a transaction
        on the database itself, or `:clone`, a transaction on a copy of it in memory, of which every
        connection has one of its own. See "Tests" below

    ## Transactions

    `DBConnection.transaction/3` (and `c:Ecto.Repo.transaction/2`) takes `:mode`:

      * `:immediate` takes the write lock at once, so that no later statement can fail for want of
        it
      * `:deferred` takes it with the first write, which fails with `:busy_snapshot` when somebody
        else wrote since the first read. `:transaction` means the same; it is what Ecto's sandbox
        asks for
      * `:exclusive`
      * `:read_only`: a write in it is an error
      * `:savepoint`: a savepoint inside of a transaction; outside of one, a transaction

    ## Tests

    With `sandbox: :clone`, a transaction of the mode `:transaction`, as Ecto's sandbox begins one
    for each test, is not on the pool's database but on a copy of it in memory, with the databases
    that `:attach` names. `Ecto.Adapters.LibSql` describes what tests gain by that. The copy is made
    by SQLite's backup at the first such transaction of each connection, and anew when somebody has
    changed the database since, or when something was committed to the copy. All else, such as
    transactions of other modes, is on the database itself.

    ## Errors

    An error of SQLite is answered, and the connection lives on: also one in COMMIT, after which
    the transaction is rolled back, a busy database, a timeout, an interrupt.

    ## Timeouts

    A statement that takes longer than its `:timeout` (15 seconds by default) is stopped, with the
    code `:timeout`. DBConnection's own clock would close the connection at the same moment, so
    the statement's is set a little earlier. Time spent in the pool's queue counts only where the
    caller gives the option `:statement_deadline`, an absolute monotonic time in milliseconds, as
    `Ecto.Adapters.LibSql` does.

    ## Databases in memory

    The connections of a pool that `child_spec/1` or `start_link/1` starts share one database
    `":memory:"`, which lives as long as the pool, whichever connections come and go. A pool that is
    started by `DBConnection.start_link/2` cannot be told from another, so there `":memory:"` takes
    `pool_size: 1` and no `:max_lifetime`, and the database ends with its connection.

    ## Pools

    `child_spec/1` and `start_link/1` start the pool `EctoLibSql.ConnectionPool`, unless the option
    `:pool` names another. `EctoLibSql.Pool` says what it does. DBConnection's `:idle_interval`,
    `:idle_limit` and `:max_lifetime` work: a check of an idle connection is one NIF call, and
    connections are replaced when nobody uses them.
    """

    @behaviour DBConnection

    alias EctoLibSql.{
      Attach,
      Authorizer,
      Backend,
      Call,
      Clone,
      ConnectionPool,
      ConstraintNames,
      Error
    }

    alias EctoLibSql.{MemoryDatabase, PoolOptions, Query, ReaderHeap, Result, Retry, State}
    alias EctoLibSql.Pool.{Holders, Meter}
    alias EctoLibSql.Replica.Events

    require Logger

    @modes PoolOptions.transaction_modes()
    @savepoint "ecto_libsql_savepoint"
    @timeout 15_000
    @max_rows 500

    # So many times as many rows as asked for, in a growing stream's fetches after its first.
    @later_fetches 4

    @enforce_keys [:driver, :default_mode]
    defstruct [:driver, :default_mode, :clone, :counters, begun: []]

    # `begun` is what handle_begin/2 began and nobody has ended, the last first. `driver` is the
    # clone's connection in memory while a sandboxed test has it. `counters` are those of the pool's
    # meter, where it has one.
    @type t :: %__MODULE__{
            driver: State.t(),
            default_mode: :immediate | :deferred | :exclusive | :read_only,
            clone: Clone.t() | nil,
            counters: :atomics.atomics_ref() | nil,
            begun: [:transaction | :savepoint]
          }

    @doc """
    The child specification of a pool, with the options above checked: a wrong one is an
    `ArgumentError` here, not a connection that cannot be opened.
    """
    @spec child_spec(keyword()) :: Supervisor.child_spec()
    def child_spec(opts) do
      with {:error, error} <- PoolOptions.validate(opts), do: raise(ArgumentError, error.message)
      opts = Keyword.put_new(opts, :pool, ConnectionPool)

      case MemoryDatabase.shared_options(opts) do
        {opts, []} ->
          DBConnection.child_spec(__MODULE__, opts)

        {opts, databases} ->
          start = {MemoryDatabase, :start_pool, [__MODULE__, opts, databases]}
          Supervisor.child_spec(DBConnection.child_spec(__MODULE__, opts), start: start)
      end
    end

    @doc """
    Starts a pool. See `child_spec/1`.
    """
    @spec start_link(keyword()) :: GenServer.on_start()
    def start_link(opts) do
      %{start: {module, function, args}} = child_spec(opts)
      apply(module, function, args)
    end

    ## Connection

    @impl true
    def connect(opts) do
      meter = opts[:pool_meter]

      connected =
        with :ok <- MemoryDatabase.keeps_data(opts),
             {:ok, mode} <- PoolOptions.transaction_mode(opts),
             {:ok, driver} <- opts |> PoolOptions.unprotected() |> EctoLibSql.connect(),
             {:ok, driver} <- Attach.attach(driver, PoolOptions.attach(opts), opts),
             {:ok, clone} <- Clone.open(driver, opts),
             {:ok, driver} <- Authorizer.protect(driver, opts[:authorizer]) do
          if meter && driver.mode == :replica,
            do: Events.replaced_in(driver.database, Meter.pool(meter))

          counters = meter && meter.counters
          {:ok, %__MODULE__{driver: driver, default_mode: mode, clone: clone, counters: counters}}
        end

      Meter.opened(meter, connected)
      connected
    end

    # Interrupts what another process may be running with it.
    @impl true
    def disconnect(_reason, %__MODULE__{driver: driver, clone: clone}) do
      _ = Backend.of(driver).close(driver)
      Clone.close(clone)
    end

    @impl true
    def checkout(state), do: {:ok, state}

    # Called when a connection was idle: a transaction that is open now was left by a BEGIN that
    # somebody sent by hand, and would keep the write lock for ever.
    @impl true
    def ping(%__MODULE__{driver: driver} = state) do
      case Backend.of(driver).autocommit(driver) do
        {:ok, true} -> {:ok, state}
        {:ok, false} -> end_forgotten_transaction(state)
        {:error, error} -> {:disconnect, error, state}
      end
    end

    defp end_forgotten_transaction(%__MODULE__{driver: driver} = state) do
      Logger.warning(
        "EctoLibSql: an idle connection to #{driver.database} was left in a transaction, " <>
          "which is rolled back. Transactions belong in DBConnection.transaction/3 or Repo.transaction/2"
      )

      case Call.rollback(driver) do
        :ok -> {:ok, %{state | begun: []}}
        {:error, error} -> {:disconnect, error, state}
      end
    end

    ## Transactions

    @impl true
    def handle_begin(opts, %__MODULE__{} = state) do
      case Keyword.get(opts, :mode, state.default_mode) do
        :savepoint -> begin_savepoint(opts, state)
        :transaction -> begin_sandbox(opts, state)
        mode when mode in @modes -> Holders.running("BEGIN", fn -> begin(mode, opts, state) end)
        other -> {:error, ArgumentError.exception(unknown_mode(other)), state}
      end
    end

    defp begin(behavior, opts, state) do
      driver = state.driver

      case retry(opts, driver, fn -> Call.begin(driver, behavior, deadline(opts)) end) do
        :ok -> {:ok, done(false), %{state | begun: [:transaction]}}
        {:error, error} -> {:error, error, state}
      end
    end

    defp begin_sandbox(opts, %__MODULE__{clone: nil} = state), do: begin(:deferred, opts, state)

    defp begin_sandbox(opts, %__MODULE__{clone: clone} = state) do
      with {:ok, clone} <- Clone.refresh(clone, deadline(opts)),
           :ok <- Call.begin(clone.memory, :deferred, deadline(opts)) do
        {:ok, done(false), %{state | driver: clone.memory, clone: clone, begun: [:transaction]}}
      else
        {:error, error} -> {:error, error, state}
      end
    end

    # What the sandbox began has ended.
    defp end_sandbox(:transaction, %__MODULE__{driver: memory, clone: %{memory: memory}} = state),
      do: %{state | driver: state.clone.file}

    defp end_sandbox(_mode, state), do: state

    # Outside of a transaction, a savepoint would begin a deferred one.
    defp begin_savepoint(opts, state) do
      with {:ok, false} <- Backend.of(state.driver).autocommit(state.driver),
           :ok <- Call.savepoint(state.driver, @savepoint, deadline(opts)) do
        {:ok, done(false), %{state | begun: [:savepoint | state.begun]}}
      else
        {:ok, true} -> begin(state.default_mode, opts, state)
        {:error, error} -> {:error, error, state}
      end
    end

    defp unknown_mode(mode) do
      modes = Enum.map_join(@modes ++ [:transaction, :savepoint], ", ", &inspect/1)
      "a transaction's mode is one of #{modes}, got: #{inspect(mode)}"
    end

    @impl true
    def handle_commit(opts, %__MODULE__{driver: driver} = state) do
      case ended(opts, state) do
        {:savepoint, state} -> driver |> release_savepoint(opts) |> answer(state)
        {:transaction, state} -> commit(driver, opts, end_sandbox(opts[:mode], state))
      end
    end

    # Where SQLite leaves the transaction open (a deferred foreign key that is violated, a lock),
    # nobody can mend it any more: DBConnection has left it behind.
    defp commit(driver, opts, state) do
      case Holders.running("COMMIT", fn -> Call.commit(driver, deadline(opts)) end) do
        :ok ->
          {:ok, done(true), state}

        {:error, error} ->
          error = enrich(driver, error, "COMMIT", [])
          _ = Call.rollback(driver)
          {:error, error, state}
      end
    end

    @impl true
    def handle_rollback(opts, %__MODULE__{driver: driver} = state) do
      case ended(opts, state) do
        {:savepoint, state} ->
          with :ok <- Call.rollback_to_savepoint(driver, @savepoint, deadline(opts)) do
            release_savepoint(driver, opts)
          end
          |> answer(state)

        {:transaction, state} ->
          rollback(driver, opts[:mode], state)
      end
    end

    defp rollback(memory, :transaction, %__MODULE__{clone: %{memory: memory} = clone} = state) do
      state = end_sandbox(:transaction, state)

      case Clone.rollback(clone) do
        {:ok, clone} -> answer(:ok, %{state | clone: clone})
        {:error, error} -> {:error, error, state}
      end
    end

    defp rollback(driver, _mode, state), do: driver |> Call.rollback() |> answer(state)

    defp release_savepoint(driver, opts),
      do: Call.release_savepoint(driver, @savepoint, deadline(opts))

    # A commit or rollback that does not say that it is a savepoint's is the whole transaction's,
    # whatever is open in it.
    defp ended(opts, %__MODULE__{begun: begun} = state) do
      case {opts[:mode], begun} do
        {:savepoint, [kind | begun]} -> {kind, %{state | begun: begun}}
        {_mode, _begun} -> {:transaction, %{state | begun: []}}
      end
    end

    defp answer(:ok, state), do: {:ok, done(state.begun == []), state}
    defp answer({:error, error}, state), do: {:error, error, state}

    @impl true
    def handle_status(_opts, %__MODULE__{driver: driver} = state) do
      case Backend.of(driver).autocommit(driver) do
        {:ok, true} -> {:idle, state}
        {:ok, false} -> {:transaction, state}
        {:error, error} -> {:disconnect, error, state}
      end
    end

    ## Queries

    @impl true
    def handle_prepare(%Query{} = query, _opts, state), do: {:ok, query, state}

    @impl true
    def handle_close(_query, _opts, state), do: {:ok, nil, state}

    @impl true
    def handle_execute(%Query{kind: :statement} = query, params, opts, state) do
      %{driver: driver} = state
      %{statement: sql} = query
      run = fn -> query(driver, sql, params, opts) end

      case Holders.running(sql, fn -> retry(opts, driver, run) end) do
        {:ok, result} -> {:ok, describe(query, opts, state), result, state}
        {:error, error} -> failed(error, query, params, state)
      end
    end

    def handle_execute(%Query{kind: :script} = query, [], opts, %{driver: driver} = state) do
      run = fn -> Call.script(driver, query.statement, false, deadline(opts)) end

      case Holders.running(query.statement, run) do
        {:ok, results} -> {:ok, query, results, state}
        {:error, error} -> failed(error, query, [], state)
      end
    end

    def handle_execute(%Query{kind: :script}, _params, _opts, state) do
      message = "a script of several statements takes no parameters"
      {:error, %Error{code: :invalid_argument, message: message}, state}
    end

    def handle_execute(%Query{kind: {:foreign_keys, on}} = query, [], _opts, state) do
      case Backend.of(state.driver).enable_foreign_keys(state.driver, on) do
        :ok -> {:ok, query, done(nil), state}
        {:error, error} -> failed(error, query, [], state)
      end
    end

    def handle_execute(%Query{kind: :describe} = query, [], opts, state) do
      case Call.describe(state.driver, query.statement, deadline(opts)) do
        {:ok, columns} -> {:ok, query, columns, state}
        {:error, error} -> failed(error, query, [], state)
      end
    end

    defp query(driver, sql, params, opts) do
      if Keyword.get(opts, :statistics, false),
        do: Call.query_counting(driver, sql, params, deadline(opts)),
        else: Call.query(driver, sql, params, deadline(opts))
    end

    # Right after the run and on the same connection, so that a change of the schema has been seen.
    defp describe(query, opts, state) do
      with true <- Keyword.get(opts, :describe_columns, false),
           {:ok, columns} <- Call.describe(state.driver, query.statement, deadline(opts)) do
        %{query | columns: columns}
      else
        _ -> query
      end
    end

    defp failed(%Error{code: :connection_closed} = error, _query, _params, state),
      do: {:disconnect, error, state}

    defp failed(error, query, params, state),
      do: {:error, enrich(state.driver, error, query.statement, params), state}

    ## Cursors

    @impl true
    def handle_declare(%Query{} = query, params, opts, %__MODULE__{driver: driver} = state) do
      case Call.declare(driver, query.statement, params, deadline(opts)) do
        {:ok, id} -> {:ok, query, cursor(id, opts), state}
        {:error, error} -> failed(error, query, params, state)
      end
    end

    @impl true
    def handle_fetch(query, cursor, opts, %__MODULE__{driver: driver} = state) do
      case Call.fetch(driver, cursor.id, rows_a_fetch(cursor, opts), deadline(opts)) do
        {:error, error} -> failed(error, query, [], state)
        {more, result} -> {more, result, state}
      end
    end

    @impl true
    def handle_deallocate(_query, cursor, _opts, %__MODULE__{driver: driver} = state) do
      ReaderHeap.leave_stream(cursor.room)

      case Backend.of(driver).deallocate(driver, cursor.id) do
        :ok -> {:ok, nil, state}
        {:error, error} -> {:error, error, state}
      end
    end

    # Only the process that reads the stream uses it: no state of the connection, so no copy of it.
    defp cursor(id, opts) do
      growing = if opts[:fetches] == :growing, do: :atomics.new(1, [])
      %{id: id, room: ReaderHeap.enter_stream(), growing: growing}
    end

    # A call for 500 rows is half a hop to a dirty scheduler. The first fetch is what was asked for:
    # many a reader stops there.
    defp rows_a_fetch(cursor, opts) do
      max_rows = Keyword.get(opts, :max_rows, @max_rows)

      if cursor.growing && :atomics.add_get(cursor.growing, 1, 1) > 1,
        do: @later_fetches * max_rows,
        else: max_rows
    end

    ## Shared

    # When a call has to be over, in milliseconds of monotonic time. Where the caller does not say,
    # a part of the timeout is left to answer in, before DBConnection's clock closes the connection.
    defp deadline(opts) do
      case Keyword.fetch(opts, :statement_deadline) do
        {:ok, deadline} ->
          deadline

        :error ->
          with timeout when is_integer(timeout) <- Keyword.get(opts, :timeout, @timeout),
               do: now() + timeout - min(div(timeout, 4), 250)
      end
    end

    # What is applied is never run twice: not inside of a transaction, and not after a commit.
    defp retry(opts, driver, run),
      do: Retry.call(driver, Keyword.get(opts, :retry, driver.retry), run)

    defp now, do: System.monotonic_time(:millisecond)

    defp done(autocommit), do: Result.new({nil, nil, 0, 0, nil, autocommit})

    # Which constraint it was, where SQLite does not say.
    defp enrich(driver, %Error{constraint: %{}} = error, sql, params),
      do: ConstraintNames.enrich(driver, error, sql, params)

    defp enrich(_driver, error, _sql, _params), do: error
  end
end
