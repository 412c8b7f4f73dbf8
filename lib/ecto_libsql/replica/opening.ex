defmodule EctoLibSql.Replica.Opening do
  @moduledoc false
  # Opens an embedded replica's connection: the replica, which the VM's connections to one file
  # share, a connection to its primary, and one to the file.

  alias EctoLibSql.{Call, Error, Native, Remote, State}
  alias EctoLibSql.Remote.Token
  alias EctoLibSql.Replica.{Events, ReadYourWrites, Route, Sync}

  # In milliseconds.
  @patience 5_000

  @doc """
  With what `EctoLibSql.Replica.Options` answers, for a state that has the rest.
  """
  @spec open(map(), State.t()) :: {:ok, State.t()} | {:error, Error.t()}
  def open(options, %State{} = s) do
    with :ok <- Events.listen(options.path, options.remote.auth_token),
         {:ok, handle} <- replica(options, limit(options, s.timeout)) do
      with {:error, _} = error <- connections(options, handle, s) do
        Native.replica_close(handle)
        error
      end
    end
  end

  # Where there is something to read, nobody waits long for a primary that does not answer.
  defp limit(options, timeout),
    do: if(File.exists?(options.path), do: min(timeout, @patience), else: timeout)

  defp replica(options, timeout) do
    with {:ok, token} <- Token.get(options.remote.auth_token) do
      options = %{
        path: options.path,
        interval: options.interval,
        encryption_key: options.local.encryption_key,
        remote_options: %{options.remote | auth_token: token}
      }

      Sync.await(&Native.replica_open(options, &1, timeout))
    end
  end

  defp connections(options, handle, s) do
    with {:ok, primary_id} <- Remote.open(options.remote) do
      renews? = is_function(options.remote.auth_token)
      token = if renews?, do: options.remote.auth_token
      primary = %{s | conn_id: primary_id, mode: :remote, database: options.remote.database}
      primary = %{primary | auth_token: token}

      with {:ok, local_id} <- open_file(options.local, handle, s.timeout),
           replica = %{
             handle: handle,
             primary: primary,
             tries: ReadYourWrites.new_tries()
           },
           s = %{s | conn_id: local_id, auth_token: token, replica: replica},
           :ok <- Native.replica_connect(handle, primary, s, options.read_your_writes) do
        {:ok, s}
      else
        {:error, _} = error ->
          Remote.close(primary)
          error
      end
    end
  end

  # A file that is gone or damaged is pulled anew, where the primary can be reached.
  defp open_file(local, handle, timeout) do
    with {:error, error} <- Call.open(local) do
      if lost?(error, handle) and match?({:ok, _}, Sync.await(&sync(handle, &1, timeout))),
        do: Call.open(local),
        else: {:error, error}
    end
  end

  defp lost?(%Error{code: :cantopen}, _handle), do: true
  defp lost?(error, handle), do: Route.damage?(error) and Native.replica_damaged(handle) == :ok

  defp sync(handle, reference, timeout),
    do: Native.replica_call(handle, reference, :sync, timeout)
end
