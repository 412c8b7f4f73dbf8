defmodule EctoLibSql.Limits do
  @moduledoc """
  How large a connection lets things become: SQLite's
  [run-time limits](https://sqlite.org/c3ref/c_limit_attached.html).

      iex> {:ok, s} = EctoLibSql.connect(database: ":memory:", limits: [attached: 0])
      iex> EctoLibSql.Limits.get(s, :attached)
      {:ok, 0}
      iex> EctoLibSql.Limits.set(s, :sql_length, 2_000)
      {:ok, %{previous: 1_000_000_000, effective: 2_000}}
      iex> {:error, error} = EctoLibSql.query(s, "SELECT '" <> String.duplicate("a", 2_000) <> "'")
      iex> error.code
      :toobig

  | limit | of what | a new connection has |
  |---|---|---|
  | `:length` | bytes of a text, a blob or a row | 1,000,000,000 |
  | `:sql_length` | bytes of a statement | 1,000,000,000 |
  | `:column` | columns of a table, an index, a result, and the terms of `ORDER BY` and the like | 2,000 |
  | `:expr_depth` | the depth of an expression | 1,000 |
  | `:compound_select` | terms of `UNION`, `EXCEPT` and `INTERSECT`; 0 is no limit | 500 |
  | `:vdbe_op` | instructions of a prepared statement | 250,000,000 |
  | `:function_arg` | a function's arguments | 127 |
  | `:attached` | attached databases | 10 |
  | `:like_pattern_length` | bytes of the pattern of `LIKE` and `GLOB` | 50,000 |
  | `:variable_number` | the highest number of a parameter | 250,000; 32,766 with encryption |
  | `:trigger_depth` | triggers that fire triggers | 1,000 |
  | `:worker_threads` | threads that help a statement to sort | 0 of 8 |

  What a new connection has is the most there is, but for `:worker_threads`. More than that is set to it,
  which SQLite calls to clamp: so `set/3` answers what it came to. `:length`, `:sql_length` and `:vdbe_op`
  take no less than 1,000, since the driver's own `BEGIN` and `ROLLBACK` have to run.

  The connect and repo option `:limits` sets them on every connection, and a reset brings them back to that.
  What is too large fails alone, with the code `:toobig` (`:length`, `:sql_length`, `:like_pattern_length`),
  `:nomem` (`:vdbe_op`), or `:error`; the connection is as before. What was stored before is not looked at, but
  cannot be read if it is longer than `:length`.

  Ecto's adapter puts up to 32,766 parameters into one statement of `insert_all`, and `VACUUM` attaches a
  database: `:variable_number` and `:attached` limit these, too. For SQL from somebody else, SQLite's authors
  [suggest](https://sqlite.org/security.html):

      limits: [
        length: 1_000_000, sql_length: 100_000, column: 100, expr_depth: 10, compound_select: 3,
        vdbe_op: 25_000, function_arg: 8, attached: 0, like_pattern_length: 50, variable_number: 10,
        trigger_depth: 10
      ]

  Only for local databases, those that are written offline included; for others it is an error with the code
  `:unsupported`.
  """

  alias EctoLibSql.{Backend, Call, Error, State}

  # Each with the least that it takes, as the engine has it.
  @limits [
    length: 1_000,
    sql_length: 1_000,
    column: 0,
    expr_depth: 0,
    compound_select: 0,
    vdbe_op: 1_000,
    function_arg: 0,
    attached: 0,
    like_pattern_length: 0,
    variable_number: 0,
    trigger_depth: 0,
    worker_threads: 0
  ]
  @names Keyword.keys(@limits)
  @most 0x7FFFFFFF

  @type name ::
          :length
          | :sql_length
          | :column
          | :expr_depth
          | :compound_select
          | :vdbe_op
          | :function_arg
          | :attached
          | :like_pattern_length
          | :variable_number
          | :trigger_depth
          | :worker_threads

  @doc """
  The limits' names.
  """
  @spec names() :: [name()]
  def names, do: @names

  @doc """
  All limits of a connection.
  """
  @spec get(State.t()) :: {:ok, %{name() => non_neg_integer()}} | {:error, Error.t()}
  def get(%State{} = s) do
    Enum.reduce_while(@names, {:ok, %{}}, fn name, {:ok, limits} ->
      case get(s, name) do
        {:ok, value} -> {:cont, {:ok, Map.put(limits, name, value)}}
        error -> {:halt, error}
      end
    end)
  end

  @doc """
  One limit of a connection.
  """
  @spec get(State.t(), name()) :: {:ok, non_neg_integer()} | {:error, Error.t()}
  def get(%State{} = s, name) do
    with :ok <- known(name),
         do: Call.reply(s, Backend.of(s).limit_get(s, Atom.to_string(name)))
  end

  @doc """
  Sets a limit of a connection, until it is reset. Answers what it was, and what it is now.

      iex> {:ok, s} = EctoLibSql.connect(database: ":memory:")
      iex> EctoLibSql.Limits.set(s, :attached, 1_000)
      {:ok, %{previous: 10, effective: 10}}
      iex> {:error, error} = EctoLibSql.Limits.set(s, :attached, -1)
      iex> error.message
      "the limit attached takes an integer from 0 to 2147483647, got: -1"
  """
  @spec set(State.t(), name(), non_neg_integer()) ::
          {:ok, %{previous: non_neg_integer(), effective: non_neg_integer()}}
          | {:error, Error.t()}
  def set(%State{} = s, name, value) do
    with :ok <- known(name),
         :ok <- fine(name, value),
         {:ok, previous, effective} <-
           Call.reply(s, Backend.of(s).limit_set(s, Atom.to_string(name), value)),
         do: {:ok, %{previous: previous, effective: effective}}
  end

  @doc false
  # What the option takes, where the value is not fine.
  @spec takes(term()) :: nil | String.t()
  def takes(value) do
    if Keyword.keyword?(value),
      do: Enum.find_value(value, &takes_limit/1),
      else: "a keyword list of limits"
  end

  defp takes_limit({name, value}) do
    case {List.keyfind(@limits, name, 0), value} do
      {nil, _value} ->
        "a keyword list of limits (#{Enum.join(@names, ", ")})"

      {{_name, least}, value} when is_integer(value) and value >= least and value <= @most ->
        nil

      {{name, least}, _value} ->
        "for #{name} an integer from #{least} to #{@most}"
    end
  end

  @doc false
  @spec native(keyword()) :: [{String.t(), non_neg_integer()}]
  def native(limits), do: for({name, value} <- limits, do: {Atom.to_string(name), value})

  defp known(name) when name in @names, do: :ok

  defp known(name) do
    invalid(
      "there is no limit #{inspect(name)}; they are #{Enum.map_join(@names, ", ", &inspect/1)}"
    )
  end

  defp fine(name, value) do
    least = @limits[name]

    if is_integer(value) and value >= least and value <= @most,
      do: :ok,
      else:
        invalid(
          "the limit #{name} takes an integer from #{least} to #{@most}, got: #{inspect(value)}"
        )
  end

  defp invalid(message), do: {:error, %Error{code: :invalid_argument, message: message}}
end
