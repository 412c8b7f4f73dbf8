defmodule EctoLibSql.BreakerReports do
  @moduledoc false
  # Hears of each change of a server's breaker from the engine, and makes a telemetry event and a line
  # in the log of it.

  use GenServer

  alias EctoLibSql.Telemetry

  require Logger

  @spec start_link(term()) :: GenServer.on_start()
  def start_link(_), do: GenServer.start_link(__MODULE__, nil, name: __MODULE__)

  @doc """
  Where the engine sends changes; nil where the application was not started.
  """
  @spec whereis() :: pid() | nil
  def whereis, do: Process.whereis(__MODULE__)

  @impl true
  def init(nil), do: {:ok, nil}

  @impl true
  def handle_info({__MODULE__, status}, state) do
    log(status)

    Telemetry.execute(
      [:ecto_libsql, :breaker, status.state],
      Map.take(status, [:failures, :opened, :refused]),
      Map.take(status, [:server, :namespace, :reason, :retry_in])
    )

    {:noreply, state}
  end

  def handle_info(_other, state), do: {:noreply, state}

  defp log(%{state: :open} = status) do
    Logger.warning(
      "EctoLibSql: the server #{name(status)} does not answer (#{status.reason}): calls to it fail " <>
        "at once until it does. It is asked again in #{status.retry_in} ms"
    )
  end

  defp log(%{state: :half_open} = status),
    do: Logger.info("EctoLibSql: the server #{name(status)} is asked whether it is back")

  defp log(%{state: :closed} = status),
    do: Logger.info("EctoLibSql: the server #{name(status)} answers again")

  defp name(%{server: server, namespace: nil}), do: server
  defp name(%{server: server, namespace: namespace}), do: "#{server} (namespace #{namespace})"
end
