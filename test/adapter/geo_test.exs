if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule EctoLibSql.Adapter.GeoTest do
    use EctoLibSql.MigrationCase, async: true

    import Ecto.Query, except: [distinct: 3]
    import EctoLibSql.Geo.Query
    import EctoLibSql.Migration

    alias EctoLibSql.Geo
    alias EctoLibSql.Geo.{Box, Point}

    defmodule Place do
      use Ecto.Schema

      schema "places" do
        field(:name, :string)
        field(:kind, :string)
        field(:location, Point)
      end
    end

    defmodule Station do
      use Ecto.Schema

      @primary_key {:code, :string, autogenerate: false}
      schema "stations" do
        field(:lat, :float, source: :latitude)
        field(:lon, :float, source: :longitude)
      end
    end

    defmodule Depot do
      use Ecto.Schema

      @primary_key {:id, :binary_id, autogenerate: true}
      schema "depots" do
        field(:number, :integer)
        field(:place, Point, source: :where_it_is)
      end
    end

    defmodule Journey do
      use Ecto.Schema

      schema "journeys" do
        field(:from, Point)
        field(:to, Point)

        embeds_one :stop, Stop, primary_key: false do
          field(:at, Point)
        end
      end
    end

    defp create_places(context) do
      migrate(fn ->
        create table(:places) do
          add :name, :text
          add :kind, :text
          add :location, :text
        end
      end)

      if context[:index] != false,
        do: migrate(fn -> create spatial_index(:places, :location) end)

      :ok
    end

    @cities [
      {"Auckland", "port", {-36.85, 174.76}},
      {"Berlin", "inland", {52.52, 13.41}},
      {"Honolulu", "port", {21.31, -157.86}},
      {"Longyearbyen", "port", {78.22, 15.65}},
      {"Nadi", "inland", {-17.8, 177.42}},
      {"Paris", "inland", {48.86, 2.35}},
      {"Potsdam", "inland", {52.4, 13.06}},
      {"Suva", "port", {-18.14, 178.44}},
      {"Apia", "port", {-13.83, -171.77}},
      {"South Pole", "inland", {-90, 0}},
      {"Nowhere", "inland", nil}
    ]

    defp insert_cities(_context) do
      Repo.insert_all(
        Place,
        for {name, kind, location} <- @cities do
          {:ok, location} = Point.cast(location)
          %{name: name, kind: kind, location: location}
        end
      )

      :ok
    end

    defp names(query), do: query |> Repo.all() |> Enum.map(& &1.name)

    # Both ways, which have to answer the same.
    defp both(fun) do
      [full, by_index] = for index <- [false, true], do: fun.(index: index)
      assert by_index == full
      full
    end

    describe "the type" do
      setup :create_places

      test "goes in and comes out, as a point, NULL and in several columns" do
        point = Point.new!(52.5163, 13.3777, 34)
        %{id: id} = Repo.insert!(%Place{name: "gate", location: point})
        assert Repo.get!(Place, id).location == point
        assert rows("SELECT location FROM places") == [["[52.5163,13.3777,34.0]"]]
        %{id: id} = Repo.insert!(%Place{name: "nowhere"})
        assert Repo.get!(Place, id).location == nil

        assert Repo.one(from(p in Place, where: p.location == ^{52.5163, 13.3777, 34})).name ==
                 "gate"

        assert Repo.one(
                 from(p in Place, where: p.name == "gate", select: type(p.location, Point))
               ) ==
                 point

        assert Repo.aggregate(from(p in Place, where: is_nil(p.location)), :count) == 1
      end

      test "casts in changesets, and says what is wrong" do
        changeset = Ecto.Changeset.cast(%Place{}, %{"location" => "52.5, 13.4"}, [:location])
        assert changeset.changes.location == Point.new!(52.5, 13.4)

        for {value, message} <- [
              {%{"latitude" => "95", "longitude" => "0"},
               "the latitude 95.0 is not from -90 to 90"},
              {"here", ~s("here" is no point: it takes a latitude and a longitude)},
              {[1, :nan], "the longitude :nan is no number"}
            ] do
          changeset = Ecto.Changeset.cast(%Place{}, %{"location" => value}, [:location])
          assert {^message, _} = changeset.errors[:location]
        end

        kept = %Place{location: Point.new!(1, 2)}
        assert Ecto.Changeset.cast(kept, %{location: {1, 2}}, [:location]).changes == %{}
      end

      test "refuses what is no point, and nothing is stored" do
        for location <- [%Point{latitude: 91.0, longitude: 0.0}, "[0,0]", {1, 2}] do
          assert_raise Ecto.ChangeError, fn -> Repo.insert!(%Place{location: location}) end

          assert_raise Ecto.ChangeError, fn ->
            Repo.insert_all(Place, [%{name: "first"}, %{location: location}])
          end
        end

        assert_raise Ecto.Query.CastError, fn ->
          Repo.all(from(p in Place, where: distance(p.location, ^{91, 0}) < 1))
        end

        assert rows("SELECT count(*) FROM places") == [[0]]
      end

      test "is in embeds, too" do
        migrate(fn ->
          create table(:journeys) do
            add :from, :text
            add :to, :text
            add :stop, :map
          end
        end)

        journey = %Journey{from: Point.new!(1, 2), to: Point.new!(3, 4)}

        %{id: id} =
          journey
          |> Ecto.Changeset.change(stop: %{at: Point.new!(5, 6, 7)})
          |> Repo.insert!()

        assert Repo.get!(Journey, id).stop.at == Point.new!(5, 6, 7)
        assert Repo.one(from(j in Journey, select: distance(j.from, j.to))) > 300_000

        assert_raise ArgumentError,
                     ~r/Journey has 2 fields of the type EctoLibSql.Geo.Point/,
                     fn ->
                       Geo.within(Journey, {0, 0}, 1)
                     end

        assert [_] = Repo.all(Geo.within(Journey, :to, {3, 4}, 1))
      end
    end

    describe "macros" do
      setup [:create_places, :insert_cities]

      test "give distances, of fields, parameters and pairs of expressions" do
        berlin = {52.52, 13.41}

        found =
          Repo.all(
            from(p in Place,
              where: p.name in ["Paris", "Nowhere"],
              order_by: p.name,
              select: {p.name, distance(p.location, ^berlin), distance(^berlin, p.location)}
            )
          )

        expected = Geo.distance(berlin, {48.86, 2.35})
        assert [{"Nowhere", nil, nil}, {"Paris", there, back}] = found
        assert_in_delta there, expected, 1.0e-3
        assert_in_delta back, expected, 1.0e-3

        pairs =
          from(p in Place,
            where: p.name == "Paris",
            select: distance({latitude(p.location), longitude(p.location)}, {^52.52, ^13.41})
          )

        assert_in_delta Repo.one(pairs), expected, 1.0e-3
      end

      test "take points apart" do
        Repo.insert!(%Place{name: "summit", location: Point.new!(27.9881, 86.925, 8849)})

        parts =
          from(p in Place,
            where: latitude(p.location) > 27.5 and elevation(p.location) > 8000.5,
            select: {latitude(p.location), longitude(p.location), elevation(p.location)}
          )

        assert Repo.all(parts) == [{27.9881, 86.925, 8849.0}]

        assert Repo.one(from(p in Place, where: p.name == "Paris", select: elevation(p.location))) ==
                 nil
      end

      test "refuse other expressions when they are compiled" do
        for code <- ["distance(1, p.location)", "latitude(\"[0,0]\")"] do
          assert_raise ArgumentError, ~r/a point in a query is a field/, fn ->
            Code.eval_string("""
            import Ecto.Query
            import EctoLibSql.Geo.Query
            from p in "places", select: #{code}
            """)
          end
        end
      end
    end

    describe "within" do
      setup [:create_places, :insert_cities]

      test "finds what a circle has, over the antimeridian and at poles" do
        for {point, radius, expected} <- [
              {{52.5, 13.4}, 50_000, ["Berlin", "Potsdam"]},
              {{52.5, 13.4}, 0, []},
              {{52.52, 13.41}, 0, ["Berlin"]},
              {{-16, 180}, 400_000, ["Nadi", "Suva"]},
              {{-16, -179.9}, 1_000_000, ["Apia", "Nadi", "Suva"]},
              {{90, 50}, 1_400_000, ["Longyearbyen"]},
              {{-89.9, 120}, 20_000, ["South Pole"]},
              {{0, 0}, 20_100_000, Enum.sort(for {name, _, p} <- @cities, p != nil, do: name)}
            ] do
          found =
            both(fn opts ->
              Place |> order_by(:name) |> Geo.within(point, radius, opts) |> names()
            end)

          assert found == expected
        end
      end

      test "goes together with other conditions, before and after" do
        found =
          both(fn opts ->
            Place
            |> where([p], p.kind == "port")
            |> Geo.within(:location, {-16, 180}, 2_000_000, opts)
            |> where([p], p.name != "Apia")
            |> order_by([p], desc: distance(p.location, ^{-16, 180}))
            |> limit(5)
            |> names()
          end)

        assert found == ["Suva"]
      end

      test "in updates and deletes" do
        query = Geo.within(Place, {52.5, 13.4}, 50_000, index: true)
        assert {2, _} = Repo.update_all(query, set: [kind: "capital"])
        assert {2, _} = Repo.delete_all(query)
        assert names(query) == []
      end

      test "a box, over the antimeridian and with both its names" do
        Repo.insert!(%Place{name: "line", location: Point.new!(0, -180)})

        for {box, expected} <- [
              {Box.new!({-20, 170}, {-10, -170}), ["Apia", "Nadi", "Suva"]},
              {Box.new!({50, 10}, {60, 20}), ["Berlin", "Potsdam"]},
              {Box.new!({-1, 170}, {1, 180}), ["line"]},
              {Box.new!({-90, -180}, {-80, 180}), ["South Pole"]}
            ] do
          found =
            both(fn opts ->
              Place |> order_by(:name) |> Geo.within_box(:location, box, opts) |> names()
            end)

          assert found == expected
        end
      end
    end

    describe "nearest" do
      setup [:create_places, :insert_cities]

      test "finds them in their order, and no place that is nowhere" do
        found = both(fn opts -> names(Geo.nearest(Place, {52.45, 13.1}, 3, opts)) end)
        assert found == ["Potsdam", "Berlin", "Paris"]

        found = both(fn opts -> names(Geo.nearest(Place, {-15, -179}, 3, opts)) end)
        assert found == ["Suva", "Nadi", "Apia"]

        assert length(both(fn opts -> names(Geo.nearest(Place, {0, 0}, 100, opts)) end)) == 10
      end

      test "of a query with conditions, and conditions that come after choose from them" do
        ports = where(Place, [p], p.kind == "port")
        found = both(fn opts -> names(Geo.nearest(ports, {52.45, 13.1}, 2, opts)) end)
        assert found == ["Longyearbyen", "Honolulu"]

        found =
          both(fn opts ->
            Place
            |> Geo.nearest({52.45, 13.1}, 3, opts)
            |> where([p], p.name != "Paris")
            |> names()
          end)

        assert found == ["Potsdam", "Berlin"]
      end

      test "selects distances" do
        query =
          Place
          |> Geo.nearest(:location, {52.52, 13.41}, 2, index: true)
          |> select([p], {p.name, distance(p.location, ^{52.52, 13.41})})

        assert [{"Berlin", +0.0}, {"Potsdam", distance}] = Repo.all(query)
        assert_in_delta distance, Geo.distance({52.52, 13.41}, {52.4, 13.06}), 1.0e-3
      end

      test "of rows that a join finds several times" do
        query = from(p in Place, join: o in Place, on: o.kind == p.kind, where: p.kind == "port")

        found =
          both(fn opts ->
            query |> Geo.nearest({52.45, 13.1}, 2, opts) |> names() |> Enum.dedup()
          end)

        assert found == ["Longyearbyen", "Honolulu"]
      end

      test "counts rows and updates them" do
        query = Geo.nearest(Place, {52.45, 13.1}, 2, index: true)
        assert Repo.aggregate(query, :count) == 2

        assert {2, _} =
                 query |> exclude(:order_by) |> Repo.update_all(set: [kind: "near"])
      end

      test "refuses queries that it cannot look into" do
        for {query, name} <- [
              {limit(Place, 1), "limit"},
              {offset(Place, 1), "offset"},
              {group_by(Place, :kind), "group_by"},
              {Ecto.Query.distinct(Place, true), "distinct"},
              {union(Place, ^Place), "a combination"}
            ] do
          assert_raise ArgumentError, ~r/a query without #{name}/, fn ->
            Geo.nearest(query, {0, 0}, 1)
          end
        end

        inner = Place |> limit(20) |> subquery()
        assert length(Repo.all(Geo.nearest(inner, :location, {0, 0}, 2, key: :id))) == 2
      end
    end

    describe "many points" do
      setup [:create_places, :insert_cities]

      @points [{52.45, 13.1}, {-16, 180}, {90, 0}]

      test "within a distance of each" do
        found =
          both(fn opts ->
            for r <- Repo.all(Geo.within_each(Place, :location, @points, 500_000, opts)),
                do: {r.point, r.row.name, r.distance}
          end)

        assert [
                 {0, "Potsdam", potsdam},
                 {0, "Berlin", _},
                 {1, "Suva", _},
                 {1, "Nadi", _}
               ] = found

        assert_in_delta potsdam, Geo.distance({52.45, 13.1}, {52.4, 13.06}), 1.0e-3
      end

      test "the nearest of each, with conditions" do
        found =
          both(fn opts ->
            Place
            |> where([p], p.kind == "port")
            |> Geo.nearest_each(nil, @points, 2, opts)
            |> Repo.all()
            |> Enum.map(&{&1.point, &1.row.name})
          end)

        assert found == [
                 {0, "Longyearbyen"},
                 {0, "Honolulu"},
                 {1, "Suva"},
                 {1, "Apia"},
                 {2, "Longyearbyen"},
                 {2, "Honolulu"}
               ]
      end

      test "with a select of one's own" do
        query = from(p in Place, select: {as(:geo_point).key, p.name})

        assert Repo.all(Geo.nearest_each(query, :location, @points, 1)) ==
                 [{0, "Potsdam"}, {1, "Suva"}, {2, "Longyearbyen"}]
      end

      test "no points, no rows" do
        assert both(fn opts -> Repo.all(Geo.nearest_each(Place, nil, [], 2, opts)) end) == []
        assert both(fn opts -> Repo.all(Geo.within_each(Place, nil, [], 2, opts)) end) == []
      end
    end

    describe "clusters" do
      setup :create_places

      setup do
        towns = [
          {"Berlin", {52.52, 13.41}, 40},
          {"Suva", {-18.14, 179.999}, 30},
          {"Pole", {90, 0}, 20}
        ]

        places =
          for {name, center, count} <- towns, i <- 1..count do
            %{name: name, location: Geo.destination(center, i * 37, i * 20)}
          end

        Repo.insert_all(Place, [
          %{name: "alone", location: Point.new!(0, 0)},
          %{name: "nowhere"} | places
        ])

        :ok
      end

      test "are found in a query, in batches" do
        %{clusters: clusters, noise: [alone]} =
          Geo.clusters(Repo, Place, :location, radius: 500, min_points: 3, batch: 7)

        assert Repo.get!(Place, alone).name == "alone"

        assert clusters |> Enum.map(&length/1) |> Enum.sort() == [20, 30, 40]

        for keys <- clusters do
          assert [_one] =
                   Repo.all(
                     from(p in Place, where: p.id in ^keys, distinct: true, select: p.name)
                   )
        end

        query = where(Place, [p], p.name == "Berlin")
        assert %{clusters: [[_ | _]]} = Geo.clusters(Repo, query, nil, radius: 500, min_points: 3)

        assert Geo.clusters(Repo, where(Place, name: "?"), nil, radius: 1, min_points: 1) ==
                 %{clusters: [], noise: []}
      end

      test "have limits, and options that are checked" do
        good = [radius: 500, min_points: 3]

        for {opts, message} <- [
              {[max_points: 50, batch: 20] ++ good, "the query has more than 50 points"},
              {[min_points: 3], "clusters need a radius: metres, more than 0, got: nil"},
              {[radius: 1, min_points: 0],
               "clusters need min_points: a positive integer, got: 0"},
              {[batch: 0] ++ good, "batch: is a positive integer, got: 0"},
              {[colour: 1] ++ good, "unknown option :colour"}
            ] do
          assert_raise ArgumentError, ~r/#{Regex.escape(message)}/, fn ->
            Geo.clusters(Repo, Place, :location, opts)
          end
        end
      end

      test "in cells of a grid" do
        Repo.insert_all(Place, [
          %{name: "line", location: Point.new!(-90, 180)},
          %{name: "line", location: Point.new!(-89, 178)}
        ])

        places = Repo.all(where(Place, [p], not is_nil(p.location)))
        cells = Place |> Geo.grid(:location, 7) |> Repo.all()

        naive =
          Enum.group_by(places, fn %{location: p} ->
            {min(floor((p.latitude + 90) / 7), 25), min(floor((p.longitude + 180) / 7), 51)}
          end)

        assert length(cells) == map_size(naive)

        for cell <- cells do
          members = naive[{round((cell.south + 90) / 7), round((cell.west + 180) / 7)}]
          assert cell.count == length(members)
          assert_in_delta cell.latitude, mean(members, :latitude), 1.0e-9
          assert_in_delta cell.longitude, mean(members, :longitude), 1.0e-9
        end

        assert_raise ArgumentError, ~r/a cell of a grid has more than 0 degrees/, fn ->
          Geo.grid(Place, :location, 0)
        end
      end
    end

    defp mean(places, part),
      do: Enum.sum(for(p <- places, do: Map.fetch!(p.location, part))) / length(places)

    describe "deep in other queries" do
      setup [:create_places, :insert_cities]

      # The parser of SQLite before 3.46, as a server has it, has a stack of 100.
      test "the nearest are found" do
        some =
          from(p in Place,
            where:
              p.kind == "port" or (p.kind == "inland" and (p.name != "Paris" or p.id in [1, 2])),
            where: p.id in subquery(from(o in Place, where: not is_nil(o.name), select: o.id))
          )

        nearest = Geo.nearest(some, {52.45, 13.1}, 3, index: true)
        inner = from(n in subquery(nearest), select: %{name: n.name})
        outer = from(i in subquery(inner), where: i.name in ["Potsdam", "Apia"], select: i.name)
        assert Repo.all(outer) == ["Potsdam"]

        counted =
          from(c in Place,
            where: c.id in subquery(select(exclude(nearest, :order_by), [n], n.id))
          )

        assert Repo.aggregate(counted, :count) == 3

        each = Geo.nearest_each(some, :location, [{52.45, 13.1}, {90, 0}], 1, index: true)
        assert [%{row: %{name: "Potsdam"}}, %{row: %{name: "Longyearbyen"}}] = Repo.all(each)
      end
    end

    describe "two columns" do
      setup do
        migrate(fn ->
          create table(:stations, primary_key: false) do
            add :code, :text, primary_key: true
            add :latitude, :float
            add :longitude, :float
          end

          create spatial_index(:stations, [:latitude, :longitude])
        end)

        Repo.insert_all(Station, [
          %{code: "B", lat: 52.52, lon: 13.41},
          %{code: "P", lat: 52.4, lon: 13.06},
          %{code: "?", lat: 52.5, lon: nil}
        ])

        :ok
      end

      test "are a place, and a key that is a text is no hindrance" do
        field = {:lat, :lon}
        codes = &(&1 |> Repo.all() |> Enum.map(fn s -> s.code end))

        assert both(fn o -> codes.(Geo.within(Station, field, {52.5, 13.4}, 5_000, o)) end) == [
                 "B"
               ]

        assert both(fn o -> codes.(Geo.nearest(Station, field, {52.4, 13}, 5, o)) end) == [
                 "P",
                 "B"
               ]

        box = Box.new!({52.3, 13}, {52.45, 13.1})
        assert both(fn o -> codes.(Geo.within_box(Station, field, box, o)) end) == ["P"]

        near = from(s in Station, where: distance({s.lat, s.lon}, ^{52.5, 13.4}) < 5_000)
        assert codes.(near) == ["B"]
        assert Geo.index(Repo, Station, field) == "stations_latitude_longitude_rtree"

        Repo.update_all(where(Station, code: "P"), set: [code: "X"])

        assert both(fn o -> codes.(Geo.nearest(Station, field, {52.4, 13}, 5, o)) end) == [
                 "X",
                 "B"
               ]
      end
    end

    test "a key that is a UUID, and a column of another name than the field's" do
      migrate(fn ->
        create table(:depots, primary_key: false) do
          add :id, :binary_id, primary_key: true
          add :number, :integer
          add :where_it_is, :text
        end

        create spatial_index(:depots, :where_it_is)
      end)

      Repo.insert_all(Depot, for(i <- 1..40, do: %{number: i, place: Point.new!(i, i)}))
      assert Geo.index(Repo, Depot) == "depots_where_it_is_rtree"
      numbers = &(&1 |> Repo.all() |> Enum.map(fn d -> d.number end))

      assert Enum.sort(both(fn o -> numbers.(Geo.nearest(Depot, {10, 10}, 3, o)) end)) == [
               9,
               10,
               11
             ]

      points = [{10.1, 10}, {20, 20}]
      each = both(fn o -> Repo.all(Geo.nearest_each(Depot, nil, points, 1, o)) end)
      assert for(r <- each, do: {r.point, r.row.number}) == [{0, 10}, {1, 20}]

      opts = [radius: 200_000, min_points: 2, batch: 7]
      assert %{clusters: [ids], noise: []} = Geo.clusters(Repo, Depot, nil, opts)
      assert Enum.sort(ids) == Enum.sort(Repo.all(from(d in Depot, select: d.id)))

      depot = Repo.get_by!(Depot, number: 10)

      Repo.insert!(%{depot | place: Point.new!(-80, 0)},
        on_conflict: {:replace, [:place]},
        conflict_target: :id
      )

      assert both(fn o -> numbers.(Geo.nearest(Depot, {-90, 0}, 1, o)) end) == [10]
    end

    test "a query's prefix is the index's, too" do
      query = Ecto.Query.put_query_prefix(Place, "other")

      for query <- [
            Geo.within(query, {0, 0}, 1, index: true),
            Geo.nearest(query, {0, 0}, 1, index: true)
          ] do
        {sql, _params} = Repo.to_sql(:all, query)
        assert sql =~ ~s("other"."places")
        assert sql =~ ~s("other"."places_location_rtree")
        refute sql =~ ~r/(FROM|JOIN) "places/
      end
    end

    describe "the option index" do
      setup [:create_places, :insert_cities]

      test "takes a name, a repo, and what index/3 answers" do
        assert Geo.index(Repo, Place) == "places_location_rtree"
        assert Geo.index(Repo, Place, :location) == "places_location_rtree"
        assert Geo.index(Repo, Place, :name) == nil

        for index <- ["places_location_rtree", Repo, Geo.index(Repo, Place), nil] do
          assert names(Geo.nearest(Place, {52.45, 13.1}, 1, index: index)) == ["Potsdam"]
        end

        sql = fn index ->
          {sql, _} = Repo.to_sql(:all, Geo.within(Place, {0, 0}, 1, index: index))
          sql
        end

        assert sql.(Repo) =~ "rtree"
        refute sql.(false) =~ "rtree"
        migrate(fn -> drop spatial_index(:places, :location) end)
        refute sql.(Repo) =~ "rtree"

        assert_raise EctoLibSql.Error, ~r/no such table/, fn ->
          Repo.all(Geo.within(Place, {0, 0}, 1, index: true))
        end
      end

      test "of bad values, and other bad arguments, raise" do
        for {fun, message} <- [
              {fn -> Geo.within(Place, {0, 0}, 1, index: 3) end, "index: takes true, false"},
              {fn -> Geo.within(Place, {0, 0}, 1, index: :places) end,
               "index: takes true, false"},
              {fn -> Geo.within(Place, {0, 0}, 1, indexed: true) end, "unknown option :indexed"},
              {fn -> Geo.within(Place, {0, 0}, -1) end, "a radius is metres, 0 or more, got: -1"},
              {fn -> Geo.within(Place, {0, 0}, "1") end, "a radius is metres, 0 or more"},
              {fn -> Geo.within(Place, {91, 0}, 1) end,
               "the latitude 91.0 is not from -90 to 90"},
              {fn -> Geo.nearest(Place, {0, 0}, 0) end, "a limit is a positive integer, got: 0"},
              {fn -> Geo.within("places", {0, 0}, 1) end, "say which field holds the points"},
              {fn -> Geo.within(Place, "location", {0, 0}, 1, []) end,
               "a field of points is an atom"},
              {fn -> Geo.within(subquery(Place), :location, {0, 0}, 1, index: true) end,
               "index: is for queries of a table"},
              {fn -> Geo.nearest_each(Place, nil, {0, 0}, 1) end, "points are a list of them"}
            ] do
          assert_raise ArgumentError, ~r/#{Regex.escape(message)}/, fun
        end
      end
    end

    describe "spatial_index" do
      test "is filled, kept and undone" do
        create_places(%{index: false})
        insert_cities(%{})
        steps = fn -> create spatial_index(:places, :location) end
        migrate(steps)
        assert rows("SELECT count(*) FROM places_location_rtree") == [[10]]
        assert length(names("trigger", "places")) == 3

        place = Repo.get_by!(Place, name: "Berlin")
        Repo.update!(Ecto.Changeset.change(place, location: Point.new!(0, 0)))
        Repo.delete_all(where(Place, name: "Paris"))
        %{id: id} = Repo.insert!(%Place{name: "new", location: Point.new!(1, 1)})
        assert id == 12
        assert rows("SELECT count(*) FROM places_location_rtree") == [[10]]
        assert names(Geo.within(Place, {0.5, 0.5}, 100_000, index: true)) == ["Berlin", "new"]

        migrate(steps, direction: :backward)
        assert rows("SELECT name FROM sqlite_schema WHERE name LIKE '%rtree%'") == []
        assert names("trigger", "places") == []

        migrate(fn -> drop_if_exists spatial_index(:places, :location) end)
        migrate(fn -> create_if_not_exists spatial_index(:places, :location) end)
        migrate(fn -> create_if_not_exists spatial_index(:places, :location) end)
        assert rows("SELECT count(*) FROM places_location_rtree") == [[10]]
        steps = fn -> drop spatial_index(:places, :location) end
        migrate(steps)
        assert names("trigger", "places") == []
        migrate(steps, direction: :backward)
        assert rows("SELECT count(*) FROM places_location_rtree") == [[10]]
      end

      test "stays when the table is built anew" do
        create_places(%{})
        insert_cities(%{})

        migrate(fn ->
          alter table(:places) do
            modify :name, :text, null: false
          end
        end)

        assert Repo.update_all(where(Place, name: "Paris"), set: [location: Point.new!(0, 0)])
        assert names(Geo.within(Place, {0, 0}, 10, index: true)) == ["Paris"]
        assert rows("SELECT count(*) FROM places_location_rtree") == [[10]]
      end

      test "keeps out what is no point, and nothing of the statement is stored" do
        create_places(%{})
        Repo.query!("INSERT INTO places (location) VALUES ('[1,2]'), ('[1,2,3]'), (NULL)")

        assert_raise EctoLibSql.Error, ~r/takes points/, fn ->
          Repo.query!("UPDATE places SET location = '[100,0]'")
        end

        for text <- [
              "here",
              "[]",
              "[1]",
              "[91,0]",
              "[0,-180.5]",
              "[1,2,3,4]",
              "[1,2,\"high\"]",
              "[\"1\",2]",
              "[true,2]",
              "{\"latitude\":1}",
              "5"
            ] do
          error =
            assert_raise EctoLibSql.Error, fn ->
              Repo.query!("INSERT INTO places (location) VALUES ('[1,2]'), (?)", [text])
            end

          assert error.message =~ "places (location) takes points"
        end

        assert rows("SELECT location FROM places") == [["[1,2]"], ["[1,2,3]"], [nil]]
        assert rows("SELECT count(*) FROM places_location_rtree") == [[2]]
      end

      test "names are quoted" do
        migrate(fn ->
          create table(~s(the "places")) do
            add :"it's \"there\"", :text
          end

          create spatial_index(~s(the "places"), :"it's \"there\"")
        end)

        rows(~s|INSERT INTO "the ""places""" ("it's ""there""") VALUES ('[1,2]')|)

        assert rows(~s(SELECT key, south FROM "the ""places""_it's ""there""_rtree")) == [
                 [1, 1.0]
               ]

        query = Geo.within(~s(the "places"), :"it's \"there\"", {1, 2}, 10, index: true)
        assert Repo.all(select(query, [p], p.id)) == [1]
      end

      test "says what cannot be" do
        create_places(%{index: false})
        rows("INSERT INTO places (id, location) VALUES (4, '[1,2]'), (5, '[1,200]')")
        rows("CREATE TABLE pairs (a, b, location, PRIMARY KEY (a, b))")
        rows("CREATE TABLE loose (location)")
        rows("CREATE VIEW seen AS SELECT * FROM places")

        for {index, message} <- [
              {fn -> spatial_index(:places, :location) end,
               ~s(the row with the key 5 has no point there, but "[1,200]")},
              {fn -> spatial_index(:places, :place) end, "the table has no column place"},
              {fn -> spatial_index(:cities, :location) end, "there is no such table"},
              {fn -> spatial_index(:seen, :location) end, "it is a view"},
              {fn -> spatial_index(:loose, :location) end, "the table has no primary key"},
              {fn -> spatial_index(:pairs, :location) end,
               "its primary key has to be one column, and is a, b"},
              {fn -> spatial_index(:places, [:a, :b, :c]) end, "a spatial index takes a column"},
              {fn -> spatial_index(:places, :location, unique: true) end,
               "a spatial index takes the options :name, :prefix, got: :unique"}
            ] do
          assert %ArgumentError{message: text} = migration_error(fn -> create index.() end)
          assert text =~ message
        end

        assert rows("SELECT name FROM sqlite_schema WHERE name LIKE '%rtree%'") == []

        assert %ArgumentError{message: message} =
                 migration_error(fn -> drop spatial_index(:places, :location) end)

        assert message =~ "there is no spatial index places_location_rtree"

        assert %ArgumentError{message: message} =
                 migration_error(fn -> rename spatial_index(:places, :location), to: "x" end)

        assert message =~ "a spatial index is not renamed"
      end
    end
  end
end
