if Code.ensure_loaded?(DBConnection) do
  defmodule EctoLibSql.ConnectionPool do
    @moduledoc """
    `DBConnection.ConnectionPool` that keeps count: what `EctoLibSql.Pool` reads, and errors of an
    exhausted pool that say who holds the connections.

    A repo has it unless its option `:pool` names another, and so has a pool that
    `EctoLibSql.Connection.start_link/1` starts. Whoever calls `DBConnection`'s functions directly
    gives it to them, as with any pool that is not the default one:

        {:ok, pool} = EctoLibSql.Connection.start_link(database: "app.db", pool_size: 5)

        DBConnection.execute(pool, query, [], pool: EctoLibSql.ConnectionPool)

    Without that, such a call works as well, but its wait is not counted, it is not known since when
    it holds its connection, and its error is DBConnection's own.

    The queue, its options and its events are those of `DBConnection.ConnectionPool`. What is added
    takes about a microsecond for a checkout and its return.
    """

    use GenServer

    alias DBConnection.{ConnectionError, ConnectionPool, Holder}
    alias EctoLibSql.Pool.{Exhaustion, Meter}

    require DBConnection.Holder

    @behaviour DBConnection.Pool

    @doc false
    def start_link({module, opts}),
      do:
        GenServer.start_link(__MODULE__, {module, opts}, Keyword.take(opts, [:name, :spawn_opt]))

    @doc false
    # A call's options, with this pool's name in the place of DBConnection's own. To name it for a pool
    # that does not count is harmless.
    @spec named(keyword()) :: keyword()
    def named(opts) do
      if Keyword.get(opts, :pool, ConnectionPool) == ConnectionPool,
        do: [pool: __MODULE__] ++ opts,
        else: opts
    end

    ## In the process that wants a connection

    @impl DBConnection.Pool
    @doc false
    def checkout(pool, callers, opts) do
      asked = System.monotonic_time()

      case ConnectionPool.checkout(pool, callers, opts) do
        {:ok, pool_ref, _module, _checkin_time, %EctoLibSql.Connection{counters: counters}} = ok
        when counters != nil ->
          Meter.checked_out(counters, Holder.pool_ref(pool_ref, :holder), asked)
          ok

        {:error, %ConnectionError{reason: :queue_timeout} = error} ->
          waited = System.monotonic_time() - asked
          {:error, Exhaustion.explain(error, GenServer.whereis(pool), waited)}

        other ->
          other
      end
    end

    @impl DBConnection.Pool
    @doc false
    defdelegate disconnect_all(pool, interval, opts), to: ConnectionPool

    @impl DBConnection.Pool
    @doc false
    defdelegate get_connection_metrics(pool), to: ConnectionPool

    ## In the pool's process

    # All is DBConnection's; what is done here beside it only looks on.

    @impl GenServer
    def init({module, opts}) do
      meter = Meter.start(opts)
      ConnectionPool.init({module, [pool_meter: meter] ++ opts})
    end

    @impl GenServer
    def handle_call(request, from, state), do: ConnectionPool.handle_call(request, from, state)

    @impl GenServer
    def handle_info({:"ETS-TRANSFER", holder, _pid, message} = info, state) do
      Meter.returned(holder, checkin_time(message))
      ConnectionPool.handle_info(info, state)
    end

    # A client's deadline: where it was still to the point, the connection was taken from it.
    def handle_info({:timeout, _timer, {_queue, holder, _pid, _length}} = info, state) do
      since = Meter.since(holder)
      reply = ConnectionPool.handle_info(info, state)
      if since && Meter.since(holder) == nil, do: Meter.busy(since, System.monotonic_time())
      reply
    end

    def handle_info(info, state), do: ConnectionPool.handle_info(info, state)

    defp checkin_time({:checkin, _queue, time}), do: time
    defp checkin_time(_message), do: System.monotonic_time()

    @impl GenServer
    defdelegate terminate(reason, state), to: ConnectionPool
  end
end
