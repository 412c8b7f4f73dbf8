defmodule EctoLibSql.Trace do
  @moduledoc """
  What a connection's statements do, as messages: SQLite's
  [trace](https://sqlite.org/c3ref/trace_v2.html). For debugging; `EctoLibSql.Telemetry` has the event of
  slow queries, which is for production (the option `:slow_query` of `EctoLibSql.connect/1`).

      iex> {:ok, s} = EctoLibSql.connect(database: ":memory:")
      iex> conn_id = s.conn_id
      iex> :ok = EctoLibSql.Trace.start(s)
      iex> {:ok, _} = EctoLibSql.query(s, "SELECT ? + 1", [1])
      iex> receive do
      ...>   {EctoLibSql.Trace, ^conn_id, :stmt, %{sql: sql}} -> sql
      ...> end
      "SELECT ? + 1"
      iex> receive do
      ...>   {EctoLibSql.Trace, ^conn_id, :profile, %{statistics: statistics}} -> statistics.run
      ...> end
      1
      iex> EctoLibSql.Trace.stop(s)
      :ok

  ## Messages

  `{EctoLibSql.Trace, conn_id, kind, map}`. In the map, `:run` is a number that the messages of one run
  of a statement have in common, and `:sql` is what was prepared, without the parameters' values, of
  which no more than 16 KiB are sent. Times are in native units.

    * `:stmt` - a statement begins: `:run`, `:sql`. A trigger that it runs, and each of the trigger's
      statements, come as ones of the same run, with a comment for SQL: `"-- TRIGGER name"`, `"-- UPDATE …"`
    * `:profile` - it has ended, also by an error, or was given up: `:run`, `:sql`, `:duration` and
      `:statistics`, what SQLite counted in it (`t:EctoLibSql.Status.statement/0` without `:memused`). The
      duration is that in which it was run and its rows were handed over; the time in which a cursor
      stands still between two fetches is not in it
    * `:row` - it has come to a row: `:run`, and `:row`, counted from 1
    * `:progress` - it goes on: `:run`, `:sql`, `:duration` so far, and `:vm_steps`, to the thousand
    * `:lost` - `:count` messages were lost, see below
    * `:close` - the connection was closed. The last message, whatever was asked for
    * `:stop` - `EctoLibSql.reset_connection/1` has ended the trace. Likewise the last

  Those that a process's call caused have that process as `:pid`. Statements of scripts, batches and
  cursors are traced one by one, `BEGIN` and `COMMIT` as well; what SQLite runs inside of a
  statement for itself is not. A statement that met a change of the schema ends and is begun anew
  by SQLite: it has two messages `:profile` with the same `:run`. An `EXPLAIN` has no `:stmt`.

  ## Slow subscribers

  Statements never wait for a subscriber. Where it has 1,000 messages in its queue, or 1,000 are under way
  to it, further ones are lost, and it is told how many when there is room again.

  ## What it costs

  Nothing where nobody traces. While somebody does, each statement has some microseconds more, and
  all run on dirty schedulers.

  A trace ends with `stop/2`, with its subscriber, with the connection, and when that is reset. On a
  replica, what is read from its file is traced; on a server, nothing is: an error with the code
  `:unsupported`.
  """

  alias EctoLibSql.{Backend, Call, Error, Native, Redact, State}
  alias EctoLibSql.Trace.Relay

  @events [:stmt, :profile, :row, :progress]

  @doc """
  Has a process told what the connection's statements do, from the next one on. What it was
  told of the connection so far ends. Waits for nobody: where a call is under way on the connection,
  what comes after it is told.

  ## Options

    * `:events` - a list of `:stmt`, `:profile`, `:row` and `:progress`. Default: `[:stmt, :profile]`
    * `:every` - the milliseconds between two messages of `:progress`. Default: `100`
    * `:expanded_sql` - `true`: `:stmt` and `:profile` have `:expanded_sql`, too, the SQL with the
      parameters' values, where that is no longer than 16 KiB. Each statement then costs its making.
      Default: `false`
    * `:redact` - what is not to be in it, as for `EctoLibSql.expanded_sql/4`, but for names that a
      statement does not have, which are no error here. Default: `false`
  """
  @spec start(State.t(), pid(), keyword()) :: :ok | {:error, Error.t()}
  def start(%State{} = s, pid \\ self(), opts \\ [])
      when is_pid(pid) and node(pid) == node() and is_list(opts) do
    opts =
      Keyword.validate!(opts,
        events: [:stmt, :profile],
        every: 100,
        expanded_sql: false,
        redact: false
      )

    with {:ok, wants} <- wants(Map.new(opts)),
         :ok <- listen(),
         {:ok, outlet} <- Call.reply(s, Backend.of(s).trace_start(s, pid, wants)) do
      outlet |> Relay.watch(pid, s.conn_id) |> Enum.each(&Native.trace_stop/1)
    end
  end

  @doc """
  Ends a process's trace of the connection. When this has returned, nothing more is sent. Twice is
  fine, and it waits for nobody.
  """
  @spec stop(State.t(), pid()) :: :ok
  def stop(%State{} = s, pid \\ self()) when is_pid(pid),
    do: pid |> Relay.forget(s.conn_id) |> Enum.each(&Native.trace_stop/1)

  defp listen do
    if Relay.listen(),
      do: :ok,
      else:
        error(:unsupported, "EctoLibSql.Trace needs the application :ecto_libsql to be started")
  end

  defp wants(%{events: events, every: every, expanded_sql: expanded} = opts) do
    cond do
      not is_list(events) or events == [] or List.improper?(events) or events -- @events != [] ->
        invalid("events takes a list of #{inspect(@events)}, got: #{inspect(events)}")

      not (is_integer(every) and every in 0..0xFFFFFFFF) ->
        invalid("every takes milliseconds, an integer of 0 or more, got: #{inspect(every)}")

      not is_boolean(expanded) ->
        invalid("expanded_sql takes true or false, got: #{inspect(expanded)}")

      true ->
        with {:ok, redact} <- Redact.names(opts.redact),
             do: {:ok, {events, every, if(expanded, do: redact)}}
    end
  end

  defp invalid(message), do: error(:invalid_argument, message)
  defp error(code, message), do: {:error, %Error{code: code, message: message}}
end
