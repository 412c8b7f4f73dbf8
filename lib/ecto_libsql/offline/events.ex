defmodule EctoLibSql.Offline.Events do
  @moduledoc false
  # What happens to the VM's copies, as telemetry and log lines; and tokens that have run out while
  # nobody waits for a sync. One process, started with the first copy; it tells of all.

  use GenServer

  alias EctoLibSql.{Error, Native, Telemetry}
  alias EctoLibSql.Remote.Token

  require Logger

  @doc """
  Has the events of a copy told from now on.
  """
  @spec listen(Path.t(), Token.t()) :: :ok
  def listen(path, token) do
    case GenServer.start(__MODULE__, [], name: __MODULE__) do
      {:ok, _pid} -> :ok
      {:error, {:already_started, _pid}} -> :ok
    end

    GenServer.call(__MODULE__, {:listen, path, token})
  end

  # `failures` has the last one's code for each copy, so that a log line is written once for it.
  @impl true
  def init([]) do
    :ok = Native.offline_listen()
    {:ok, %{tokens: %{}, failures: %{}}}
  end

  @impl true
  def handle_call({:listen, path, token}, _from, state),
    do: {:reply, :ok, put_in(state.tokens[path], token)}

  @impl true
  def handle_info({:ecto_libsql_offline, path, event}, state) do
    state = tell(event, path, state)
    with {:failed, :unauthorized, _message} <- event, do: renew(path, state.tokens[path])
    {:noreply, state}
  end

  def handle_info(_other, state), do: {:noreply, state}

  ## Telling

  defp tell({:synced, frame, pushed, pulled, microseconds}, path, state) do
    duration = System.convert_time_unit(microseconds, :microsecond, :native)
    figures = %{frame: frame, pushed: pushed, pulled: pulled, duration: duration}
    execute(:sync, figures, path, %{})
    if state.failures[path], do: Logger.info("EctoLibSql: #{path} was synced again")
    %{state | failures: Map.delete(state.failures, path)}
  end

  defp tell({:failed, code, message}, path, state) do
    execute(:failed, %{}, path, %{error: %Error{code: code, message: message}})
    if state.failures[path] != code, do: Logger.warning("EctoLibSql: #{path}: #{message}")
    put_in(state.failures[path], code)
  end

  defp execute(event, measurements, path, metadata) do
    metadata = Map.put(metadata, :database, path)
    Telemetry.execute([:ecto_libsql, :offline, event], measurements, metadata)
  end

  ## Tokens

  defp renew(path, function) when is_function(function) do
    with {:ok, token} <- Token.get(function), do: Native.offline_set_token(path, token)
  rescue
    # Whoever asks for a sync gets it, too, and is told.
    error -> Logger.error("EctoLibSql: auth_token of #{path}: #{Exception.message(error)}")
  end

  defp renew(_path, _token), do: :ok
end
