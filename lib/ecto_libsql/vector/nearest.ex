if Code.ensure_loaded?(Ecto.Query) do
  defmodule EctoLibSql.Vector.Nearest do
    @moduledoc false
    # The rows whose vectors are nearest to one or to each of several, as a query.
    #
    # With an index they are found in one statement, by common table expressions:
    #
    #   * libsql_vector_queries: the vectors, numbered
    #   * libsql_vector_candidates: what the index says is nearest to each. Nothing where there is no index
    #   * libsql_vector_short: those for which fewer candidates than wanted pass the query's filters, and
    #     for which all rows are looked at
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
      |> with_queries([blob], target.index)
      |> with_index(target, field)
      |> within(target.index, 0)
      |> where([m], not is_nil(field(m, ^field)))
      |> prepend_order_by(^[asc_nulls_last: distance])
      |> limit(^limit)
      |> select_distance(target.select_as, distance)
    end

    # By rowids that are looked up, or by a scan from the least rowid on: SQLite goes the ways that
    # there are.
    defp within(query, :none, _number), do: query

    defp within(query, _index, number) do
      within =
        dynamic(
          [m],
          fragment(
            """
            ?.rowid IN (SELECT id FROM libsql_vector_candidates WHERE query = ?)
            OR ?.rowid >= (SELECT -9223372036854775808 FROM libsql_vector_short WHERE query = ?)
            """,
            m,
            ^number,
            m,
            ^number
          )
        )

      where(query, ^within)
    end

    defp select_distance(query, nil, _distance), do: query
    defp select_distance(query, key, distance), do: select_merge(query, ^%{key => distance})

    defp distance(:cosine, field, vector),
      do: dynamic([m], fragment("vector_distance_cos(?, ?)", field(m, ^field), ^vector))

    defp distance(:l2, field, vector),
      do: dynamic([m], fragment("vector_distance_l2(?, ?)", field(m, ^field), ^vector))

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

      vector = dynamic(parent_as(:vector_query).vector)

      measured =
        target
        |> filters(field)
        |> within(target.index, dynamic(parent_as(:vector_query).query))
        |> select([m], %{id: fragment("?.rowid", m)})
        |> select_merge(^%{distance: distance(target.metric, field, vector)})

      # ORDER BY does not know the queries around its own, what it orders does.
      of_one =
        from(n in subquery(measured),
          order_by: [asc_nulls_last: n.distance],
          limit: ^limit,
          select: n.id
        )

      # CROSS JOIN keeps the vectors first: the rows of each are looked for once.
      from(q in Numbered, as: :vector_query)
      |> join(:cross, [], m in ^%Ecto.Query{from: target.query.from, prefix: target.query.prefix})
      |> with_queries(blobs)
      |> with_index(target, field)
      |> where([_q, m], fragment("?.rowid", m) in subquery(of_one))
      |> order_by([q], q.query)
      |> select_each(target.metric, field)
    end

    defp select_each(query, :cosine, field) do
      query
      |> order_by([q, m],
        asc_nulls_last: fragment("vector_distance_cos(?, ?)", field(m, ^field), q.vector)
      )
      |> select([q, m], {
        q.query,
        m,
        fragment("vector_distance_cos(?, ?)", field(m, ^field), q.vector)
      })
    end

    defp select_each(query, :l2, field) do
      query
      |> order_by([q, m],
        asc_nulls_last: fragment("vector_distance_l2(?, ?)", field(m, ^field), q.vector)
      )
      |> select([q, m], {
        q.query,
        m,
        fragment("vector_distance_l2(?, ?)", field(m, ^field), q.vector)
      })
    end

    ## The common table expressions

    defp with_index(query, %{index: :none}, _field), do: query

    defp with_index(query, target, field) do
      query
      |> with_candidates(target)
      |> with_cte("libsql_vector_short", as: ^short(target, field), materialized: true)
    end

    defp with_queries(query, _blobs, :none), do: query
    defp with_queries(query, blobs, _index), do: with_queries(query, blobs)

    # As hexadecimal text, which is exact for every kind, and quicker to read than numbers.
    defp with_queries(query, blobs) do
      json = Rows.hex(blobs)

      with_cte(query, "libsql_vector_queries",
        as: fragment("SELECT key AS query, unhex(value) AS vector FROM json_each(?)", ^json),
        materialized: true
      )
    end

    # CROSS JOIN: vector_top_k's arguments have to be there before it is called. A partial index does not
    # know all rows.
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
                AND name NOT IN (SELECT name FROM pragma_index_list(?) WHERE partial)
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
