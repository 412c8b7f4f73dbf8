if Code.ensure_loaded?(Ecto.Query) do
  defmodule EctoLibSql.FTS.Search do
    @moduledoc false
    # EctoLibSql.FTS.search/4: a query, joined with the FTS5 table that has the words of its rows.

    import Ecto.Query
    import EctoLibSql.FTS, only: [match: 2, rank: 1]

    alias EctoLibSql.FTS
    alias EctoLibSql.FTS.Weights

    @spec search(Ecto.Queryable.t(), FTS.source(), FTS.searched(), keyword()) :: Ecto.Query.t()
    def search(queryable, table, expression, opts) do
      opts =
        Keyword.validate!(opts,
          as: :fts,
          columns: nil,
          key: nil,
          order: true,
          prefix: nil,
          weights: nil,
          words: :marked
        )

      source = source(table)
      columns = opts[:columns] || fields(source)
      expression = FTS.expression(expression, columns: columns, prefix: opts[:words])

      queryable
      |> Ecto.Queryable.to_query()
      |> joined(source, opts[:key], opts)
      |> where([..., f], match(f, ^expression))
      |> weighted(opts[:weights], fields(source))
      |> ordered(opts[:order])
    end

    defp joined(query, source, nil, opts) do
      join(query, :inner, [q], f in ^source,
        as: ^opts[:as],
        prefix: ^opts[:prefix],
        on: fragment("?.rowid = ?.rowid", f, q)
      )
    end

    defp joined(query, source, key, opts) do
      join(query, :inner, [q], f in ^source,
        as: ^opts[:as],
        prefix: ^opts[:prefix],
        on: fragment("?.rowid = ?", f, field(q, ^key))
      )
    end

    defp source(table) when is_binary(table), do: table

    defp source(table) when is_atom(table),
      do: if(schema?(table), do: table, else: to_string(table))

    defp schema?(module),
      do: Code.ensure_loaded?(module) and function_exported?(module, :__schema__, 1)

    # A schema has the table's columns, in its order, and its key, which is the rowid.
    defp fields(table) when is_binary(table), do: []

    defp fields(schema) do
      for field <- schema.__schema__(:fields) -- schema.__schema__(:primary_key),
          do: schema.__schema__(:field_source, field)
    end

    defp weighted(query, nil, _fields), do: query

    defp weighted(query, weights, fields) do
      rank = weights |> positional(fields) |> Weights.rank!()
      where(query, [..., f], fragment("?.rank MATCH ?", f, ^rank))
    end

    defp positional([{_column, _weight} | _] = weights, fields) do
      case Keyword.keys(weights) -- fields do
        [] ->
          for field <- fields, do: Keyword.get(weights, field, 1.0)

        unknown ->
          raise ArgumentError,
                "weights by name need a schema of the FTS5 table that has the columns: " <>
                  "#{inspect(unknown)} are not among #{inspect(fields)}"
      end
    end

    defp positional(weights, _fields), do: weights

    defp ordered(query, false), do: query
    defp ordered(query, true), do: order_by(query, [..., f], rank(f))

    defp ordered(_query, other),
      do: raise(ArgumentError, ":order takes true or false, got: #{inspect(other)}")
  end
end
