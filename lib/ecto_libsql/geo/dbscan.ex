defmodule EctoLibSql.Geo.Dbscan do
  @moduledoc false
  # DBSCAN (<https://en.wikipedia.org/wiki/DBSCAN>) over a grid of cubes in space, through which the
  # globe's surface goes: neighbours are in the same cube or in one next to it, at the poles and
  # the antimeridian as everywhere.

  alias EctoLibSql.Geo.{Point, Sphere}

  @type clusters(key) :: %{clusters: [[key]], noise: [key]}

  @spec radius!(term()) :: number()
  def radius!(radius) when is_number(radius) and radius > 0, do: radius

  def radius!(other),
    do:
      raise(ArgumentError, "clusters need a radius: metres, more than 0, got: #{inspect(other)}")

  @spec min_points!(term()) :: pos_integer()
  def min_points!(count) when is_integer(count) and count > 0, do: count

  def min_points!(other),
    do:
      raise(ArgumentError, "clusters need min_points: a positive integer, got: #{inspect(other)}")

  @spec run([{key, Point.t()}], number(), pos_integer()) :: clusters(key) when key: term()
  def run(points, radius, min_points) do
    grid = grid(points, radius)

    # Each point's cluster, by the point's index.
    {members, _count} =
      Enum.reduce(0..(length(points) - 1)//1, {%{}, 0}, fn index, {members, count} ->
        with false <- is_map_key(members, index),
             [_ | _] = reached <- core(grid, index, min_points) do
          {spread(grid, reached, Map.put(members, index, count), count, min_points), count + 1}
        else
          _member_or_no_core -> {members, count}
        end
      end)

    answer(points, members)
  end

  # Takes in what is reached from the cluster's core points.
  defp spread(_grid, [], members, _cluster, _min_points), do: members

  defp spread(grid, [index | queue], members, cluster, min_points)
       when is_map_key(members, index),
       do: spread(grid, queue, members, cluster, min_points)

  defp spread(grid, [index | queue], members, cluster, min_points) do
    queue = Enum.reduce(core(grid, index, min_points), queue, &[&1 | &2])
    spread(grid, queue, Map.put(members, index, cluster), cluster, min_points)
  end

  # The neighbours of a core point, none of another.
  defp core(grid, index, min_points) do
    neighbours = neighbours(grid, index)
    if length(neighbours) >= min_points, do: neighbours, else: []
  end

  defp answer(points, members) do
    {noise, clusters} =
      points
      |> Enum.with_index()
      |> Enum.group_by(fn {_point, index} -> members[index] end, fn {{key, _}, index} ->
        {index, key}
      end)
      |> Map.pop(nil, [])

    clusters = clusters |> Map.values() |> Enum.sort_by(fn [{first, _key} | _] -> first end)
    %{clusters: Enum.map(clusters, &keys/1), noise: keys(noise)}
  end

  defp keys(members), do: Enum.map(members, &elem(&1, 1))

  ## The grid

  # A little more than the chord of the radius: coordinates are rounded.
  defp grid(points, radius) do
    angle = min(radius / Sphere.radius(), :math.pi())
    edge = 2 * :math.sin(angle / 2) * (1 + 1.0e-9) + 1.0e-9

    placed = for {{_key, point}, index} <- Enum.with_index(points), do: {index, point}

    %{
      radius: radius,
      edge: edge,
      points: Map.new(placed),
      cubes: Enum.group_by(placed, fn {_, point} -> cube(point, edge) end)
    }
  end

  defp cube(point, edge) do
    {x, y, z} = Sphere.vector(point)
    {floor(x / edge), floor(y / edge), floor(z / edge)}
  end

  defp neighbours(%{radius: radius, edge: edge, points: points, cubes: cubes}, index) do
    point = Map.fetch!(points, index)
    {x, y, z} = cube(point, edge)

    for i <- (x - 1)..(x + 1),
        j <- (y - 1)..(y + 1),
        k <- (z - 1)..(z + 1),
        {other, place} <- Map.get(cubes, {i, j, k}, []),
        Sphere.distance(point, place) <= radius,
        do: other
  end
end
