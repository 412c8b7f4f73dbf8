defmodule EctoLibSql.Function.Definition do
  @moduledoc false
  # A function or collation that is written in Elixir: what EctoLibSql.Function's functions and the
  # option `:functions` give, checked, and as the NIF takes it.

  alias EctoLibSql.Error

  @enforce_keys [:native, :evaluated]
  defstruct [:native, :evaluated]

  @typedoc """
  `native` is `{kind, name, arity, deterministic, direct_only, innocuous}`; `evaluated` is what the
  process that evaluates it is given.
  """
  @type t :: %__MODULE__{native: tuple(), evaluated: map()}

  @flags [deterministic: false, direct_only: true, innocuous: false]

  @spec new(tuple()) :: {:ok, t()} | {:error, Error.t()}
  def new({:scalar, name, arity, fun}), do: new({:scalar, name, arity, fun, []})

  def new({:scalar, name, arity, fun, opts}) do
    with :ok <- check(name, arity),
         {:ok, flags} <- flags(opts),
         {:ok, fun} <- fun(:fun, fun, called_with(arity, 0)),
         do: {:ok, definition(:scalar, name, arity, flags, %{call: fun})}
  end

  def new({:aggregate, name, arity, callbacks}), do: new({:aggregate, name, arity, callbacks, []})

  def new({:aggregate, name, arity, callbacks, opts}),
    do: aggregate(:aggregate, name, arity, callbacks, opts, [:step])

  def new({:window, name, arity, callbacks}), do: new({:window, name, arity, callbacks, []})

  def new({:window, name, arity, callbacks, opts}),
    do: aggregate(:window, name, arity, callbacks, opts, [:step, :inverse])

  def new({:collation, name, fun}) do
    with :ok <- check(name, 0),
         {:ok, fun} <- fun(:fun, fun, 2),
         do: {:ok, definition(:collation, name, 0, flags!([]), %{compare: fun})}
  end

  def new(other) do
    invalid(
      "a function is {:scalar, name, arity, fun}, {:aggregate, name, arity, callbacks}, " <>
        "{:window, name, arity, callbacks} or {:collation, name, fun}, got: #{inspect(other)}"
    )
  end

  defp aggregate(kind, name, arity, callbacks, opts, steps) do
    known = [:init, :finalize, :value | steps]

    with :ok <- check(name, arity),
         {:ok, flags} <- flags(opts),
         :ok <- keys(callbacks, known, [:init | steps]),
         {:ok, stepping} <- stepping(callbacks, steps, arity),
         {:ok, finalize} <- fun(:finalize, Keyword.get(callbacks, :finalize, & &1), 1),
         {:ok, value} <- fun(:value, Keyword.get(callbacks, :value, finalize), 1) do
      evaluated = Map.merge(stepping, %{init: callbacks[:init], finalize: finalize, value: value})
      {:ok, definition(kind, name, arity, flags, evaluated)}
    end
  end

  defp stepping(callbacks, steps, arity) do
    Enum.reduce_while(steps, {:ok, %{}}, fn step, {:ok, funs} ->
      case fun(step, callbacks[step], called_with(arity, 1)) do
        {:ok, fun} -> {:cont, {:ok, Map.put(funs, step, fun)}}
        error -> {:halt, error}
      end
    end)
  end

  defp keys(callbacks, known, required) do
    cond do
      not Keyword.keyword?(callbacks) ->
        invalid("the callbacks are a keyword list of #{list(known)}, got: #{inspect(callbacks)}")

      unknown = Enum.find(Keyword.keys(callbacks), &(&1 not in known)) ->
        invalid("there is no callback #{inspect(unknown)}: they are #{list(known)}")

      missing = Enum.find(required, &(not Keyword.has_key?(callbacks, &1))) ->
        invalid("the callback #{inspect(missing)} is missing")

      true ->
        :ok
    end
  end

  # A function of any number of arguments gets them as a list.
  defp called_with(-1, more), do: 1 + more
  defp called_with(arity, more), do: arity + more

  defp definition(kind, name, arity, flags, evaluated) do
    what = if kind == :collation, do: "collation", else: "function"
    evaluated = Map.merge(evaluated, %{arity: arity, title: "the #{what} #{name}"})
    {deterministic, direct_only, innocuous} = flags
    native = {kind, name, arity, deterministic, direct_only, innocuous}
    %__MODULE__{native: native, evaluated: evaluated}
  end

  defp check(name, arity) do
    cond do
      not is_binary(name) or not String.valid?(name) or byte_size(name) not in 1..255 or
          String.contains?(name, "\0") ->
        invalid("a function's name is a string of 1 to 255 bytes, got: #{inspect(name)}")

      not is_integer(arity) or arity not in -1..127 ->
        invalid(
          "a function takes from 0 to 127 arguments, or any number (-1), got: #{inspect(arity)}"
        )

      true ->
        :ok
    end
  end

  defp flags(opts) do
    cond do
      not Keyword.keyword?(opts) ->
        invalid("the options are a keyword list, got: #{inspect(opts)}")

      unknown = Enum.find(Keyword.keys(opts), &(not Keyword.has_key?(@flags, &1))) ->
        invalid("there is no option #{inspect(unknown)}: they are #{list(Keyword.keys(@flags))}")

      wrong = Enum.find(opts, fn {_flag, value} -> not is_boolean(value) end) ->
        invalid("#{elem(wrong, 0)} takes true or false, got: #{inspect(elem(wrong, 1))}")

      true ->
        {:ok, flags!(opts)}
    end
  end

  defp flags!(opts) do
    opts = Keyword.merge(@flags, opts)
    {opts[:deterministic], opts[:direct_only], opts[:innocuous]}
  end

  defp fun(_what, fun, arity) when is_function(fun, arity), do: {:ok, fun}

  defp fun(_what, {module, function, arity}, arity)
       when is_atom(module) and is_atom(function) and is_integer(arity),
       do: {:ok, Function.capture(module, function, arity)}

  defp fun(what, other, arity) do
    invalid(
      "#{what} is a function of #{arity} argument(s), or {module, name, #{arity}}, " <>
        "got: #{inspect(other)}"
    )
  end

  defp list(values), do: Enum.map_join(values, ", ", &inspect/1)

  defp invalid(message), do: {:error, %Error{code: :invalid_argument, message: message}}
end
