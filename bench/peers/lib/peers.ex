defmodule Peers do
  @moduledoc """
  The benchmark against the other SQLite packages for Elixir. `run.exs` is the command.
  """

  alias Peers.{Calls, Comparison, Contention, Document, Growth, Machine, Traffic}

  # Each is given whether it is a quick run, and the folder for plots.
  @parts [
    comparison: &Comparison.table/2,
    contention: &Contention.table/2,
    traffic: &Traffic.table/2,
    calls: &Calls.table/2,
    growth: &Growth.table/2
  ]

  @docs Path.expand("../../../docs", __DIR__)

  @spec main(keyword()) :: :ok
  def main(options) do
    docs = Keyword.get(options, :docs, @docs)
    write? = Keyword.get(options, :write, not narrowed?(options))
    plots = if write?, do: Path.join(docs, "plots"), else: temporary_folder()
    machine = Machine.describe()

    markdown =
      for {name, table} <- chosen(options[:only]) do
        {seconds, table} = timed(fn -> table.(options[:quick] == true, plots) end)

        part = [
          table,
          "\n",
          machine,
          quick(options),
          ".\nCommand: ",
          command(name, options),
          "\n"
        ]

        IO.puts(["\n## #{name}, #{seconds} s\n\n", part])
        if write?, do: Document.replace(Path.join(docs, "performance.md"), name, part)
        ["\n## #{name}\n\n", part]
      end

    if options[:output], do: File.write!(options[:output], markdown)
    :ok
  end

  defp narrowed?(options), do: options[:quick] == true or options[:only] != nil

  defp chosen(nil), do: @parts

  defp chosen(names) do
    names = names |> String.split(",") |> Enum.map(&String.to_existing_atom/1)
    Keyword.take(@parts, names)
  end

  defp temporary_folder, do: Path.join(System.tmp_dir!(), "peers_plots_#{System.pid()}")

  defp timed(fun) do
    started = System.monotonic_time(:second)
    result = fun.()
    {System.monotonic_time(:second) - started, result}
  end

  defp quick(options),
    do: if(options[:quick], do: "; a quick run, whose figures mean nothing", else: "")

  defp command(name, options) do
    quick = if options[:quick], do: " --quick", else: ""
    "`make bench`, of it `mix run run.exs#{quick} --only #{name}` in `bench/peers`"
  end
end
