if Code.ensure_loaded?(Ecto.Query) do
  defmodule EctoLibSql.Vector.Nearest do
    @moduledoc false
    # The rows whose vectors are nearest to one or to each of several, as a query.
    #
    # With an index they are found in one statement, by common table expressions:
    #
    #   * libsql_vector_queries: the vectors, numbered
    #   * libsql_vector_candidates: what the index says is nearest to each. Nothing where there is no index
    #   * libsql_vector_short: those for which fewer candidates than wanted pass the query's filters
    #   * libsql_vector_rows: the candidates, and for those that are short all rows of the table
    #
    # so that a filter which leaves little, or an index which is not there, costs time and not rows.

    import Ecto.Query

    alias EctoLibSql.Vector.{Input, Numbered, Rows, Target}

    @spec nearest(Ecto.Queryable.t(), atom(), term(), pos_integer(), keyword()) :: Ecto.Query.t()
    def nearest(query, field, vector, limit, opts) do
      target = Target.new!(query, field, limit, opts)
      blob = blob!(vector, target, "the vector")
      distance = distance(target.metric, field, {:blob, blob})

      target.query
      |> within(target, field, [blob])
      |> where([m], not is_nil(field(m, ^field)))
      |> prepend_order_by(^[asc_nulls_last: distance])
      |> limit(^limit)
      |> select_distance(target.select_as, distance)
    end

    defp within(query, %{index: :none}, _field, _blobs), do: query

    defp within(query, target, field, blobs) do
      query
      |> with_rows(target, field, blobs)
      |> where([m], fragment("?.rowid IN (SELECT id FROM libsql_vector_rows)", m))
    end

    defp select_distance(query, nil, _distance), do: query
    defp select_distance(query, key, distance), do: select_merge(query, ^%{key => distance})

    defp distance(:cosine, field, blob),
      do: dynamic([m], fragment("vector_distance_cos(?, ?)", field(m, ^field), ^blob))

    defp distance(:l2, field, blob),
      do: dynamic([m], fragment("vector_distance_l2(?, ?)", field(m, ^field), ^blob))

    @spec nearest_each(Ecto.Queryable.t(), atom(), [term()], pos_integer(), keyword()) ::
            Ecto.Query.t()
    def nearest_each(query, field, vectors, limit, opts) when is_list(vectors) do
      target = Target.new!(query, field, limit, opts)

      if target.select_as do
        raise ArgumentError,
              "select_as: is of nearest/5; nearest_each/5 selects the distance anyway"
      end

      blobs =
        for {vector, index} <- Enum.with_index(vectors),
            do: blob!(vector, target, "the vector at index #{index}")

      measured =
        target
        |> filters(field)
        |> paired(target, field, blobs)
        |> select_measured(target.metric, field)

      ranked =
        from(n in subquery(measured),
          windows: [of_query: [partition_by: n.query, order_by: [asc_nulls_last: n.distance]]],
          select: %{
            id: n.id,
            query: n.query,
            distance: n.distance,
            rank: over(row_number(), :of_query)
          }
        )

      from(m in %Ecto.Query{from: target.query.from, prefix: target.query.prefix},
        join: n in subquery(ranked),
        on: fragment("?.rowid = ?", m, n.id),
        where: n.rank <= ^limit,
        order_by: [n.query, n.rank],
        select: {n.query, m, n.distance}
      )
    end

    # Each row with the vectors that it is measured against, which are the binding :vector_query.
    defp paired(query, %{index: :none}, _field, blobs) do
      query
      |> with_queries(blobs)
      |> join(:cross, [], q in Numbered, as: :vector_query)
    end

    defp paired(query, target, field, blobs) do
      query
      |> with_rows(target, field, blobs)
      |> join(:inner, [m], r in {"libsql_vector_rows", Numbered},
        as: :vector_row,
        on: fragment("?.rowid = ?", m, r.id)
      )
      |> join(:inner, [vector_row: r], q in Numbered,
        as: :vector_query,
        on: q.query == r.query
      )
    end

    defp select_measured(query, :cosine, field) do
      select(query, [m, vector_query: q], %{
        id: fragment("?.rowid", m),
        query: q.query,
        distance: fragment("vector_distance_cos(?, ?)", field(m, ^field), q.vector)
      })
    end

    defp select_measured(query, :l2, field) do
      select(query, [m, vector_query: q], %{
        id: fragment("?.rowid", m),
        query: q.query,
        distance: fragment("vector_distance_l2(?, ?)", field(m, ^field), q.vector)
      })
    end

    ## The common table expressions

    defp with_rows(query, target, field, blobs) do
      query
      |> with_queries(blobs)
      |> with_candidates(target)
      |> with_cte("libsql_vector_short", as: ^short(target, field), materialized: true)
      |> with_cte("libsql_vector_rows",
        as:
          fragment(
            """
            SELECT query, id FROM libsql_vector_candidates
            UNION SELECT s.query, t.rowid FROM libsql_vector_short AS s CROSS JOIN ? AS t
            """,
            identifier(^target.table)
          ),
        materialized: true
      )
    end

    # As hexadecimal text, which is exact for every kind, and quicker to read than numbers.
    defp with_queries(query, blobs) do
      json = Rows.hex(blobs)

      with_cte(query, "libsql_vector_queries",
        as: fragment("SELECT key AS query, unhex(value) AS vector FROM json_each(?)", ^json),
        materialized: true
      )
    end

    # CROSS JOIN: vector_top_k's arguments have to be there before it is called.
    defp with_candidates(query, %{index: :auto} = target) do
      l2 = if target.metric == :l2, do: 1, else: 0

      with_cte(query, "libsql_vector_candidates",
        as:
          fragment(
            """
            SELECT q.query AS query, t.id AS id
            FROM libsql_vector_queries AS q
            CROSS JOIN (
              SELECT name FROM sqlite_schema
              WHERE type = 'index' AND tbl_name = ? COLLATE NOCASE
                AND instr(
                  replace(replace(replace(replace(replace(replace(
                    lower(sql), '"', ''), '`', ''), '[', ''), ']', ''), ' ', ''), ',', ')'),
                  ?
                ) > 0
                AND (instr(lower(sql), 'metric=l2') > 0) = ?
              LIMIT 1
            ) AS i
            CROSS JOIN vector_top_k(i.name, q.vector, ?) AS t
            """,
            ^target.table,
            ^marker(target.column),
            ^l2,
            ^target.candidates
          ),
        materialized: true
      )
    end

    defp with_candidates(query, %{index: name} = target) do
      with_cte(query, "libsql_vector_candidates",
        as:
          fragment(
            """
            SELECT q.query AS query, t.id AS id
            FROM libsql_vector_queries AS q CROSS JOIN vector_top_k(?, q.vector, ?) AS t
            """,
            ^name,
            ^target.candidates
          ),
        materialized: true
      )
    end

    # How an index on the column begins, without quotes and spaces, however it was written.
    defp marker(column) do
      column = String.replace(column, ["\"", "`", "[", "]", " "], "")
      "libsql_vector_idx(" <> String.downcase(column, :ascii) <> ")"
    end

    defp short(target, field) do
      passing =
        target
        |> filters(field)
        |> where(
          [m],
          fragment(
            "?.rowid IN (SELECT id FROM libsql_vector_candidates WHERE query = ?)",
            m,
            parent_as(:vector_query).query
          )
        )
        |> select(count())

      from(q in Numbered,
        as: :vector_query,
        where: subquery(passing) < ^target.limit,
        select: %{query: q.query}
      )
    end

    defp filters(%{query: query}, field) do
      query
      |> exclude(:select)
      |> exclude(:order_by)
      |> exclude(:preload)
      |> where([m], not is_nil(field(m, ^field)))
    end

    defp blob!(vector, target, what) do
      case Input.read(vector, target.kind, target.size) do
        {:ok, _floats, blob} ->
          blob

        {:error, message} ->
          raise ArgumentError, "#{target.table}.#{target.column}: #{what} #{message}"
      end
    end
  end
end
