defmodule EctoLibSql.GeoTest do
  use ExUnit.Case, async: true

  import EctoLibSql.Test.Database

  alias EctoLibSql.{Error, Geo}
  alias EctoLibSql.Geo.{Box, Point, Sphere}

  # Kilometres, as published, between the places that they were published for.
  #
  #   * OAG, "Exploring the world's 10 longest non-stop airline routes" (2024)
  #   * airmilescalculator.com, by Vincenty's formula
  #   * the Washington Post, 2015-03-18, in miles
  #   * GeographicLib's documentation, and what its version 2.1 for Python answers for these
  #     coordinates: geodesics of the ellipsoid WGS84
  @published [
    {"OAG: New York JFK, Singapore", {40.6398, -73.7789}, {1.3592, 103.9894}, 15_332},
    {"OAG: Newark, Singapore", {40.6925, -74.1687}, {1.3592, 103.9894}, 15_329},
    {"OAG: Auckland, Doha", {-37.0081, 174.7917}, {25.2731, 51.6081}, 14_526},
    {"OAG: Perth, London", {-31.9403, 115.9669}, {51.4706, -0.4619}, 14_499},
    {"airmilescalculator: Honolulu, Tokyo", {21.3186, -157.9219}, {35.5522, 139.7797}, 6_201.581},
    {"airmilescalculator: Honolulu, Takapoto", {21.3186, -157.9219}, {-14.7094, -145.2458},
     4_219.041},
    {"Washington Post: Sydney, Dallas", {-33.9461, 151.1772}, {32.8968, -97.0380},
     8_578 * 1.609344},
    {"Washington Post: Johannesburg, Atlanta", {-26.1392, 28.2460}, {33.6367, -84.4281},
     8_439 * 1.609344},
    {"GeographicLib: Wellington, Salamanca", {-41.32, 174.81}, {40.96, -5.50}, 19_959.679267},
    {"GeographicLib: New York, London", {40.6, -73.8}, {51.6, -0.5}, 5_551.759},
    {"GeographicLib: Sydney, Auckland", {-33.9461, 151.1772}, {-37.0081, 174.7917}, 2_164.2},
    {"GeographicLib: Santiago, Auckland", {-33.3930, -70.7858}, {-37.0081, 174.7917}, 9_673.7},
    {"GeographicLib: Anchorage, Moscow", {61.1744, -149.9964}, {55.4088, 37.9063}, 7_057.7},
    {"GeographicLib: Nadi, Apia", {-17.7554, 177.4431}, {-13.8300, -172.0083}, 1_210.5},
    {"GeographicLib: Buenos Aires, Sydney", {-34.8222, -58.5358}, {-33.9461, 151.1772}, 11_789.5},
    {"GeographicLib: Cape Town, São Paulo", {-33.9648, 18.6017}, {-23.4356, -46.4731}, 6_362.2},
    {"GeographicLib: Bogotá, Jakarta", {4.7016, -74.1469}, {-6.1256, 106.6559}, 19_829.3},
    {"GeographicLib: Longyearbyen, south pole", {78.2461, 15.4656}, {-90, 0}, 18_691.3},
    {"WGS84's meridian: the poles", {90, 0}, {-90, 0}, 20_003.931},
    {"WGS84's meridian: pole and equator", {90, 123}, {0, 0}, 10_001.966}
  ]

  describe "distance" do
    test "is the published one, to 0.5 %" do
      for {name, from, to, published} <- @published do
        distance = Geo.distance(from, to) / 1000
        assert_in_delta distance, published, published * 0.005, name
      end
    end

    test "is the same for the engine's function and in plain SQL" do
      s = connect!()

      for {name, from, to, _published} <- @published do
        distance = Geo.distance(from, to)
        sql = "SELECT ecto_geo_distance(?, ?)"
        assert {:ok, [engine]} = EctoLibSql.query_one(s, sql, [text(from), text(to)])
        assert_in_delta engine, distance, 0.2, name

        {{latitude, longitude}, {to_latitude, to_longitude}} = {from, to}
        sql = Geo.distance_sql("?1", "?2", "?3", "?4")
        params = [latitude, longitude, to_latitude, to_longitude]
        assert {:ok, [plain]} = EctoLibSql.query_one(s, "SELECT " <> sql, params)
        assert_in_delta plain, distance, 0.2, name
      end
    end

    test "of a place and itself is 0, however it is written" do
      assert Geo.distance({12.5, 180}, {12.5, -180}) < 1.0e-6
      assert Geo.distance({90, 0}, {90, 123}) < 1.0e-6
      assert Geo.distance({-90, -180}, {-90, 33}) < 1.0e-6
      assert Geo.distance({52.5, 13.4}, {52.5, 13.4}) == 0.0
    end

    test "half of the globe is the most there is" do
      assert_in_delta Geo.distance({30, 20}, {-30, -160}), Sphere.farthest(), 0.2
      assert Geo.distance({0.1, 0}, {-0.1, 180}) <= Sphere.farthest()
    end
  end

  describe "the engine's function" do
    test "takes points as they are stored, and NULL" do
      s = connect!()
      value = &hd(hd(rows(s, "SELECT ecto_geo_distance(?, ?)", [&1, &2])))
      assert_in_delta value.("[0,0]", " [ 0.0 , 1e0 ] "), 111_195.08, 0.01
      assert value.("[0,0,-12.5]", "[0,0,8000]") == 0.0
      assert value.(nil, "[0,0]") == nil
      assert value.("[0,0]", nil) == nil
      assert value.("[null,null]", "[0,0]") == nil
    end

    test "refuses what is no point, and says so" do
      s = connect!()

      for {value, message} <- [
            {"here", "'here' is no point"},
            {"[1]", "'[1]' is no point"},
            {"[1,2,3,4]", "'[1,2,3,4]' is no point"},
            {"[\"1\",2]", "'[\"1\",2]' is no point"},
            {"[nan,2]", "'[nan,2]' is no point"},
            {"[90.5,2]", "the latitude 90.5 is not from -90 to 90"},
            {"[0,-181]", "the longitude -181 is not from -180 to 180"},
            {1.5, "a number is no point"},
            {{:blob, "[0,0]"}, "a blob is no point"}
          ] do
        sql = "SELECT ecto_geo_distance(?, '[0,0]')"
        assert {:error, %Error{message: ^message}} = EctoLibSql.query(s, sql, [value])
      end
    end

    test "may be used by indexes, checks and triggers" do
      s = connect!()

      :ok =
        EctoLibSql.run(
          s,
          "CREATE TABLE t (p TEXT CHECK (ecto_geo_distance(p, '[0,0]') < 1000))"
        )

      :ok = EctoLibSql.run(s, "CREATE INDEX i ON t (ecto_geo_distance(p, '[1,1]'))")
      :ok = EctoLibSql.run(s, "INSERT INTO t VALUES ('[0.001,0]')")

      assert {:error, %Error{code: :constraint_check}} =
               EctoLibSql.query(s, "INSERT INTO t VALUES ('[1,0]')")
    end
  end

  describe "bearings" do
    test "along meridians and the equator" do
      assert Geo.initial_bearing({0, 0}, {10, 0}) == 0.0
      assert Geo.initial_bearing({0, 0}, {0, 10}) == 90.0
      assert Geo.initial_bearing({10, 0}, {0, 0}) == 180.0
      assert Geo.initial_bearing({0, 0}, {0, -10}) == 270.0
      assert Geo.initial_bearing({0, 179}, {0, -179}) == 90.0
      assert Geo.initial_bearing({51, 10}, {-90, 0}) == 180.0
    end

    # Of the examples of movable-type.co.uk/scripts/latlong.html.
    test "are the published ones" do
      assert_in_delta Geo.initial_bearing({52.205, 0.119}, {48.857, 2.351}), 156.2, 0.05
      assert_in_delta Geo.final_bearing({52.205, 0.119}, {48.857, 2.351}), 157.9, 0.05
      assert_in_delta Geo.initial_bearing({35, 45}, {35, 135}), 60.16, 0.005
      assert_in_delta Geo.final_bearing({35, 45}, {35, 135}), 119.84, 0.005
    end
  end

  test "a destination is as far as was asked, in that direction, over poles and antimeridian" do
    for {from, bearing, metres} <- [
          {{52.5, 13.4}, 33, 100},
          {{52.5, 13.4}, 133, 5_000_000},
          {{-17, 179.9}, 90, 50_000},
          {{89.9, 10}, 0.01, 50_000},
          {{-89.9, 10}, 180.01, 50_000}
        ] do
      to = Geo.destination(from, bearing, metres)
      assert_in_delta Geo.distance(from, to), metres, 0.01
      assert_in_delta Geo.initial_bearing(from, to), bearing, 0.001
    end

    assert %Point{latitude: latitude} = Geo.destination({89.5, 0}, 0, 111_195.08)
    assert_in_delta latitude, 89.5, 1.0e-6
  end

  test "the midpoint is equally far from both" do
    for {_name, from, to, _published} <- @published do
      middle = Geo.midpoint(from, to)
      assert_in_delta Geo.distance(from, middle), Geo.distance(from, to) / 2, 0.5
      assert_in_delta Geo.distance(to, middle), Geo.distance(from, to) / 2, 0.5
    end
  end

  describe "boxes" do
    test "around a circle touch it, and no more" do
      for {latitude, longitude, radius} <- [
            {0, 0, 1},
            {52.5, 13.4, 10_000},
            {-33, 151, 2_000_000},
            {60, -179.99, 5_000},
            {-75, 179, 900_000}
          ] do
        box = Geo.bounding_box({latitude, longitude}, radius)

        on_circle =
          for bearing <- 0..3599, do: Geo.destination({latitude, longitude}, bearing / 10, radius)

        slack = 0.00001 * radius / 111_195
        wide = %{box | south: box.south - slack, north: box.north + slack}
        wide = %{wide | west: wide.west - slack, east: wide.east + slack}
        assert Enum.all?(on_circle, &Box.contains?(wide, &1))

        latitudes = Enum.map(on_circle, & &1.latitude)
        assert_in_delta Enum.max(latitudes), box.north, radius / 111_195 * 1.0e-5
        assert_in_delta Enum.min(latitudes), box.south, radius / 111_195 * 1.0e-5

        easts = for p <- on_circle, do: east_of(longitude, p.longitude)
        assert_in_delta Enum.max(easts), east_of(longitude, box.east), radius / 111_195 * 1.0e-3
        assert_in_delta Enum.min(easts), east_of(longitude, box.west), radius / 111_195 * 1.0e-3
      end
    end

    test "with a pole have all longitudes; those over the antimeridian are two" do
      assert %Box{west: -180.0, east: 180.0, north: 90.0} = Geo.bounding_box({89, 50}, 112_000)
      assert %Box{west: -180.0, east: 180.0, south: -90.0} = Geo.bounding_box({-89, 50}, 112_000)

      assert %Box{south: -90.0, north: 90.0, west: -180.0, east: 180.0} =
               Geo.bounding_box({0, 0}, 20_100_000)

      assert %Box{west: west, east: east} = box = Geo.bounding_box({0, 180}, 111_195)
      assert_in_delta west, 179, 0.001
      assert_in_delta east, -179, 0.001
      assert [%Box{east: 180.0}, %Box{west: -180.0}] = Box.split(box)
      assert Box.contains?(box, {0, 180})
      assert Box.contains?(box, {0, -180})
      refute Box.contains?(box, {0, 0})
    end

    test "that end at the antimeridian hold it under both names" do
      box = Box.new!({-10, 170}, {10, 180})
      assert Box.contains?(box, {0, -180})
      assert Box.contains?(Box.new!({-10, -180}, {10, -170}), {0, 180})
      refute Box.contains?(box, {0, -179.9})
    end

    test "of bad corners and radii raise" do
      assert_raise ArgumentError, ~r/the south of a box, 10.0, is north of its north, 5.0/, fn ->
        Box.new!({10, 0}, {5, 1})
      end

      assert_raise ArgumentError, ~r/a radius is metres, 0 or more, got: -1/, fn ->
        Geo.bounding_box({0, 0}, -1)
      end
    end
  end

  describe "points" do
    test "are cast from what people have" do
      berlin = %Point{latitude: 52.5, longitude: 13.4}
      high = %{berlin | elevation: 34.0}

      for {value, point} <- [
            {berlin, berlin},
            {{52.5, 13.4}, berlin},
            {[52.5, 13.4], berlin},
            {{52.5, 13.4, 34}, high},
            {[52.5, 13.4, nil], berlin},
            {%{latitude: 52.5, longitude: 13.4}, berlin},
            {%{"latitude" => "52.5", "longitude" => " 13.4"}, berlin},
            {%{"latitude" => "52.5", "longitude" => "13.4", "elevation" => ""}, berlin},
            {%{"latitude" => 52.5, "longitude" => 13.4, "elevation" => "34"}, high},
            {"52.5,13.4", berlin},
            {" 52.5 , 13.4 , 34 ", high},
            {%{"type" => "Point", "coordinates" => [13.4, 52.5]}, berlin},
            {%{"type" => "Point", "coordinates" => [13.4, 52.5, 34]}, high},
            {nil, nil}
          ] do
        assert Point.cast(value) == {:ok, point}
      end
    end

    test "of bad values say what is wrong" do
      for {value, message} <- [
            {{90.1, 0}, "the latitude 90.1 is not from -90 to 90"},
            {{0, -180.01}, "the longitude -180.01 is not from -180 to 180"},
            {{0, nil}, "the longitude nil is no number"},
            {{:nan, 0}, "the latitude :nan is no number"},
            {{0, 0, "high"}, ~s(the elevation "high" is no number)},
            {"52.5N, 13.4E", ~s(the latitude "52.5N" is no number)},
            {"0x10, 1", ~s(the latitude "0x10" is no number)},
            {"1e999, 1", ~s(the latitude "1e999" is no number)},
            {{Integer.pow(10, 400), 0}, "is no number that a float holds"},
            {"52.5", "is no point"},
            {"1,2,3,4", "is no point"},
            {%{latitude: 1}, "is no point"},
            {%{"type" => "Point", "coordinates" => [1]}, "is no point"},
            {:somewhere, ":somewhere is no point: it takes a latitude and a longitude"}
          ] do
        assert {:error, message: text} = Point.cast(value)
        assert text =~ message
        assert_raise ArgumentError, text, fn -> Point.from!(value) end
      end
    end

    test "are dumped and loaded, and bad ones are not" do
      for point <- [
            Point.new!(0, 0),
            Point.new!(-0.0, 1.0e-7),
            Point.new!(-90, 180, -0.5),
            Point.new!(52.5163, 13.377700000000001, 1.0e22)
          ] do
        assert {:ok, text} = Point.dump(point)
        assert Point.load(text) == {:ok, point}
      end

      assert Point.dump(Point.new!(-0.0, 0)) == {:ok, "[0.0,0.0]"}
      assert Point.load("[52, 13]") == {:ok, Point.new!(52, 13)}
      assert Point.dump(%Point{latitude: 91.0, longitude: 0.0}) == :error
      assert Point.dump({1, 2}) == :error

      for value <- ["[91,0]", "", "[]", "[1,2,3,4]", "{}", 1, "[null,1]", <<255>>],
          do: assert(Point.load(value) == :error)
    end
  end

  describe "an index" do
    test "of an attached database stays there" do
      s = connect!()
      :ok = EctoLibSql.run(s, "ATTACH ':memory:' AS \"the other\"")
      :ok = EctoLibSql.run(s, ~s|CREATE TABLE "the other".t (id INTEGER PRIMARY KEY, p TEXT)|)
      :ok = EctoLibSql.run(s, "CREATE TABLE t (id INTEGER PRIMARY KEY, p TEXT)")
      assert Geo.create_index(s, "t", "p", prefix: "the other") == :ok
      :ok = EctoLibSql.run(s, "INSERT INTO t VALUES (1, 'no point')")
      :ok = EctoLibSql.run(s, ~s|INSERT INTO "the other".t VALUES (2, '[1,2]')|)
      assert rows(s, ~s|SELECT key FROM "the other".t_p_rtree|) == [[2]]
      assert rows(s, "SELECT name FROM main.sqlite_schema WHERE name LIKE '%rtree%'") == []
      assert Geo.drop_index(s, "t", "p", prefix: "the other") == :ok
      assert rows(s, ~s|SELECT name FROM "the other".sqlite_schema|) == [["t"]]
    end

    test "is undone with the transaction that it is made in" do
      s = connect!()
      :ok = EctoLibSql.run(s, "CREATE TABLE t (id TEXT PRIMARY KEY, p TEXT)")

      assert {:error, :enough} =
               EctoLibSql.transaction(s, fn s ->
                 assert Geo.create_index(s, "t", "p") == :ok
                 {:error, :enough}
               end)

      assert rows(s, "SELECT name FROM sqlite_schema WHERE sql IS NOT NULL") == [["t"]]
    end

    test "leaves the ids of inserted rows and the counts of changes as they are" do
      s = connect!()
      :ok = EctoLibSql.run(s, "CREATE TABLE t (id INTEGER PRIMARY KEY, p TEXT)")
      assert Geo.create_index(s, "t", "p") == :ok
      insert = "INSERT INTO t VALUES (70, '[1,2]'), (71, '[3,4]')"
      assert %{last_insert_rowid: 71, changes: 2} = EctoLibSql.query!(s, insert)
      assert %{changes: 2} = EctoLibSql.query!(s, "UPDATE t SET p = '[0,0]'")
    end

    test "is right after VACUUM, whatever the key" do
      for key <- ["INTEGER PRIMARY KEY", "TEXT PRIMARY KEY"] do
        s = connect!()
        :ok = EctoLibSql.run(s, "CREATE TABLE t (id #{key}, p TEXT)")
        assert Geo.create_index(s, "t", "p") == :ok

        :ok =
          EctoLibSql.run(s, "INSERT INTO t VALUES (1, '[1,1]'), (2, '[2,2]'), (3, '[3,3]')")

        :ok = EctoLibSql.run(s, "DELETE FROM t WHERE id = 1")
        :ok = EctoLibSql.run(s, "VACUUM")
        sql = "SELECT t.p, i.south FROM t JOIN t_p_rtree AS i ON i.key = t.id ORDER BY 1"
        assert rows(s, sql) == [["[2,2]", 2.0], ["[3,3]", 3.0]]
      end
    end
  end

  defp text({latitude, longitude}), do: "[#{latitude},#{longitude}]"

  defp east_of(from, to), do: Sphere.longitude(to - from)
end
