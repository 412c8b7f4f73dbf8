defmodule EctoLibSql.Geo.Rings do
  @moduledoc false
  # What is sent along with a query so that the index can be asked: boxes around points, as JSON.

  alias EctoLibSql.Geo.{Box, Point, Sphere}

  # The radii at which the nearest are looked for, each the double of the one before. The last is the
  # globe. (Steps of 3 or 4 look at more rows than they save questions: docs/performance.md.)
  @first 500
  @factor 2

  @doc "A circle's boxes: `[[south, west, north, east], …]`."
  @spec boxes(Point.t(), number()) :: String.t()
  def boxes(point, radius), do: json(array(around(point, radius)))

  @doc "As `boxes/2`, of a box."
  @spec boxes(Box.t()) :: String.t()
  def boxes(%Box{} = box), do: json(array(Box.split(box)))

  @doc ~S(Points with the boxes around each: `[{"point": …, "boxes": …}, …]`.)
  @spec circles([Point.t()], number()) :: String.t()
  def circles(points, radius) do
    json(list(points, &[~s({"point":), text(&1), ~s(,"boxes":), array(around(&1, radius)), ?}]))
  end

  @doc ~S(The circles around a point: `[{"radius": …, "boxes": …}, …]`. The last has no radius.)
  @spec rings(Point.t()) :: String.t()
  def rings(point), do: json(growing(point))

  @doc ~S(Points with their rings: `[{"point": …, "rings": …}, …]`.)
  @spec points([Point.t()], indexed: boolean()) :: String.t()
  def points(points, indexed: false), do: json(list(points, &[~s({"point":), text(&1), ?}]))

  def points(points, indexed: true),
    do: json(list(points, &[~s({"point":), text(&1), ~s(,"rings":), growing(&1), ?}]))

  defp growing(point) do
    @first
    |> Stream.iterate(&(&1 * @factor))
    |> Enum.take_while(&(&1 < Sphere.farthest()))
    |> Enum.concat([nil])
    |> list(&ring(point, &1))
  end

  defp ring(point, nil),
    do: [~s({"radius":null,"boxes":), array(around(point, Sphere.farthest())), ?}]

  defp ring(point, radius),
    do: [~s({"radius":#{radius},"boxes":), array(around(point, radius)), ?}]

  # A little more than the circle: distances are rounded, opposite each other by up to 0.2 m.
  defp around(point, radius), do: Box.split(Box.around(point, radius * (1 + 1.0e-9) + 1))

  defp array(boxes) do
    list(boxes, &"[#{&1.south},#{&1.west},#{&1.north},#{&1.east}]")
  end

  defp text(point) do
    {:ok, text} = Point.dump(point)
    text
  end

  defp list(elements, fun), do: [?[, Enum.map_intersperse(elements, ?,, fun), ?]]

  defp json(iodata), do: IO.iodata_to_binary(iodata)
end
