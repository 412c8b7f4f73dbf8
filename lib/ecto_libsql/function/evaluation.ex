defmodule EctoLibSql.Function.Evaluation do
  @moduledoc false
  # A call during which its process evaluates functions: what it knows of them, and the accumulators
  # of aggregates' runs. A cursor pauses with its runs unfinished: these are kept in the process's
  # dictionary until the next call.

  alias EctoLibSql.{Native, Params}

  @enforce_keys [:conn_id, :call]
  defstruct [:conn_id, :call, definitions: %{}, runs: nil]

  @type t :: %__MODULE__{}

  @doc """
  Whether this process evaluates a function right now.
  """
  @spec inside?() :: boolean()
  def inside?, do: Process.get({__MODULE__, :depth}, 0) > 0

  @doc """
  Does what the thread of the call asks for. `:over`: nobody waits for the answer any more.
  """
  @spec answer(t(), tuple()) :: {:running | :over, t()}
  def answer(evaluation, {:forget, run}) do
    evaluation = runs(evaluation)
    {:running, %{evaluation | runs: Map.delete(evaluation.runs, run)}}
  end

  def answer(evaluation, {:call, number, id, definition, part, {run, begins}, args}) do
    evaluation = evaluation |> learn(id, definition) |> runs()
    definition = Map.fetch!(evaluation.definitions, id)

    runs = if begins, do: begin(definition, run, evaluation.runs), else: evaluation.runs
    {answer, runs} = inside(fn -> evaluate(part, definition, run, args, runs) end)

    case give(evaluation.call, number, definition, answer) do
      :ok -> {:running, %{evaluation | runs: runs}}
      :over -> {:over, %{evaluation | runs: runs}}
    end
  end

  defp learn(evaluation, _id, nil), do: evaluation

  defp learn(evaluation, id, definition),
    do: %{evaluation | definitions: Map.put(evaluation.definitions, id, definition)}

  ## Runs of aggregates

  defp runs(%__MODULE__{runs: nil} = evaluation),
    do: %{evaluation | runs: Process.get({__MODULE__, evaluation.conn_id}, %{})}

  defp runs(evaluation), do: evaluation

  defp begin(%{init: init}, run, runs), do: Map.put(runs, run, init)
  defp begin(_scalar, _run, runs), do: runs

  @doc """
  Forgets the runs of a connection's cursors that this process did not read to their end.
  """
  @spec forget_runs(String.t()) :: :ok
  def forget_runs(conn_id) do
    Process.delete({__MODULE__, conn_id})
    :ok
  end

  @doc """
  Keeps the runs that are not finished for the next call.
  """
  @spec put_away(t()) :: :ok
  def put_away(%__MODULE__{runs: nil}), do: :ok

  def put_away(%__MODULE__{conn_id: conn_id, runs: runs}) when runs == %{},
    do: forget_runs(conn_id)

  def put_away(%__MODULE__{conn_id: conn_id, runs: runs}) do
    Process.put({__MODULE__, conn_id}, runs)
    :ok
  end

  ## Evaluating

  defp inside(fun) do
    depth = Process.get({__MODULE__, :depth}, 0)
    Process.put({__MODULE__, :depth}, depth + 1)

    try do
      fun.()
    after
      if depth == 0,
        do: Process.delete({__MODULE__, :depth}),
        else: Process.put({__MODULE__, :depth}, depth)
    end
  end

  defp evaluate(:call, %{call: fun} = definition, _run, args, runs),
    do: {guarded(fn -> call(definition, fun, args, []) end), runs}

  defp evaluate(:compare, %{compare: fun}, _run, [left, right], runs),
    do: {guarded(fn -> order(fun.(left, right)) end), runs}

  defp evaluate(part, definition, run, args, runs) when part in [:step, :inverse] do
    with {:ok, accumulator} <- accumulator(run, runs),
         fun = Map.fetch!(definition, part),
         {:ok, accumulator} <-
           guarded(fn -> call(definition, fun, args, [accumulator]) end) do
      {{:ok, nil}, Map.put(runs, run, accumulator)}
    else
      failed -> {failed, Map.delete(runs, run)}
    end
  end

  defp evaluate(:value, definition, run, [], runs) do
    with {:ok, accumulator} <- accumulator(run, runs),
         do: {guarded(fn -> definition.value.(accumulator) end), runs},
         else: (failed -> {failed, runs})
  end

  defp evaluate(:finish, definition, run, [], runs) do
    with {:ok, accumulator} <- accumulator(run, runs) do
      {guarded(fn -> definition.finalize.(accumulator) end), Map.delete(runs, run)}
    else
      failed -> {failed, runs}
    end
  end

  # A run that another process began is not here.
  defp accumulator(run, runs) do
    with :error <- Map.fetch(runs, run),
         do: {:failed, "cannot go on: another process was given the rows before"}
  end

  defp call(%{arity: -1}, fun, args, accumulator), do: apply(fun, [args | accumulator])
  defp call(_definition, fun, args, accumulator), do: apply(fun, args ++ accumulator)

  defp order(order) when order in [:lt, :eq, :gt],
    do: %{lt: -1, eq: 0, gt: 1} |> Map.fetch!(order)

  defp order(other), do: throw({__MODULE__, {:no_order, other}})

  defp guarded(fun) do
    {:ok, fun.()}
  catch
    :throw, {__MODULE__, {:no_order, other}} ->
      {:failed, "answered #{shown(other)}: a collation answers :lt, :eq or :gt"}

    kind, reason ->
      {:failed, "failed: " <> Exception.format_banner(kind, reason, __STACKTRACE__)}
  end

  ## Answers

  defp give(call, number, definition, {:failed, message}),
    do: fail(call, number, definition, message)

  defp give(call, number, definition, {:ok, value}) do
    with {:ok, encoded} <- encode(value),
         {:error, reason} <- send_value(call, number, encoded) do
      fail(call, number, definition, "answered #{shown(value)}: #{reason}")
    else
      {:error, reason} -> fail(call, number, definition, "answered #{shown(value)}: #{reason}")
      given -> given
    end
  end

  defp send_value(call, number, value) do
    with :long <- Native.function_answer(call, number, value),
         do: Native.function_answer_long(call, number, value)
  end

  defp encode(%_{} = struct) do
    case Params.encode([struct]) do
      {:ok, [encoded]} -> {:ok, encoded}
      {:error, _} -> {:error, "it cannot be stored"}
    end
  end

  defp encode(map) when is_map(map), do: {:error, "a map cannot be stored"}
  defp encode(value), do: {:ok, value}

  @longest 1_000

  defp fail(call, number, definition, message) do
    message = "#{definition.title} #{message}"
    message = if String.valid?(message), do: message, else: inspect(message)
    Native.function_fail(call, number, String.slice(message, 0, @longest))
  end

  defp shown(value), do: inspect(value, limit: 5, printable_limit: 100)
end
