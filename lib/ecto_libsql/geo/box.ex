defmodule EctoLibSql.Geo.Box do
  @moduledoc """
  What lies between two parallels and two meridians.

  Public fields, in degrees:

    * `:south`, `:north` - latitudes
    * `:west`, `:east` - longitudes; the box goes from `west` eastwards. Where `west` is more than
      `east` it crosses the antimeridian, as
      [GeoJSON](https://www.rfc-editor.org/rfc/rfc7946#section-5.2) has it
  """

  alias EctoLibSql.Geo.{Point, Sphere}

  @enforce_keys [:south, :west, :north, :east]
  defstruct [:south, :west, :north, :east]

  @type t :: %__MODULE__{south: float(), west: float(), north: float(), east: float()}

  @doc """
  The box of two corners, the south-western and the north-eastern one; raises an `ArgumentError`
  where they are no points, or the first is north of the second.

      iex> EctoLibSql.Geo.Box.new!({-48, 166}, {-34, -176})
      %EctoLibSql.Geo.Box{south: -48.0, west: 166.0, north: -34.0, east: -176.0}
  """
  @spec new!(term(), term()) :: t()
  def new!(south_west, north_east) do
    {from, to} = {Point.from!(south_west), Point.from!(north_east)}

    if from.latitude > to.latitude do
      raise ArgumentError,
            "the south of a box, #{from.latitude}, is north of its north, #{to.latitude}"
    end

    %__MODULE__{
      south: from.latitude,
      west: from.longitude,
      north: to.latitude,
      east: to.longitude
    }
  end

  @doc """
  The smallest box that holds a circle of so many metres. Where a pole is in it, all meridians are.

      iex> box = EctoLibSql.Geo.Box.around({52.5163, 13.3777}, 10_000)
      iex> {Float.round(box.south, 2), Float.round(box.north, 2)}
      {52.43, 52.61}
      iex> box = EctoLibSql.Geo.Box.around({89.99, 0}, 10_000)
      iex> {box.west, box.east, box.north}
      {-180.0, 180.0, 90.0}
  """
  @spec around(term(), number()) :: t()
  def around(center, radius) when is_number(radius) and radius >= 0 do
    center = Point.from!(center)
    angle = min(radius / Sphere.radius(), :math.pi())
    south = center.latitude - Sphere.degrees(angle)
    north = center.latitude + Sphere.degrees(angle)

    if south <= -90 or north >= 90 do
      %__MODULE__{south: max(south, -90.0), west: -180.0, north: min(north, 90.0), east: 180.0}
    else
      sine = :math.sin(angle) / :math.cos(Sphere.radians(center.latitude))
      half = Sphere.degrees(:math.asin(min(sine, 1.0)))

      %__MODULE__{
        south: south,
        west: Sphere.longitude(center.longitude - half),
        north: north,
        east: Sphere.longitude(center.longitude + half)
      }
    end
  end

  def around(_center, radius),
    do: raise(ArgumentError, "a radius is metres, 0 or more, got: #{inspect(radius)}")

  @doc """
  The same as boxes that do not cross the antimeridian, one to three: -180° and 180° are the same meridian.

      iex> box = EctoLibSql.Geo.Box.new!({-48, 166}, {-34, -176})
      iex> for part <- EctoLibSql.Geo.Box.split(box), do: {part.west, part.east}
      [{166.0, 180.0}, {-180.0, -176.0}]
  """
  @spec split(t()) :: [t(), ...]
  def split(%__MODULE__{west: west, east: east} = box) when west > east,
    do: [%{box | east: 180.0}, %{box | west: -180.0}]

  def split(%__MODULE__{west: west, east: east} = box) do
    cond do
      west == -180 and east == 180 -> [box]
      west == -180 -> [box, %{box | west: 180.0, east: 180.0}]
      east == 180 -> [box, %{box | west: -180.0, east: -180.0}]
      true -> [box]
    end
  end

  @doc """
  Whether a point is in the box, or on its edge.

      iex> box = EctoLibSql.Geo.Box.new!({-48, 166}, {-34, -176})
      iex> EctoLibSql.Geo.Box.contains?(box, {-43.95, -176.55})
      true
  """
  @spec contains?(t(), term()) :: boolean()
  def contains?(%__MODULE__{} = box, point) do
    %Point{latitude: latitude, longitude: longitude} = Point.from!(point)

    latitude >= box.south and latitude <= box.north and
      Enum.any?(split(box), &(longitude >= &1.west and longitude <= &1.east))
  end
end
