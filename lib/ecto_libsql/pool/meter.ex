if Code.ensure_loaded?(DBConnection) do
  defmodule EctoLibSql.Pool.Meter do
    @moduledoc false
    # What a pool counts, while it runs: in atomics, and in a table of the checkouts that are under
    # way. Whoever checks a connection out writes by itself; the pool's process only learns of
    # connections that come back.

    @checkouts 1
    @waited 2
    @longest_wait 3
    @longest_wait_lately 4
    @busy 5
    @dropped 6
    @opened 7

    @enforce_keys [:table, :counters, :size, :started_at]
    defstruct [:table, :counters, :size, :started_at]

    # Times are in the VM's native unit.
    @type t :: %__MODULE__{
            table: :ets.table(),
            counters: :atomics.atomics_ref(),
            size: pos_integer(),
            started_at: integer()
          }

    @type totals :: %{
            checkouts: non_neg_integer(),
            waited: non_neg_integer(),
            longest_wait: non_neg_integer(),
            busy: non_neg_integer(),
            dropped: non_neg_integer(),
            opened: non_neg_integer(),
            uptime: non_neg_integer()
          }

    @doc """
    A pool's meter, made by the pool's process, in whose dictionary others find it.
    """
    @spec start(keyword()) :: t()
    def start(opts) do
      meter = %__MODULE__{
        table: :ets.new(__MODULE__, [:public, write_concurrency: true]),
        counters: :atomics.new(7, signed: true),
        size: Keyword.get(opts, :pool_size, 1),
        started_at: System.monotonic_time()
      }

      Process.put(__MODULE__, meter)
      meter
    end

    @doc """
    The meter of a pool's process; nil where it has none.
    """
    @spec of(pid()) :: t() | nil
    def of(pool) do
      with {:dictionary, dictionary} <- Process.info(pool, :dictionary),
           {_, meter} <- List.keyfind(dictionary, __MODULE__, 0),
           do: meter,
           else: (_ -> nil)
    end

    ## Written

    @doc """
    The calling process has the connection that it asked for.
    """
    @spec checked_out(t(), DBConnection.Holder.t(), integer()) :: :ok
    def checked_out(%__MODULE__{table: table, counters: counters}, holder, asked) do
      now = System.monotonic_time()
      :ets.insert(table, {holder, self(), now})
      :atomics.add(counters, @checkouts, 1)
      :atomics.add(counters, @waited, now - asked)
      raise_to(counters, @longest_wait, now - asked)
      raise_to(counters, @longest_wait_lately, now - asked)
    rescue
      # The pool has ended in the meantime.
      ArgumentError -> :ok
    end

    @doc """
    A connection came back to the pool, whose process calls this.
    """
    @spec returned(DBConnection.Holder.t(), integer()) :: :ok
    def returned(holder, time) do
      %{table: table, counters: counters} = Process.get(__MODULE__)

      case :ets.take(table, holder) do
        [{_holder, _pid, since}] -> :atomics.add(counters, @busy, max(time - since, 0))
        # A new connection, or one of a caller that does not count.
        [] -> :ok
      end
    end

    @spec dropped(t()) :: :ok
    def dropped(%__MODULE__{counters: counters}), do: :atomics.add(counters, @dropped, 1)

    @doc """
    How an attempt to open a connection ended.
    """
    @spec opened(t() | nil, {:ok, term()} | {:error, Exception.t()}) :: :ok
    def opened(nil, _result), do: :ok

    def opened(%__MODULE__{table: table, counters: counters}, {:ok, _connection}) do
      :atomics.add(counters, @opened, 1)
      :ets.delete(table, :open_error)
      :ok
    rescue
      ArgumentError -> :ok
    end

    def opened(%__MODULE__{table: table}, {:error, error}) do
      :ets.insert(table, {:open_error, error, System.monotonic_time()})
      :ok
    rescue
      ArgumentError -> :ok
    end

    defp raise_to(counters, index, value) do
      case :atomics.get(counters, index) do
        highest when highest >= value -> :ok
        highest -> raise_to(counters, index, value, highest)
      end
    end

    defp raise_to(counters, index, value, expected) do
      case :atomics.compare_exchange(counters, index, expected, value) do
        :ok -> :ok
        higher when higher >= value -> :ok
        lower -> raise_to(counters, index, value, lower)
      end
    end

    ## Read

    @doc """
    When the process got the connection; nil where it did not count.
    """
    @spec since(t(), DBConnection.Holder.t(), pid()) :: integer() | nil
    def since(%__MODULE__{table: table}, holder, pid) do
      case lookup(table, holder) do
        [{_holder, ^pid, since}] -> since
        _other -> nil
      end
    end

    @doc """
    Why the last connection could not be opened, and when; nil where it could.
    """
    @spec open_error(t()) :: {Exception.t(), integer()} | nil
    def open_error(%__MODULE__{table: table}) do
      case lookup(table, :open_error) do
        [{:open_error, error, time}] -> {error, time}
        [] -> nil
      end
    end

    defp lookup(table, key) do
      :ets.lookup(table, key)
    rescue
      ArgumentError -> []
    end

    @doc """
    What was counted since the pool's start, checkouts that are under way included.
    """
    @spec totals(t()) :: totals()
    def totals(%__MODULE__{counters: counters} = meter) do
      now = System.monotonic_time()

      %{
        checkouts: :atomics.get(counters, @checkouts),
        waited: :atomics.get(counters, @waited),
        longest_wait: :atomics.get(counters, @longest_wait),
        busy: :atomics.get(counters, @busy) + under_way(meter, now),
        dropped: :atomics.get(counters, @dropped),
        opened: :atomics.get(counters, @opened),
        uptime: now - meter.started_at
      }
    end

    # Where the pool closed a connection in the moment in which somebody got it, the entry is
    # nobody's.
    defp under_way(%__MODULE__{table: table}, now) do
      for {holder, pid, since} when is_reference(holder) <- :ets.tab2list(table), reduce: 0 do
        sum ->
          if :ets.info(holder, :owner) == pid do
            sum + max(now - since, 0)
          else
            forget_closed(table, holder)
            sum
          end
      end
    rescue
      ArgumentError -> 0
    end

    defp forget_closed(table, holder),
      do: if(:ets.info(holder, :owner) == :undefined, do: :ets.delete(table, holder))

    @doc """
    The totals, and the longest wait, since this was asked the last time.
    """
    @spec lately(t()) :: totals()
    def lately(%__MODULE__{table: table, counters: counters} = meter) do
      totals = totals(meter)
      before = with [{:measured, totals}] <- lookup(table, :measured), do: totals
      :ets.insert(table, {:measured, totals})
      longest_wait = :atomics.exchange(counters, @longest_wait_lately, 0)
      %{difference(totals, before) | longest_wait: longest_wait}
    end

    defp difference(totals, []), do: totals
    defp difference(totals, before), do: Map.merge(totals, before, fn _key, a, b -> a - b end)
  end
end
