defmodule EctoLibSql.Vector.KMeans do
  @moduledoc """
  Clusters of vectors, as `EctoLibSql.Vector.k_means/5` finds them.

  Public fields:

    * `:centroids` - the clusters' means, lists of floats
    * `:counts` - how many vectors are nearest to each centroid
    * `:inertia` - the sum of the squared distances from each vector to its nearest centroid
    * `:iterations` - how often all vectors were read for that, apart from the first centroids' choice
    * `:kind` - `:f64` where the column's is, else `:f32`, in which distances are calculated
  """

  alias EctoLibSql.Vector
  alias EctoLibSql.Vector.{Format, Rows}

  @enforce_keys [:centroids, :counts, :inertia, :iterations, :kind]
  defstruct @enforce_keys

  @type t :: %__MODULE__{
          centroids: [[float()]],
          counts: [non_neg_integer()],
          inertia: float(),
          iterations: pos_integer(),
          kind: :f32 | :f64
        }

  @doc false
  @spec fit(Rows.t(), pos_integer(), keyword()) :: {:ok, t()} | {:error, EctoLibSql.Error.t()}
  def fit(rows, k, opts) do
    opts = options!(k, opts)

    with {:ok, centroids} <- first_centroids(rows, k, opts),
         do: improve(rows, centroids, nil, 1, opts)
  end

  defp options!(k, opts) do
    unless is_integer(k) and k > 0 do
      raise ArgumentError, "the number of clusters is a positive integer, got: #{inspect(k)}"
    end

    opts = Keyword.validate!(opts, [:seed, max_iterations: 100, tolerance: 1.0e-4])

    unless is_integer(opts[:max_iterations]) and opts[:max_iterations] > 0 do
      raise ArgumentError,
            "max_iterations: takes a positive integer, got: #{inspect(opts[:max_iterations])}"
    end

    unless is_number(opts[:tolerance]) and opts[:tolerance] >= 0 do
      raise ArgumentError,
            "tolerance: takes a number from 0 on, got: #{inspect(opts[:tolerance])}"
    end

    opts
  end

  ## k-means++: each further centroid is one of the vectors, by chance in proportion to the square of
  ## its distance from those that there are.

  defp first_centroids(rows, k, opts) do
    seed = opts[:seed] || System.unique_integer()
    choose(rows, k, [], :rand.seed_s(:exsss, seed))
  end

  defp choose(_rows, k, chosen, _random) when length(chosen) == k,
    do: {:ok, Enum.reverse(chosen)}

  defp choose(rows, k, chosen, random) do
    with {:ok, {blob, _total, random}} <- pick(rows, chosen, random) do
      case blob do
        nil -> too_few(length(chosen), k)
        blob -> choose(rows, k, [numbers(blob) | chosen], random)
      end
    end
  end

  # In one pass: a vector takes the place of the one at hand with the chance that its weight has among
  # the weights so far.
  defp pick(rows, chosen, random) do
    Rows.distances(rows, chosen, {nil, 0.0, random}, fn [blob, distance],
                                                        {at_hand, total, random} ->
      weight = if distance, do: distance * distance, else: 1.0
      total = total + weight
      {chance, random} = :rand.uniform_s(random)

      if weight > 0 and chance * total < weight,
        do: {blob, total, random},
        else: {at_hand, total, random}
    end)
  end

  defp too_few(found, k) do
    message = "there are only #{found} different vectors, which cannot make #{k} clusters"
    {:error, %EctoLibSql.Error{code: :invalid_argument, message: message}}
  end

  ## Lloyd's algorithm

  defp improve(rows, centroids, previous, iteration, opts) do
    empty = Map.new(0..(length(centroids) - 1), &{&1, {0, nil}})
    means = List.to_tuple(centroids)

    assigned =
      Rows.nearest(rows, centroids, {empty, 0.0}, fn [blob, cluster], {sums, inertia} ->
        numbers = numbers(blob)
        {add(sums, cluster, numbers), inertia + square(numbers, elem(means, cluster))}
      end)

    with {:ok, {sums, inertia}} <- assigned do
      if iteration == opts[:max_iterations] or converged?(previous, inertia, opts[:tolerance]) do
        counts = for cluster <- 0..(length(centroids) - 1), do: elem(sums[cluster], 0)

        {:ok,
         %__MODULE__{
           centroids: centroids,
           counts: counts,
           inertia: inertia,
           iterations: iteration,
           kind: rows.kind
         }}
      else
        centroids =
          for {centroid, cluster} <- Enum.with_index(centroids), do: mean(sums[cluster], centroid)

        improve(rows, centroids, inertia, iteration + 1, opts)
      end
    end
  end

  defp converged?(nil, _inertia, _tolerance), do: false
  defp converged?(previous, inertia, tolerance), do: previous - inertia <= tolerance * previous

  defp add(sums, cluster, numbers) do
    Map.update!(sums, cluster, fn
      {0, nil} -> {1, numbers}
      {count, sum} -> {count + 1, Enum.zip_with(sum, numbers, &(&1 + &2))}
    end)
  end

  # A cluster that has lost all its vectors stays where it is.
  defp mean({0, nil}, centroid), do: centroid
  defp mean({count, sum}, _centroid), do: Enum.map(sum, &(&1 / count))

  defp square(a, b),
    do: Enum.zip_reduce(a, b, 0.0, fn x, y, sum -> sum + (x - y) * (x - y) end)

  defp numbers(blob) do
    {:ok, kind, size, data} = Format.parse(blob)

    case Format.decode(kind, size, data) do
      {:ok, numbers} -> numbers
      :error -> raise ArgumentError, "there is a vector with numbers that are not finite"
    end
  end

  @doc """
  The cluster that a vector belongs to: the index of the nearest centroid.

      iex> {:ok, s} = EctoLibSql.connect(database: ":memory:")
      iex> :ok = EctoLibSql.run(s, "CREATE TABLE points (at F32_BLOB(2))")
      iex> for x <- [1, 2, 101, 102] do
      ...>   :ok = EctoLibSql.run(s, "INSERT INTO points VALUES (?)", [{:blob, EctoLibSql.Vector.encode!([x, 0], :f32)}])
      ...> end
      iex> {:ok, clusters} = EctoLibSql.Vector.k_means(s, "points", "at", 2, seed: 1)
      iex> {Enum.sort(clusters.centroids), clusters.inertia}
      {[[1.5, 0.0], [101.5, 0.0]], 1.0}
      iex> cluster = EctoLibSql.Vector.KMeans.cluster(clusters, [90, 5])
      iex> Enum.at(clusters.centroids, cluster)
      [101.5, 0.0]
  """
  @spec cluster(t(), Vector.input()) :: non_neg_integer()
  def cluster(%__MODULE__{centroids: [first | _] = centroids, kind: kind}, vector) do
    {:ok, ^kind, numbers} = vector |> Vector.encode!(kind, length(first)) |> Vector.decode()

    {_square, cluster} =
      centroids
      |> Enum.with_index()
      |> Enum.map(fn {c, i} -> {square(numbers, c), i} end)
      |> Enum.min()

    cluster
  end
end
