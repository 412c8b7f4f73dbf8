if Code.ensure_loaded?(Ecto.Query) do
  defmodule EctoLibSql.Geo.Search do
    @moduledoc false
    # Queries for what is near, within a circle or a box, with an index or by a look at all rows. The
    # index narrows the rows down to those in boxes; which of them are near is decided by the same
    # condition as without it.
    #
    # The nearest are looked for in growing circles: the first in which there are enough of the query's
    # rows has all of them. All is one statement, since a question to a server takes a round trip.

    import Ecto.Query

    alias EctoLibSql.Geo.{Box, Each, Point, Rings, Target}

    ## Within

    @doc "The rows within so many metres of a point."
    @spec within(Target.t(), Point.t(), number()) :: Ecto.Query.t()
    def within(%Target{query: query} = target, point, radius) do
      query
      |> in_boxes(target, fn -> boxes(Rings.boxes(point, radius)) end)
      |> where(^dynamic(^distance(target, parameter(point)) <= ^(radius / 1)))
    end

    @doc "The rows in a box."
    @spec within_box(Target.t(), Box.t()) :: Ecto.Query.t()
    def within_box(%Target{query: query} = target, box) do
      {latitude, longitude} = coordinates(target)

      meridians =
        Enum.reduce(Box.split(box), false, fn part, others ->
          dynamic(^others or (^longitude >= ^part.west and ^longitude <= ^part.east))
        end)

      query
      |> in_boxes(target, fn -> boxes(Rings.boxes(box)) end)
      |> where(^dynamic(^latitude >= ^box.south and ^latitude <= ^box.north))
      |> where(^meridians)
    end

    @doc "The rows within so many metres of each of the points."
    @spec within_each(Target.t(), [Point.t()], number()) :: Ecto.Query.t()
    def within_each(%Target{query: query} = target, points, radius) do
      circles = Rings.circles(points, radius)
      distance = distance(target, each())

      query
      |> join(:inner, [], o in {fragment("json_each(?)", ^circles), Each},
        on: true,
        as: :geo_point
      )
      |> in_boxes(target, fn ->
        from(b in fragment("json_each(?, '$.boxes')", parent_as(:geo_point).value))
      end)
      |> where(^dynamic(^distance <= ^(radius / 1)))
      |> results(target, distance)
    end

    ## Nearest

    @doc "So many rows that are nearest to the point, the nearest first."
    @spec nearest(Target.t(), Point.t(), pos_integer()) :: Ecto.Query.t()
    def nearest(%Target{query: query} = target, point, limit) do
      key = Target.key!(target)
      origin = parameter(point)

      rings = fn ->
        json = Rings.rings(point)
        from(ring in fragment("json_each(?)", ^json), as: :geo_ring)
      end

      keys = nearest_keys(target, origin, rings, limit)

      query
      |> where([p], field(p, ^key) in subquery(keys))
      |> prepend_order_by(^by(target, distance(target, origin)))
    end

    @doc "So many rows that are nearest to each of the points."
    @spec nearest_each(Target.t(), [Point.t()], pos_integer()) :: Ecto.Query.t()
    def nearest_each(%Target{query: query} = target, points, limit) do
      key = Target.key!(target)
      points = Rings.points(points, indexed: target.index != nil)

      rings = fn ->
        from(ring in fragment("json_each(?, '$.rings')", parent_as(:geo_point).value),
          as: :geo_ring
        )
      end

      keys = nearest_keys(target, parent_each(), rings, limit)

      query
      |> join(:inner, [], o in {fragment("json_each(?)", ^points), Each},
        on: true,
        as: :geo_point
      )
      |> where([p], field(p, ^key) in subquery(keys))
      |> results(target, distance(target, each()))
    end

    # The keys of the nearest rows of the query. `rings` answers the query of the growing circles.
    defp nearest_keys(target, origin, rings, limit) do
      distance = distance(target, origin)
      candidates = candidates(target)

      # An ORDER BY of SQLite's may not refer to a query around it: hence this subquery.
      measured =
        candidates
        |> in_boxes(target, fn ->
          from(ring in subquery(enough(target, candidates, distance, rings.(), limit)),
            cross_join: b in fragment("json_each(?, '$.boxes')", ring.value)
          )
        end)
        |> once(target)
        |> select([p], ^%{key: dynamic([p], field(p, ^target.key)), distance: distance})

      from(m in subquery(measured),
        order_by: [asc: m.distance, asc: m.key],
        limit: ^limit,
        select: m.key
      )
    end

    # The first ring in whose circle there are enough of the candidates, or else the whole globe. In
    # the order of its rowids, json_each gives them one by one, and the others are not looked into.
    defp enough(target, candidates, distance, rings, limit) do
      radius = dynamic(fragment("json_extract(?, '$.radius')", parent_as(:geo_ring).value))

      found =
        candidates
        |> in_boxes(target, fn ->
          from(b in fragment("json_each(?, '$.boxes')", parent_as(:geo_ring).value))
        end)
        |> where(^dynamic(^distance <= ^radius))
        |> once(target)
        |> offset(^(limit - 1))
        |> limit(1)
        |> select([p], field(p, ^target.key))

      from(ring in rings,
        where:
          is_nil(fragment("json_extract(?, '$.radius')", ring.value)) or exists(subquery(found)),
        order_by: ring.rowid,
        limit: 1,
        select: %{value: ring.value}
      )
    end

    # A row that a join of the query's finds several times counts once.
    defp once(query, %Target{query: %{joins: []}}), do: query
    defp once(query, %Target{key: key}), do: group_by(query, [p], field(p, ^key))

    ## Cells

    @doc "The rows in the cells of a grid of so many degrees."
    @spec grid(Target.t(), float()) :: Ecto.Query.t()
    def grid(target, degrees) do
      {latitude, longitude} = coordinates(target)
      # The pole and the antimeridian are in the last cells.
      {last_row, last_column} = {last_cell(180, degrees), last_cell(360, degrees)}

      row =
        dynamic(fragment("min(CAST((? + 90) / ? AS INTEGER), ?)", ^latitude, ^degrees, ^last_row))

      column =
        dynamic(
          fragment("min(CAST((? + 180) / ? AS INTEGER), ?)", ^longitude, ^degrees, ^last_column)
        )

      located =
        target
        |> candidates()
        |> select([p], ^%{row: row, column: column, latitude: latitude, longitude: longitude})

      from(l in subquery(located),
        group_by: [l.row, l.column],
        order_by: [l.row, l.column],
        select: %{
          south: type(l.row * ^degrees - 90, :float),
          west: type(l.column * ^degrees - 180, :float),
          count: count(),
          latitude: type(avg(l.latitude), :float),
          longitude: type(avg(l.longitude), :float)
        }
      )
    end

    defp last_cell(degrees, cell), do: ceil(degrees / cell) - 1

    @doc "The query's rows that have a point."
    @spec candidates(Target.t()) :: Ecto.Query.t()
    def candidates(%Target{query: query} = target) do
      for {part, name} <- [
            limit: "limit",
            offset: "offset",
            group_bys: "group_by",
            combinations: "a combination",
            distinct: "distinct"
          ],
          Map.fetch!(query, part) not in [nil, []] do
        raise ArgumentError,
              "what lies near is looked for in a query without #{name}: make that one a subquery"
      end

      query
      |> exclude(:select)
      |> exclude(:order_by)
      |> exclude(:preload)
      |> located(target)
    end

    defp located(query, %Target{field: {latitude, longitude}}),
      do: where(query, [p], not is_nil(field(p, ^latitude)) and not is_nil(field(p, ^longitude)))

    defp located(query, %Target{field: field}),
      do: where(query, [p], not is_nil(field(p, ^field)))

    ## The index

    # Narrows a query down to the rows that the index has in boxes, which are the last source of what
    # `boxes` answers. Cross joins are made in their order: SQLite would else look at the whole tree, since it
    # takes boxes for many, and what is in them, too.
    defp in_boxes(query, %Target{index: nil}, _boxes), do: query

    defp in_boxes(query, %Target{index: index, prefix: prefix} = target, boxes) do
      key = Target.key!(target)
      tree = index |> Ecto.Queryable.to_query() |> put_query_prefix(prefix)

      keys =
        from([..., b] in boxes.(),
          cross_join: t in ^tree,
          where: t.north >= fragment("json_extract(?, '$[0]')", b.value),
          where: t.east >= fragment("json_extract(?, '$[1]')", b.value),
          where: t.south <= fragment("json_extract(?, '$[2]')", b.value),
          where: t.west <= fragment("json_extract(?, '$[3]')", b.value),
          select: t.key
        )

      where(query, [p], field(p, ^key) in subquery(keys))
    end

    defp boxes(json), do: from(b in fragment("json_each(?)", ^json))

    ## Expressions

    defp place(%Target{field: {latitude, longitude}}),
      do: dynamic([p], fragment("json_array(?, ?)", field(p, ^latitude), field(p, ^longitude)))

    defp place(%Target{field: field}), do: dynamic([p], field(p, ^field))

    @doc "The latitude and the longitude of a row's point."
    @spec coordinates(Target.t()) :: {Ecto.Query.dynamic_expr(), Ecto.Query.dynamic_expr()}
    def coordinates(%Target{field: {latitude, longitude}}),
      do: {dynamic([p], field(p, ^latitude)), dynamic([p], field(p, ^longitude))}

    def coordinates(%Target{field: field}) do
      {dynamic([p], fragment("json_extract(?, '$[0]')", field(p, ^field))),
       dynamic([p], fragment("json_extract(?, '$[1]')", field(p, ^field)))}
    end

    defp distance(target, origin) do
      place = place(target)
      dynamic(fragment("ecto_geo_distance(?, ?)", ^place, ^origin))
    end

    defp parameter(point), do: dynamic(type(^point, Point))
    defp each, do: dynamic(fragment("json_extract(?, '$.point')", as(:geo_point).value))

    defp parent_each,
      do: dynamic(fragment("json_extract(?, '$.point')", parent_as(:geo_point).value))

    # Rows that are equally far are in the order of their keys.
    defp by(%Target{key: nil}, distance), do: [asc: distance]
    defp by(%Target{key: key}, distance), do: [asc: distance, asc: dynamic([p], field(p, ^key))]

    ## Results of several points

    defp results(query, target, distance) do
      order = [{:asc, dynamic(as(:geo_point).key)} | by(target, distance)]
      query = prepend_order_by(query, ^order)

      index = dynamic(as(:geo_point).key)

      if query.select,
        do: query,
        else: select(query, [p], ^%{point: index, row: dynamic([p], p), distance: distance})
    end
  end
end
