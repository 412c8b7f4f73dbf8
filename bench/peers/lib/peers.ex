defmodule Peers do
  @moduledoc """
  The benchmark against the other SQLite packages for Elixir. `run.exs` is the command.
  """

  alias Peers.{Comparison, Contention, Contestant, Traffic}

  @parts [
    contention: &Contention.table/1,
    traffic: &Traffic.table/1,
    comparison: &Comparison.table/1
  ]

  @spec main(keyword()) :: :ok
  def main(options) do
    quick? = Keyword.get(options, :quick, false)
    started = System.monotonic_time(:second)
    parts = for {name, table} <- chosen(options[:only]), do: ["\n## #{name}\n\n", table.(quick?)]
    seconds = System.monotonic_time(:second) - started
    markdown = [machine(options), parts, "\n#{seconds} s in all.\n"]

    IO.puts(markdown)
    if options[:output], do: File.write!(options[:output], markdown)
    :ok
  end

  defp chosen(nil), do: @parts

  defp chosen(names) do
    names = names |> String.split(",") |> Enum.map(&String.to_existing_atom/1)
    Keyword.take(@parts, names)
  end

  defp machine(options) do
    [
      "#{Date.utc_today()}, #{processor()}, #{System.schedulers_online()} schedulers, ",
      "Elixir #{System.version()}, OTP #{System.otp_release()}; ",
      Enum.map_intersperse(Contestant.all(), " against ", &Contestant.version/1),
      if(options[:quick], do: "; a quick run, whose figures mean nothing", else: ""),
      ".\nCommand: `#{command(options)}`\n"
    ]
  end

  defp command(options) do
    arguments = options |> Keyword.delete(:output) |> OptionParser.to_argv()
    Enum.join(["mix run run.exs" | arguments], " ")
  end

  defp processor do
    with {:ok, info} <- File.read("/proc/cpuinfo"),
         [_, name] <- Regex.run(~r/model name\s*: (.*)/, info) do
      name
    else
      _ -> to_string(:erlang.system_info(:system_architecture))
    end
  end
end
