if Code.ensure_loaded?(ExUnitProperties) do
  defmodule EctoLibSql.GeoPropertyTest do
    use ExUnit.Case, async: true
    use ExUnitProperties

    import EctoLibSql.Test.Database

    alias EctoLibSql.Geo
    alias EctoLibSql.Geo.{Box, Point, Sphere}

    defp latitude, do: edges([-90.0, -89.999999, 0.0, 89.999999, 90.0], 90)
    defp longitude, do: edges([-180.0, -179.999999, 0.0, 179.999999, 180.0], 180)

    defp edges(edges, most),
      do:
        one_of([member_of(edges), map(integer(-1_000_000..1_000_000), &(&1 * most / 1_000_000))])

    defp point, do: map({latitude(), longitude()}, fn {lat, lon} -> Point.new!(lat, lon) end)

    # Around a pole, a corner of the antimeridian, or anywhere.
    defp somewhere do
      one_of([
        point(),
        map({point(), integer(0..359), integer(0..2000)}, fn {point, bearing, metres} ->
          Sphere.destination(point, bearing, metres)
        end)
      ])
    end

    defp radius, do: one_of([integer(0..2000), integer(0..20_100_000)])

    defp text(nil), do: nil

    defp text(point) do
      {:ok, text} = Point.dump(point)
      text
    end

    property "a distance is a metric" do
      check all(a <- somewhere(), b <- somewhere(), c <- somewhere()) do
        assert_in_delta Geo.distance(a, b), Geo.distance(b, a), 1.0e-6
        assert Geo.distance(a, b) >= 0
        assert Geo.distance(a, c) <= Geo.distance(a, b) + Geo.distance(b, c) + 0.5
      end
    end

    property "the engine's function, plain SQL and Elixir agree" do
      s = connect!()
      plain = IO.iodata_to_binary(["SELECT " | Geo.SQL.distance("?1", "?2")])

      check all(a <- somewhere(), b <- somewhere(), max_runs: 1_000) do
        distance = Geo.distance(a, b)
        # Opposite each other, an error of the last bit is 0.1 m.
        allowed = if distance > 19_900_000, do: 0.2, else: 0.001
        params = [text(a), text(b)]
        assert [[engine]] = rows(s, "SELECT ecto_geo_distance(?, ?)", params)
        assert_in_delta engine, distance, allowed
        assert [[sql]] = rows(s, plain, params)
        assert_in_delta sql, distance, allowed
      end
    end

    property "a circle is in its box, whatever is in it" do
      check all(
              center <- somewhere(),
              radius <- radius(),
              bearing <- integer(0..359),
              part <- float(min: 0.0, max: 1.0)
            ) do
        inside = Sphere.destination(center, bearing, min(radius, Sphere.farthest()) * part)
        # A box is exact to the last bits, and so is the destination.
        assert Box.contains?(Geo.bounding_box(center, radius * (1 + 1.0e-9) + 0.2), inside)
      end
    end

    property "boxes have the points that are between their sides" do
      check all(a <- point(), b <- point(), p <- somewhere()) do
        {south, north} = Enum.min_max([a.latitude, b.latitude])
        box = Box.new!({south, a.longitude}, {north, b.longitude})
        width = :math.fmod(b.longitude - a.longitude + 720, 360)
        width = if a.longitude == -180 and b.longitude == 180, do: 360, else: width
        from_west = :math.fmod(p.longitude - a.longitude + 720, 360)

        # Rounding may tell points on the very sides either way.
        if abs(from_west - width) > 1.0e-9 and abs(from_west - 360) > 1.0e-9 do
          assert Box.contains?(box, p) ==
                   (p.latitude >= south and p.latitude <= north and from_west <= width)
        end
      end
    end

    property "a point that is dumped is loaded" do
      check all(p <- somewhere(), elevation <- one_of([constant(nil), float()])) do
        point = Point.new!(p.latitude, p.longitude, elevation)
        assert point |> text() |> Point.load() == {:ok, point}
      end
    end

    ## The index

    defp step do
      key = integer(1..8)
      place = one_of([constant(nil), somewhere()])
      kind = integer(1..4)

      frequency([
        {3, {:insert, key, place, kind}},
        {3, {:replace, key, place, kind}},
        {2, {:upsert, key, place, kind}},
        {3, {:move, key, place}},
        {1, {:rekey, key, key}},
        {1, {:rekey_or_replace, key, key}},
        {2, {:delete, key}},
        {1, {:fail, key, place}},
        {1, {:undone, key, place}},
        {1, constant(:delete_all)}
      ])
      |> map(fn
        step when is_tuple(step) -> step
        step -> {step}
      end)
    end

    # Keys are those of the table's kind: a number, or a text.
    defp run(s, key, step) do
      case step do
        {:insert, id, place, kind} ->
          EctoLibSql.query(s, "INSERT INTO t VALUES (?, ?, ?)", [key.(id), text(place), kind])

        {:replace, id, place, kind} ->
          sql = "REPLACE INTO t VALUES (?, ?, ?)"
          EctoLibSql.query(s, sql, [key.(id), text(place), kind])

        {:upsert, id, place, kind} ->
          sql = "INSERT INTO t VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET p = excluded.p"
          EctoLibSql.query(s, sql, [key.(id), text(place), kind])

        {:move, id, place} ->
          EctoLibSql.query(s, "UPDATE t SET p = ? WHERE id = ?", [text(place), key.(id)])

        {:rekey, id, to} ->
          EctoLibSql.query(s, "UPDATE t SET id = ? WHERE id = ?", [key.(to), key.(id)])

        {:rekey_or_replace, id, to} ->
          EctoLibSql.query(s, "UPDATE OR REPLACE t SET id = ? WHERE id = ?", [key.(to), key.(id)])

        {:delete, id} ->
          EctoLibSql.query(s, "DELETE FROM t WHERE id = ?", [key.(id)])

        {:fail, id, place} ->
          sql = "INSERT INTO t VALUES (?, ?, 99), (50, '[91,0]', 100)"
          assert {:error, _} = EctoLibSql.query(s, sql, [key.(id), text(place)])

        {:undone, id, place} ->
          {:error, :undone} =
            EctoLibSql.transaction(s, fn s ->
              sql = "REPLACE INTO t VALUES (?, ?, NULL)"
              {:ok, _} = EctoLibSql.query(s, sql, [key.(id), text(place)])
              EctoLibSql.query(s, "DELETE FROM t WHERE id % 2 = 0", [])
              {:error, :undone}
            end)

        {:delete_all} ->
          EctoLibSql.query(s, "DELETE FROM t")
      end
    end

    # `u` is unique, so that REPLACE takes rows away that have another key.
    for {kind, type, options, key} <- [
          {"a rowid", "INTEGER PRIMARY KEY", "", quote(do: fn id -> id end)},
          {"text", "TEXT PRIMARY KEY", "", quote(do: &Integer.to_string/1)},
          {"a number, without rowids", "INT PRIMARY KEY", "WITHOUT ROWID",
           quote(do: fn id -> id end)},
          {"a blob, strict", "BLOB PRIMARY KEY NOT NULL", "STRICT", quote(do: &{:blob, <<&1>>})}
        ] do
      property "the triggers keep the index of a table whose key is #{kind}" do
        s = connect!()
        key = unquote(key)
        columns = "id #{unquote(type)}, p TEXT, u INT UNIQUE"

        check all(
                before <-
                  list_of({:insert, integer(1..8), somewhere(), integer(1..4)}, max_length: 3),
                steps <- list_of(step(), max_length: 25),
                recursive <- boolean(),
                max_runs: 60
              ) do
          EctoLibSql.execute_batch(
            s,
            "DROP TABLE IF EXISTS t; DROP TABLE IF EXISTS t_p_rtree; DROP TABLE IF EXISTS t_p_rtree_keys"
          )

          :ok = EctoLibSql.run(s, "PRAGMA recursive_triggers = #{recursive}")
          :ok = EctoLibSql.run(s, "CREATE TABLE t (#{columns}) #{unquote(options)}")
          Enum.each(before, &run(s, key, &1))
          assert :ok = Geo.create_index(s, "t", "p")
          Enum.each(steps, &run(s, key, &1))

          # Every row with a point is there once, with corners around it.
          sql = """
          SELECT t.id, t.p, i.south, i.north, i.west, i.east
          FROM t LEFT JOIN t_p_rtree AS i ON i.key = t.id ORDER BY t.id
          """

          found = rows(s, sql)
          assert Enum.map(found, &Enum.take(&1, 2)) == rows(s, "SELECT id, p FROM t ORDER BY id")

          for [_id, p | corners] <- found do
            if p do
              [south, north, west, east] = corners
              {:ok, point} = Point.load(p)
              assert south <= point.latitude and point.latitude <= north
              assert west <= point.longitude and point.longitude <= east
              assert north - south < 1.0e-4 and east - west < 1.0e-4
            else
              assert corners == [nil, nil, nil, nil]
            end
          end

          assert rows(s, "SELECT rtreecheck('t_p_rtree')") == [["ok"]]

          # Without a REPLACE, nothing else is there.
          if recursive or not Enum.any?(steps, &(elem(&1, 0) in [:replace, :rekey_or_replace])) do
            [[count]] = rows(s, "SELECT count(p) FROM t")
            assert rows(s, "SELECT count(*) FROM t_p_rtree") == [[count]]
          end
        end
      end
    end

    ## Clusters

    # Near each other, over the antimeridian and a pole.
    defp crowd do
      map(
        {member_of([{52, 13}, {-17, 180}, {89.99, 0}]), integer(0..359), integer(0..4000)},
        fn {center, bearing, metres} ->
          Geo.destination(center, bearing, metres)
        end
      )
    end

    # As the definition has it: core points that reach each other are a cluster.
    defp naive(points, radius, min_points) do
      near = fn {_, a}, {_, b} -> Geo.distance(a, b) <= radius end
      cores = for p <- points, Enum.count(points, &near.(p, &1)) >= min_points, do: p

      groups =
        Enum.reduce(cores, [], fn core, groups ->
          {joined, apart} =
            Enum.split_with(groups, fn group -> Enum.any?(group, &near.(core, &1)) end)

          [[core | Enum.concat(joined)] | apart]
        end)

      {groups, near}
    end

    property "clusters are those of the definition" do
      check all(
              places <- list_of(crowd(), max_length: 60),
              radius <- integer(1..2000),
              min_points <- integer(1..6)
            ) do
        points = places |> Enum.with_index() |> Enum.map(fn {p, i} -> {i, p} end)
        %{clusters: clusters, noise: noise} = Geo.dbscan(points, radius, min_points)
        {groups, near} = naive(points, radius, min_points)
        by_key = Map.new(points)

        assert Enum.sort(noise ++ Enum.concat(clusters)) == Enum.map(points, &elem(&1, 0))
        assert length(clusters) == length(groups)
        assert Enum.all?(clusters, &(&1 == Enum.sort(&1)))
        assert clusters == Enum.sort(clusters)

        for group <- groups do
          keys = Enum.map(group, &elem(&1, 0))
          assert [cluster] = Enum.filter(clusters, fn c -> Enum.any?(keys, &(&1 in c)) end)
          assert keys -- cluster == []

          for key <- cluster -- keys,
              do: assert(Enum.any?(group, &near.(&1, {key, by_key[key]})))
        end

        for key <- noise,
            group <- groups,
            core <- group,
            do: refute(near.(core, {key, by_key[key]}))
      end
    end
  end
end
