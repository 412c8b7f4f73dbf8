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

    # By distance: of equal distances, any order is right, so it is distances that are compared.
    defp naive(rows, vector, limit, metric) do
      rows
      |> Enum.reject(&is_nil(&1.embedding))
      |> Enum.map(&Vector.distance(&1.embedding, vector, metric))
      |> Enum.sort()
      |> Enum.take(limit)
    end

    defp near?({a, b}), do: abs(a - b) < 1.0e-3

    # An index may miss some of the nearest, and has others for them.
    defp assert_nearest(found, expected, exact?) do
      assert length(found) == length(expected)
      assert found == Enum.sort(found)
      pairs = Enum.zip(found, expected)

      if exact?,
        do: assert(Enum.all?(pairs, &near?/1)),
        else: assert(Enum.all?(pairs, fn {found, expected} -> found > expected - 1.0e-3 end))

      {all, hits} = Process.get(:recall, {0, 0})
      Process.put(:recall, {all + length(pairs), hits + Enum.count(pairs, &near?/1)})
    end

    defp vector, do: list_of(integer(-20..20), length: 3)
    defp nonzero, do: filter(vector(), &(&1 != [0, 0, 0]))

    for {name, index} <- [none: nil, cosine: [metric: :cosine], l2: [metric: :l2]] do
      property "as a scan in Elixir, with and without filters, index: #{name}" do
        if unquote(index), do: index(unquote(index))

        check all(
                vectors <-
                  list_of(one_of([nonzero(), constant(nil)]), min_length: 1, max_length: 40),
                vector <- nonzero(),
                other <- nonzero(),
                limit <- integer(1..6),
                year <- integer(2000..2040),
                metric <- member_of([:cosine, :l2]),
                max_runs: Mode.runs(40)
              ) do
          Repo.delete_all(Movie)
          rows = insert(vectors)
          late = Enum.filter(rows, &(&1.year > year))
          # The index of the other metric is not asked.
          exact? = unquote(index)[:metric] != metric
          opts = [metric: metric, select_as: :distance]

          found = Movie |> nearest(:embedding, vector, limit, opts) |> Repo.all()

          assert_nearest(
            Enum.map(found, & &1.distance),
            naive(rows, vector, limit, metric),
            exact?
          )

          found =
            from(m in Movie, where: m.year > ^year)
            |> nearest(:embedding, vector, limit, opts)
            |> Repo.all()

          assert Enum.all?(found, &(&1.year > year))

          assert_nearest(
            Enum.map(found, & &1.distance),
            naive(late, vector, limit, metric),
            exact?
          )

          each =
            from(m in Movie, where: m.year > ^year)
            |> nearest_each(:embedding, [vector, other], limit, metric: metric)
            |> Repo.all()

          for {vector, i} <- Enum.with_index([vector, other]) do
            found = for {^i, %Movie{year: late}, distance} when late > year <- each, do: distance
            assert_nearest(found, naive(late, vector, limit, metric), exact?)
          end
        end

        {all, hits} = Process.get(:recall)
        assert hits / all > 0.95
      end
    end

    # Row n is at distance n from the origin of the first axis.
    defp line(count) do
      insert(for n <- 1..count, do: [n, 0, 0])
      [0, 0, 0]
    end

    defp ids(query), do: query |> select([m], m.id) |> Repo.all()

    test "an index is asked where there is one for the metric, unless it is not to be" do
      index(metric: :l2)
      origin = line(5)
      # What the index does not know, it cannot answer.
      Repo.query!("DELETE FROM movies_embedding_index_shadow WHERE index_key = 1")

      assert ids(nearest(Movie, :embedding, origin, 2, metric: :l2)) == [2, 3]
      assert ids(nearest(Movie, :embedding, origin, 2, metric: :l2, index: :auto)) == [2, 3]

      name = [metric: :l2, index: "movies_embedding_index"]
      assert ids(nearest(Movie, :embedding, origin, 2, name)) == [2, 3]
      assert [{0, %{id: 2}, 2.0}] = Repo.all(nearest_each(Movie, :embedding, [origin], 1, name))

      {:ok, [index]} = Vector.indexes(Repo, "movies")
      assert ids(nearest(Movie, :embedding, origin, 2, index: index)) == [2, 3]

      assert_raise ArgumentError,
                   ~r/index movies_embedding_index is of the metric :l2, not :cosine/,
                   fn ->
                     nearest(Movie, :embedding, origin, 2, index: index, metric: :cosine)
                   end

      assert ids(nearest(Movie, :embedding, origin, 2, metric: :l2, index: :none)) == [1, 2]
      # Enough is not to be had from the index.
      assert ids(nearest(Movie, :embedding, origin, 5, metric: :l2)) == [1, 2, 3, 4, 5]
    end

    test "an index of some rows only is not asked" do
      Repo.query!(
        "CREATE INDEX movies_few ON movies (libsql_vector_idx(embedding)) WHERE id < 20"
      )

      insert(for n <- 1..40, do: [1, n, 0])
      titles = Movie |> nearest(:embedding, [1, 40, 0], 3) |> Repo.all() |> Enum.map(& &1.title)
      assert titles == ["m40", "m39", "m38"]
    end

    test "more than the index has, and filters that leave little" do
      index(metric: :l2)
      origin = line(30)

      query = from(m in Movie, where: m.id > 25)

      assert ids(nearest(query, :embedding, origin, 3, metric: :l2, candidates: 5)) == [
               26,
               27,
               28
             ]

      assert ids(nearest(query, :embedding, origin, 9, metric: :l2)) == [26, 27, 28, 29, 30]
      assert ids(nearest(from(m in Movie, where: m.id > 30), :embedding, origin, 3)) == []

      each = nearest_each(query, :embedding, [origin, [30, 0, 0]], 2, metric: :l2, candidates: 3)

      assert [{0, 26}, {0, 27}, {1, 30}, {1, 29}] =
               for({i, m, _} <- Repo.all(each), do: {i, m.id})
    end

    test "joins, an order of its own, a column by another name" do
      Repo.insert_all(Genre, [%{id: 1, name: "a"}, %{id: 2, name: "b"}])
      index(metric: :l2)
      insert([[1, 0, 0], [1, 0, 0], [1, 0, 0], [2, 0, 0]])

      query =
        from(m in Movie,
          join: g in assoc(m, :genre),
          as: :genre,
          where: g.name == "b",
          order_by: [desc: m.id],
          select: {m.id, g.name}
        )

      assert Repo.all(nearest(query, :embedding, [0, 0, 0], 9, metric: :l2)) == [
               {3, "b"},
               {1, "b"}
             ]

      each = nearest_each(query, :embedding, [[0, 0, 0]], 9, metric: :l2)
      assert [1, 3] = Enum.sort(for {0, m, 1.0} <- Repo.all(each), do: m.id)
    end

    test "a table without a schema" do
      index(metric: :l2)
      origin = line(3)
      query = from(m in "movies", select: %{id: m.id})
      opts = [metric: :l2, type: :f32, size: 3, select_as: :distance]

      assert Repo.all(nearest(query, :embedding, origin, 2, opts)) ==
               [%{id: 1, distance: 1.0}, %{id: 2, distance: 2.0}]

      assert_raise ArgumentError,
                   ~r/movies.embedding: a table without a schema takes type:/,
                   fn ->
                     nearest(query, :embedding, origin, 2)
                   end
    end

    test "a table WITHOUT ROWID, by a scan" do
      Repo.query!(
        "CREATE TABLE pairs (a INTEGER, b INTEGER, e F32_BLOB(1), PRIMARY KEY (a, b)) WITHOUT ROWID"
      )

      blob = {:blob, Vector.encode!([1], :f32)}
      Repo.query!("INSERT INTO pairs VALUES (1, 2, ?)", [blob])
      query = from(p in "pairs", select: p.b)
      opts = [type: :f32, metric: :l2]

      assert Repo.all(nearest(query, :e, [1], 1, [index: :none] ++ opts)) == [2]

      assert_raise EctoLibSql.Error, ~r/rowid/, fn ->
        Repo.all(nearest(query, :e, [1], 1, opts))
      end
    end

    test "what cannot be looked for" do
      for {message, fun} <- [
            {"movies.embedding: the vector has 2 numbers, expected 3",
             &nearest(&1, :embedding, [1, 2], 3)},
            {"movies.embedding: the vector has :nan at index 0, expected finite numbers",
             &nearest(&1, :embedding, [:nan, 2, 3], 3)},
            {"movies.embedding: the vector at index 1 has 1 numbers, expected 3",
             &nearest_each(&1, :embedding, [[1, 2, 3], [1]], 3)},
            {"has no field :nothing", &nearest(&1, :nothing, [1, 2, 3], 3)},
            {"Movie.title is no vector, its type is :string", &nearest(&1, :title, [1, 2, 3], 3)},
            {"the limit is a positive integer, got: 0", &nearest(&1, :embedding, [1, 2, 3], 0)},
            {"metric: takes :cosine or :l2, got: :dot",
             &nearest(&1, :embedding, [1, 2, 3], 3, metric: :dot)},
            {"index: takes an index's name",
             &nearest(&1, :embedding, [1, 2, 3], 3, index: :other)},
            {"candidates: takes a number from the limit, 3, on, got: 2",
             &nearest(&1, :embedding, [1, 2, 3], 3, candidates: 2)},
            {"select_as: takes a field's name",
             &nearest(&1, :embedding, [1, 2, 3], 3, select_as: "d")},
            {"select_as: is of nearest/5",
             &nearest_each(&1, :embedding, [[1, 2, 3]], 3, select_as: :d)},
            {"type: and size: are of a table without a schema",
             &nearest(&1, :embedding, [1, 2, 3], 3, type: :f32)},
            {"unknown keys [:kind]", &nearest(&1, :embedding, [1, 2, 3], 3, kind: 1)},
            {"by a query without limit", &nearest(limit(&1, 1), :embedding, [1, 2, 3], 3)},
            {"by a query without offset", &nearest(offset(&1, 1), :embedding, [1, 2, 3], 3)},
            {"by a query without distinct",
             &nearest(distinct(&1, true), :embedding, [1, 2, 3], 3)},
            {"by a query without group_bys",
             &nearest(group_by(&1, [m], m.id), :embedding, [1, 2, 3], 3)},
            {"by a query without combinations",
             &nearest(union(&1, ^Movie), :embedding, [1, 2, 3], 3)},
            {"looked for in a table", &nearest(subquery(&1), :embedding, [1, 2, 3], 3)},
            {"there are none of tables with a prefix",
             &nearest(put_query_prefix(&1, "other"), :embedding, [1, 2, 3], 3, index: "x")}
          ] do
        error = assert_raise ArgumentError, fn -> fun.(from(m in Movie)) end
        assert error.message =~ message
      end

      assert_raise EctoLibSql.Error, ~r/failed to parse vector index parameters/, fn ->
        Repo.all(nearest(Movie, :embedding, [1, 2, 3], 3, index: "nowhere"))
      end
    end

    describe "k-means of a query" do
      test "finds groups, of the rows that the query has" do
        :rand.seed(:exsss, 5)
        centers = [[0, 0, 0], [100, 0, 0], [0, 100, 0]]

        vectors =
          for n <- 1..60 do
            for x <- Enum.at(centers, rem(n, 3)), do: x + :rand.uniform(5)
          end

        insert([nil | vectors])
        query = from(m in Movie, where: m.id > 1)
        {:ok, found} = k_means(Repo, query, :embedding, 3, seed: 2)
        assert found.counts == [20, 20, 20]

        rows = Repo.all(clusters(query, :embedding, found))
        assert length(rows) == 60

        for {%Movie{embedding: vector}, cluster} <- rows do
          assert cluster == Vector.KMeans.cluster(found, vector)
          assert Vector.distance(vector, Enum.at(found.centroids, cluster), :l2) < 5
        end

        inertia =
          for {%Movie{embedding: v}, c} <- rows,
              reduce: 0.0,
              do: (sum -> sum + Vector.distance(v, Enum.at(found.centroids, c), :l2) ** 2)

        assert_in_delta found.inertia, inertia, 1.0e-2

        year = 2030
        late = from(m in Movie, where: m.year > ^year)
        {:ok, found} = k_means(Repo, late, :embedding, 2)
        assert Enum.sum(found.counts) == 31
      end

      test "fields that are no vectors, and too few rows" do
        assert_raise ArgumentError, ~r/is no vector/, fn -> k_means(Repo, Movie, :title, 2) end
        assert {:error, %{code: :invalid_argument}} = k_means(Repo, Movie, :embedding, 2)
      end
    end
  end
end
