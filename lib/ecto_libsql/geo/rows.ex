if Code.ensure_loaded?(Ecto.Query) do
  defmodule EctoLibSql.Geo.Rows do
    @moduledoc false
    # A query's keys and points, read in batches by the key: at a server, too, where a result has a
    # largest size, and outside of a transaction.

    import Ecto.Query

    alias EctoLibSql.Geo.{Dbscan, Point, Search, Target}

    @max_points 100_000
    @batch 5_000

    @doc "What `clusters` needs, checked, and the options that are left."
    @spec options!(keyword()) :: {keyword(), keyword()}
    def options!(opts) do
      {needed, rest} = Keyword.split(opts, [:radius, :min_points])

      {[
         radius: Dbscan.radius!(needed[:radius]),
         min_points: Dbscan.min_points!(needed[:min_points])
       ], rest}
    end

    @spec read!(module(), Target.t(), keyword()) :: [{term(), Point.t()}]
    def read!(repo, target, opts) do
      key = Target.key!(target)
      {latitude, longitude} = Search.coordinates(target)

      query =
        target
        |> Search.candidates()
        |> order_by([p], asc: field(p, ^key))
        |> limit(^count!(:batch, opts[:batch] || @batch))
        |> select(
          [p],
          ^%{key: dynamic([p], field(p, ^key)), latitude: latitude, longitude: longitude}
        )

      most = count!(:max_points, opts[:max_points] || @max_points)
      batches = read(%{repo: repo, query: query, key: key, most: most}, query, 0)
      Enum.concat(batches)
    end

    defp read(%{repo: repo, key: key, most: most} = source, query, count) do
      rows = repo.all(query)
      count = count + length(rows)

      if count > most do
        raise ArgumentError,
              "the query has more than #{most} points: narrow it down, or allow more with max_points:"
      end

      case List.last(rows) do
        nil ->
          []

        %{key: last} ->
          points = Enum.map(rows, &{&1.key, Point.new!(&1.latitude, &1.longitude)})
          [points | read(source, where(source.query, [p], field(p, ^key) > ^last), count)]
      end
    end

    defp count!(_option, count) when is_integer(count) and count > 0, do: count

    defp count!(option, other),
      do: raise(ArgumentError, "#{option}: is a positive integer, got: #{inspect(other)}")
  end
end
