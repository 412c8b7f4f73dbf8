defmodule EctoLibSql.Geo.SQL do
  @moduledoc false
  # Points and distances in SQL that any SQLite with its mathematical functions runs.

  alias EctoLibSql.Geo.Sphere

  @doc "The distance of two points in metres. Each of the four is an expression that is evaluated several times."
  @spec distance(iodata(), iodata(), iodata(), iodata()) :: iodata()
  def distance(latitude, longitude, other_latitude, other_longitude) do
    [
      ["#{2 * Sphere.radius()} * asin(min(1, sqrt("],
      ["pow(sin(radians((", other_latitude, ") - (", latitude, ")) / 2), 2) + "],
      ["cos(radians(", latitude, ")) * cos(radians(", other_latitude, ")) * "],
      ["pow(sin(radians((", other_longitude, ") - (", longitude, ")) / 2), 2))))"]
    ]
  end

  @doc """
  What `ecto_geo_distance` answers, of two points as they are stored. json('?') is an error: of what is
  no point. `s`, `t` and `c` are calculated by themselves, since servers' parsers have a stack of 100.
  """
  @spec distance(iodata(), iodata()) :: iodata()
  def distance(from, to) do
    [
      ["(SELECT CASE WHEN y NOT BETWEEN -90 AND 90 OR v NOT BETWEEN -90 AND 90 "],
      ["OR x NOT BETWEEN -180 AND 180 OR u NOT BETWEEN -180 AND 180 THEN json('?') "],
      ["ELSE #{2 * Sphere.radius()} * asin(min(1, sqrt(s * s + c * t * t))) END FROM "],
      ["(SELECT y, x, v, u, sin(radians(v - y) / 2) AS s, sin(radians(u - x) / 2) AS t, "],
      ["cos(radians(y)) * cos(radians(v)) AS c FROM "],
      ["(SELECT ", latitude("a"), " AS y, ", longitude("a"), " AS x, "],
      [latitude("b"), " AS v, ", longitude("b"), " AS u FROM "],
      ["(SELECT ", from, " AS a, ", to, " AS b))))"]
    ]
  end

  @doc "The latitude of a stored point."
  @spec latitude(iodata()) :: iodata()
  def latitude(point), do: ["json_extract(", point, ", '$[0]')"]

  @doc "The longitude of a stored point."
  @spec longitude(iodata()) :: iodata()
  def longitude(point), do: ["json_extract(", point, ", '$[1]')"]

  @doc "Whether what is stored is a point, or NULL."
  @spec valid(iodata()) :: iodata()
  def valid(point) do
    numbers =
      for element <- 0..2 do
        type = ["coalesce(json_type(", point, ", '$[#{element}]')"]
        ["AND ", type, ", '#{if element == 2, do: "real"}') IN ('integer', 'real') "]
      end

    [
      ["CASE WHEN ", point, " IS NULL THEN 1 WHEN NOT json_valid(", point, ") THEN 0 "],
      ["ELSE json_type(", point, ") = 'array' AND json_array_length(", point, ") <= 3 ", numbers],
      ["AND ", in_range(latitude(point), longitude(point)), " END"]
    ]
  end

  @doc "Whether two columns hold a point, or one of them is NULL."
  @spec valid(iodata(), iodata()) :: iodata()
  def valid(latitude, longitude) do
    [
      [latitude, " IS NULL OR ", longitude, " IS NULL OR "],
      in_range(latitude, longitude)
    ]
  end

  # A text is more than any number.
  defp in_range(latitude, longitude),
    do: [latitude, " BETWEEN -90 AND 90 AND ", longitude, " BETWEEN -180 AND 180"]
end
