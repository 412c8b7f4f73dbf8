defmodule Peers.PlotTest do
  use ExUnit.Case, async: true

  alias Peers.Plot

  defp draw(series) do
    plot = %Plot{title: "a < b & c", x: "rows", y: "time", series: series}
    svg = plot |> Plot.svg() |> IO.iodata_to_binary()
    {xml, []} = svg |> String.to_charlist() |> :xmerl_scan.string(quiet: true)
    {svg, xml}
  end

  defp attributes(xml, path) do
    for attribute <- :xmerl_xpath.string(String.to_charlist(path), xml),
        do: attribute |> elem(8) |> to_string()
  end

  defp texts(xml),
    do: for(text <- :xmerl_xpath.string(~c"//text/text()", xml), do: "#{elem(text, 4)}")

  test "the same factor is the same distance on both axes" do
    {_svg, xml} = draw([{"ours", [{10, 1}, {100, 10}, {1_000, 100}]}])
    [points] = attributes(xml, "//polyline/@points")

    [[x1, y1], [x2, y2], [x3, y3]] =
      for point <- String.split(points),
          do: for(number <- String.split(point, ","), do: String.to_float(number))

    assert_in_delta x2 - x1, x3 - x2, 0.2
    assert_in_delta y1 - y2, y2 - y3, 0.2
    assert y1 > y2
  end

  test "title, axes, their numbers and the lines' names are in it" do
    {_svg, xml} = draw([{"ours", [{1, 2.0}, {64, 30.0}]}, {"theirs", [{1, 20.0}, {64, 300.0}]}])
    texts = texts(xml)

    for text <- ["a < b & c", "rows", "time", "ours", "theirs", "1", "64", "10", "1,000"],
        do: assert(text in texts)
  end

  test "what cannot be drawn on a logarithmic axis is left out" do
    {_svg, xml} = draw([{"ours", [{1, 5}, {2, 6}]}, {"theirs", [{1, 5}, {2, 0}]}])
    assert [ours, theirs] = attributes(xml, "//polyline/@points")
    assert length(String.split(ours)) == 2
    assert length(String.split(theirs)) == 1
  end
end
