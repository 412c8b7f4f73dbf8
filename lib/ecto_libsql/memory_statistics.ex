defmodule EctoLibSql.MemoryStatistics do
  @moduledoc false
  # SQLite counts the memory that it uses only where the configuration says so, and knows no limits
  # of it where it does not count.

  alias EctoLibSql.{Error, Native}

  @heap_limits ["soft_heap_limit", "hard_heap_limit"]

  @doc "What the configuration says: the NIF is loaded with it."
  @spec configured() :: boolean()
  def configured do
    case Application.get_env(:ecto_libsql, :memory_statistics, false) do
      value when is_boolean(value) ->
        value

      other ->
        raise ArgumentError,
              "config :ecto_libsql, memory_statistics: takes true or false, got: #{inspect(other)}"
    end
  end

  @doc "Refuses a pragma that would do nothing without memory statistics."
  @spec check(String.t()) :: :ok | {:error, Error.t()}
  def check(pragma) do
    name = pragma |> String.downcase() |> String.split(".") |> List.last()
    if name in @heap_limits and not Native.memory_statistics(), do: missing(name), else: :ok
  end

  defp missing(name) do
    message =
      "#{name} needs SQLite's memory statistics: `config :ecto_libsql, memory_statistics: true`, " <>
        "which is read when the driver is first used"

    {:error, %Error{code: :unsupported, message: message}}
  end
end
