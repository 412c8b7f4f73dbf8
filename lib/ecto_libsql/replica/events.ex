defmodule EctoLibSql.Replica.Events do
  @moduledoc false
  # What happens to the VM's replicas, as telemetry and log lines; and tokens that have run out
  # while nobody waits for a sync. One process, started with the first replica; it tells of all.

  use GenServer

  alias EctoLibSql.{Error, Native, Telemetry}
  alias EctoLibSql.Remote.Token

  require Logger

  @doc """
  Has the events of a file's replica told from now on.
  """
  @spec listen(Path.t(), Token.t()) :: :ok
  def listen(path, token) do
    case GenServer.start(__MODULE__, [], name: __MODULE__) do
      {:ok, _pid} -> :ok
      {:error, {:already_started, _pid}} -> :ok
    end

    GenServer.call(__MODULE__, {:listen, path, token})
  end

  @impl true
  def init([]) do
    :ok = Native.replica_listen()
    {:ok, %{}}
  end

  @impl true
  def handle_call({:listen, path, token}, _from, tokens),
    do: {:reply, :ok, Map.put(tokens, path, token)}

  @impl true
  def handle_info({:ecto_libsql_replica, path, event}, tokens) do
    tell(event, path)
    with {:failed, :unauthorized, _message} <- event, do: renew(path, tokens[path])
    {:noreply, tokens}
  end

  def handle_info(_other, tokens), do: {:noreply, tokens}

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

  defp renew(path, function) when is_function(function) do
    with {:ok, token} <- Token.get(function), do: Native.replica_set_token(path, token)
  rescue
    # Whoever asks for a sync gets it, too, and is told.
    error -> Logger.error("EctoLibSql: auth_token of #{path}: #{Exception.message(error)}")
  end

  defp renew(_path, _token), do: :ok
end
