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

    # One test, since the rows take a while to be written.
    @tag timeout: 300_000
    test "finds what a look at all rows finds, and distances in Elixir", %{points: points} do
      for center <- Enum.take(@centers, 5) do
        measured = measured(points, center)
        circles(measured, center)
        nearest(measured, center)
        few(center)
      end

      boxes(points)
      many(@centers)
    end

    defp measured(points, center) do
      center = Point.from!(center)
      for {id, point} <- points, do: {id, Sphere.distance(center, point)}
    end

    defp circles(measured, center) do
      for radius <- [50, 5_000, 700_000] do
        query = Place |> order_by(:id) |> select([p], p.id)
        full = Repo.all(Geo.within(query, center, radius))
        assert Repo.all(Geo.within(query, center, radius, index: true)) == full

        # Rounding may put what is on the circle on either side of it.
        sure = for {id, distance} <- measured, distance < radius - 0.3, do: id
        out = for {id, distance} <- measured, distance > radius + 0.3, into: MapSet.new(), do: id
        assert MapSet.subset?(MapSet.new(sure), MapSet.new(full))
        assert MapSet.disjoint?(out, MapSet.new(full))
      end
    end

    defp nearest(measured, center) do
      expected = measured |> Enum.map(&elem(&1, 1)) |> Enum.sort()

      for limit <- [1, 300] do
        full = Repo.all(Geo.nearest(Place, center, limit))
        assert length(full) == limit
        assert Repo.all(Geo.nearest(Place, center, limit, index: true)) == full

        for {place, distance} <- Enum.zip(full, expected),
            do: assert_in_delta(Geo.distance(center, place.location), distance, 0.3)
      end
    end

    # Rows that are far away, and fewer than are wanted.
    defp few(center) do
      few = where(Place, [p], p.id in [1, 2, 3, 4] or latitude(p.location) < -89.999)
      full = Repo.all(Geo.nearest(few, center, 5))
      assert Repo.all(Geo.nearest(few, center, 5, index: true)) == full
      full = Repo.all(Geo.nearest(where(Place, id: 7), center, 5))
      assert [%{id: 7}] = full
      assert Repo.all(Geo.nearest(where(Place, id: 7), center, 5, index: true)) == full
    end

    defp boxes(points) do
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

    defp many(centers) do
      rows = &for r <- Repo.all(&1), do: {r.point, r.row.id, r.distance}

      within = rows.(Geo.within_each(Place, :location, centers, 50_000, index: true))
      assert within == rows.(Geo.within_each(Place, :location, centers, 50_000))
      assert within != []

      nearest = rows.(Geo.nearest_each(Place, :location, centers, 3, index: true))
      assert nearest == rows.(Geo.nearest_each(Place, :location, centers, 3))

      for {center, index} <- Enum.with_index(centers) do
        alone = Repo.all(Geo.nearest(Place, center, 3, index: true))
        assert for({^index, id, _} <- nearest, do: id) == Enum.map(alone, & &1.id)
      end
    end
  end
end
