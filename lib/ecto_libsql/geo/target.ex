if Code.ensure_loaded?(Ecto.Query) do
  defmodule EctoLibSql.Geo.Target do
    @moduledoc false
    # What a query's points are: the field, the key of its rows, the index.

    alias EctoLibSql.Geo
    alias EctoLibSql.Geo.Point

    @enforce_keys [:query, :field]
    defstruct [:query, :field, :key, :index, :prefix]

    @type field :: atom() | {atom(), atom()}

    @type t :: %__MODULE__{
            query: Ecto.Query.t(),
            field: field(),
            key: atom() | nil,
            index: String.t() | nil,
            prefix: String.t() | nil
          }

    @options [:index, :key]

    @doc """
    Of a query, a field or `nil` for the only one, and the options `:index` and `:key`.
    """
    @spec new(Ecto.Queryable.t(), field() | nil, keyword()) :: t()
    def new(queryable, field, opts) do
      for {option, _} <- opts, option not in @options do
        raise ArgumentError,
              "unknown option #{inspect(option)}: there are #{Enum.map_join(@options, ", ", &inspect/1)}"
      end

      query = Ecto.Queryable.to_query(queryable)
      {table, schema} = source(query)
      field = field || only_field!(schema)
      prefix = query.from.prefix || query.prefix
      target = %__MODULE__{query: query, field: check!(field), prefix: prefix}
      index = index(opts[:index], table, schema, target)
      %{target | index: index, key: opts[:key] || key(schema)}
    end

    @doc "The key, without which the rows cannot be told apart."
    @spec key!(t()) :: atom()
    def key!(%__MODULE__{key: nil}) do
      raise ArgumentError,
            "the query's source has no primary key of one field: say which field tells its rows " <>
              "apart with key:"
    end

    def key!(%__MODULE__{key: key}), do: key

    defp source(%{from: %{source: {table, schema}}}) when is_binary(table), do: {table, schema}
    defp source(_query), do: {nil, nil}

    defp check!(field) when is_atom(field), do: field

    defp check!({latitude, longitude}) when is_atom(latitude) and is_atom(longitude),
      do: {latitude, longitude}

    defp check!(other) do
      raise ArgumentError,
            "a field of points is an atom, or a tuple of the latitude's and the longitude's fields, " <>
              "got: #{inspect(other)}"
    end

    defp only_field!(nil) do
      raise ArgumentError, "the query has no schema: say which field holds the points"
    end

    defp only_field!(schema) do
      case for(field <- schema.__schema__(:fields), point?(schema, field), do: field) do
        [field] ->
          field

        fields ->
          raise ArgumentError,
                "#{inspect(schema)} has #{length(fields)} fields of the type EctoLibSql.Geo.Point: " <>
                  "say which one holds the points"
      end
    end

    defp point?(schema, field), do: schema.__schema__(:type, field) == Point

    defp key(nil), do: :id

    defp key(schema) do
      case schema.__schema__(:primary_key) do
        [key] -> key
        _none_or_several -> nil
      end
    end

    ## The index

    defp index(none, _table, _schema, _target) when none in [nil, false], do: nil

    defp index(_index, nil, _schema, _target),
      do:
        raise(
          ArgumentError,
          "index: is for queries of a table, and this one is of something else"
        )

    defp index(name, _table, _schema, _target) when is_binary(name), do: name

    defp index(true, table, schema, target),
      do: Geo.Index.name(table, columns(target.field, schema))

    defp index(repo, table, schema, target) do
      if repo?(repo) do
        lookup(repo, table, columns(target.field, schema), target.prefix)
      else
        raise ArgumentError,
              "index: takes true, false, an index's name, or a repo, got: #{inspect(repo)}"
      end
    end

    defp repo?(repo),
      do: is_atom(repo) and Code.ensure_loaded?(repo) and function_exported?(repo, :query!, 3)

    defp lookup(repo, table, columns, prefix) do
      index = Geo.Index.new(table, columns, prefix: prefix)
      ask = &repo.query!(IO.iodata_to_binary(&1), &2, log: false).rows
      if Geo.Index.exists?(index, ask), do: index.name
    end

    defp columns({latitude, longitude}, schema),
      do: {columns(latitude, schema), columns(longitude, schema)}

    defp columns(field, nil), do: field
    defp columns(field, schema), do: schema.__schema__(:field_source, field) || field
  end
end
