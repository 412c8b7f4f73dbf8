defmodule EctoLibSql.MemoryStatistics do
  @moduledoc false
  # SQLite counts the memory that it uses only where the configuration says so, and knows no limits
  # of it where it does not count.

  alias EctoLibSql.{Error, HeapLimit, Native}

  @heap_limits ["soft_heap_limit", "hard_heap_limit"]

  @doc """
  Chooses by the configuration, the first time in this VM, and answers what was chosen then.

  When the NIF is loaded would be too early: in a release that is before `config/runtime.exs` is read.
  """
  @spec choose() :: {:ok, boolean()} | {:error, Error.t()}
  def choose do
    case Application.get_env(:ecto_libsql, :memory_statistics, false) do
      keep when is_boolean(keep) -> chosen(Native.memory_statistics(keep))
      other -> invalid(other)
    end
  end

  defp chosen(kept?), do: with(:ok <- HeapLimit.configure(kept?), do: {:ok, kept?})

  @doc "Refuses a pragma that would do nothing without memory statistics."
  @spec check(String.t()) :: :ok | {:error, Error.t()}
  def check(pragma) do
    name = pragma |> String.downcase() |> String.split(".") |> List.last()

    if name in @heap_limits do
      with {:ok, kept?} <- choose(), do: if(kept?, do: :ok, else: missing(name))
    else
      :ok
    end
  end

  @doc "The error of what would do nothing without memory statistics."
  @spec missing(String.t()) :: {:error, Error.t()}
  def missing(name) do
    error(
      :unsupported,
      "#{name} needs SQLite's memory statistics: `config :ecto_libsql, memory_statistics: true`, " <>
        "which is read when the first connection is opened"
    )
  end

  defp invalid(value) do
    error(
      :invalid_option,
      "config :ecto_libsql, memory_statistics: takes true or false, got: #{inspect(value)}"
    )
  end

  defp error(code, message), do: {:error, %Error{code: code, message: message}}
end
