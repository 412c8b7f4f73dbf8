defmodule EctoLibSql.Call do
  @moduledoc false
  # The calls of the NIF, as EctoLibSql and EctoLibSql.Connection make them: each with a deadline (in
  # milliseconds of monotonic time, or :infinity), waiting where others write, with parameters that
  # are structs encoded.

  import EctoLibSql.Waiting, only: [is_blocked: 1, remaining: 1]

  alias EctoLibSql.{
    Authorizer,
    Backend,
    Error,
    Native,
    Params,
    ReaderHeap,
    Result,
    State,
    Waiting
  }

  require Logger

  # The NIF has its own cap for one call; this asks for no less than that.
  @rows_a_call 1_000_000

  @type deadline :: integer() | :infinity
  @type params :: EctoLibSql.params()

  @doc """
  The deadline of a call that may take so many milliseconds.
  """
  @spec deadline(timeout()) :: deadline()
  def deadline(:infinity), do: :infinity

  def deadline(timeout) when is_integer(timeout) and timeout >= 0,
    do: System.monotonic_time(:millisecond) + timeout

  def deadline(other),
    do: raise(ArgumentError, "timeout takes milliseconds or :infinity, got: #{inspect(other)}")

  ## Opening

  @doc """
  Opens a connection, and tries again while others have the file for themselves: for as long as the
  busy timeout, but for a second at least in WAL mode, since the first connections to a new file
  meet each other while they switch it.
  """
  @spec open(map()) :: {:ok, String.t()} | {:error, Error.t()}
  def open(%{busy_timeout: timeout, journal_mode: {:wal, _required}} = options),
    do: open(options, deadline(max(timeout, 1_000)))

  def open(options), do: open(options, deadline(options.busy_timeout))

  defp open(options, limit) do
    case Native.open(options) do
      {:locked, error} ->
        if remaining(limit) > 0 do
          Process.sleep(:rand.uniform(4))
          open(options, limit)
        else
          {:error, error}
        end

      reply ->
        reply
    end
  end

  ## Queries

  @spec query(State.t(), String.t(), params(), deadline()) ::
          {:ok, Result.t()} | {:error, Error.t()}
  def query(s, statement, params, deadline) do
    case Backend.of(s).query_short(s, statement, params) do
      {:ok, result} -> {:ok, Result.new(result)}
      {:error, _} = error -> reply(s, error)
      _long -> query(s, statement, params, deadline, nil)
    end
  end

  defp query(s, statement, params, deadline, waiting) do
    case Backend.of(s).query(s, statement, params, remaining(deadline)) do
      {:ok, result} ->
        {:ok, Result.new(result)}

      {:more, cursor, columns, rows, num_rows} ->
        ReaderHeap.for_long_result(fn ->
          fetch_rest(s, cursor, columns, [rows], num_rows, deadline)
        end)

      :encode_params ->
        with {:ok, params} <- Params.encode(params),
             do: query(s, statement, params, deadline, waiting)

      {:error, _} = error ->
        reply(s, error)

      blocked when is_blocked(blocked) ->
        with {:again, waiting} <- Waiting.wait(s, blocked, deadline, waiting) do
          query(s, statement, params, deadline, waiting)
        else
          {:error, error} -> {:error, %{error | statement: error.statement || statement}}
        end
    end
  end

  defp fetch_rest(s, cursor, columns, chunks, num_rows, deadline) do
    case Backend.of(s).fetch(s, cursor, @rows_a_call, remaining(deadline)) do
      {:more, _columns, rows, count} ->
        ReaderHeap.grow()
        fetch_rest(s, cursor, columns, [rows | chunks], num_rows + count, deadline)

      {:done, {_columns, rows, count, changes, last_insert_rowid, _autocommit}} ->
        {:ok,
         %Result{
           columns: columns,
           rows: concat(chunks, rows),
           num_rows: num_rows + count,
           changes: changes,
           last_insert_rowid: last_insert_rowid
         }}

      {:error, _} = error ->
        Backend.of(s).deallocate(s, cursor)
        reply(s, error)
    end
  end

  # `chunks` are in reverse order.
  defp concat(chunks, last), do: Enum.reduce(chunks, last, &(&1 ++ &2))

  @doc """
  As `query/4`, with the run's statistics in the result.
  """
  @spec query_counting(State.t(), String.t(), params(), deadline()) ::
          {:ok, Result.t()} | {:error, Error.t()}
  def query_counting(s, statement, params, deadline) do
    call = &Backend.of(s).query_counting(s, statement, &1, &2)

    with {:ok, result, statistics} <- with_encoded(s, params, deadline, call),
         do: {:ok, %{Result.new(result) | statistics: statistics}}
  end

  @doc "The SQL with the parameters' values, but for what is to be hidden."
  @spec expanded_sql(State.t(), String.t(), params(), boolean() | [String.t()], deadline()) ::
          {:ok, String.t()} | {:error, Error.t()}
  def expanded_sql(s, statement, params, redact, deadline) do
    call = &Backend.of(s).do_expanded_sql(s, statement, &1, redact, &2)
    with_encoded(s, params, deadline, call)
  end

  @doc """
  A query of the driver's own, whatever the connection's policy.
  """
  @spec query_exempt(State.t(), String.t(), params(), deadline()) ::
          {:ok, Result.t()} | {:error, Error.t()}
  def query_exempt(%State{mode: mode} = s, sql, params, deadline)
      when mode in [:local, :offline] do
    with {:ok, result} <-
           with_encoded(s, params, deadline, &Backend.here(s).query_exempt(s, sql, &1, &2)),
         do: {:ok, Result.new(result)}
  end

  def query_exempt(s, sql, params, deadline), do: query(s, sql, params, deadline)

  @spec query_row(State.t(), String.t(), params(), deadline()) ::
          {:ok, [Result.value()]} | {:error, :no_rows | :multiple_rows | Error.t()}
  def query_row(s, statement, params, deadline),
    do: with_encoded(s, params, deadline, &Backend.of(s).do_query_row(s, statement, &1, &2))

  @spec run(State.t(), String.t(), params(), deadline()) :: :ok | {:error, Error.t()}
  def run(s, statement, params, deadline),
    do: with_encoded(s, params, deadline, &Backend.of(s).run(s, statement, &1, &2))

  @spec prepare(State.t(), String.t(), deadline()) :: {:ok, String.t()} | {:error, Error.t()}
  def prepare(s, sql, deadline), do: waiting(s, deadline, &Backend.of(s).prepare(s, sql, &1))

  @spec describe(State.t(), String.t(), deadline()) ::
          {:ok, [{String.t() | nil, String.t() | nil}]} | {:error, Error.t()}
  def describe(s, sql, deadline), do: waiting(s, deadline, &Backend.of(s).describe(s, sql, &1))

  ## Cursors

  @spec declare(State.t(), String.t(), params(), deadline()) ::
          {:ok, String.t()} | {:error, Error.t()}
  def declare(s, statement, params, deadline),
    do: with_encoded(s, params, deadline, &Backend.of(s).declare(s, statement, &1, &2))

  @spec fetch(State.t(), String.t(), pos_integer(), deadline()) ::
          {:cont | :halt, Result.t()} | {:error, Error.t()}
  def fetch(s, cursor, max_rows, deadline) do
    case waiting(s, deadline, &Backend.of(s).fetch(s, cursor, max_rows, &1)) do
      {:more, columns, rows, count} ->
        {:cont, %Result{columns: columns, rows: rows, num_rows: count}}

      {:done, result} ->
        {:halt, Result.new(result)}

      {:error, _} = error ->
        error
    end
  end

  ## Batches

  @spec script(State.t(), String.t(), boolean(), deadline()) ::
          {:ok, [Result.t()]} | {:error, Error.t()}
  def script(s, sql, transactional, deadline) do
    run_parts(s, sql, deadline, fn sql, first, timeout ->
      {Backend.of(s).execute_script(s, sql, transactional, first, timeout),
       &binary_part(sql, &1, byte_size(sql) - &1)}
    end)
  end

  @spec batch(State.t(), [{String.t(), params()}], boolean(), deadline()) ::
          {:ok, [Result.t()]} | {:error, Error.t()}
  def batch(s, statements, transactional, deadline) do
    ran =
      run_parts(s, statements, deadline, fn statements, first, timeout ->
        {Backend.of(s).execute_list(s, statements, transactional, first, timeout),
         &Enum.drop(statements, &1)}
      end)

    with :encode_params <- ran,
         {:ok, statements} <- encode_batch(statements),
         do: batch(s, statements, transactional, deadline)
  end

  # Where a part that others keep from writing comes after one that has run, only what is left is
  # run when its turn has come.
  defp run_parts(s, work, deadline, run), do: run_parts(s, work, deadline, run, [], nil)

  defp run_parts(s, work, deadline, run, done, waiting) do
    {ran, rest} = run.(work, length(done), remaining(deadline))

    case ran do
      {:ok, results} ->
        {:ok, Enum.reverse(done, Enum.map(results, &Result.new/1))}

      {:stopped, results, at, blocked} ->
        waiting = if results == [], do: waiting
        done = Enum.reduce(results, done, &[Result.new(&1) | &2])

        with {:again, waiting} <- Waiting.wait(s, blocked, deadline, waiting) do
          run_parts(s, rest.(at), deadline, run, done, waiting)
        else
          {:error, error} -> {:error, at_index(error, length(done))}
        end

      blocked when is_blocked(blocked) ->
        with {:again, waiting} <- Waiting.wait(s, blocked, deadline, waiting),
             do: run_parts(s, work, deadline, run, done, waiting)

      :encode_params ->
        :encode_params

      error ->
        reply(s, error)
    end
  end

  defp at_index(error, index),
    do: %{error | index: index, message: "statement #{index} of the batch: #{error.message}"}

  defp encode_batch(statements) do
    statements
    |> Enum.with_index()
    |> Enum.reduce_while({:ok, []}, fn {{sql, params}, index}, {:ok, encoded} ->
      case Params.encode(params) do
        {:ok, params} -> {:cont, {:ok, [{sql, params} | encoded]}}
        {:error, error} -> {:halt, {:error, %{error | index: index, statement: sql}}}
      end
    end)
    |> then(fn
      {:ok, encoded} -> {:ok, Enum.reverse(encoded)}
      error -> error
    end)
  end

  ## Transactions

  @spec begin(State.t(), EctoLibSql.behavior(), deadline()) :: :ok | {:error, Error.t()}
  def begin(s, behavior, deadline),
    do: waiting(s, deadline, &Backend.of(s).begin(s, behavior, &1))

  @spec commit(State.t(), deadline()) :: :ok | {:error, Error.t()}
  def commit(s, deadline), do: waiting(s, deadline, &Backend.of(s).commit(s, &1))

  @spec rollback(State.t()) :: :ok | {:error, Error.t()}
  def rollback(s), do: waiting(s, :infinity, fn _timeout -> Backend.of(s).rollback(s) end)

  @spec savepoint(State.t(), String.t(), deadline()) :: :ok | {:error, Error.t()}
  def savepoint(s, name, deadline),
    do: waiting(s, deadline, &Backend.of(s).savepoint(s, name, &1))

  @spec release_savepoint(State.t(), String.t(), deadline()) :: :ok | {:error, Error.t()}
  def release_savepoint(s, name, deadline),
    do: waiting(s, deadline, &Backend.of(s).release_savepoint(s, name, &1))

  @spec rollback_to_savepoint(State.t(), String.t(), deadline()) :: :ok | {:error, Error.t()}
  def rollback_to_savepoint(s, name, deadline),
    do: waiting(s, deadline, &Backend.of(s).rollback_to_savepoint(s, name, &1))

  ## The connection

  @spec reset(State.t()) :: :ok | {:error, Error.t()}
  def reset(s), do: waiting(s, :infinity, fn _timeout -> Backend.of(s).do_reset(s) end)

  @spec cacheflush(State.t(), deadline()) :: :ok | {:error, Error.t()}
  def cacheflush(s, deadline), do: waiting(s, deadline, &Backend.of(s).cacheflush(s, &1))

  @doc """
  Copies a database of `source` over one of `target`. Answers the source's data version as of then.
  """
  @spec backup(State.t(), String.t(), State.t(), String.t(), deadline()) ::
          {:ok, non_neg_integer()} | {:error, Error.t()}
  def backup(source, source_schema, target, schema, deadline),
    do:
      waiting(
        target,
        deadline,
        &Backend.of(source).backup(source, source_schema, target, schema, &1)
      )

  @spec data_versions(State.t(), deadline()) ::
          {:ok, [{String.t(), non_neg_integer()}]} | {:error, Error.t()}
  def data_versions(s, deadline), do: waiting(s, deadline, &Backend.of(s).do_data_versions(s, &1))

  @doc """
  A checkpoint. One that readers keep from its end is made again, for as long as the busy timeout.
  """
  @spec checkpoint(State.t(), atom(), deadline()) ::
          {:ok, EctoLibSql.checkpoint()} | {:error, Error.t()}
  def checkpoint(s, mode, deadline) do
    with {:ok, {busy_timeout, _interrupts}} <- Backend.of(s).patience(s),
         do: checkpoint(s, mode, deadline, min(deadline(busy_timeout), deadline))
  end

  defp checkpoint(s, mode, deadline, limit) do
    case waiting(s, deadline, &Backend.of(s).checkpoint(s, mode, &1)) do
      {:ok, %{busy: true}} = done when mode != :passive ->
        if remaining(limit) > 0 do
          Process.sleep(:rand.uniform(4))
          checkpoint(s, mode, deadline, limit)
        else
          done
        end

      reply ->
        reply
    end
  end

  # What is only asked is not worth a wait for another process's query.
  @patience 100

  @doc """
  Asks the connection something. Where it is at work for another process, for longer than a moment,
  that is an error with the code `:busy`.
  """
  @spec ask(State.t(), (State.t() -> reply)) :: reply | {:error, Error.t()} when reply: term()
  def ask(s, question), do: ask(s, question, nil)

  defp ask(s, question, limit) do
    case question.(s) do
      {:error, %Error{code: :busy}} = error ->
        limit = limit || deadline(@patience)

        if remaining(limit) > 0 do
          Process.sleep(1)
          ask(s, question, limit)
        else
          error
        end

      answer ->
        reply(s, answer)
    end
  end

  ## Shared

  @doc """
  Makes a call until nothing blocks it; it is given the milliseconds that are left.
  """
  @spec waiting(State.t(), deadline(), (timeout() -> reply)) :: reply | {:error, Error.t()}
        when reply: term()
  def waiting(s, deadline, call), do: reply(s, Waiting.call(s, deadline, call))

  # Where a parameter is a struct, the NIF has answered before anything ran.
  defp with_encoded(s, params, deadline, call) do
    case waiting(s, deadline, &call.(params, &1)) do
      :encode_params ->
        with {:ok, params} <- Params.encode(params),
             do: waiting(s, deadline, &call.(params, &1))

      reply ->
        reply
    end
  end

  @doc """
  Passes a reply on. Use of what is another's is a mistake of the program: it is told, and it is
  logged. What a policy has denied is a telemetry event.
  """
  @spec reply(State.t(), reply) :: reply when reply: term()
  def reply(s, {:error, %Error{code: code, message: message}} = error)
      when code in [:not_transaction_owner, :wrong_connection] do
    Logger.warning(
      "EctoLibSql: #{message} (connection #{s.conn_id}, called by #{inspect(self())})"
    )

    error
  end

  def reply(s, {:error, %Error{denied: %{}} = denied} = error) do
    Authorizer.report(s, denied)
    error
  end

  def reply(_s, reply), do: reply
end
