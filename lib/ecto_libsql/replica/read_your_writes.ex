defmodule EctoLibSql.Replica.ReadYourWrites do
  @moduledoc false
  # A write's frame is on the file before its caller goes on. Where it could not be had in time, the
  # write is done all the same: the VM's reads then look for another way to it, and the process that
  # wrote is not shown less.

  import EctoLibSql.Waiting, only: [remaining: 1]

  alias EctoLibSql.{Call, Error, Native, State, Telemetry}
  alias EctoLibSql.Replica.Sync

  # In milliseconds: how long a write that is done waits for its frame, at most, and for how long
  # a way that failed is not tried again.
  @longest 5_000
  @pause 1_000

  @ways %{sync: 1, primary: 2}

  @doc """
  When the ways to what is missing were last tried in vain, of one connection.
  """
  @spec new_tries() :: :atomics.atomics_ref()
  def new_tries, do: :atomics.new(map_size(@ways), signed: true)

  @doc """
  Waits until the file has what a call has written that the primary has answered.
  """
  @spec await(State.t(), Call.deadline()) :: :ok
  def await(%State{replica: replica} = s, deadline) do
    primary_answers(s)

    with frame when is_integer(frame) <- Native.replica_written(replica.handle),
         {:error, _} <- has(s, frame, deadline) do
      Native.replica_missed(replica.handle)
      Process.put(key(s), if(frame(s) < frame, do: frame, else: :of_another_log))
    end

    :ok
  end

  # A sync that begins after the write finds its frame.
  defp has(s, frame, deadline) do
    try_sync(s, fn ->
      limit = Call.deadline(min(remaining(deadline), @longest))

      with {:ok, %{frame_no: now}} when now < frame <- Sync.call(s, :sync, remaining(limit)),
           do: Sync.call(s, {:until, frame}, remaining(limit))
    end)
  end

  @doc """
  Tries to get what is missing.
  """
  @spec catch_up(State.t(), timeout()) :: :ok | :behind
  def catch_up(%State{replica: replica} = s, timeout) do
    _ = try_sync(s, fn -> Sync.call(s, :sync, timeout) end)

    if Native.replica_place(replica.handle) == :behind do
      :behind
    else
      Process.delete(key(s))
      :ok
    end
  end

  defp try_sync(s, sync) do
    case unless_tried(s, :sync, sync) do
      :tried ->
        {:error, :tried}

      {:error, _} = error ->
        tried(s, :sync)
        error

      synced ->
        synced
    end
  end

  @doc """
  Whether the file may be read as it is: not by the process that has written what is missing.
  """
  @spec stale_read(State.t(), Error.t() | nil) :: :ok | {:error, Error.t()}
  def stale_read(%State{} = s, error) do
    frame = frame(s)

    # An atom is more than any number.
    if Process.get(key(s), 0) > frame do
      {:error, behind(s, frame, error)}
    else
      Process.delete(key(s))

      Telemetry.execute([:ecto_libsql, :replica, :stale_read], %{frame: frame}, %{
        conn_id: s.conn_id,
        database: s.database
      })
    end
  end

  # 0 where it has none, or is closed.
  defp frame(s) do
    case Native.replica_frames(s.replica.handle) do
      {:ok, {frame, _written}} when is_integer(frame) -> frame
      _none -> 0
    end
  end

  defp behind(s, frame, error) do
    reason = if error, do: ": #{error.message}", else: ""

    %Error{
      code: :replica_behind,
      message:
        "the replica #{s.database} is behind what this process has written (it has frame " <>
          "#{frame}), and neither could it be brought up to date nor the primary be asked" <>
          reason
    }
  end

  defp key(s), do: {__MODULE__, s.database}

  @doc """
  Makes a call, unless this way has failed a moment ago.
  """
  @spec unless_tried(State.t(), :sync | :primary, (-> reply)) :: reply | :tried
        when reply: term()
  def unless_tried(%State{replica: %{tries: tries}}, way, call) do
    case :atomics.get(tries, @ways[way]) do
      0 -> call.()
      failed -> if now() - failed > @pause, do: call.(), else: :tried
    end
  end

  # What failed a moment ago need not fail now.
  defp primary_answers(%State{replica: %{tries: tries}}) do
    for {_way, index} <- @ways, do: :atomics.put(tries, index, 0)
    :ok
  end

  @spec tried(State.t(), :sync | :primary) :: :ok
  def tried(%State{replica: %{tries: tries}}, way), do: :atomics.put(tries, @ways[way], now())

  # Never 0, which is: not yet.
  defp now do
    case System.monotonic_time(:millisecond) do
      0 -> 1
      now -> now
    end
  end
end
