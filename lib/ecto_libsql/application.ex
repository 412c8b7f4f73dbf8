defmodule EctoLibSql.Application do
  @moduledoc false
  # What goes on without anybody's call: changes of the servers' breakers and of replicas
  # are reported, what is traced is passed on, and what hooks tell is relayed.

  use Application

  @impl true
  def start(_type, _args) do
    children = [
      EctoLibSql.BreakerReports,
      EctoLibSql.Replica.Events,
      EctoLibSql.Trace.Relay,
      EctoLibSql.Hooks.Supervisor
    ]

    Supervisor.start_link(children, strategy: :one_for_one, name: EctoLibSql.Supervisor)
  end
end
