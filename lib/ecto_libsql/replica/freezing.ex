defmodule EctoLibSql.Replica.Freezing do
  @moduledoc false
  # Makes a replica's file an ordinary database, and opens that.

  alias EctoLibSql.{Backend, Error, Native, Options, State}
  alias EctoLibSql.Replica.{Route, Sync}

  @spec freeze(State.t(), keyword()) :: {:ok, State.t()} | {:error, Error.t()}
  def freeze(%State{} = s, opts) do
    {timeout, opts} = Keyword.pop(opts, :timeout, s.timeout)

    with :ok <- no_transaction(s),
         {:ok, {:local, local}} <- Options.validate([database: s.database] ++ opts),
         :ok <- Sync.call(s, :freeze, timeout) do
      opened = Native.replica_open_frozen(s.replica.handle, local.native)
      _ = Backend.of(s).close(s)

      with {:ok, conn_id} <- opened,
           do: {:ok, %{s | conn_id: conn_id, mode: :local, auth_token: nil, replica: nil}}
    end
  end

  defp no_transaction(s) do
    case Route.place(s) do
      {:error, _} = error ->
        error

      place when place in [:primary, :snapshot] ->
        message = "a transaction is open: a replica is frozen outside of one"
        {:error, %Error{code: :transaction_open, message: message}}

      _none ->
        :ok
    end
  end
end
