defmodule Peers.OwnVM do
  @moduledoc """
  Runs a function in a VM of its own, so that what one contestant leaves behind (threads that
  sleep in a call, say) is nothing to the next.
  """

  @spec call(module(), atom(), [term()]) :: term()
  def call(module, function, arguments) do
    paths = for path <- :code.get_path(), argument <- [~c"-pa", path], do: argument
    {:ok, vm, _node} = :peer.start(%{connection: :standard_io, args: paths})

    try do
      for application <- [:elixir, :logger, :peers],
          do: {:ok, _} = :peer.call(vm, :application, :ensure_all_started, [application])

      # What a pool says of its clients is counted as their errors.
      :ok = :peer.call(vm, Logger, :configure, [[level: :none]])
      :peer.call(vm, module, function, arguments, :infinity)
    after
      :peer.stop(vm)
    end
  end
end
