defmodule EctoLibSql.Driver.VectorTest do
  # Vectors as values and on a connection, without Ecto: against libSQL's own functions, and distances
  # that are calculated by hand.
  use ExUnit.Case, async: true

  alias EctoLibSql.{Error, Vector}
  alias EctoLibSql.Vector.KMeans

  @functions %{
    f64: "vector64",
    f32: "vector32",
    f16: "vector16",
    fb16: "vectorb16",
    f8: "vector8",
    f1bit: "vector1bit"
  }

  setup do
    {:ok, s} = EctoLibSql.connect(database: ":memory:")
    on_exit(fn -> EctoLibSql.disconnect(s) end)
    {:ok, s: s}
  end

  defp one(s, sql, params), do: s |> EctoLibSql.query_one(sql, params) |> elem(1) |> hd()

  defp libsql(s, kind, text), do: one(s, "SELECT #{@functions[kind]}(?)", [text])

  # What fills the bytes between an f8 vector's numbers and its parameters is left to chance by libSQL.
  defp without_padding(:f8, blob) do
    padding = :binary.at(blob, byte_size(blob) - 2)
    size = byte_size(blob) - 11 - padding
    <<numbers::binary-size(size), _::binary-size(padding), rest::binary>> = blob
    {numbers, rest}
  end

  defp without_padding(_kind, blob), do: blob

  defp text(numbers), do: "[" <> Enum.map_join(numbers, ",", &to_string/1) <> "]"

  test "the blobs are those of libSQL", %{s: s} do
    for kind <- Vector.kinds(),
        numbers <- [
          [0.0],
          [1.0, -1.0],
          [5.0, 5.0, 5.0],
          [0.1, -0.2, 0.3, 1.0e-3, 12_345.678],
          for(n <- 1..8, do: n / 3),
          for(n <- -20..12, do: n * 1.1),
          [1.0e-5, 6.0e-8, 3.0e-8, 2.0e-8, 1.0e-40, 0.0]
        ] do
      blob = Vector.encode!(numbers, kind)

      assert without_padding(kind, blob) ==
               without_padding(kind, libsql(s, kind, text(numbers)))

      assert {:ok, ^kind, decoded} = Vector.decode(blob)
      assert length(decoded) == length(numbers)
    end
  end

  test "every 16-bit float is read as libSQL reads it, and written back", %{s: s} do
    # 0x7C00 and more is infinite or no number.
    for halves <- Enum.chunk_every(Enum.concat(0..0x7BFF, 0x8000..0xFBFF), 4096) do
      blob = for(half <- halves, into: <<>>, do: <<half::16-little>>) <> <<5>>
      {:ok, :f16, numbers} = Vector.decode(blob)
      as_f32 = one(s, "SELECT vector32(?)", [{:blob, blob}])
      assert {:ok, :f32, ^numbers} = Vector.decode(as_f32)
      assert Vector.encode!(numbers, :f16) == blob
    end
  end

  test "one step from one kind's number to the next is rounded as libSQL rounds it", %{s: s} do
    # Between 16-bit floats, and at their smallest.
    numbers =
      for half <- [0, 1, 2, 0x3FF, 0x400, 0x3C00, 0x3C01, 0x7BFE],
          {:ok, :f16, [number]} = Vector.decode(<<half::16-little, 5>>),
          {:ok, :f16, [next]} = Vector.decode(<<half + 1::16-little, 5>>),
          part <- [0.25, 0.4999, 0.5, 0.5001, 0.75],
          do: number + (next - number) * part

    f32 = Vector.encode!(numbers, :f32)

    for kind <- [:f16, :fb16] do
      assert Vector.encode!(numbers, kind) ==
               one(s, "SELECT #{@functions[kind]}(?)", [{:blob, f32}])
    end
  end

  test "what cannot be stored is refused, and it is said why" do
    for {value, kind, size, message} <- [
          {[1, 2], :f32, 3, "has 2 numbers, expected 3"},
          {[1, 2, 3, 4], :f1bit, 3, "has 4 numbers, expected 3"},
          {[], :f32, nil, "has no numbers"},
          {[1.0, :nan], :f32, 2, "has :nan at index 1, expected finite numbers"},
          {[:infinity], :f64, 1, "has :infinity at index 0, expected finite numbers"},
          {["1"], :f64, 1, ~s(has "1" at index 0, expected finite numbers)},
          {[0, nil], :f64, 2, "has nil at index 1, expected finite numbers"},
          {[1 | 2], :f64, 2, "is an improper list"},
          {[0, 1.0e39], :f32, 2, "has 1.0e39 at index 1, which is beyond what f32 can store"},
          {[0, 1.0e39], :f1bit, 2, "has 1.0e39 at index 1, which is beyond what f1bit can store"},
          {[65_519, 65_520], :f16, 2,
           "has 65520.0 at index 1, which is beyond what f16 can store"},
          {[-65_520], :f16, 1, "has -65520.0 at index 0, which is beyond what f16 can store"},
          {[-3.0e38, 3.0e38], :f8, 2, "has 3.0e38 at index 1, which is beyond what f8 can store"},
          {<<1, 2, 3>>, :f32, nil, "is no blob of a vector of kind f32 with finite numbers"},
          {Vector.encode!([1, 2], :f64), :f32, 2,
           "is the blob of a vector of kind f64 with 2 numbers, expected f32"},
          {Vector.encode!([1, 2], :f16), :f16, 3, "has 2 numbers, expected 3"},
          {<<0, 0, 0xC0, 0x7F>>, :f32, 1,
           "is no blob of a vector of kind f32 with finite numbers"},
          {%{}, :f32, 1, "is no vector: expected a list of numbers, a tensor or a blob"},
          {nil, :f32, 1, "is no vector: expected a list of numbers, a tensor or a blob"}
        ] do
      assert Vector.to_list(value, kind, size) == {:error, message}

      assert {:error, %Error{code: :invalid_argument, message: "the vector " <> ^message}} =
               Vector.encode(value, kind, size)

      assert_raise Error, fn -> Vector.encode!(value, kind, size) end
    end

    integer = Integer.pow(10, 400)
    assert {:error, "has 1000" <> _} = Vector.to_list([integer], :f64)
    assert Vector.to_list([65_519], :f16) == {:ok, [65_519.0]}
  end

  test "kinds and sizes that there are not" do
    assert_raise ArgumentError, ~r/a vector's type is one of :f64, .*, got: :f4/, fn ->
      Vector.to_list([1], :f4)
    end

    for size <- [0, -1, 65_537, 1.0, "3", nil] do
      assert_raise ArgumentError, ~r/from 1 to 65536, got/, fn ->
        Vector.column_type(:f32, size)
      end
    end

    assert Vector.column_type(:f1bit, 65_536) == "F1BIT_BLOB(65536)"
  end

  test "blobs that are none of a vector" do
    for blob <-
          [<<1>>, <<0, 0, 7>>, <<0, 0, 0>>, <<1, 2>>, <<3>>, <<0, 200, 3>>, <<0, 0, 4>>] ++
            [<<0::80, 0, 9, 4>>, <<0, 0, 0xF0, 0x7F>> <> <<0::40, 2>>] do
      assert {:error, %Error{code: :invalid_argument}} = Vector.decode(blob)
    end

    # The type of f32 may be said, too.
    assert Vector.decode(<<0, 0, 128, 63, 1>>) == {:ok, :f32, [1.0]}
  end

  test "distances", %{s: s} do
    for kind <- Vector.kinds(),
        {a, b} <- [
          {[1, 2, 3], [1, 2, 3]},
          {[1, 2, 3], [3, -2, 1]},
          {[0.5, 0.25, -8], [-4, 4, 4]},
          {[1, 0, 0, 0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 0, 0, 0, 0, 7]}
        ],
        {metric, function} <- [cosine: "vector_distance_cos", l2: "vector_distance_l2"],
        kind != :f1bit or metric == :cosine do
      params = [{:blob, Vector.encode!(a, kind)}, {:blob, Vector.encode!(b, kind)}]
      measured = one(s, "SELECT #{function}(?, ?)", params)
      assert_in_delta measured, Vector.distance(a, b, metric, kind), 1.0e-5
    end

    assert Vector.distance([0, 0], [1, 2], :cosine) == nil
    params = for v <- [[0, 0], [1, 2]], do: {:blob, Vector.encode!(v, :f32)}
    assert one(s, "SELECT vector_distance_cos(?, ?)", params) == nil

    assert_raise ArgumentError, ~r/2 and 3 numbers/, fn ->
      Vector.distance([1, 2], [1, 2, 3], :l2)
    end

    assert_raise ArgumentError, ~r/no l2 distance of vectors of kind f1bit/, fn ->
      Vector.distance([1, 2], [1, 2], :l2, :f1bit)
    end
  end

  test "the indexes of a table", %{s: s} do
    :ok =
      EctoLibSql.run(
        s,
        ~s|CREATE TABLE "a b" (id INTEGER PRIMARY KEY, "e, f" F32_BLOB(2), g F8_BLOB(2))|
      )

    assert Vector.indexes(s, "a b") == {:ok, []}
    :ok = EctoLibSql.run(s, ~s|CREATE INDEX x ON "a b" (LIBSQL_vector_idx("e, f"))|)

    :ok =
      EctoLibSql.run(
        s,
        ~s|CREATE INDEX y ON "a b" (libsql_vector_idx([g], 'METRIC=l2', 'max_neighbors=7'))|
      )

    :ok = EctoLibSql.run(s, ~s|CREATE INDEX z ON "a b" (g)|)

    assert {:ok, [x, y]} = Vector.indexes(s, "A B")
    assert %{name: "x", table: "a b", column: "e, f", metric: :cosine, options: %{}} = x
    assert %{name: "y", column: "g", metric: :l2, options: %{"max_neighbors" => "7"}} = y
  end

  describe "k-means" do
    defp points(s, vectors, kind \\ :f32) do
      size = vectors |> Enum.find(& &1) |> length()
      :ok = EctoLibSql.run(s, "CREATE TABLE points (at #{Vector.column_type(kind, size)})")

      for vector <- vectors do
        blob = if vector, do: {:blob, Vector.encode!(vector, kind)}
        :ok = EctoLibSql.run(s, "INSERT INTO points VALUES (?)", [blob])
      end
    end

    defp square(a, b), do: Enum.sum(Enum.zip_with(a, b, &((&1 - &2) ** 2)))

    defp nearest(vector, centroids),
      do:
        centroids
        |> Enum.with_index()
        |> Enum.min_by(fn {c, _} -> square(vector, c) end)
        |> elem(1)

    defp means(vectors, centroids) do
      groups = Enum.group_by(vectors, &nearest(&1, centroids))

      for {centroid, i} <- Enum.with_index(centroids) do
        case groups[i] do
          nil -> centroid
          group -> Enum.zip_with(group, &(Enum.sum(&1) / length(group)))
        end
      end
    end

    test "ends where Lloyd's algorithm goes no further", %{s: s} do
      :rand.seed(:exsss, 3)
      vectors = for _ <- 1..200, do: for(_ <- 1..3, do: :rand.uniform(100))
      points(s, [nil | vectors])

      for seed <- 1..4 do
        {:ok, found} = Vector.k_means(s, "points", "at", 4, seed: seed, tolerance: 0)
        assert length(found.centroids) == 4
        assert Enum.sum(found.counts) == 200

        for {again, centroid} <- Enum.zip(means(vectors, found.centroids), found.centroids),
            {x, y} <- Enum.zip(again, centroid),
            do: assert_in_delta(x, y, 1.0e-3)

        assert found.counts ==
                 for(i <- 0..3, do: Enum.count(vectors, &(nearest(&1, found.centroids) == i)))

        inertia =
          Enum.sum(
            for v <- vectors, do: square(v, Enum.at(found.centroids, nearest(v, found.centroids)))
          )

        assert_in_delta found.inertia, inertia, 1.0e-6 * inertia

        for v <- Enum.take(vectors, 20),
            do: assert(KMeans.cluster(found, v) == nearest(v, found.centroids))

        assert {:ok, ^found} = Vector.k_means(s, "points", "at", 4, seed: seed, tolerance: 0)
      end

      {:ok, once} = Vector.k_means(s, "points", "at", 4, seed: 1, max_iterations: 1)
      assert once.iterations == 1
      # The first centroids are some of the vectors.
      assert Enum.all?(once.centroids, &(Enum.map(&1, fn x -> round(x) end) in vectors))
    end

    test "of every kind", %{s: s} do
      for kind <- Vector.kinds() do
        points(s, [[1, 1, 1], [1, 1, 1], [-1, -1, 1], [-1, -1, 1]], kind)
        {:ok, found} = Vector.k_means(s, "points", "at", 2)
        assert Enum.sort(found.counts) == [2, 2]

        assert Enum.sort(Enum.map(found.centroids, &Enum.map(&1, fn x -> round(x) end))) == [
                 [-1, -1, 1],
                 [1, 1, 1]
               ]

        assert found.kind == if(kind == :f64, do: :f64, else: :f32)
        :ok = EctoLibSql.run(s, "DROP TABLE points")
      end
    end

    test "of more vectors than memory may hold", %{s: s} do
      :ok = EctoLibSql.run(s, "CREATE TABLE points (at F32_BLOB(64))")
      blobs = for n <- 1..2, do: {:blob, Vector.encode!(List.duplicate(n, 64), :f32)}

      {:ok, _} =
        EctoLibSql.transaction(s, fn s ->
          for blob <- blobs,
              _ <- 1..10_000,
              do: EctoLibSql.run(s, "INSERT INTO points VALUES (?)", [blob])
        end)

      # Their lists take 20,000 * 64 * 4 words.
      task =
        Task.async(fn ->
          Process.flag(:max_heap_size, %{size: 1_000_000, kill: true, error_logger: false})
          Vector.k_means(s, "points", "at", 2, seed: 1)
        end)

      assert {:ok, %{counts: [10_000, 10_000], inertia: inertia}} = Task.await(task, 60_000)
      assert inertia == 0
    end

    test "fewer vectors than clusters, no table, and wrong options", %{s: s} do
      points(s, [[1, 1], [1, 1], [2, 2]])

      assert {:error, %Error{code: :invalid_argument, message: message}} =
               Vector.k_means(s, "points", "at", 3)

      assert message =~ "only 2 different vectors"
      assert {:error, %Error{code: :error}} = Vector.k_means(s, "nowhere", "at", 3)

      for {k, opts} <- [
            {0, []},
            {1.5, []},
            {2, [max_iterations: 0]},
            {2, [tolerance: -1]},
            {2, [sed: 1]}
          ] do
        assert_raise ArgumentError, fn -> Vector.k_means(s, "points", "at", k, opts) end
      end

      :ok = EctoLibSql.run(s, "DELETE FROM points")

      assert {:error, %Error{message: "there are only 0" <> _}} =
               Vector.k_means(s, "points", "at", 1)
    end
  end
end
