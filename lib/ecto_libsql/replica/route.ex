defmodule EctoLibSql.Replica.Route do
  @moduledoc false
  # Where a call of a replica's connection is made: on the file, or at the primary. SQLite says which
  # statements only read (`:at_primary` is the NIF's answer to all others, which it has not run), the
  # connection's transaction and what was written before say the rest.

  import EctoLibSql.Waiting, only: [remaining: 1]

  alias EctoLibSql.{Call, Error, Native, State}
  alias EctoLibSql.Replica.ReadYourWrites

  @type place :: :fresh | :behind | :primary | :snapshot | :outdated
  @type call(reply) :: (timeout() -> reply)

  # Of what is left of a call, for one of the ways to an answer: in milliseconds, at most.
  @share 5_000

  # SQLITE_CORRUPT and SQLITE_NOTADB; SQLITE_IOERR_SHORT_READ is a file that was cut.
  @damage [11, 26]
  @short_read 522

  # The primary cannot be had, whatever it would have answered.
  @unreachable [
    :blocked,
    :circuit_open,
    :commit_unknown,
    :connection_lost,
    :connection_refused,
    :forbidden,
    :host_not_found,
    :network,
    :not_found,
    :overloaded,
    :protocol_error,
    :server_error,
    :timeout,
    :tls,
    :unauthorized
  ]

  @doc """
  Whether the connection is in a transaction (`:primary`, `:snapshot`), and else whether the file
  has what this VM has written; `:outdated`, where it is another file than the connection has open.
  """
  @spec place(State.t()) :: place() | {:error, Error.t()}
  def place(%State{replica: replica} = s) do
    case Native.replica_place(replica.handle) do
      :frozen ->
        error(:frozen, "the replica #{s.database} was frozen: it is a local database now")

      :connection_closed ->
        error(:connection_closed, "the connection is closed")

      place ->
        place
    end
  end

  @doc """
  A statement, which may be a read.
  """
  @spec statement(State.t(), String.t(), timeout(), call(reply), call(reply)) ::
          reply | {:error, Error.t()}
        when reply: term()
  def statement(s, statement, timeout, here, there) do
    case place(s) do
      :fresh -> here_or_there(s, timeout, here, there)
      place when place in [:primary, :outdated] -> at_primary(s, timeout, there)
      :snapshot -> in_snapshot(s, statement, timeout, here, there)
      :behind -> behind(s, statement, timeout, here, there)
      {:error, _} = error -> error
    end
  end

  defp in_snapshot(s, statement, timeout, here, there) do
    case here.(timeout) do
      # Another process has ended the transaction in the meantime.
      :at_primary -> statement(s, statement, timeout, here, there)
      {:error, %Error{code: :statement_closed}} = error -> of_primary(s, statement, error)
      reply -> reply
    end
  end

  defp of_primary(s, statement, error) do
    with {:ok, _described} <- Native.remote_statement(s.replica.primary, statement),
         do:
           error(:readonly, "the statement is the primary's, and the transaction the replica's"),
         else: (_ -> error)
  end

  @doc """
  Several statements, all of them reads or not.
  """
  @spec batch(State.t(), timeout(), call(reply), call(reply)) :: reply | {:error, Error.t()}
        when reply: term()
  def batch(s, timeout, here, there) do
    case place(s) do
      place when place in [:fresh, :snapshot] -> here_or_there(s, timeout, here, there)
      {:error, _} = error -> error
      place when place in [:primary, :behind, :outdated] -> at_primary(s, timeout, there)
    end
  end

  @doc """
  What only reads.
  """
  @spec read(State.t(), timeout(), call(reply), call(reply)) :: reply | {:error, Error.t()}
        when reply: term()
  def read(s, timeout, here, there) do
    case place(s) do
      :behind -> read_behind(s, timeout, here, there)
      place when place in [:primary, :outdated] -> there.(timeout)
      {:error, _} = error -> error
      place when place in [:fresh, :snapshot] -> here.(timeout)
    end
  end

  @doc """
  What asks for nothing that could be stale.
  """
  @spec here(State.t(), (-> reply)) :: reply | {:error, Error.t()} when reply: term()
  def here(s, call) do
    with place when is_atom(place) <- place(s), do: call.()
  end

  @doc """
  A call at the primary. What it has written is on the file when this returns, where the connection
  reads its own writes.
  """
  @spec at_primary(State.t(), timeout(), call(reply)) :: reply when reply: term()
  def at_primary(s, timeout, there) do
    deadline = Call.deadline(timeout)
    reply = there.(timeout)
    unless unreachable?(reply), do: ReadYourWrites.await(s, deadline)
    reply
  end

  defp unreachable?({:error, %Error{code: code}}), do: code in @unreachable
  defp unreachable?(_reply), do: false

  defp here_or_there(s, timeout, here, there) do
    case here.(timeout) do
      :at_primary ->
        at_primary(s, timeout, there)

      {:error, %Error{code: :statement_closed}} ->
        at_primary(s, timeout, there)

      {:error, %Error{} = error} = reply ->
        if damage?(error), do: elsewhere(s, timeout, there), else: reply

      reply ->
        reply
    end
  end

  @doc """
  Whether an error says that the file is damaged.
  """
  @spec damage?(Error.t()) :: boolean()
  def damage?(%Error{extended_code: nil}), do: false
  def damage?(%Error{extended_code: @short_read}), do: true
  def damage?(%Error{extended_code: code}), do: Bitwise.band(code, 0xFF) in @damage

  # The primary has all that was in the file, which is pulled anew with the next sync.
  defp elsewhere(s, timeout, there) do
    Native.replica_damaged(s.replica.handle)
    at_primary(s, timeout, there)
  end

  ## Where the file lacks what this VM has written

  defp behind(s, statement, timeout, here, there) do
    if reads?(s, statement, timeout),
      do: read_behind(s, timeout, here, there),
      else: at_primary(s, timeout, there)
  end

  defp reads?(s, statement, timeout) do
    with {:error, %Error{code: :statement_closed}} <- Native.stmt_column_count(s, statement),
         do: match?({:ok, _columns}, Native.describe(s, statement, timeout)),
         else: (reply -> match?({:ok, _count}, reply))
  end

  defp read_behind(s, timeout, here, there) do
    deadline = Call.deadline(timeout)

    case ReadYourWrites.catch_up(s, share(deadline)) do
      :ok -> here.(remaining(deadline))
      :behind -> read_at_primary(s, deadline, here, there)
    end
  end

  defp read_at_primary(s, deadline, here, there) do
    asked = ReadYourWrites.unless_tried(s, :primary, fn -> there.(share(deadline)) end)

    case asked do
      {:error, %Error{code: code} = error} when code in @unreachable ->
        ReadYourWrites.tried(s, :primary)
        stale(s, deadline, here, error)

      :tried ->
        stale(s, deadline, here, nil)

      reply ->
        reply
    end
  end

  defp stale(s, deadline, here, error) do
    with :ok <- ReadYourWrites.stale_read(s, error), do: here.(remaining(deadline))
  end

  # A part of the time, so that some is left for another way.
  defp share(:infinity), do: @share
  defp share(deadline), do: min(div(remaining(deadline), 2), @share)

  defp error(code, message), do: {:error, %Error{code: code, message: message}}
end
