defmodule EctoLibSql.Health do
  @moduledoc false
  # Whether a database answers, of one connection or of a pool. Waits for nobody who is busy.

  alias EctoLibSql.{Error, Replication, State}

  # Reads the file's header, so it fails where the file cannot be read any more.
  @probe "PRAGMA schema_version"
  @timeout 1_000

  @type t :: %{
          status: :ok | :busy,
          latency: non_neg_integer() | nil,
          mode: :local | :remote | :replica | nil,
          database: String.t() | nil,
          pool: map() | nil,
          gate: map() | nil,
          replication: EctoLibSql.Replication.status() | nil
        }

  @doc """
  The write gate's figures; nil where there is none, or no connection any more.
  """
  @spec gate(State.t()) :: map() | nil
  def gate(%State{} = s) do
    with {:ok, gate} <- EctoLibSql.write_gate(s), do: gate, else: (_ -> nil)
  end

  @spec check(State.t() | term()) :: {:ok, t()} | {:error, Exception.t()}
  def check(%State{} = s) do
    case Enum.find(EctoLibSql.connections(), &(&1.id == s.conn_id)) do
      nil ->
        {:error, %Error{code: :connection_closed, message: "the connection is closed"}}

      %{running: nil} ->
        with {:ok, latency} <-
               timed(fn -> EctoLibSql.query(s, @probe, [], timeout: @timeout) end),
             do: {:ok, health(s, :ok, latency)}

      %{running: _call} ->
        {:ok, health(s, :busy, nil)}
    end
  end

  def check(pool), do: check_pool(pool)

  defp health(s, status, latency) do
    %{
      status: status,
      latency: latency,
      mode: s.mode,
      database: s.database,
      pool: nil,
      gate: gate(s),
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
      query = %Query{statement: @probe}

      timed(fn ->
        with {:ok, _query, result} <-
               DBConnection.execute(pool, query, [],
                 pool: module,
                 queue: false,
                 timeout: @timeout
               ),
             do: {:ok, result}
      end)
    catch
      :exit, reason ->
        {:error, ConnectionError.exception("the pool ended: " <> Exception.format_exit(reason))}
    end

    defp answer({:ok, latency}, _found, pool, metrics),
      do: {:ok, pool_health(:ok, latency, pool, metrics)}

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
        mode: metrics.mode,
        database: metrics.database,
        pool: metrics,
        gate: metrics.gate,
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
