defmodule EctoLibSql.Trace.Relay do
  @moduledoc false
  # Passes on what the engine tells of statements: to the processes that trace a connection, and, of slow
  # queries, to telemetry. It takes messages as fast as they come, and gives a subscriber no more than it
  # reads, so that neither a writer nor the VM's memory suffers from a slow one.

  use GenServer

  alias EctoLibSql.{Native, Telemetry, Trace}

  # So many messages may wait for a subscriber; then they are lost, and counted.
  @room 1_000

  # How soon a subscriber that had no room is told what was lost, in milliseconds.
  @patience 100

  @spec start_link(term()) :: GenServer.on_start()
  def start_link(_), do: GenServer.start_link(__MODULE__, nil, name: __MODULE__)

  @doc """
  Has what is traced sent here from now on. False where the application was not started.
  """
  @spec listen() :: boolean()
  def listen do
    if Process.whereis(__MODULE__),
      do: GenServer.call(__MODULE__, :listen, :infinity),
      else: false
  end

  @doc """
  Has a trace end with its subscriber. Answers those of the same subscriber and connection before it.
  """
  @spec watch(reference(), pid(), String.t()) :: [reference()]
  def watch(outlet, subscriber, conn_id),
    do: GenServer.call(__MODULE__, {:watch, outlet, subscriber, conn_id}, :infinity)

  @doc "Forgets a subscriber's traces of a connection, and answers them, to be ended."
  @spec forget(pid(), String.t()) :: [reference()]
  def forget(subscriber, conn_id) do
    if Process.whereis(__MODULE__),
      do: GenServer.call(__MODULE__, {:forget, subscriber, conn_id}, :infinity),
      else: []
  end

  # The library is loaded with the first trace, and not with the application. A relay that takes the
  # place of one that crashed goes on where that listened.
  @impl true
  def init(nil) do
    Process.flag(:trap_exit, true)
    if :persistent_term.get(__MODULE__, false), do: Native.trace_listen()
    {:ok, %{}}
  end

  @impl true
  def handle_call(:listen, _from, traces) do
    unless :persistent_term.get(__MODULE__, false) do
      :ok = Native.trace_listen()
      :persistent_term.put(__MODULE__, true)
    end

    {:reply, true, traces}
  end

  def handle_call({:watch, outlet, subscriber, conn_id}, _from, traces) do
    {before, traces} = drop(traces, &(&1.subscriber == subscriber and &1.conn_id == conn_id))
    traces = add(traces, outlet, subscriber, conn_id)
    {:reply, List.delete(before, outlet), traces}
  end

  def handle_call({:forget, subscriber, conn_id}, _from, traces) do
    {dropped, traces} = drop(traces, &(&1.subscriber == subscriber and &1.conn_id == conn_id))
    {:reply, dropped, traces}
  end

  @impl true
  def handle_info({:ecto_libsql_trace, outlet, nil, conn_id, :profile, data}, traces) do
    {_open?, lost} = Native.trace_taken(outlet)
    slow_query(conn_id, data, lost)
    {:noreply, traces}
  end

  def handle_info({:ecto_libsql_trace, outlet, subscriber, conn_id, kind, data}, traces) do
    {open?, lost} = Native.trace_taken(outlet)

    # One that is open and not known: who began it died before it said so, or says so next.
    traces =
      if open? and not is_map_key(traces, outlet),
        do: add(traces, outlet, subscriber, conn_id),
        else: traces

    case traces do
      %{^outlet => trace} ->
        trace = deliver(%{trace | lost: trace.lost + lost}, outlet, kind, data)
        {:noreply, ended(%{traces | outlet => trace}, outlet, kind)}

      _stopped ->
        {:noreply, traces}
    end
  end

  def handle_info({:tell_lost, outlet}, traces) when is_map_key(traces, outlet) do
    trace = %{traces[outlet] | timer: nil}
    trace = if room?(trace), do: tell_lost(trace), else: later(trace, outlet)
    {:noreply, %{traces | outlet => trace}}
  end

  # By another process: to end the last trace may close a connection whose owner has died.
  def handle_info({:DOWN, _monitor, :process, subscriber, _reason}, traces) do
    {dropped, traces} = drop(traces, &(&1.subscriber == subscriber))
    spawn(fn -> Enum.each(dropped, &Native.trace_stop/1) end)
    {:noreply, traces}
  end

  def handle_info(_other, traces), do: {:noreply, traces}

  @impl true
  def terminate(_reason, traces) do
    spawn(fn -> Enum.each(Map.keys(traces), &Native.trace_stop/1) end)
  end

  defp add(traces, outlet, subscriber, conn_id) do
    trace = %{
      subscriber: subscriber,
      conn_id: conn_id,
      monitor: Process.monitor(subscriber),
      lost: 0,
      timer: nil
    }

    Map.put(traces, outlet, trace)
  end

  defp drop(traces, drop?) do
    {dropped, traces} = Map.split_with(traces, fn {_outlet, trace} -> drop?.(trace) end)
    for {_outlet, trace} <- dropped, do: Process.demonitor(trace.monitor, [:flush])
    {Map.keys(dropped), traces}
  end

  defp ended(traces, outlet, kind) when kind in [:close, :stop] do
    {trace, traces} = Map.pop!(traces, outlet)
    Process.demonitor(trace.monitor, [:flush])
    traces
  end

  defp ended(traces, _outlet, _kind), do: traces

  # The end is always told: it is one message.
  defp deliver(trace, outlet, kind, data) do
    if kind in [:close, :stop] or room?(trace) do
      trace = tell_lost(trace)
      send(trace.subscriber, {Trace, trace.conn_id, kind, shown(data)})
      trace
    else
      later(%{trace | lost: trace.lost + 1}, outlet)
    end
  end

  defp room?(trace) do
    case Process.info(trace.subscriber, :message_queue_len) do
      {:message_queue_len, length} -> length < @room
      nil -> true
    end
  end

  defp tell_lost(%{lost: 0} = trace), do: trace

  defp tell_lost(trace) do
    send(trace.subscriber, {Trace, trace.conn_id, :lost, %{count: trace.lost}})
    %{trace | lost: 0}
  end

  defp later(%{timer: nil} = trace, outlet),
    do: %{trace | timer: Process.send_after(self(), {:tell_lost, outlet}, @patience)}

  defp later(trace, _outlet), do: trace

  defp slow_query(conn_id, data, lost) do
    data = shown(data)
    measurements = Map.put(data.statistics, :duration, data.duration)

    metadata =
      data
      |> Map.take([:database, :sql, :expanded_sql, :pid])
      |> Map.put(:conn_id, conn_id)

    Telemetry.execute([:ecto_libsql, :slow_query], measurements, metadata)

    if lost > 0,
      do:
        Telemetry.execute([:ecto_libsql, :slow_query, :lost], %{count: lost}, %{
          conn_id: conn_id,
          database: data.database
        })
  end

  defp shown(data) do
    data =
      if is_map_key(data, :duration),
        do: Map.update!(data, :duration, &System.convert_time_unit(&1, :nanosecond, :native)),
        else: data

    case data do
      %{expanded_sql: nil} -> Map.delete(data, :expanded_sql)
      data -> data
    end
  end
end
