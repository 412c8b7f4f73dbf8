defmodule Peers.OwnVM do
  @moduledoc """
  Runs a function in a VM of its own, so that what one contestant leaves behind (threads that
  sleep in a call, say) is nothing to the next.
  """

  @doc """
  Calls the function with the arguments and, as the last one, a folder that lives as long as the
  VM.
  """
  @spec call(module(), atom(), [term()]) :: term()
  def call(module, function, arguments) do
    # At the path's end: at its beginning they would be reversed, and the protocols be found
    # before the consolidated ones.
    paths = [~c"-pz" | :code.get_path()]
    {:ok, vm, _node} = :peer.start(%{connection: :standard_io, args: paths})

    dir =
      Path.join(System.tmp_dir!(), "peers_#{System.pid()}_#{System.unique_integer([:positive])}")

    File.mkdir_p!(dir)

    try do
      for application <- [:elixir, :logger, :peers],
          do: {:ok, _} = :peer.call(vm, :application, :ensure_all_started, [application])

      # What a pool says of its clients is counted as their errors.
      :ok = :peer.call(vm, Logger, :configure, [[level: :none]])
      :peer.call(vm, module, function, arguments ++ [dir], :infinity)
    after
      :peer.stop(vm)
      File.rm_rf(dir)
    end
  end
end
