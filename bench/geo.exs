# Places with the spatial index and without it, on 100,000 random points, each pair in turns; what the
# index costs when rows are written; and many points in one statement against one each.
#
#     mix run bench/geo.exs

defmodule GeoBench do
  import Ecto.Query

  alias Ecto.Migration.Runner
  alias EctoLibSql.Geo
  alias EctoLibSql.Geo.{Point, Sphere}

  @points 100_000
  @rounds 5

  defmodule Repo do
    use Ecto.Repo, otp_app: :ecto_libsql, adapter: Ecto.Adapters.LibSql
  end

  defmodule Place do
    use Ecto.Schema

    schema "places" do
      field(:kind, :integer)
      field(:location, Point)
    end
  end

  defmodule Index do
    use Ecto.Migration
    import EctoLibSql.Migration
    def change, do: create(spatial_index(:places, :location))
  end

  def run do
    {:ok, _} = Repo.start_link(database: ":memory:", pool_size: 1, log: false)
    Repo.query!("CREATE TABLE places (id INTEGER PRIMARY KEY, kind INTEGER, location TEXT)")
    :rand.seed(:exsss, {1, 2, 3})
    points = for _ <- 1..@points, do: point()

    bare = time(fn -> write(points) end)
    Repo.query!("DELETE FROM places")
    Runner.run(Repo, Repo.config(), 1, Index, :forward, :change, :up, log: false)
    kept = time(fn -> write(points) end)
    row = &Float.round(&1 / @points, 2)

    IO.puts(
      "µs for each row written: #{row.(bare)}, with the index #{row.(kept)} (#{times(kept, bare)})\n"
    )

    IO.puts("| query | rows | all rows, ms | index, ms | times as fast |\n|---|---|---|---|---|")
    centers = for _ <- 1..3, do: point()

    for radius <- [1_000, 10_000, 100_000, 1_000_000, 20_015_115] do
      compare(
        "within #{div(radius, 1000)} km",
        centers,
        &Geo.within(Place, &1, radius, index: &2)
      )
    end

    for limit <- [1, 10, 100, 1_000] do
      compare("nearest #{limit}", centers, &Geo.nearest(Place, &1, limit, index: &2))
    end

    for part <- [10, 1_000] do
      some = from(p in Place, where: p.kind <= ^div(10_000, part))
      name = "nearest 10 of one row in #{part}"
      compare(name, centers, &Geo.nearest(some, &1, 10, index: &2))
    end

    each(for _ <- 1..100, do: point())
  end

  defp each(points) do
    one = time(fn -> for p <- points, do: Repo.all(Geo.nearest(Place, p, 3, index: true)) end)
    all = time(fn -> Repo.all(Geo.nearest_each(Place, nil, points, 3, index: true)) end)

    IO.puts("""

    the nearest 3 of #{length(points)} points, µs each: #{one / length(points)} by a statement each, \
    #{all / length(points)} in one statement
    """)
  end

  defp compare(name, centers, query) do
    work = fn index -> Enum.map(centers, &Repo.all(query.(&1, index))) end
    found = work.(true)
    # Both have the same rows, in whichever order.
    true =
      Enum.map(found, &Enum.sort_by(&1, fn p -> p.id end)) ==
        Enum.map(work.(false), &Enum.sort_by(&1, fn p -> p.id end))

    rounds =
      for _ <- 1..@rounds, do: {time(fn -> work.(false) end), time(fn -> work.(true) end)}

    {full, index} = {median(rounds, 0), median(rounds, 1)}
    rows = found |> Enum.map(&length/1) |> Enum.sum() |> div(length(centers))
    ms = &Float.round(&1 / 1000 / length(centers), 3)
    IO.puts("| #{name} | #{rows} | #{ms.(full)} | #{ms.(index)} | #{times(full, index)} |")
  end

  # Evenly on the globe.
  defp point do
    latitude = Sphere.degrees(:math.asin(2 * :rand.uniform() - 1))
    Point.new!(latitude, 360 * :rand.uniform() - 180)
  end

  defp write(points) do
    Repo.transaction(fn ->
      for part <- Enum.chunk_every(points, 1_000) do
        Repo.insert_all(Place, for(p <- part, do: %{kind: :rand.uniform(10_000), location: p}))
      end
    end)
  end

  defp times(slow, quick), do: Float.round(slow / quick, 1)

  defp median(rounds, at),
    do: rounds |> Enum.map(&elem(&1, at)) |> Enum.sort() |> Enum.at(div(@rounds, 2))

  defp time(fun), do: fun |> :timer.tc() |> elem(0)
end

GeoBench.run()
