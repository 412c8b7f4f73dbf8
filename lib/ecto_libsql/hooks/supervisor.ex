defmodule EctoLibSql.Hooks.Supervisor do
  @moduledoc false
  # The relays, and under which connection and subscriber each is found.

  use Supervisor

  @spec start_link(term()) :: Supervisor.on_start()
  def start_link(_), do: Supervisor.start_link(__MODULE__, nil, name: __MODULE__)

  @impl true
  def init(nil) do
    Supervisor.init(
      [
        {Registry, keys: :unique, name: EctoLibSql.Hooks.Registry},
        {DynamicSupervisor, name: EctoLibSql.Hooks.Relays}
      ],
      strategy: :one_for_all
    )
  end
end
