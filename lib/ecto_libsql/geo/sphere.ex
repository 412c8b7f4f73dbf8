defmodule EctoLibSql.Geo.Sphere do
  @moduledoc false
  # The formulas of great circles: <https://www.movable-type.co.uk/scripts/latlong.html>.

  alias EctoLibSql.Geo.Point

  # The mean radius of the Earth in metres, of the International Union of Geodesy and Geophysics.
  @radius 6_371_008.8
  @radian 180 / :math.pi()

  @doc "The radius in metres."
  def radius, do: @radius

  @doc "Half of a great circle in metres: no two points are further apart."
  def farthest, do: @radius * :math.pi()

  def radians(degrees), do: degrees / @radian
  def degrees(radians), do: radians * @radian

  @spec distance(Point.t(), Point.t()) :: float()
  def distance(from, to) do
    latitudes = :math.sin(radians(to.latitude - from.latitude) / 2)
    longitudes = :math.sin(radians(to.longitude - from.longitude) / 2)

    squared_half_chord =
      latitudes * latitudes +
        :math.cos(radians(from.latitude)) * :math.cos(radians(to.latitude)) * longitudes *
          longitudes

    2 * @radius * :math.asin(min(1.0, :math.sqrt(squared_half_chord)))
  end

  @spec initial_bearing(Point.t(), Point.t()) :: float()
  def initial_bearing(from, to) do
    {from_latitude, to_latitude} = {radians(from.latitude), radians(to.latitude)}
    longitudes = radians(to.longitude - from.longitude)
    east = :math.sin(longitudes) * :math.cos(to_latitude)

    north =
      :math.cos(from_latitude) * :math.sin(to_latitude) -
        :math.sin(from_latitude) * :math.cos(to_latitude) * :math.cos(longitudes)

    compass(degrees(:math.atan2(east, north)))
  end

  @spec final_bearing(Point.t(), Point.t()) :: float()
  def final_bearing(from, to), do: compass(initial_bearing(to, from) + 180)

  # From 0.0 up to 360.0, which is 0.0 again.
  defp compass(degrees) do
    turned = :math.fmod(degrees + 720, 360)
    if turned >= 360, do: 0.0, else: turned
  end

  @spec destination(Point.t(), number(), number()) :: Point.t()
  def destination(from, bearing, distance) do
    {latitude, bearing} = {radians(from.latitude), radians(bearing)}
    angle = distance / @radius
    ahead = :math.sin(angle) * :math.cos(bearing)
    aside = :math.sin(angle) * :math.sin(bearing)
    north = :math.sin(latitude) * :math.cos(angle) + :math.cos(latitude) * ahead
    outwards = :math.cos(latitude) * :math.cos(angle) - :math.sin(latitude) * ahead
    turned = degrees(:math.atan2(aside, outwards))
    point(degrees(:math.asin(clamped(north))), from.longitude + turned)
  end

  @spec midpoint(Point.t(), Point.t()) :: Point.t()
  def midpoint(from, to),
    do: destination(from, initial_bearing(from, to), distance(from, to) / 2)

  @doc "Degrees within a turn of the range, as a longitude."
  @spec longitude(number()) :: float()
  def longitude(degrees) when degrees > 180, do: degrees - 360.0
  def longitude(degrees) when degrees < -180, do: degrees + 360.0
  def longitude(degrees), do: degrees / 1

  @doc "Where the point is in a globe with the radius 1: its axes go through 0°N 0°E, 0°N 90°E and the north pole."
  @spec vector(Point.t()) :: {float(), float(), float()}
  def vector(point) do
    {latitude, longitude} = {radians(point.latitude), radians(point.longitude)}
    cosine = :math.cos(latitude)
    {cosine * :math.cos(longitude), cosine * :math.sin(longitude), :math.sin(latitude)}
  end

  defp point(latitude, longitude), do: Point.new!(latitude, longitude(longitude))

  defp clamped(sine), do: sine |> min(1.0) |> max(-1.0)
end
