if Code.ensure_loaded?(DBConnection) do
  defmodule EctoLibSql.MemoryDatabase do
    @moduledoc false
    # Databases in memory for all connections of a pool.
    #
    # SQLite's VFS "memdb" keeps a database under a name for as long as somebody has it open. A pool
    # closes and opens connections as it likes, so a process beside it holds one more to each (the
    # anchor) until the pool ends.

    use GenServer

    @doc """
    The databases among a pool's options that are in memory, attached ones too.
    """
    @spec private(keyword()) :: [String.t()]
    def private(opts), do: Enum.filter(databases(opts), &(&1 == ":memory:"))

    @doc """
    The pool's options with a name for each database that is in memory, and those names.
    """
    @spec shared_options(keyword()) :: {keyword(), [String.t()]}
    def shared_options(opts) do
      shared = opts |> replace(:database, &name/1) |> replace(:attach, &names/1)
      {shared, databases(shared) -- databases(opts)}
    end

    defp databases(opts), do: [opts[:database] | Keyword.values(opts[:attach] || [])]

    defp replace(opts, key, fun),
      do: if(opts[key], do: Keyword.update!(opts, key, fun), else: opts)

    defp names(databases), do: for({key, database} <- databases, do: {key, name(database)})

    defp name(":memory:"), do: unique_uri()
    defp name(database), do: database

    defp unique_uri, do: "file:/ecto_libsql-#{System.unique_integer([:positive])}?vfs=memdb"

    @doc """
    Whether a database is one of these.
    """
    @spec memory?(String.t() | nil) :: boolean()
    def memory?(":memory:"), do: true

    def memory?("file:" <> rest = _database),
      do: String.starts_with?(rest, ":memory:") or rest =~ ~r/[?&](vfs=memdb|mode=memory)(&|$)/

    def memory?(_database), do: false

    @doc """
    Starts a pool whose databases in memory live as long as it.
    """
    @spec start_pool(module(), keyword(), [String.t()]) :: GenServer.on_start()
    def start_pool(module, opts, databases) do
      with {:ok, anchor} <- GenServer.start(__MODULE__, {self(), databases}) do
        started = DBConnection.start_link(module, opts)

        case started do
          {:ok, pool} -> GenServer.call(anchor, {:hold_for, pool})
          _not_started -> GenServer.stop(anchor)
        end

        started
      end
    end

    # The connections are this process's, and end with it.
    @impl true
    def init({starter, databases}) do
      Enum.reduce_while(databases, {:ok, Process.monitor(starter)}, fn database, ok ->
        case EctoLibSql.connect(database: database) do
          {:ok, _connection} -> {:cont, ok}
          {:error, error} -> {:halt, {:stop, error}}
        end
      end)
    end

    @impl true
    def handle_call({:hold_for, pool}, _from, monitor) do
      Process.demonitor(monitor, [:flush])
      {:reply, :ok, Process.monitor(pool)}
    end

    @impl true
    def handle_info({:DOWN, monitor, :process, _pid, _reason}, monitor),
      do: {:stop, :normal, monitor}
  end
end
