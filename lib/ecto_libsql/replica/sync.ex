defmodule EctoLibSql.Replica.Sync do
  @moduledoc false
  # What is asked of a replica: it asks the primary, on the network's threads, and answers by a
  # message within the deadline.

  alias EctoLibSql.{Error, Native, State}
  alias EctoLibSql.Remote.Token

  @type request :: :sync | :flush | :freeze | {:until, non_neg_integer()}

  @spec call(State.t(), request(), timeout()) :: :ok | {:ok, term()} | {:error, Error.t()}
  def call(%State{replica: replica} = s, request, timeout) do
    ask = fn reference ->
      Native.replica_call(replica.handle, reference, request, timeout)
    end

    with {:error, %Error{code: :unauthorized}} when is_function(s.auth_token) <- await(ask),
         {:ok, token} <- Token.get(s.auth_token),
         :ok <- Native.replica_set_token(s.database, token),
         do: await(ask)
  end

  @doc """
  The reply to what `ask` asks for, given a reference.
  """
  @spec await((reference() -> :ok | {:error, Error.t()})) :: term()
  def await(ask) do
    reference = make_ref()

    with :ok <- ask.(reference) do
      receive do
        {EctoLibSql.Remote, ^reference, reply} -> reply
      end
    end
  end
end
