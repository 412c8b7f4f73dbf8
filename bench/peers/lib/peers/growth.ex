defmodule Peers.Growth do
  @moduledoc """
  How time grows with the number of rows, and what is done a second with the size of the pool, as
  plots.
  """

  alias Peers.Growth.{ByPool, ByRows}
  alias Peers.{Contestant, Figures, OwnVM, Plot}

  @spec table(boolean(), Path.t()) :: iodata()
  def table(quick?, folder) do
    File.mkdir_p!(folder)
    IO.puts(:stderr, "Plots go to #{folder}")

    [
      "By rows:\n\n",
      for(plot <- by_rows(quick?), do: draw(plot, folder)),
      "By the pool's size:\n\n",
      for(plot <- by_pool(quick?), do: draw(plot, folder))
    ]
  end

  defp by_rows(quick?) do
    figures = OwnVM.call(ByRows, :medians, [quick?])

    for {work, title} <- ByRows.works() do
      {x, y} = if work == :get, do: {"rows of the table", "time of one"}, else: {"rows", "time"}
      {work, plot(title, x, "median #{y}", figures[work], &duration/1)}
    end
  end

  defp by_pool(quick?) do
    x = "connections of the pool"
    reads = OwnVM.call(ByPool, :reads, [quick?])
    writes = ByPool.writes(quick?)

    [
      readers: plot(ByPool.readers_title(), x, "reads a second", reads, &Figures.decimals/1),
      writers: plot(ByPool.writers_title(), x, "committed a second", writes, &Figures.decimals/1)
    ]
  end

  # The contestants' points, in nanoseconds or so many a second.
  defp plot(title, x, y, points, write_y) do
    series = for contestant <- Contestant.all(), do: {to_string(contestant), points[contestant]}
    %Plot{title: title, x: x, y: y, series: series, write_y: write_y}
  end

  defp duration(ns) when ns < 1.0e3, do: "#{round(ns)} ns"
  defp duration(ns) when ns < 1.0e6, do: "#{round(ns / 1.0e3)} µs"
  defp duration(ns) when ns < 1.0e9, do: "#{round(ns / 1.0e6)} ms"
  defp duration(ns), do: "#{round(ns / 1.0e9)} s"

  defp draw({name, plot}, folder) do
    File.write!(Path.join(folder, "#{name}.svg"), Plot.svg(plot))
    "![#{plot.title}: #{plot.y} over #{plot.x}](plots/#{name}.svg)\n\n"
  end
end
