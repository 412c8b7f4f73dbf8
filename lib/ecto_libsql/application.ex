defmodule EctoLibSql.Application do
  @moduledoc false
  # What goes on without anybody's call: changes of the servers' breakers and of replicas
  # are reported.

  use Application

  @impl true
  def start(_type, _args) do
    Supervisor.start_link([EctoLibSql.BreakerReports, EctoLibSql.Replica.Events],
      strategy: :one_for_one,
      name: EctoLibSql.Supervisor
    )
  end
end
