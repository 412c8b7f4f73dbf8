if Code.ensure_loaded?(Ecto.Query) do
  defmodule EctoLibSql.Vector.Target do
    @moduledoc false
    # What a query for the nearest rows is about: its column, the kind of its vectors, and the options,
    # all checked.

    alias EctoLibSql.Vector
    alias EctoLibSql.Vector.Index

    @enforce_keys [:query, :table, :column, :kind, :size, :metric, :index, :limit, :candidates]
    defstruct @enforce_keys ++ [:select_as]

    @type t :: %__MODULE__{
            query: Ecto.Query.t(),
            table: String.t(),
            column: String.t(),
            kind: Vector.kind(),
            size: pos_integer() | nil,
            metric: Vector.metric(),
            index: :auto | :none | String.t(),
            limit: pos_integer(),
            candidates: pos_integer(),
            select_as: atom()
          }

    @options [:metric, :index, :candidates, :select_as, :type, :size]

    @doc """
    Raises `ArgumentError` where the query, the field or an option is not as it has to be.
    """
    @spec new!(Ecto.Queryable.t(), atom(), pos_integer(), keyword()) :: t()
    def new!(queryable, field, limit, opts) do
      query = Ecto.Queryable.to_query(queryable)
      {table, schema} = table!(query)
      opts = Keyword.validate!(opts, @options)
      {column, kind, size} = column!(table, schema, field, opts)
      positive!(:limit, limit)
      metric = metric!(opts[:metric], kind, opts[:index])

      %__MODULE__{
        query: plain!(query),
        table: table,
        column: column,
        kind: kind,
        size: size,
        metric: metric,
        index: index!(opts[:index], metric, query),
        limit: limit,
        candidates: candidates!(opts[:candidates], limit, query),
        select_as: key!(opts[:select_as])
      }
    end

    @doc """
    The column of a schema's field, the kind and the dimension of its vectors.
    """
    @spec column!(Ecto.Queryable.t(), atom()) :: {String.t(), Vector.kind(), pos_integer()}
    def column!(queryable, field) do
      {table, schema} = queryable |> Ecto.Queryable.to_query() |> table!()
      column!(table, schema, field, [])
    end

    defp table!(%{from: %{source: {table, schema}}}) when is_binary(table), do: {table, schema}

    defp table!(query) do
      raise ArgumentError,
            "nearest vectors are looked for in a table, the query's first source: " <>
              inspect(query)
    end

    @parts [
      limit: nil,
      offset: nil,
      distinct: nil,
      group_bys: [],
      havings: [],
      combinations: [],
      lock: nil
    ]

    defp plain!(query) do
      for {part, none} <- @parts, Map.fetch!(query, part) != none do
        raise ArgumentError,
              "nearest vectors are looked for by a query without #{part}: make it a subquery's, " <>
                "or say it of the query that is answered; got: #{inspect(query)}"
      end

      query
    end

    defp column!(table, nil, field, opts) do
      unless opts[:type] do
        raise ArgumentError,
              "#{table}.#{field}: a table without a schema takes type:, one of " <>
                Enum.map_join(Vector.kinds(), ", ", &inspect/1)
      end

      size = opts[:size] && Vector.check_size!(opts[:size])
      {to_string(field), Vector.check_kind!(opts[:type]), size}
    end

    defp column!(_table, schema, field, opts) do
      if opts[:type] || opts[:size] do
        raise ArgumentError,
              "type: and size: are of a table without a schema; #{inspect(schema)} is one"
      end

      case schema.__schema__(:type, field) do
        {:parameterized, {module, %{kind: kind, size: size}}} when is_atom(module) ->
          {to_string(schema.__schema__(:field_source, field)), kind, size}

        nil ->
          raise ArgumentError, "#{inspect(schema)} has no field #{inspect(field)}"

        type ->
          raise ArgumentError,
                "#{inspect(schema)}.#{field} is no vector, its type is #{inspect(type)}"
      end
    end

    defp metric!(nil, _kind, %Index{metric: metric}), do: metric
    defp metric!(nil, _kind, _index), do: :cosine

    defp metric!(:l2, :f1bit, _index),
      do: raise(ArgumentError, "there is no l2 distance of vectors of kind f1bit")

    defp metric!(metric, _kind, _index) when metric in [:cosine, :l2], do: metric

    defp metric!(metric, _kind, _index),
      do: raise(ArgumentError, "metric: takes :cosine or :l2, got: #{inspect(metric)}")

    # An index is of the main database, a prefix of another one.
    defp index!(auto, _metric, query) when auto in [nil, :auto],
      do: if(prefix(query), do: :none, else: :auto)

    defp index!(:none, _metric, _query), do: :none

    defp index!(%Index{name: name, metric: metric}, metric, query),
      do: index!(name, metric, query)

    defp index!(%Index{name: name, metric: other}, metric, _query) do
      raise ArgumentError,
            "the index #{name} is of the metric #{inspect(other)}, not #{inspect(metric)}"
    end

    defp index!(name, _metric, query) when is_binary(name) do
      if prefix(query) do
        raise ArgumentError, "index: #{inspect(name)}: there are none of tables with a prefix"
      end

      name
    end

    defp index!(other, _metric, _query) do
      raise ArgumentError,
            "index: takes an index's name, what EctoLibSql.Vector.indexes/2 answers, :auto or :none, " <>
              "got: #{inspect(other)}"
    end

    defp prefix(%{prefix: prefix, from: from}), do: from.prefix || prefix

    defp candidates!(nil, limit, query),
      do: if(filtered?(query), do: max(10 * limit, 100), else: limit)

    defp candidates!(candidates, limit, _query)
         when is_integer(candidates) and candidates >= limit,
         do: candidates

    defp candidates!(candidates, limit, _query) do
      raise ArgumentError,
            "candidates: takes a number from the limit, #{limit}, on, got: #{inspect(candidates)}"
    end

    defp filtered?(%{wheres: wheres, joins: joins}), do: wheres != [] or joins != []

    defp positive!(_name, number) when is_integer(number) and number > 0, do: number

    defp positive!(name, other),
      do: raise(ArgumentError, "the #{name} is a positive integer, got: #{inspect(other)}")

    defp key!(key) when is_atom(key), do: key

    defp key!(other),
      do: raise(ArgumentError, "select_as: takes a field's name, got: #{inspect(other)}")
  end
end
