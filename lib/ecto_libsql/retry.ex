defmodule EctoLibSql.Retry do
  @moduledoc false
  # Running again what failed for a reason that may pass, where nothing of it was applied: the
  # option :retry.

  alias EctoLibSql.{Backend, Error, State, Telemetry}

  # In milliseconds.
  @first_backoff 10
  @longest_backoff 1_000

  # Locks that others hold.
  @locks [:busy, :busy_recovery, :busy_timeout, :locked_sharedcache]

  # Reads and locks that the system refused, before anything was written. Not the errors of
  # writing, syncing and truncating: whether such a commit has taken place is not known.
  @io [
    :ioerr_access,
    :ioerr_blocked,
    :ioerr_checkreservedlock,
    :ioerr_fstat,
    :ioerr_lock,
    :ioerr_rdlock,
    :ioerr_read,
    :ioerr_shmlock,
    :ioerr_shmmap,
    :ioerr_shmopen
  ]

  # A transaction that is run again as a whole gets a new snapshot.
  @transaction [:busy_snapshot | @locks ++ @io]

  @doc """
  Runs a call again for as long as its error may pass, at most `times`, and not inside a
  transaction: there, what ran before it would be missing.
  """
  @spec call(State.t(), non_neg_integer(), (-> reply)) :: reply when reply: term()
  def call(_s, 0, fun), do: fun.()

  def call(s, times, fun) do
    attempt(s, times, 1, :call, fun, fn
      {:error, %Error{code: code} = error} when code in @locks or code in @io ->
        if match?({:ok, true}, Backend.of(s).autocommit(s)), do: error

      _reply ->
        nil
    end)
  end

  @doc """
  Runs a whole transaction again, whether its error is answered or raised.
  """
  @spec transaction(State.t() | nil, non_neg_integer(), (-> reply)) :: reply when reply: term()
  def transaction(_s, 0, fun), do: fun.()

  def transaction(s, times, fun) do
    guarded = fn ->
      try do
        fun.()
      rescue
        error in Error -> {__MODULE__, error, __STACKTRACE__}
      end
    end

    ran =
      attempt(s, times, 1, :transaction, guarded, fn
        {:error, %Error{code: code} = error} when code in @transaction -> error
        {__MODULE__, %Error{code: code} = error, _stacktrace} when code in @transaction -> error
        _reply -> nil
      end)

    case ran do
      {__MODULE__, error, stacktrace} -> reraise(error, stacktrace)
      reply -> reply
    end
  end

  defp attempt(s, times, number, kind, fun, error_to_retry) do
    reply = fun.()

    case number <= times && error_to_retry.(reply) do
      %Error{} = error ->
        backoff = backoff(number)
        Process.sleep(backoff)

        Telemetry.execute(
          [:ecto_libsql, :retry],
          %{
            attempt: number,
            backoff: System.convert_time_unit(backoff, :millisecond, :native)
          },
          Map.merge(of(s), %{error: error, kind: kind})
        )

        attempt(s, times, number + 1, kind, fun, error_to_retry)

      _done ->
        reply
    end
  end

  defp of(nil), do: %{conn_id: nil, database: nil}
  defp of(%State{} = s), do: %{conn_id: s.conn_id, database: s.database}

  # Doubles, and is drawn between half of itself and the whole.
  defp backoff(number) do
    longest = min(@first_backoff * Bitwise.bsl(1, min(number - 1, 10)), @longest_backoff)
    div(longest, 2) + :rand.uniform(div(longest, 2))
  end
end
