if Code.ensure_loaded?(DBConnection) do
  defmodule EctoLibSql.Pool.Holders do
    @moduledoc false
    # Who holds a pool's connections, asked of nobody who might be busy.
    #
    # DBConnection hands a connection over as an ETS table: whoever uses the connection owns it, and
    # its heir is the pool. In the sandbox a process of DBConnection owns that table and has one more
    # for its clients, whose heir it is.

    alias DBConnection.Holder
    alias EctoLibSql.{Connection, State}
    alias EctoLibSql.Pool.{Meter, ProcessName}

    require DBConnection.Holder

    @statement {__MODULE__, :statement}

    @type holder :: %{
            pid: pid(),
            name: String.t() | nil,
            held: non_neg_integer() | nil,
            connection: String.t() | nil,
            transaction: non_neg_integer() | nil,
            running: non_neg_integer() | nil,
            statement: String.t() | nil
          }

    @doc """
    Runs `fun`, while others can see that the calling process runs `statement`.
    """
    @spec running(String.t(), (-> value)) :: value when value: term()
    def running(statement, fun) do
      Process.put(@statement, statement)
      value = fun.()
      Process.delete(@statement)
      value
    end

    @doc """
    The pools' connections: who has those in use, the longest held first; for how long each pool's
    are, in all, in native time; how many are idle; and one that is open.
    """
    @spec list([pid()]) :: %{
            holders: [holder()],
            under_way: %{pid() => non_neg_integer()},
            idle: non_neg_integer(),
            connection: State.t() | nil
          }
    def list(pools) do
      tables = Enum.group_by(tables(), &elem(&1, 0))
      open = Enum.flat_map(pools, &Map.get(tables, &1, []))
      now = System.monotonic_time()
      listed = Map.new(EctoLibSql.connections(), &{&1.id, &1})

      {idle, busy} = Enum.split_with(open, fn {pool, owner, _table, _conn} -> owner == pool end)
      holders = for entry <- busy, do: entry |> client(tables) |> holder(listed, now)

      %{
        holders: Enum.sort_by(holders, &(-(&1.held || 0))),
        under_way: Enum.reduce(busy, %{}, &add_time(&1, &2, now)),
        idle: length(idle),
        connection: Enum.find_value(open, &state/1)
      }
    end

    # {heir, owner, table, record}: without those that their connection's process has just made.
    defp tables do
      for table <- :ets.all(),
          :ets.info(table, :name) == Holder,
          heir = :ets.info(table, :heir),
          owner = :ets.info(table, :owner),
          is_pid(heir) and is_pid(owner),
          conn = record(table),
          Holder.conn(conn, :connection) != owner or heir == owner,
          do: {heir, owner, table, conn}
    end

    defp record(table) do
      with [conn] <- :ets.lookup(table, :conn), do: conn, else: (_ -> nil)
    rescue
      ArgumentError -> nil
    end

    # Who uses a connection of the sandbox, or else owns it.
    defp client({pool, proxy, table, conn}, tables) do
      case tables[proxy] do
        [{^proxy, ^proxy, _, conn}] -> {pool, owner(proxy), table, conn}
        [{^proxy, client, _, conn}] -> {pool, client, table, conn}
        nil -> {pool, proxy, table, conn}
      end
    end

    defp owner(proxy) do
      with {:monitors, [{:process, owner}]} when is_pid(owner) <- Process.info(proxy, :monitors),
           do: owner,
           else: (_ -> proxy)
    end

    defp holder({_pool, pid, table, conn}, listed, now) do
      driver = driver(Holder.conn(conn, :state))
      connections = for id <- ids(driver), connection = listed[id], do: connection

      %{
        pid: pid,
        name: ProcessName.of(pid),
        held: table |> time(now) |> held(),
        connection: driver && driver.conn_id,
        transaction: Enum.find_value(connections, &age(&1.transaction)),
        running: Enum.find_value(connections, &age(&1.running)),
        statement: statement(pid)
      }
    end

    # A replica's connection reads the file, and has another to its primary.
    defp ids(nil), do: []
    defp ids(%State{mode: :replica} = s), do: [s.conn_id, s.replica.primary.conn_id]
    defp ids(%State{conn_id: id}), do: [id]

    defp held(nil), do: nil
    defp held(time), do: System.convert_time_unit(time, :native, :millisecond)

    defp add_time({pool, _owner, table, _conn}, sums, now) do
      time = time(table, now) || 0
      Map.update(sums, pool, time, &(&1 + time))
    end

    defp time(table, now) do
      with since when is_integer(since) <- Meter.since(table), do: max(now - since, 0)
    end

    defp age(nil), do: nil
    defp age(%{age: age}), do: age

    defp state({_pool, _owner, _table, conn}), do: driver(Holder.conn(conn, :state))

    defp driver(%Connection{driver: driver}), do: driver
    # The sandbox's.
    defp driver({_module, %Connection{driver: driver}, _in_transaction?}), do: driver
    defp driver(_other), do: nil

    defp statement(pid) do
      with {{:dictionary, @statement}, sql} when is_binary(sql) <- dictionary(pid),
           do: sql,
           else: (_ -> nil)
    end

    # OTP has the short form since 26.2.
    defp dictionary(pid) do
      Process.info(pid, {:dictionary, @statement})
    rescue
      ArgumentError ->
        with {:dictionary, dictionary} <- Process.info(pid, :dictionary),
             {key, value} <- List.keyfind(dictionary, @statement, 0),
             do: {{:dictionary, key}, value}
    end
  end
end
