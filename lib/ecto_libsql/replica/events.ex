defmodule EctoLibSql.Replica.Events do
  @moduledoc false
  # What happens to the VM's replicas, as telemetry and log lines; and what is to be done then: tokens
  # that have run out while nobody waits for a sync are renewed, and pools whose connections have a file
  # open that was replaced are told to open others.

  use GenServer

  alias EctoLibSql.{Error, Native, Telemetry}
  alias EctoLibSql.Remote.Token

  require Logger

  @spec start_link(term()) :: GenServer.on_start()
  def start_link(_), do: GenServer.start_link(__MODULE__, nil, name: __MODULE__)

  @doc """
  Has what happens to a file's replica told from now on. Where the application was not started, nobody
  is.
  """
  @spec listen(Path.t(), Token.t()) :: :ok
  def listen(path, token) do
    if Process.whereis(__MODULE__),
      do: GenServer.call(__MODULE__, {:listen, path, token}, :infinity),
      else: :ok
  end

  @doc """
  Has the connections of a pool to this file replaced when the file is.
  """
  @spec replaced_in(Path.t(), pid()) :: :ok
  def replaced_in(path, pool), do: GenServer.cast(__MODULE__, {:pool, path, pool})

  @impl true
  def init(nil), do: {:ok, %{}}

  # The library is loaded with the first replica, and not with the application.
  @impl true
  def handle_call({:listen, path, token}, _from, replicas) do
    new = %{token: token, pools: [], lost?: false}
    replicas = Map.update(replicas, path, new, &%{&1 | token: token})
    {:reply, Native.replica_listen(), replicas}
  end

  @impl true
  def handle_cast({:pool, path, pool}, replicas) when is_map_key(replicas, path) do
    pools = [pool | Enum.filter(replicas[path].pools, &(&1 != pool and Process.alive?(&1)))]
    {:noreply, put_in(replicas[path].pools, pools)}
  end

  def handle_cast({:pool, _path, _pool}, replicas), do: {:noreply, replicas}

  @impl true
  def handle_info({:ecto_libsql_replica, path, event}, replicas) do
    tell(event, path)

    case replicas do
      %{^path => replica} -> {:noreply, %{replicas | path => act(event, path, replica)}}
      _unknown -> {:noreply, replicas}
    end
  end

  def handle_info(_other, replicas), do: {:noreply, replicas}

  defp act({:failed, :unauthorized, _message}, path, replica) do
    renew(path, replica.token)
    replica
  end

  defp act({:reset, reason}, _path, replica) when reason in [:file_missing, :file_damaged],
    do: %{replica | lost?: true}

  defp act({:synced, _, _, _, _}, _path, %{lost?: true} = replica) do
    Enum.each(replica.pools, &replace_connections/1)
    %{replica | lost?: false}
  end

  defp act(_event, _path, replica), do: replica

  if Code.ensure_loaded?(DBConnection) do
    # By another process: the pool's may be opening a connection, for which this one is needed.
    defp replace_connections(pool) do
      spawn(fn -> DBConnection.disconnect_all(pool, 0, pool: EctoLibSql.ConnectionPool) end)
    end
  else
    defp replace_connections(_pool), do: :ok
  end

  ## Telling

  defp tell({:synced, frame, frames, bytes, microseconds}, path) do
    duration = System.convert_time_unit(microseconds, :microsecond, :native)
    execute(:sync, %{frame: frame, frames: frames, bytes: bytes, duration: duration}, path, %{})
  end

  defp tell({:failed, code, message}, path) do
    error = %Error{code: code, message: message}
    execute(:failed, %{}, path, %{error: error})
  end

  defp tell({:reset, reason}, path) do
    Logger.warning("EctoLibSql: the replica #{path} is pulled anew: #{why(reason)}")
    execute(:reset, %{}, path, %{reason: reason})
  end

  defp tell(:stale, path) do
    Logger.warning(
      "EctoLibSql: the primary of the replica #{path} cannot be reached; it is stale"
    )

    execute(:stale, %{}, path, %{})
  end

  defp tell({:caught_up, frame}, path) do
    Logger.info("EctoLibSql: the replica #{path} has caught up with its primary")
    execute(:caught_up, %{frame: frame || 0}, path, %{})
  end

  defp why(:log_changed), do: "its primary has another log"
  defp why(:went_back), do: "its primary has fewer frames"
  defp why(:file_missing), do: "its file was deleted"
  defp why(:file_damaged), do: "its file is damaged"
  defp why(:metadata_damaged), do: "the file beside it that says how far it is, is damaged"

  defp execute(event, measurements, path, metadata) do
    metadata = Map.put(metadata, :database, path)
    Telemetry.execute([:ecto_libsql, :replica, event], measurements, metadata)
  end

  ## Tokens

  # By a process of its own: the function is the user's.
  defp renew(path, function) when is_function(function) do
    spawn(fn ->
      with {:ok, token} <- Token.get(function), do: Native.replica_set_token(path, token)
    end)
  end

  defp renew(_path, _token), do: :ok
end
