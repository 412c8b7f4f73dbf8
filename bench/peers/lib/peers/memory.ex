defmodule Peers.Memory do
  @moduledoc """
  What the VM takes of the machine's memory, in bytes, by the operating system's own figure: what
  SQLite allocates does not show in the BEAM's. 0 where there is no procfs.
  """

  @spec resident() :: non_neg_integer()
  def resident do
    with {:ok, status} <- File.read("/proc/self/status"),
         [_, kilobytes] <- Regex.run(~r/VmRSS:\s+(\d+) kB/, status) do
      String.to_integer(kilobytes) * 1_024
    else
      _ -> 0
    end
  end

  @doc """
  The same, with what nobody uses any more collected.
  """
  @spec settled() :: non_neg_integer()
  def settled do
    for pid <- Process.list(), do: :erlang.garbage_collect(pid)
    resident()
  end

  @spec megabytes(number()) :: String.t()
  def megabytes(bytes), do: "#{Peers.Figures.decimals(bytes / 1_000_000)} MB"
end
