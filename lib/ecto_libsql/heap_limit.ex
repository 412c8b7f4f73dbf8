defmodule EctoLibSql.HeapLimit do
  @moduledoc """
  How much memory SQLite may take in this VM, and how much it has:
  [heap limits](https://sqlite.org/c3ref/hard_heap_limit64.html).

      # config/runtime.exs
      config :ecto_libsql,
        memory_statistics: true,
        heap_limits: [soft: 200_000_000, hard: 500_000_000]

      {:ok, %{soft: 200_000_000, hard: 500_000_000}} = EctoLibSql.HeapLimit.get()
      {:ok, %{used: _, highest: _}} = EctoLibSql.HeapLimit.memory_used()

    * Above the **soft** limit, page caches reuse and give back their pages instead of growing. SQLite goes above
      it where it has to
    * Above the **hard** limit, SQLite gets no memory: what needs it fails with the code `:nomem`. A
      transaction is rolled back, or left as it was, as after a full disk; the connection can be used again

  They hold for all connections of the VM together, and for what SQLite allocates: pages, statements,
  sorting. Rows as Erlang terms are the VM's own memory. The configuration is read when the first connection is
  opened. SQLite has to count its memory for that, which `memory_statistics: true` turns on; without it,
  every function here is an error with the code `:unsupported`.

  The connect options `:soft_heap_limit` and `:hard_heap_limit` are SQLite's pragmas for the same limits; the
  pragma can lower the hard limit only, where `set/1` can lift it.
  """

  alias EctoLibSql.{Backend, Call, Error, MemoryStatistics, Native, State}

  @most 0x7FFFFFFFFFFFFFFF

  @type limits :: %{soft: non_neg_integer(), hard: non_neg_integer()}

  @doc """
  The limits in bytes; 0 is none.
  """
  @spec get() :: {:ok, limits()} | {:error, Error.t()}
  def get, do: limits(nil, nil)

  @doc """
  Sets the limits, `:soft`, `:hard` or both, in bytes; 0 lifts one. Answers what they are then: the soft limit is
  never above the hard one.
  """
  @spec set(keyword()) :: {:ok, limits()} | {:error, Error.t()}
  def set(limits) do
    with :ok <- check(limits, "the heap limits take", :invalid_argument),
         do: limits(limits[:soft], limits[:hard])
  end

  @doc """
  The bytes that SQLite has, and the most that it had since the VM's start, or since `reset: true` was
  given here last.
  """
  @spec memory_used(keyword()) ::
          {:ok, %{used: non_neg_integer(), highest: non_neg_integer()}} | {:error, Error.t()}
  def memory_used(opts \\ []) do
    reset? = Keyword.validate!(opts, reset: false)[:reset]

    with :ok <- kept() do
      {used, highest} = Native.memory_used(reset? == true)
      {:ok, %{used: used, highest: highest}}
    end
  end

  @doc """
  Gives back what a connection's page cache has and nobody uses just now:
  [`sqlite3_db_release_memory`](https://sqlite.org/c3ref/db_release_memory.html). It needs no configuration, and
  is for local databases.

      iex> {:ok, s} = EctoLibSql.connect(database: ":memory:")
      iex> EctoLibSql.HeapLimit.release_memory(s)
      :ok
  """
  @spec release_memory(State.t()) :: :ok | {:error, Error.t()}
  def release_memory(%State{} = s), do: Call.reply(s, Backend.of(s).release_memory(s))

  @doc false
  # By the configuration, before the first connection.
  @spec configure(boolean()) :: :ok | {:error, Error.t()}
  def configure(kept?) do
    case Application.get_env(:ecto_libsql, :heap_limits, []) do
      [] ->
        :ok

      limits ->
        with :ok <- check(limits, "config :ecto_libsql, heap_limits: takes", :invalid_option),
             :ok <- if(kept?, do: :ok, else: missing()),
             do: Native.begin_with_heap_limits(limits[:soft], limits[:hard])
    end
  end

  defp limits(soft, hard) do
    with :ok <- kept(),
         {:ok, {soft, hard}} <- Native.heap_limits(soft, hard),
         do: {:ok, %{soft: soft, hard: hard}}
  end

  defp kept do
    with {:ok, kept?} <- MemoryStatistics.choose(), do: if(kept?, do: :ok, else: missing())
  end

  defp missing, do: MemoryStatistics.missing("a heap limit")

  defp check(limits, who, code) do
    fine? =
      Keyword.keyword?(limits) and limits != [] and
        Enum.all?(limits, fn {name, bytes} ->
          name in [:soft, :hard] and is_integer(bytes) and bytes in 0..@most
        end)

    if fine? do
      :ok
    else
      message = "#{who} soft: and hard:, in bytes, integers of 0 or more, got: #{inspect(limits)}"
      {:error, %Error{code: code, message: message}}
    end
  end
end
