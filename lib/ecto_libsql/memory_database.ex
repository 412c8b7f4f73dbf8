if Code.ensure_loaded?(DBConnection) do
  defmodule EctoLibSql.MemoryDatabase do
    @moduledoc false
    # One database in memory for all connections of a pool.
    #
    # SQLite's VFS "memdb" keeps a database under a name for as long as somebody has it open. A pool
    # closes and opens connections as it likes, so a process beside it holds one more (the anchor)
    # until the pool ends.

    use GenServer

    alias EctoLibSql.State

    @doc """
    The pool's options with a name for its database in memory, if it has one.
    """
    @spec shared_options(keyword()) :: {:shared, keyword()} | :not_in_memory
    def shared_options(opts) do
      if opts[:database] == ":memory:",
        do: {:shared, Keyword.put(opts, :database, unique_uri())},
        else: :not_in_memory
    end

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
    Starts a pool whose database lives as long as it.
    """
    @spec start_pool(module(), keyword()) :: GenServer.on_start()
    def start_pool(module, opts) do
      with {:ok, anchor} <- GenServer.start(__MODULE__, {self(), opts[:database]}) do
        started = DBConnection.start_link(module, opts)

        case started do
          {:ok, pool} -> GenServer.call(anchor, {:hold_for, pool})
          _not_started -> GenServer.stop(anchor)
        end

        started
      end
    end

    @impl true
    def init({starter, database}) do
      with {:ok, %State{} = connection} <- EctoLibSql.connect(database: database),
           do: {:ok, {connection, Process.monitor(starter)}}
    end

    @impl true
    def handle_call({:hold_for, pool}, _from, {connection, monitor}) do
      Process.demonitor(monitor, [:flush])
      {:reply, :ok, {connection, Process.monitor(pool)}}
    end

    @impl true
    def handle_info({:DOWN, monitor, :process, _pid, _reason}, {connection, monitor}),
      do: {:stop, :normal, {connection, monitor}}
  end
end
