defmodule EctoLibSql.Test.SecondVM do
  @moduledoc false
  # Another VM of the operating system, with this one's code, without distribution.

  @doc "Starts one, which ends with the calling process."
  def start do
    # At the end of the path: at its beginning they would be reversed.
    arguments = [~c"-pz" | :code.get_path()]
    {:ok, vm, _node} = :peer.start_link(%{connection: :standard_io, args: arguments})
    {:ok, _} = call(vm, :application, :ensure_all_started, [:elixir])
    {:ok, _} = call(vm, Application, :ensure_all_started, [:logger])
    vm
  end

  def call(vm, module, function, arguments),
    do: :peer.call(vm, module, function, arguments, :infinity)
end
