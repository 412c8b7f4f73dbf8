defmodule Peers.Plot do
  @moduledoc """
  Plots as SVG, with logarithmic axes. No background, and colours that are readable on white and on
  black.

  Public fields:

    * `:title`
    * `:x`, `:y` - what the axes show, and the unit
    * `:write_x`, `:write_y` - how a number is written at an axis
    * `:series` - a name and points for each line; points whose y is 0 cannot be drawn
  """

  alias Peers.Figures

  @enforce_keys [:title, :x, :y, :series]
  defstruct [:title, :x, :y, :series, write_x: &Figures.decimals/1, write_y: &Figures.decimals/1]

  @type t :: %__MODULE__{
          title: String.t(),
          x: String.t(),
          y: String.t(),
          write_x: (number() -> String.t()),
          write_y: (number() -> String.t()),
          series: [{String.t(), [{number(), number()}]}]
        }

  @width 640
  @height 400
  @left 90
  @right 600
  @top 60
  @bottom 335
  @colours ["#3b82f6", "#e06c10"]
  @grey "#7d8590"

  @doc """
  Draws it.
  """
  @spec svg(t()) :: iodata()
  def svg(%__MODULE__{} = plot) do
    series =
      for {name, points} <- plot.series, do: {name, for({_, y} = p <- points, y > 0, do: p)}

    points = Enum.flat_map(series, &elem(&1, 1))

    {xs, ys} =
      {points |> Enum.map(&elem(&1, 0)) |> Enum.uniq() |> Enum.sort(),
       Enum.map(points, &elem(&1, 1))}

    decades = decades(Enum.min(ys), Enum.max(ys))
    to_x = scale(List.first(xs), List.last(xs), @left + 15, @right - 15)
    to_y = scale(List.first(decades), List.last(decades), @bottom, @top)

    [
      ~s(<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 #{@width} #{@height}" ),
      ~s(width="#{@width}" height="#{@height}" font-family="sans-serif" font-size="13" fill="#{@grey}">\n),
      text(@width / 2, 22, plot.title, ~s(text-anchor="middle" font-size="15")),
      Enum.map(decades, &grid(to_y.(&1), plot.write_y.(&1))),
      Enum.map(xs, &tick(to_x.(&1), plot.write_x.(&1))),
      text((@left + @right) / 2, @bottom + 50, plot.x, ~s(text-anchor="middle")),
      text(18, (@top + @bottom) / 2, plot.y, vertical()),
      series |> Enum.zip(@colours) |> Enum.with_index() |> Enum.map(&series(&1, to_x, to_y)),
      "</svg>\n"
    ]
  end

  # From the power of ten at or under the least to that at or over the most.
  defp decades(least, most) do
    first = floor(:math.log10(least))
    last = max(ceil(:math.log10(most)), first + 1)
    for exponent <- first..last, do: power(exponent)
  end

  defp power(exponent) when exponent >= 0, do: Integer.pow(10, exponent)
  defp power(exponent), do: :math.pow(10, exponent)

  defp scale(least, most, first, last) do
    {low, high} = {:math.log(least), :math.log(most)}
    width = if high == low, do: 1, else: high - low
    fn number -> first + (:math.log(number) - low) / width * (last - first) end
  end

  defp grid(y, label) do
    [
      line({@left, y}, {@right, y}, ~s(stroke="#{@grey}" stroke-opacity="0.35")),
      text(@left - 8, y + 4, label, ~s(text-anchor="end"))
    ]
  end

  defp tick(x, label) do
    [
      line({x, @bottom}, {x, @bottom + 6}, ~s(stroke="#{@grey}")),
      text(x, @bottom + 24, label, ~s(text-anchor="middle"))
    ]
  end

  defp series({{{name, points}, colour}, index}, to_x, to_y) do
    places = for {x, y} <- points, do: {to_x.(x), to_y.(y)}
    legend = @left + 15 + index * 200

    [
      ~s(<polyline fill="none" stroke="#{colour}" stroke-width="2" points="),
      Enum.map_intersperse(places, " ", fn {x, y} -> "#{number(x)},#{number(y)}" end),
      ~s("/>\n),
      Enum.map(places, &mark(index, &1, colour)),
      mark(index, {legend, 41}, colour),
      text(legend + 10, 45, name, "")
    ]
  end

  # The lines' points differ in more than their colour.
  defp mark(0, {x, y}, colour),
    do: ~s(<circle cx="#{number(x)}" cy="#{number(y)}" r="4" fill="#{colour}"/>\n)

  defp mark(_index, {x, y}, colour) do
    ~s(<rect x="#{number(x - 4)}" y="#{number(y - 4)}" width="8" height="8" fill="#{colour}"/>\n)
  end

  defp line({x1, y1}, {x2, y2}, attributes) do
    ~s(<line x1="#{number(x1)}" y1="#{number(y1)}" x2="#{number(x2)}" y2="#{number(y2)}" #{attributes}/>\n)
  end

  defp text(x, y, words, attributes),
    do: ~s(<text x="#{number(x)}" y="#{number(y)}" #{attributes}>#{escape(words)}</text>\n)

  defp vertical,
    do: ~s[text-anchor="middle" transform="rotate(-90 18 #{number((@top + @bottom) / 2)})"]

  defp escape(words) do
    words
    |> String.replace("&", "&amp;")
    |> String.replace("<", "&lt;")
    |> String.replace(">", "&gt;")
  end

  defp number(number), do: :erlang.float_to_binary(number / 1, decimals: 1)
end
