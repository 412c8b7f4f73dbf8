defmodule EctoLibSql.Application do
  @moduledoc false
  # What goes on without anybody's call: changes of the servers' breakers and of replicas
  # are reported, what is traced is passed on, and what hooks tell is relayed. With the application's
  # stop, all that is open is closed, whoever's it is.

  use Application

  alias EctoLibSql.{Native, NIF}

  @impl true
  def start(_type, _args) do
    EctoLibSql.UUID.Generator.start_up()

    if loaded?() do
      NIF.claim()
      Native.start_up()
    end

    children = [
      EctoLibSql.BreakerReports,
      EctoLibSql.Replica.Events,
      EctoLibSql.Trace.Relay,
      EctoLibSql.Hooks.Supervisor
    ]

    Supervisor.start_link(children, strategy: :one_for_one, name: EctoLibSql.Supervisor)
  end

  @impl true
  def stop(_state) do
    if loaded?(), do: Native.shut_down()
    NIF.yield()
    :ok
  end

  # To start or stop is no reason to load the library.
  defp loaded?, do: :erlang.module_loaded(Native)
end
