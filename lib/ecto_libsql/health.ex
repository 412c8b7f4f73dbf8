defmodule EctoLibSql.Health do
  @moduledoc false
  # Whether a database answers, of one connection or of a pool. Waits for nobody who is busy.

  alias EctoLibSql.{Error, Replication, State}

  # Reads the file's header, so it fails where the file cannot be read any more. Only the first server
  # answers it.
  @probe "PRAGMA schema_version"
  # What another server answers, too.
  @read "SELECT 1"
  @timeout 1_000

  # Errors with which reads go elsewhere.
  @away [
    :circuit_open,
    :connection_refused,
    :host_not_found,
    :tls,
    :connection_lost,
    :overloaded,
    :server_error
  ]

  @type t :: %{
          status: :ok | :busy | :degraded,
          latency: non_neg_integer() | nil,
          error: Error.t() | nil,
          mode: :local | :remote | :replica | nil,
          database: String.t() | nil,
          pool: map() | nil,
          gate: map() | nil,
          breakers: [map()],
          replication: EctoLibSql.Replication.status() | nil
        }

  @doc """
  The write gate's figures; nil where there is none, or no connection any more.
  """
  @spec gate(State.t()) :: map() | nil
  def gate(%State{} = s) do
    with {:ok, gate} <- EctoLibSql.write_gate(s), do: gate, else: (_ -> nil)
  end

  @doc """
  The breakers of the connection's servers, the first one's first.
  """
  @spec breakers(State.t()) :: [map()]
  def breakers(%State{} = s) do
    with {:ok, breakers} <- EctoLibSql.breakers(s), do: breakers, else: (_ -> [])
  end

  @spec check(State.t() | term()) :: {:ok, t()} | {:error, Exception.t()}
  def check(%State{} = s) do
    case Enum.find(EctoLibSql.connections(), &(&1.id == s.conn_id)) do
      nil ->
        {:error, %Error{code: :connection_closed, message: "the connection is closed"}}

      %{running: nil} ->
        probe = &timed(fn -> EctoLibSql.query(s, &1, [], timeout: @timeout) end)

        with {:ok, status, latency, error} <- look(probe),
             do: {:ok, degraded(%{health(s, status, latency) | error: error})}

      %{running: _call} ->
        {:ok, health(s, :busy, nil)}
    end
  end

  def check(pool), do: check_pool(pool)

  # Where the server is away, another one may have an answer.
  defp look(probe) do
    case probe.(@probe) do
      {:ok, latency} ->
        {:ok, :ok, latency, nil}

      {:error, %Error{code: code} = error} when code in @away ->
        case probe.(@read) do
          {:ok, latency} -> {:ok, :degraded, latency, error}
          {:error, _error} -> {:error, error}
        end

      {:error, _error} = error ->
        error
    end
  end

  # A replica has answered whose primary is away.
  defp degraded(%{status: :ok, breakers: [%{state: state} | _]} = health) when state != :closed,
    do: %{health | status: :degraded}

  # A replica reads without its primary, and does not write.
  defp degraded(%{status: :ok, replication: %{state: :stale} = replication} = health),
    do: %{health | status: :degraded, error: replication.last_error}

  defp degraded(health), do: health

  defp health(s, status, latency) do
    %{
      status: status,
      latency: latency,
      error: nil,
      mode: s.mode,
      database: s.database,
      pool: nil,
      gate: gate(s),
      breakers: breakers(s),
      replication: replication(s)
    }
  end

  defp replication(replica) do
    with {:ok, status} <- Replication.status(replica), do: status, else: (_ -> nil)
  end

  # In microseconds.
  defp timed(fun) do
    {time, result} = :timer.tc(fun)
    with {:ok, _result} <- result, do: {:ok, time}
  end

  if Code.ensure_loaded?(DBConnection) do
    alias DBConnection.ConnectionError
    alias EctoLibSql.{Pool, Query}
    alias EctoLibSql.Pool.{Lookup, Meter}

    defp check_pool(pool) do
      case Lookup.find(pool) do
        {:ok, found} ->
          found.pools |> probe(found.module) |> answer(found, pool, Pool.metrics(pool))

        :error ->
          {:error, ArgumentError.exception("#{inspect(pool)} is no running pool")}
      end
    end

    # Of several pools, the first that has a connection to spare.
    defp probe(pools, module) do
      Enum.reduce_while(pools, nil, fn pool, _before ->
        case probe_pool(pool, module) do
          {:error, %ConnectionError{}} = busy -> {:cont, busy}
          answer -> {:halt, answer}
        end
      end)
    end

    defp probe_pool(pool, module) do
      look(fn sql ->
        timed(fn ->
          with {:ok, _query, result} <-
                 DBConnection.execute(pool, %Query{statement: sql}, [],
                   pool: module,
                   queue: false,
                   timeout: @timeout
                 ),
               do: {:ok, result}
        end)
      end)
    catch
      :exit, reason ->
        {:error, ConnectionError.exception("the pool ended: " <> Exception.format_exit(reason))}
    end

    defp answer({:ok, status, latency, error}, _found, pool, metrics),
      do: {:ok, degraded(%{pool_health(status, latency, pool, metrics) | error: error})}

    defp answer({:error, %ConnectionError{}}, _found, pool, %{busy: busy} = metrics)
         when busy > 0,
         do: {:ok, pool_health(:busy, nil, pool, metrics)}

    # Nobody uses a connection, so there is none that is open.
    defp answer({:error, %ConnectionError{} = error}, found, _pool, _metrics),
      do: {:error, Enum.find_value(found.pools, error, &open_error/1)}

    defp answer({:error, error}, _found, _pool, _metrics), do: {:error, error}

    defp open_error(pool) do
      with %Meter{} = meter <- Meter.of(pool),
           {error, _time} <- Meter.open_error(meter),
           do: error
    end

    defp pool_health(status, latency, pool, metrics) do
      %{
        status: status,
        latency: latency,
        error: nil,
        mode: metrics.mode,
        database: metrics.database,
        pool: metrics,
        gate: metrics.gate,
        breakers: metrics.breakers,
        replication: if(metrics.mode == :replica, do: replication(pool))
      }
    end
  else
    defp check_pool(other) do
      message = "health takes an EctoLibSql.State, got: #{inspect(other)}"
      {:error, %Error{code: :invalid_argument, message: message}}
    end
  end
end
