defmodule EctoLibSql.Vector do
  @moduledoc """
  Vectors: embeddings in a column, their distances, and the rows that are nearest to one.

      schema "movies" do
        field :title, :string
        field :embedding, EctoLibSql.Vector.F32, size: 384
      end

      import Ecto.Query
      import EctoLibSql.Vector

      Movie |> where([m], m.year > 2000) |> nearest(:embedding, vector, 10) |> Repo.all()

  The guide [Vectors](vectors.html) goes through all of it on real data.

  ## Kinds

  A column has one kind of numbers, and one dimension, from 1 to 65,536. Each kind is an Ecto type.

  | kind | Ecto type | column type | bytes | numbers |
  |---|---|---|---|---|
  | `:f64` | `EctoLibSql.Vector.F64` | `F64_BLOB(n)` | 8n + 1 | 64-bit floats |
  | `:f32` | `EctoLibSql.Vector.F32` | `F32_BLOB(n)` | 4n | 32-bit floats |
  | `:f16` | `EctoLibSql.Vector.F16` | `F16_BLOB(n)` | 2n + 1 | 16-bit floats: 3 digits, up to 65,504 |
  | `:fb16` | `EctoLibSql.Vector.FB16` | `FB16_BLOB(n)` | 2n + 1 | 32-bit floats cut to 16 bits: 2 digits |
  | `:f8` | `EctoLibSql.Vector.F8` | `F8_BLOB(n)` | n + 11 to 14 | 256 steps from the least to the greatest of the vector |
  | `:f1bit` | `EctoLibSql.Vector.F1Bit` | `F1BIT_BLOB(n)` | n / 8 + 2 to 4 | 1.0 where the number is above 0, else -1.0 |

  The blobs are libSQL's own, bit by bit: its SQL functions (`vector32()`, `vector_extract()`, …) and
  other clients read and write the same.

  ## Values

  A vector is given as a list of numbers, as a tensor of [Nx](https://hex.pm/packages/nx) with one
  dimension, or as a blob of the kind's format, and comes back as a list of floats. The dimension, and that all
  numbers are finite and small enough for the kind, are checked before the database sees it: libSQL
  itself stores any blob in such a column as long as it has no index.

      iex> {:ok, blob} = EctoLibSql.Vector.encode([1, -0.5, 2.25], :f32)
      iex> EctoLibSql.Vector.decode(blob)
      {:ok, :f32, [1.0, -0.5, 2.25]}
      iex> EctoLibSql.Vector.to_list([1, 2], :f32, 3)
      {:error, "has 2 numbers, expected 3"}

  ## Distances

  `cosine_distance/2` is 1 - cos of the angle, from 0 (same direction) to 2; `l2_distance/2` is the Euclidean
  one. libSQL calculates with 32-bit floats (64-bit ones for `:f64`). Of `:f1bit`, the cosine
  distance is the number of bits that differ, and there is no other. The cosine distance from a vector
  of zeros is no number: NULL.

  `distance/4` calculates the same in Elixir.
  """

  alias EctoLibSql.Error
  alias EctoLibSql.Vector.{Distance, Format, Index, Input, KMeans, Rows}

  @kinds [:f64, :f32, :f16, :fb16, :f8, :f1bit]
  @greatest_size 65_536

  @type kind :: :f64 | :f32 | :f16 | :fb16 | :f8 | :f1bit
  @type metric :: :cosine | :l2
  @typedoc "A list of numbers, a tensor of one dimension, or a blob of the kind's format."
  @type input :: [number()] | struct() | binary() | {:blob, binary()}

  @doc """
  The kinds.

      iex> EctoLibSql.Vector.kinds()
      [:f64, :f32, :f16, :fb16, :f8, :f1bit]
  """
  @spec kinds() :: [kind()]
  def kinds, do: @kinds

  @doc """
  The type of a column of such vectors.

  Raises `ArgumentError` for another kind, and for a size that is not from 1 to 65,536.

      iex> EctoLibSql.Vector.column_type(:f32, 384)
      "F32_BLOB(384)"
  """
  @spec column_type(kind(), pos_integer()) :: String.t()
  def column_type(kind, size) do
    check_kind!(kind)
    check_size!(size)
    "#{kind |> to_string() |> String.upcase()}_BLOB(#{size})"
  end

  @doc false
  @spec check_kind!(term()) :: kind()
  def check_kind!(kind) when kind in @kinds, do: kind

  def check_kind!(kind) do
    raise ArgumentError,
          "a vector's type is one of #{Enum.map_join(@kinds, ", ", &inspect/1)}, got: #{inspect(kind)}"
  end

  @doc false
  @spec check_size!(term()) :: pos_integer()
  def check_size!(size) when is_integer(size) and size in 1..@greatest_size, do: size

  def check_size!(size) do
    raise ArgumentError,
          "a vector's size: is its dimension, from 1 to #{@greatest_size}, got: #{inspect(size)}"
  end

  @doc """
  The numbers of what is given for a vector, as floats, or what is wrong with it. With a `size`, it has
  so many numbers.

      iex> EctoLibSql.Vector.to_list([1, 2.5], :f16, 2)
      {:ok, [1.0, 2.5]}
      iex> EctoLibSql.Vector.to_list([1, 70_000], :f16)
      {:error, "has 7.0e4 at index 1, which is beyond what f16 can store"}
      iex> EctoLibSql.Vector.to_list([1, :nan], :f32)
      {:error, "has :nan at index 1, expected finite numbers"}
  """
  @spec to_list(input(), kind(), pos_integer() | nil) :: {:ok, [float()]} | {:error, String.t()}
  def to_list(value, kind, size \\ nil) do
    with {:ok, floats, _blob} <- Input.read(value, check_kind!(kind), size), do: {:ok, floats}
  end

  @doc """
  The blob that a column of this kind stores, as a parameter `{:blob, blob}` of a query takes it. With
  a `size`, the vector has so many numbers.

      iex> EctoLibSql.Vector.encode([1.0, -2.0], :f32)
      {:ok, <<0, 0, 128, 63, 0, 0, 0, 192>>}
      iex> {:error, error} = EctoLibSql.Vector.encode("xyz", :f64)
      iex> {error.code, error.message}
      {:invalid_argument, "the vector is no blob of a vector of kind f64 with finite numbers"}
  """
  @spec encode(input(), kind(), pos_integer() | nil) :: {:ok, binary()} | {:error, Error.t()}
  def encode(value, kind, size \\ nil) do
    case Input.read(value, check_kind!(kind), size) do
      {:ok, _floats, blob} -> {:ok, blob}
      {:error, message} -> {:error, invalid("the vector " <> message)}
    end
  end

  @doc """
  As `encode/3`, but raises `EctoLibSql.Error`.
  """
  @spec encode!(input(), kind(), pos_integer() | nil) :: binary()
  def encode!(value, kind, size \\ nil), do: bang(encode(value, kind, size))

  @doc """
  The kind and the numbers of a blob. An error with the code `:invalid_argument` where it is none of a
  vector, or where numbers in it are not finite.

      iex> {:ok, s} = EctoLibSql.connect(database: ":memory:")
      iex> {:ok, [blob]} = EctoLibSql.query_one(s, "SELECT vector64('[1, 0.1]')")
      iex> EctoLibSql.Vector.decode(blob)
      {:ok, :f64, [1.0, 0.1]}
  """
  @spec decode(binary()) :: {:ok, kind(), [float()]} | {:error, Error.t()}
  def decode(blob) when is_binary(blob) do
    with {:ok, kind, size, data} <- Format.parse(blob),
         {:ok, numbers} <- Format.decode(kind, size, data) do
      {:ok, kind, numbers}
    else
      :error ->
        {:error, invalid("these #{byte_size(blob)} bytes are no vector of finite numbers")}
    end
  end

  @doc """
  The distance between two vectors, as SQL calculates it for columns of the kind, but with 64-bit floats: `nil` where
  it is no number.

  Raises `ArgumentError` for vectors of different sizes, and for `:l2` of `:f1bit`.

      iex> EctoLibSql.Vector.distance([1, 0], [0, 1], :cosine)
      1.0
      iex> EctoLibSql.Vector.distance([3, 0], [0, 4], :l2)
      5.0
      iex> EctoLibSql.Vector.distance([1, 1, 1], [1, -1, -1], :cosine, :f1bit)
      2.0
  """
  @spec distance(input(), input(), metric(), kind()) :: float() | nil
  def distance(a, b, metric, kind \\ :f32)

  def distance(_a, _b, :l2, :f1bit),
    do: raise(ArgumentError, "there is no l2 distance of vectors of kind f1bit")

  def distance(a, b, metric, kind) when metric in [:cosine, :l2] do
    {:ok, _kind, a} = a |> encode!(kind) |> decode()
    {:ok, _kind, b} = b |> encode!(kind) |> decode()

    if length(a) != length(b) do
      raise ArgumentError, "vectors with #{length(a)} and #{length(b)} numbers have no distance"
    end

    Distance.between(a, b, if(kind == :f1bit, do: :hamming, else: metric))
  end

  ## In queries

  @doc """
  The cosine distance of two vectors in a query: each a field, or a value `^vector`, which is cast to
  the other one's type. NULL where a field is NULL.

      from m in Movie, order_by: cosine_distance(m.embedding, ^vector), limit: 10

  Of a table without a schema, the value is `type(^vector, ^type)`, or `{:blob, blob}` as `encode!/3`
  makes it.
  """
  defmacro cosine_distance(a, b), do: distance_fragment("vector_distance_cos", a, b)

  @doc """
  The Euclidean distance of two vectors in a query. See `cosine_distance/2`.
  """
  defmacro l2_distance(a, b), do: distance_fragment("vector_distance_l2", a, b)

  # libSQL's functions answer NULL with an error.
  defp distance_fragment(function, a, b) do
    args = [typed(a, b), typed(b, a)]

    case Enum.reject([a, b], &match?({:^, _, _}, &1)) do
      [] ->
        raise ArgumentError,
              "one of the vectors has to be a field, or say its type: " <>
                "type(^vector, ^type), got: #{Macro.to_string(a)}, #{Macro.to_string(b)}"

      nullable ->
        nulls = Enum.map_join(nullable, " OR ", fn _ -> "? IS NULL" end)
        sql = "CASE WHEN #{nulls} THEN NULL ELSE #{function}(?, ?) END"
        quote(do: fragment(unquote(sql), unquote_splicing(nullable ++ args)))
    end
  end

  defp typed({:^, _, _} = value, {{:., _, _}, _, _} = field),
    do: quote(do: type(unquote(value), unquote(field)))

  defp typed({:^, _, _} = value, {:field, _, [_, _]} = field),
    do: quote(do: type(unquote(value), unquote(field)))

  defp typed(expression, _other), do: expression

  if Code.ensure_loaded?(Ecto.Query) do
    @doc """
    The rows of a query's first table whose vectors are nearest to one, the nearest first.

        Movie |> where([m], m.year > 2000) |> nearest(:embedding, vector, 10) |> Repo.all()

    The query may have filters and joins; its own order comes after that by the distance. Rows without a
    vector are none of the nearest.

    Where the table has an index on the column for this metric (`EctoLibSql.Migration.vector_index/3`), its
    candidates are what is looked at: an approximation, whose recall docs/performance.md has figures of.
    When fewer than `limit` of them pass the query's filters, all rows are looked at, in the same
    statement. Without an index, that is what is done anyway: the answer is exact.

    Options:

      * `:metric` - `:cosine` (default) or `:l2`
      * `:index` - `:auto` (default), which finds the index when the query runs, an index's name, one of
        `indexes/2`, or `:none` for an exact answer. Tables WITHOUT ROWID need `:none`; tables with a prefix
        have no index
      * `:candidates` - how many rows the index is asked for. Default: `limit`, and with filters ten times that,
        but at least 100: the rows that pass are then among so many. An index has little more than its
        `search_l` rows to answer
      * `:select_as` - the key that the distance has in what is selected: a virtual field of the schema, or
        a key of a map
      * `:type`, `:size` - the kind and the dimension, for a table without a schema

    The distance can be selected by `cosine_distance/2` and `l2_distance/2`, too.

    Raises `ArgumentError` for a vector that the column cannot hold, a field that is no vector, an option
    that is not known, and a query with `limit`, `offset`, `distinct`, `group_by`, `having`, `lock` or a
    combination.
    """
    @spec nearest(Ecto.Queryable.t(), atom(), input(), pos_integer(), keyword()) :: Ecto.Query.t()
    def nearest(query, field, vector, limit, opts \\ []),
      do: EctoLibSql.Vector.Nearest.nearest(query, field, vector, limit, opts)

    @doc """
    The nearest rows for each of a list of vectors, in one statement: at a server, that is one round trip.

    The query selects `{index, row, distance}`: the vector's index in the list, from 0, a row of the
    first source, and its distance, by index and distance.

        Movie |> nearest_each(:embedding, [one, other], 3) |> Repo.all()
        # => [{0, %Movie{}, 0.12}, {0, %Movie{}, 0.2}, {0, %Movie{}, 0.21}, {1, %Movie{}, 0.07}, ...]

    Options and errors are those of `nearest/5`, but for `:select_as`. The table has rowids.
    """
    @spec nearest_each(Ecto.Queryable.t(), atom(), [input()], pos_integer(), keyword()) ::
            Ecto.Query.t()
    def nearest_each(query, field, vectors, limit, opts \\ []),
      do: EctoLibSql.Vector.Nearest.nearest_each(query, field, vectors, limit, opts)
  end

  @doc """
  The vector indexes of a table, of a connection or a repo.

      iex> {:ok, s} = EctoLibSql.connect(database: ":memory:")
      iex> :ok = EctoLibSql.run(s, "CREATE TABLE movies (id INTEGER PRIMARY KEY, embedding F32_BLOB(3))")
      iex> :ok = EctoLibSql.run(s, "CREATE INDEX near ON movies (libsql_vector_idx(embedding, 'metric=l2'))")
      iex> {:ok, [index]} = EctoLibSql.Vector.indexes(s, "movies")
      iex> {index.name, index.column, index.metric}
      {"near", "embedding", :l2}
  """
  @spec indexes(EctoLibSql.State.t() | module(), String.t()) ::
          {:ok, [Index.t()]} | {:error, Error.t()}
  def indexes(connection_or_repo, table), do: Index.all(connection_or_repo, to_string(table))

  @doc """
  Clusters of a column's vectors, by k-means: centroids such that the squared distances from each
  vector to its nearest centroid are small in sum.

      EctoLibSql.Vector.k_means(s, "movies", "embedding", 8)
      EctoLibSql.Vector.k_means(Repo, where(Movie, [m], m.year > 2000), :embedding, 8)

  On a connection, of a table's column; by a repo, of the field of a query or a schema. Rows without a vector
  are left out. The rows are streamed, in each pass anew: memory holds some hundred of them and the
  centroids, however many there are. Distances are Euclidean, and calculated by SQL.

  The first centroids are chosen by [k-means++](https://theory.stanford.edu/~sergei/papers/kMeansPP-soda.pdf), with
  a pass for each; then Lloyd's algorithm takes a pass for each iteration. What it ends with depends on the
  first centroids: it is a local optimum.

  Options:

    * `:seed` - an integer: the same seed chooses the same first centroids. Default: another one each time
    * `:max_iterations` - passes of Lloyd's algorithm at most. Default: 100
    * `:tolerance` - it ends when a pass has made the inertia smaller by no more than this part of it.
      Default: 1.0e-4

  Errors: `:invalid_argument` where there are fewer different vectors than clusters, and those of the
  database. Raises `ArgumentError` for options and fields that are wrong.
  """
  @spec k_means(EctoLibSql.State.t(), String.t(), String.t(), pos_integer(), keyword()) ::
          {:ok, KMeans.t()} | {:error, Error.t()}
  @spec k_means(module(), Ecto.Queryable.t(), atom(), pos_integer(), keyword()) ::
          {:ok, KMeans.t()} | {:error, Error.t()}
  def k_means(connection_or_repo, source, column, k, opts \\ [])

  def k_means(%EctoLibSql.State{} = s, table, column, k, opts) do
    with {:ok, rows} <- Rows.of_column(s, table, column), do: KMeans.fit(rows, k, opts)
  end

  if Code.ensure_loaded?(Ecto.Query) do
    def k_means(repo, query, field, k, opts) when is_atom(repo),
      do: repo |> EctoLibSql.Vector.Clusters.rows(query, field) |> KMeans.fit(k, opts)

    @doc """
    A query's rows with the index of the cluster that each belongs to, for `c:Ecto.Repo.stream/2` or
    `c:Ecto.Repo.all/2`: it selects `{row, cluster}`.

        {:ok, clusters} = EctoLibSql.Vector.k_means(Repo, Movie, :embedding, 8)
        Movie |> EctoLibSql.Vector.clusters(:embedding, clusters) |> Repo.all()
    """
    @spec clusters(Ecto.Queryable.t(), atom(), KMeans.t()) :: Ecto.Query.t()
    def clusters(query, field, %KMeans{} = clusters),
      do: EctoLibSql.Vector.Clusters.assigned(query, field, clusters)
  end

  defp invalid(message), do: %Error{code: :invalid_argument, message: message}

  defp bang({:ok, value}), do: value
  defp bang({:error, error}), do: raise(error)
end
