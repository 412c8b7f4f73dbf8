if Code.ensure_loaded?(DBConnection) do
  defmodule EctoLibSql.Pool.Figures do
    @moduledoc false
    # A pool's figures, from its meters, from who holds its connections, and from its queue.

    alias EctoLibSql.{Health, Pool}
    alias EctoLibSql.Pool.{Holders, Lookup, Meter}

    # A pool's process answers within microseconds, unless it is drowned in requests.
    @patience 1_000

    @spec read(Lookup.t(), (Meter.t(), non_neg_integer() -> Meter.totals())) :: Pool.metrics()
    def read(%{pools: pools} = found, totals) do
      sources = Enum.map(pools, &sources/1)

      seen = Holders.list(inner(pools, sources))
      %{holders: holders, idle: idle, connection: connection} = seen
      meters = for pool <- pools, meter = Meter.of(pool), do: {meter, seen.under_way[pool] || 0}
      size = size(found, meters)
      busy = length(holders)

      meters
      |> counted(totals, size)
      |> Map.merge(%{
        size: size,
        busy: busy,
        idle: idle,
        opening: size && max(size - busy - idle, 0),
        queue_length: queue_length(sources),
        mode: connection && connection.mode,
        database: connection && connection.database,
        gate: connection && Health.gate(connection),
        breakers: if(connection, do: Health.breakers(connection), else: []),
        holders: holders
      })
    end

    @doc """
    One of the pool's connections, in use or not; nil where none is open.
    """
    @spec connection(Lookup.t()) :: EctoLibSql.State.t() | nil
    def connection(%{pools: pools}),
      do: Holders.list(inner(pools, Enum.map(pools, &sources/1))).connection

    ## The queue

    # Asked by a process of its own, since DBConnection would wait for ever; :busy where that took
    # too long.
    defp sources(pool) do
      {pid, monitor} =
        spawn_monitor(fn -> exit({:sources, DBConnection.get_connection_metrics(pool)}) end)

      receive do
        {:DOWN, ^monitor, :process, ^pid, {:sources, sources}} -> sources
        {:DOWN, ^monitor, :process, ^pid, _reason} -> :busy
      after
        @patience ->
          Process.exit(pid, :kill)
          Process.demonitor(monitor, [:flush])
          :busy
      end
    end

    # The sandbox has a pool inside, and processes that own its connections.
    defp inner(pools, sources) do
      Enum.zip_with(pools, sources, fn
        pool, :busy -> [pool]
        _pool, sources -> for %{source: {:pool, pid}} <- sources, do: pid
      end)
      |> Enum.concat()
    end

    defp queue_length(sources) do
      if :busy not in sources,
        do: sources |> Enum.concat() |> Enum.map(& &1.checkout_queue_length) |> Enum.sum()
    end

    ## The meters

    defp size(%{size: size, pools: pools}, []), do: size && size * length(pools)

    defp size(_found, meters),
      do: Enum.reduce(meters, 0, fn {meter, _}, sum -> sum + meter.size end)

    defp counted([], _totals, _size) do
      Map.new(
        [:checkouts, :wait_mean, :wait_longest, :dropped, :opened, :utilisation, :uptime],
        &{&1, nil}
      )
    end

    defp counted(meters, totals, size) do
      all = for {meter, under_way} <- meters, do: totals.(meter, under_way)
      sum = fn key -> all |> Enum.map(& &1[key]) |> Enum.sum() end
      longest = fn key -> all |> Enum.map(& &1[key]) |> Enum.max() end
      checkouts = sum.(:checkouts)
      uptime = longest.(:uptime)

      %{
        checkouts: checkouts,
        wait_mean: microseconds(sum.(:waited)) / max(checkouts, 1),
        wait_longest: microseconds(longest.(:longest_wait)),
        dropped: sum.(:dropped),
        opened: sum.(:opened),
        utilisation: Float.round(sum.(:busy) / max(uptime * size, 1), 4),
        uptime: System.convert_time_unit(uptime, :native, :millisecond)
      }
    end

    defp microseconds(native), do: System.convert_time_unit(native, :native, :microsecond)
  end
end
