defmodule EctoLibSql.Offline.Opening do
  @moduledoc false
  # Opens a connection to a copy that is written offline: what syncs it, which the VM's connections to
  # one file share, and the local connection, which keeps that.

  alias EctoLibSql.{Call, Error, Native, State}
  alias EctoLibSql.Offline.Events
  alias EctoLibSql.Remote.Token
  alias EctoLibSql.Replica.Sync

  # A copy that is not there yet is fetched as a whole. A server that is silent is given up earlier.
  @fetch 600_000

  @doc """
  With what `EctoLibSql.Offline.Options` answers, for a state that has the rest.
  """
  @spec open(map(), State.t(), timeout() | nil) :: {:ok, State.t()} | {:error, Error.t()}
  def open(options, %State{} = s, timeout) do
    token = options.remote.auth_token

    with :ok <- Events.listen(options.path, token),
         {:ok, handle} <- copy(options, timeout || @fetch),
         {:ok, conn_id} <- Call.open(%{options.local.native | offline: handle}) do
      {:ok, %{s | conn_id: conn_id, auth_token: if(is_function(token), do: token)}}
    end
  end

  defp copy(options, timeout) do
    with {:ok, token} <- Token.get(options.remote.auth_token) do
      options = %{
        path: options.path,
        interval: options.interval,
        remote_options: %{options.remote | auth_token: token}
      }

      Sync.await(&Native.offline_open(options, &1, timeout))
    end
  end
end
