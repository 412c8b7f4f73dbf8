if Code.ensure_loaded?(Ecto.Query) do
  defmodule EctoLibSql.Vector.Clusters do
    @moduledoc false
    # k-means of a query: the vectors of its field, and which cluster a row belongs to.

    import Ecto.Query

    alias EctoLibSql.Vector
    alias EctoLibSql.Vector.{KMeans, Rows, Target}

    @spec rows(module(), Ecto.Queryable.t(), atom()) :: Rows.t()
    def rows(repo, queryable, field) do
      {_column, kind, _size} = Target.column!(queryable, field)
      kind = Rows.means(kind)

      {sql, params} =
        queryable
        |> where([m], not is_nil(field(m, ^field)))
        |> exclude(:select)
        |> exclude(:preload)
        |> select_vector(kind, field)
        |> then(&repo.to_sql(:all, &1))

      %Rows{place: repo, sql: sql, params: params, kind: kind}
    end

    defp select_vector(query, :f32, field),
      do: select(query, [m], %{vector: fragment("vector32(?)", field(m, ^field))})

    defp select_vector(query, :f64, field),
      do: select(query, [m], %{vector: fragment("vector64(?)", field(m, ^field))})

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
