if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule EctoLibSql.Adapter.Vector.NearestTest do
    # The nearest rows, against distances that Elixir calculates of all rows.
    use ExUnit.Case, async: true
    use ExUnitProperties

    import Ecto.Query
    import EctoLibSql.Vector

    alias EctoLibSql.Test.Mode
    alias EctoLibSql.Vector

    defmodule Repo do
      use Ecto.Repo, otp_app: :ecto_libsql, adapter: Ecto.Adapters.LibSql
    end

    defmodule Genre do
      use Ecto.Schema

      schema "genres" do
        field(:name, :string)
      end
    end

    defmodule Movie do
      use Ecto.Schema

      schema "movies" do
        field(:title, :string)
        field(:year, :integer)
        field(:embedding, Vector.F32, size: 3)
        field(:distance, :float, virtual: true)
        belongs_to(:genre, Genre)
      end
    end

    setup do
      start_supervised!({Repo, Mode.repo(database: ":memory:", pool_size: 1, log: false)})
      Repo.query!("CREATE TABLE genres (id INTEGER PRIMARY KEY, name TEXT)")

      Repo.query!(
        "CREATE TABLE movies (id INTEGER PRIMARY KEY, title TEXT, year INTEGER, " <>
          "genre_id INTEGER, embedding F32_BLOB(3))"
      )

      :ok
    end

    defmodule Index do
      use Ecto.Migration
      import EctoLibSql.Migration
      def change, do: create(vector_index(:movies, :embedding, Process.get(__MODULE__)))
    end

    defp index(opts) do
      Process.put(Index, opts)
      Ecto.Migration.Runner.run(Repo, Repo.config(), 1, Index, :forward, :change, :up, log: false)
    end

    defp insert(vectors) do
      rows =
        for {vector, n} <- Enum.with_index(vectors, 1),
            do: %{
              id: n,
              title: "m#{n}",
              year: 2000 + n,
              genre_id: rem(n, 2) + 1,
              embedding: vector
            }

      Repo.insert_all(Movie, rows)
      rows
    end

    # The ids by distance: of equal distances, any order is right, so it is distances that are compared.
    defp naive(rows, vector, limit, metric) do
      rows
      |> Enum.reject(&is_nil(&1.embedding))
      |> Enum.map(&Vector.distance(&1.embedding, vector, metric))
      |> Enum.sort_by(&{is_nil(&1), &1})
      |> Enum.take(limit)
    end

    defp assert_distances(found, expected) do
      assert length(found) == length(expected)

      for {found, expected} <- Enum.zip(found, expected) do
        if expected == nil,
          do: assert(found == nil),
          else: assert_in_delta(found, expected, 1.0e-3)
      end
    end

    defp vector, do: list_of(integer(-20..20), length: 3)
    defp nonzero, do: filter(vector(), &(&1 != [0, 0, 0]))

    for {name, index} <- [none: nil, cosine: [metric: :cosine], l2: [metric: :l2]] do
      property "as a scan in Elixir, with and without filters, index: #{name}" do
        if unquote(index), do: index(unquote(index))

        check all(
                vectors <-
                  list_of(one_of([nonzero(), constant(nil)]), min_length: 1, max_length: 25),
                vector <- nonzero(),
                limit <- integer(1..6),
                year <- integer(2000..2025),
                metric <- member_of([:cosine, :l2]),
                max_runs: Mode.runs(25)
              ) do
          Repo.delete_all(Movie)
          rows = insert(vectors)
          query = from(m in Movie, select: m)
          opts = [metric: metric, select_as: :distance]

          found = query |> nearest(:embedding, vector, limit, opts) |> Repo.all()
          assert_distances(Enum.map(found, & &1.distance), naive(rows, vector, limit, metric))

          found =
            query
            |> where([m], m.year > ^year)
            |> nearest(:embedding, vector, limit, opts)
            |> Repo.all()

          late = Enum.filter(rows, &(&1.year > year))
          assert_distances(Enum.map(found, & &1.distance), naive(late, vector, limit, metric))

          each =
            Movie
            |> where([m], m.year > ^year)
            |> nearest_each(:embedding, [vector, [1, 0, 0]], limit, metric: metric)
            |> Repo.all()

          for {v, i} <- [{vector, 0}, {[1, 0, 0], 1}] do
            distances = for {^i, %Movie{}, distance} <- each, do: distance
            assert_distances(distances, naive(late, v, limit, metric))
          end
        end
      end
    end
  end
end
