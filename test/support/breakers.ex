defmodule EctoLibSql.Test.Breakers do
  @moduledoc false
  # The breakers of servers, for tests.

  import EctoLibSql.Test.Database, only: [wait_until: 2]
  import ExUnit.Assertions

  # Longer than the longest pause and probe of a test.
  @patience 15_000

  @doc "One that stays open, and one that is soon half open."
  def long, do: [failures: 3, open_for: 600_000, max_open_for: 600_000]
  def short, do: [failures: 3, open_for: 20, max_open_for: 40]

  @doc "A server's breaker as it is listed."
  def breaker(uri), do: Enum.find(EctoLibSql.breakers(), &(&1.server == uri))

  @doc "Waits until a server's breaker has this state."
  def wait_for(uri, state),
    do: wait_until(fn -> match?(%{state: ^state}, breaker(uri)) end, @patience)

  if Code.ensure_loaded?(:telemetry) do
    @doc "Has changes of a server's breaker sent to the test, `{:breaker, state, measurements, metadata}`."
    def listen(uri) do
      events = for state <- [:open, :half_open, :closed], do: [:ecto_libsql, :breaker, state]
      id = {__MODULE__, make_ref()}
      :ok = :telemetry.attach_many(id, events, &__MODULE__.handle/4, {self(), uri})
      ExUnit.Callbacks.on_exit(fn -> :telemetry.detach(id) end)
    end
  end

  @doc false
  def handle([_, _, state], measurements, %{server: uri} = metadata, {test, uri}),
    do: send(test, {:breaker, state, measurements, metadata})

  def handle(_event, _measurements, _metadata, _config), do: :ok

  @doc "The next change."
  def next_change do
    assert_receive {:breaker, state, measurements, metadata}, @patience
    {state, measurements, metadata}
  end
end
