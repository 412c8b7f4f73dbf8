if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule EctoLibSql.Adapter.GeoIndexTest do
    # The spatial index against a look at all rows and against distances in Elixir, on random points.
    use EctoLibSql.MigrationCase, async: true

    import Ecto.Query
    import EctoLibSql.Geo.Query
    import EctoLibSql.Migration

    alias EctoLibSql.Geo
    alias EctoLibSql.Geo.{Box, Point, Sphere}
    alias EctoLibSql.Test.Mode

    defmodule Place do
      use Ecto.Schema

      schema "places" do
        field(:location, Point)
      end
    end

    @count if Mode.mode() == :local, do: 100_000, else: 3_000
    @batch 10_000

    # Where there are corners: poles, the antimeridian, the equator, somewhere.
    @centers [
      {90, 0},
      {-90, 0},
      {89.9999, 30},
      {0, 180},
      {-17, -179.999},
      {0, 0},
      {52.5, 13.4},
      {-33.9, 151.2}
    ]

    setup do
      :rand.seed(:exsss, {1, 2, 3})

      migrate(fn ->
        create table(:places) do
          add :location, :text
        end

        create spatial_index(:places, :location)
      end)

      points = for i <- 1..@count, do: {i, random(i)}

      for batch <- Enum.chunk_every(points, @batch) do
        texts = for {_id, point} <- batch, {:ok, text} = Point.dump(point), do: text
        sql = "INSERT INTO places (location) SELECT value FROM json_each(?)"
        Repo.query!(sql, ["[" <> Enum.join(texts, ",") <> "]"])
      end

      %{points: points}
    end

    # Half of them evenly on the globe, the others around the centers, nearer and nearer.
    defp random(i) when rem(i, 2) == 0 do
      latitude = Sphere.degrees(:math.asin(2 * :rand.uniform() - 1))
      Point.new!(latitude, 360 * :rand.uniform() - 180)
    end

    defp random(i) do
      center = Enum.at(@centers, rem(div(i, 2), length(@centers)))
      Geo.destination(center, 360 * :rand.uniform(), 10 ** (7 * :rand.uniform()))
    end

    # Those within the radius, without those that rounding may put on either side of it.
    defp naive(points, center, radius) do
      center = Point.from!(center)

      for {id, point} <- points,
          distance = Sphere.distance(center, point),
          distance <= radius + 0.3,
          do: {id, distance}
    end

    test "finds within a circle what a look at all rows finds", %{points: points} do
      for center <- @centers, radius <- [0, 50, 5_000, 700_000, 9_000_000, 20_015_114] do
        query = Place |> order_by(:id) |> select([p], p.id)
        full = Repo.all(Geo.within(query, center, radius))
        assert Repo.all(Geo.within(query, center, radius, index: true)) == full

        {sure, maybe} =
          points |> naive(center, radius) |> Enum.split_with(fn {_, d} -> d < radius - 0.3 end)

        assert Enum.map(sure, &elem(&1, 0)) -- full == []
        assert full -- Enum.map(sure ++ maybe, &elem(&1, 0)) == []
      end
    end

    test "finds the nearest that a look at all rows finds, in their order", %{points: points} do
      for center <- @centers, limit <- [1, 10, 1_000] do
        full = Repo.all(Geo.nearest(Place, center, limit))
        assert length(full) == limit
        assert Repo.all(Geo.nearest(Place, center, limit, index: true)) == full

        distances = Enum.map(full, &Geo.distance(center, &1.location))
        naive = points |> naive(center, 20_100_000) |> Enum.map(&elem(&1, 1)) |> Enum.sort()

        for {found, expected} <- Enum.zip(distances, naive),
            do: assert_in_delta(found, expected, 0.3)
      end
    end

    test "of few rows that fit, far away, and of all" do
      few = where(Place, [p], p.id in [1, 2, 3, 4] or latitude(p.location) < -89.99)

      for center <- @centers, limit <- [1, 5, @count] do
        full = Repo.all(Geo.nearest(few, center, limit))
        assert Repo.all(Geo.nearest(few, center, limit, index: true)) == full
      end
    end

    test "finds in a box what a look at all rows finds", %{points: points} do
      for box <- [
            Box.new!({-90, -180}, {90, 180}),
            Box.new!({-90, -180}, {-89.9, 180}),
            Box.new!({-20, 179.5}, {-15, -179.5}),
            Box.new!({-1, 179.9}, {1, 180}),
            Box.new!({52, 13}, {53, 14}),
            Box.new!({0, 0}, {0, 0})
          ] do
        query = Place |> order_by(:id) |> select([p], p.id)
        full = Repo.all(Geo.within_box(query, :location, box))
        assert Repo.all(Geo.within_box(query, :location, box, index: true)) == full
        assert full == for({id, point} <- points, Box.contains?(box, point), do: id)
      end
    end

    test "finds for many points at once what it finds for each" do
      centers = @centers ++ for _ <- 1..20, do: random(2)
      rows = &for r <- Repo.all(&1), do: {r.point, r.row.id, r.distance}

      within = rows.(Geo.within_each(Place, :location, centers, 100_000, index: true))
      nearest = rows.(Geo.nearest_each(Place, :location, centers, 3, index: true))

      assert within == rows.(Geo.within_each(Place, :location, centers, 100_000))

      for {center, index} <- Enum.with_index(centers) do
        alone = Repo.all(Geo.within(Place, center, 100_000, index: true))

        assert Enum.sort(for {^index, id, _} <- within, do: id) ==
                 Enum.sort(Enum.map(alone, & &1.id))

        alone = Repo.all(Geo.nearest(Place, center, 3))
        assert for({^index, id, _} <- nearest, do: id) == Enum.map(alone, & &1.id)
      end

      few = Enum.take(centers, 4)

      assert rows.(Geo.nearest_each(Place, :location, few, 3)) ==
               Enum.filter(nearest, &(elem(&1, 0) < 4))
    end
  end
end
