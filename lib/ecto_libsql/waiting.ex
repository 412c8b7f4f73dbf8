defmodule EctoLibSql.Waiting do
  @moduledoc false
  # How a call waits for others that write: in Elixir, so that no scheduler's thread sleeps. The
  # NIF answers what a call is blocked by, and has done nothing:
  #
  #   * `:gate_taken` - a connection of this VM writes. The call has a place in the queue of the
  #     database's write gate, and a message says when its turn has come
  #   * `{:locked, error}` - the lock is another program's, or a reader's outside of WAL mode. Nobody
  #     says when it is free, so the call is made again after a while

  alias EctoLibSql.{Error, Native, State, Telemetry}
  alias EctoLibSql.Function.Evaluation

  # In milliseconds: the longest pause between two looks at a lock, and that after so many of them.
  @pause 2
  @longest_pause 5
  @patience 100

  # The gap that is left for another program that looks like this.
  @gap 3

  @enforce_keys [:since, :limit, :interrupts]
  defstruct [:since, :limit, :interrupts, attempts: 0]

  @typedoc "Since when a call waits, until when it may, and how often it has met a lock."
  @type t :: %__MODULE__{
          since: integer(),
          limit: integer(),
          interrupts: non_neg_integer(),
          attempts: non_neg_integer()
        }

  @type blocked :: :gate_taken | {:locked, Error.t()}

  defguard is_blocked(reply)
           when reply == :gate_taken or
                  (is_tuple(reply) and tuple_size(reply) == 2 and elem(reply, 0) == :locked)

  @doc """
  Makes a call until nothing blocks it, or until its time is over. `call` is given the milliseconds
  that are left.
  """
  @spec call(State.t(), integer() | :infinity, (timeout() -> blocked() | reply)) ::
          reply | {:error, Error.t()}
        when reply: term()
  def call(s, deadline, call), do: call(s, deadline, call, nil)

  defp call(s, deadline, call, waiting) do
    case call.(remaining(deadline)) do
      blocked when is_blocked(blocked) ->
        with {:again, waiting} <- wait(s, blocked, deadline, waiting),
             do: call(s, deadline, call, waiting)

      reply ->
        reply
    end
  end

  @doc """
  Waits after one blocked call. `waiting` is what the call before it left, `nil` at first.
  """
  @spec wait(State.t(), blocked(), integer() | :infinity, t() | nil) ::
          {:again, t()} | {:error, Error.t()}
  def wait(s, blocked, deadline, nil) do
    with {:ok, {busy_timeout, interrupts}} <- Native.patience(s) do
      now = now()
      limit = min(now + busy_timeout, deadline)
      wait(s, blocked, deadline, %__MODULE__{since: now, limit: limit, interrupts: interrupts})
    end
  end

  def wait(s, :gate_taken, _deadline, %__MODULE__{} = waiting) do
    if Evaluation.inside?() and held_by_self?(s), do: for_oneself(s), else: turn(s, waiting)
  end

  def wait(s, {:locked, error}, _deadline, %__MODULE__{} = waiting),
    do: pause(s, error, waiting)

  ## The write gate

  # A function of a statement that writes: that waits for the function.
  defp held_by_self?(s),
    do: match?({:ok, %{holder: %{pid: pid}}} when pid == self(), Native.write_gate(s))

  defp for_oneself(s) do
    Native.give_up(s, true)
    forget_notices(s)

    message =
      "another connection of this process writes to #{s.database}, in the call that waits for the " <>
        "function which this process evaluates"

    {:error, %Error{code: :inside_function, message: message}}
  end

  defp turn(%State{conn_id: conn_id} = s, waiting) do
    began = System.monotonic_time()

    receive do
      {:ecto_libsql_gate, ^conn_id, :turn} ->
        waited(s, began, %{result: :turn})
        {:again, waiting}

      {:ecto_libsql_gate, ^conn_id, :turn_later} ->
        Process.sleep(@gap)
        waited(s, began, %{result: :turn})
        {:again, waiting}

      {:ecto_libsql_gate, ^conn_id, :interrupted} ->
        waited(s, began, %{result: :interrupted})
        {:error, interrupted()}
    after
      max(waiting.limit - now(), 0) -> out_of_time(s, began, waiting)
    end
  end

  defp out_of_time(s, began, waiting) do
    case Native.give_up(s, true) do
      :granted ->
        forget_notices(s)
        waited(s, began, %{result: :turn})
        {:again, waiting}

      {:behind, holder} ->
        forget_notices(s)
        waited(s, began, %{result: :busy, holder: holder && elem(holder, 0)})
        {:error, gate_error(s, waiting, holder)}

      {:error, _} = error ->
        forget_notices(s)
        error
    end
  end

  # What was sent before the place was given up.
  defp forget_notices(%State{conn_id: conn_id} = s) do
    receive do
      {:ecto_libsql_gate, ^conn_id, _notice} -> forget_notices(s)
    after
      0 -> :ok
    end
  end

  defp waited(s, began, metadata) do
    Telemetry.execute(
      [:ecto_libsql, :gate, :wait],
      %{duration: System.monotonic_time() - began},
      Map.merge(metadata, %{conn_id: s.conn_id, database: s.database})
    )
  end

  defp gate_error(s, waiting, holder) do
    waited = now() - waiting.since

    {who, wait} =
      case holder do
        {pid, held} ->
          {", which #{inspect(pid)} has had for #{held} ms", %{holder: pid, held: held}}

        nil ->
          {"", %{holder: nil, held: nil}}
      end

    %Error{
      code: :busy,
      extended_code: 5,
      message: "waited #{waited} ms for the write gate of #{s.database}#{who}",
      wait: Map.put(wait, :waited, waited)
    }
  end

  ## Locks of others

  defp pause(%State{conn_id: conn_id} = s, error, waiting) do
    began = now()

    if began >= waiting.limit do
      Native.give_up(s, false)
      {:error, lock_error(error, waiting)}
    else
      # Programs that would try at the same moments are driven apart.
      longest = if waiting.attempts < @patience, do: @pause, else: @longest_pause
      pause = min(:rand.uniform(longest), waiting.limit - began)

      receive do
        {:ecto_libsql_gate, ^conn_id, :interrupted} -> {:error, interrupted()}
        # The connection was closed, as the next call will find.
        {:ecto_libsql_gate, ^conn_id, _turn} -> {:again, waiting}
      after
        pause -> again(s, began, %{waiting | attempts: waiting.attempts + 1})
      end
    end
  end

  defp again(s, began, waiting) do
    Telemetry.execute(
      [:ecto_libsql, :lock, :wait],
      %{
        duration: System.convert_time_unit(now() - began, :millisecond, :native),
        attempt: waiting.attempts
      },
      %{conn_id: s.conn_id, database: s.database}
    )

    case Native.patience(s) do
      {:ok, {_busy_timeout, interrupts}} when interrupts != waiting.interrupts ->
        Native.give_up(s, false)
        {:error, interrupted()}

      _ ->
        {:again, waiting}
    end
  end

  defp lock_error(error, waiting) do
    waited = now() - waiting.since

    %{
      error
      | message: "#{error.message}: waited #{waited} ms for the lock",
        wait: %{waited: waited, holder: nil, held: nil}
    }
  end

  defp interrupted,
    do: %Error{code: :interrupted, message: "the call was interrupted while it waited to write"}

  @doc """
  The milliseconds until a deadline.
  """
  @spec remaining(integer() | :infinity) :: timeout()
  def remaining(:infinity), do: :infinity
  def remaining(deadline), do: max(deadline - now(), 0)

  defp now, do: System.monotonic_time(:millisecond)
end
