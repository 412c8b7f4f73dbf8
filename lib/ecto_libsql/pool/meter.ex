if Code.ensure_loaded?(DBConnection) do
  defmodule EctoLibSql.Pool.Meter do
    @moduledoc false
    # What a pool counts, while it runs, in atomics. Whoever checks a connection out writes by itself,
    # and notes the time in the table that a connection is handed over as, where the pool's process
    # finds it when the connection comes back.

    alias DBConnection.Holder

    @since :ecto_libsql_since

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
        table: :ets.new(__MODULE__, [:public]),
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

    @doc """
    The pool's process.
    """
    @spec pool(t()) :: pid() | :undefined
    def pool(%__MODULE__{table: table}), do: :ets.info(table, :owner)

    ## Written

    @doc """
    The calling process has the connection that it asked for. Takes what the connection's state has
    of the meter: the state is copied for every call, so that is as little as can be.
    """
    @spec checked_out(:atomics.atomics_ref(), Holder.t(), integer()) :: :ok
    def checked_out(counters, holder, asked) do
      now = System.monotonic_time()
      :ets.insert(holder, {@since, now})
      :atomics.add(counters, @checkouts, 1)
      :atomics.add(counters, @waited, now - asked)
      raise_to(counters, @longest_wait, now - asked)
      raise_to(counters, @longest_wait_lately, now - asked)
    rescue
      # The pool has closed the connection in the meantime.
      ArgumentError -> :ok
    end

    @doc """
    A connection came back to the pool, whose process calls this. One that is new, or was another's
    who does not count, has no time noted.
    """
    @spec returned(Holder.t(), integer()) :: :ok
    def returned(holder, time) do
      case :ets.take(holder, @since) do
        [{@since, since}] -> busy(since, time)
        [] -> :ok
      end
    rescue
      # Its deadline was faster, and the pool has closed it.
      ArgumentError -> :ok
    end

    @doc """
    A connection was taken from who had it since `since`. In the pool's process, too.
    """
    @spec busy(integer(), integer()) :: :ok
    def busy(since, time) do
      %{counters: counters} = Process.get(__MODULE__)
      :atomics.add(counters, @busy, max(time - since, 0))
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
    Since when whoever has the connection has it; nil where that was not noted.
    """
    @spec since(Holder.t()) :: integer() | nil
    def since(holder) do
      case lookup(holder, @since) do
        [{@since, since}] -> since
        [] -> nil
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
    What was counted since the pool's start. `under_way` is for how long those who have connections
    have had them.
    """
    @spec totals(t(), non_neg_integer()) :: totals()
    def totals(%__MODULE__{counters: counters} = meter, under_way) do
      %{
        checkouts: :atomics.get(counters, @checkouts),
        waited: :atomics.get(counters, @waited),
        longest_wait: :atomics.get(counters, @longest_wait),
        busy: :atomics.get(counters, @busy) + under_way,
        dropped: :atomics.get(counters, @dropped),
        opened: :atomics.get(counters, @opened),
        uptime: System.monotonic_time() - meter.started_at
      }
    end

    @doc """
    The totals, and the longest wait, since this was asked the last time.
    """
    @spec lately(t(), non_neg_integer()) :: totals()
    def lately(%__MODULE__{table: table, counters: counters} = meter, under_way) do
      totals = totals(meter, under_way)
      before = with [{:measured, totals}] <- lookup(table, :measured), do: totals
      :ets.insert(table, {:measured, totals})
      longest_wait = :atomics.exchange(counters, @longest_wait_lately, 0)
      %{difference(totals, before) | longest_wait: longest_wait}
    end

    defp difference(totals, []), do: totals
    defp difference(totals, before), do: Map.merge(totals, before, fn _key, a, b -> a - b end)
  end
end
