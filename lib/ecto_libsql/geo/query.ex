defmodule EctoLibSql.Geo.Query do
  @moduledoc """
  Points and distances in Ecto's queries.

      import Ecto.Query
      import EctoLibSql.Geo.Query

      here = {52.5163, 13.3777}

      from p in Place,
        where: distance(p.location, ^here) < 1_000,
        order_by: distance(p.location, ^here),
        select: {p.name, distance(p.location, ^here), latitude(p.location)}

  `EctoLibSql.Geo.within/5` and `EctoLibSql.Geo.nearest/5` do the same with an index. All of it works on
  local databases, at a server and on a replica.
  """

  @doc """
  The great-circle distance of two points in metres, `NULL` where one of them is.

  Each is a field, or an interpolated value of any form that `EctoLibSql.Geo.Point` casts, or a tuple of
  the latitude and the longitude, as of two columns: `distance({s.latitude, s.longitude}, ^here)`.

  It is a haversine on a globe with the radius 6371008.8 m: up to 0.6 % off the distance on the
  ellipsoid. A function of this library calculates it, and at a server an expression in plain SQL: the
  two differ by less than a millimetre, but for points nearly opposite each other on the globe, where
  both are exact to 0.2 m. What is no point makes the query an error.
  """
  defmacro distance(from, to) do
    quote do: fragment("ecto_geo_distance(?, ?)", unquote(point(from)), unquote(point(to)))
  end

  @doc "A point's latitude in degrees."
  defmacro latitude(point), do: element(point, "json_extract(?, '$[0]')")

  @doc "A point's longitude in degrees."
  defmacro longitude(point), do: element(point, "json_extract(?, '$[1]')")

  @doc "A point's elevation in metres, `NULL` where it has none."
  defmacro elevation(point), do: element(point, "json_extract(?, '$[2]')")

  defp element(point, sql) do
    quote do: type(fragment(unquote(sql), unquote(point(point))), :float)
  end

  defp point({:^, _, [_]} = value), do: quote(do: type(unquote(value), EctoLibSql.Geo.Point))

  defp point({latitude, longitude}),
    do: quote(do: fragment("json_array(?, ?)", unquote(latitude), unquote(longitude)))

  defp point({_, _, _} = expression), do: expression

  defp point(other) do
    raise ArgumentError,
          "a point in a query is a field, an interpolated value (^point) or a tuple of two columns, " <>
            "got: #{Macro.to_string(other)}"
  end
end
