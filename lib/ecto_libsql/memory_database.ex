if Code.ensure_loaded?(DBConnection) do
  defmodule EctoLibSql.MemoryDatabase do
    @moduledoc false
    # Databases in memory for all connections of a pool.
    #
    # SQLite's VFS "memdb", and our "memory", keep a database under a name for as long as somebody has it
    # open. A pool closes and opens connections as it likes, so a process beside it holds one more to each (the
    # anchor) until the pool ends.

    use GenServer

    alias EctoLibSql.Error

    @vfs ["memdb", "memory"]

    @doc """
    Refuses a pool whose connections would lose data, or have a database each. One that keeps its
    databases by `start_pool/3` has none of these.
    """
    @spec keeps_data(keyword()) :: :ok | {:error, Error.t()}
    def keeps_data(opts) do
      # What `start_pool/3` shares, each connection has for itself where it was not asked.
      private =
        Enum.filter(databases(opts), &(&1 == ":memory:")) ++
          Enum.filter(opts |> by_uri() |> databases(), &private?/1)

      cond do
        private == [] ->
          :ok

        Keyword.get(opts, :pool_size, 1) > 1 ->
          invalid(
            "each of the pool's #{opts[:pool_size]} connections would have a database " <>
              "\":memory:\" of its own: start the pool with EctoLibSql.Connection.start_link/1, " <>
              "whose connections share one, or set pool_size: 1"
          )

        opts[:max_lifetime] != nil ->
          invalid(
            "max_lifetime replaces the pool's connection, and with it the data of the database " <>
              "\":memory:\": start the pool with EctoLibSql.Connection.start_link/1, whose " <>
              "database outlives its connections, or leave max_lifetime out"
          )

        true ->
          :ok
      end
    end

    defp invalid(message), do: {:error, %Error{code: :invalid_option, message: message}}

    @doc """
    The pool's options with a name for each database in memory that had none, and all names.
    """
    @spec shared_options(keyword()) :: {keyword(), [String.t()]}
    def shared_options(opts) do
      shared = opts |> by_uri() |> replace(:database, &name/1) |> replace(:attach, &names/1)
      {shared, Enum.filter(databases(shared), &memory?/1)}
    end

    # Where the option :vfs names one of these, the databases' URIs say it: so each can be opened by
    # itself, too.
    defp by_uri(opts) do
      case Keyword.fetch(opts, :vfs) do
        {:ok, vfs} when vfs in @vfs ->
          opts
          |> Keyword.delete(:vfs)
          |> replace(:database, &with_vfs(&1, vfs))
          |> replace(:attach, &for({key, database} <- &1, do: {key, with_vfs(database, vfs)}))

        _other ->
          opts
      end
    end

    defp with_vfs(":memory:", vfs), do: unique_uri(vfs)

    defp with_vfs("file:" <> rest = uri, vfs) do
      cond do
        rest =~ ~r/[?&](vfs=|mode=memory)/ -> uri
        rest =~ "?" -> uri <> "&vfs=" <> vfs
        true -> uri <> "?vfs=" <> vfs
      end
    end

    defp with_vfs(path, vfs) when is_binary(path),
      do: "file:" <> URI.encode(path, &(URI.char_unreserved?(&1) or &1 == ?/)) <> "?vfs=" <> vfs

    defp with_vfs(other, _vfs), do: other

    defp databases(opts), do: [opts[:database] | Keyword.values(opts[:attach] || [])]

    defp replace(opts, key, fun),
      do: if(opts[key], do: Keyword.update!(opts, key, fun), else: opts)

    defp names(databases), do: for({key, database} <- databases, do: {key, name(database)})

    defp name(database), do: if(private?(database), do: unique_uri("memdb"), else: database)

    defp unique_uri(vfs), do: "file:/ecto_libsql-#{System.unique_integer([:positive])}?vfs=#{vfs}"

    @doc """
    Whether a database is one of these.
    """
    @spec memory?(String.t() | nil) :: boolean()
    def memory?(":memory:"), do: true

    def memory?("file:" <> rest = _database),
      do:
        String.starts_with?(rest, ":memory:") or
          rest =~ ~r/[?&](vfs=memdb|vfs=memory|mode=memory)(&|$)/

    def memory?(_database), do: false

    # Nobody else can open it.
    defp private?(database), do: memory?(database) and not shared?(database)

    defp shared?(database) do
      database =~ ~r"[?&](cache=shared|vfs=memory)(&|$)" or
        database =~ ~r"\Afile:/.*[?&]vfs=memdb(&|$)"
    end

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
