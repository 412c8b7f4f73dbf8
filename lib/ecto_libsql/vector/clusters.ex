if Code.ensure_loaded?(Ecto.Query) do
  defmodule EctoLibSql.Vector.Clusters do
    @moduledoc false
    # Which cluster a row belongs to, as a query.

    import Ecto.Query

    alias EctoLibSql.Vector
    alias EctoLibSql.Vector.{KMeans, Rows, Target}

    @spec assigned(Ecto.Queryable.t(), atom(), KMeans.t()) :: Ecto.Query.t()
    def assigned(query, field, %KMeans{centroids: centroids, kind: kind}) do
      Target.column!(query, field)
      points = Rows.hex(for centroid <- centroids, do: Vector.encode!(centroid, kind))

      query
      |> with_cte("libsql_vector_centroids",
        as: fragment("SELECT key AS cluster, unhex(value) AS vector FROM json_each(?)", ^points),
        materialized: true
      )
      |> where([m], not is_nil(field(m, ^field)))
      |> exclude(:select)
      |> select_cluster(kind, field)
    end

    defp select_cluster(query, :f32, field) do
      select(query, [m], {
        m,
        fragment(
          """
          (SELECT cluster FROM (
            SELECT cluster, vector_distance_l2(vector32(?), vector) AS distance FROM libsql_vector_centroids
          ) ORDER BY distance, cluster LIMIT 1)
          """,
          field(m, ^field)
        )
      })
    end

    defp select_cluster(query, :f64, field) do
      select(query, [m], {
        m,
        fragment(
          """
          (SELECT cluster FROM (
            SELECT cluster, vector_distance_l2(?, vector) AS distance FROM libsql_vector_centroids
          ) ORDER BY distance, cluster LIMIT 1)
          """,
          field(m, ^field)
        )
      })
    end
  end
end
