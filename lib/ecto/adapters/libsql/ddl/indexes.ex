if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.DDL.Indexes do
    @moduledoc false
    # CREATE INDEX and DROP INDEX.
    #
    # `concurrently` and `only` ask for nothing that SQLite would do otherwise without them, and
    # `include` of an index that is not unique is the same as more columns. What SQLite cannot do is
    # an error.

    alias Ecto.Migration.Index

    import EctoLibSql.Identifier, only: [quote_name: 1, quote_name: 2]

    @spec create(Index.t(), keyword()) :: iodata()
    def create(%Index{} = index, opts) do
      check!(index)

      [
        "CREATE ",
        if(index.unique, do: "UNIQUE ", else: []),
        "INDEX ",
        if(opts[:if_not_exists], do: "IF NOT EXISTS ", else: []),
        quote_name(index.prefix, index.name),
        " ON ",
        quote_name(index.table),
        " (",
        Enum.map_intersperse(index.columns ++ index.include, ", ", &column(&1, index)),
        ?),
        if(index.where, do: [" WHERE ", to_string(index.where)], else: [])
      ]
    end

    @spec drop(Index.t(), :restrict | :cascade, keyword()) :: iodata()
    def drop(%Index{} = index, _mode, opts) do
      [
        "DROP INDEX ",
        if(opts[:if_exists], do: "IF EXISTS ", else: []),
        quote_name(index.prefix, index.name)
      ]
    end

    # NULL is the smallest value to SQLite.
    defp column({direction, column}, index) do
      case direction do
        :asc -> [expression(column), " ASC"]
        :asc_nulls_first -> [expression(column), " ASC"]
        :desc -> [expression(column), " DESC"]
        :desc_nulls_last -> [expression(column), " DESC"]
        other -> refuse!(index, "#{other}: SQLite's indexes have NULL as the smallest value")
      end
    end

    defp column(column, _index), do: expression(column)

    defp expression(column) when is_atom(column), do: quote_name(column)
    defp expression(text) when is_binary(text), do: text

    defp check!(%Index{} = index) do
      cond do
        index.columns == [] ->
          refuse!(index, "it has no columns")

        index.using != nil and not btree?(index.using) ->
          refuse!(index, "using: #{inspect(index.using)}: SQLite's indexes are B-trees")

        index.nulls_distinct == false ->
          refuse!(
            index,
            "nulls_distinct: false: NULLs are distinct in SQLite's unique indexes; add a unique " <>
              "index on the other columns with where: \"... IS NULL\""
          )

        index.unique and index.include != [] ->
          refuse!(
            index,
            "include: a unique index of SQLite covers no columns beside its own; add an index " <>
              "that is not unique for them"
          )

        index.options != nil ->
          refuse!(index, "options: #{inspect(index.options)}: SQLite's indexes have none")

        true ->
          :ok
      end
    end

    defp btree?(using), do: String.downcase(to_string(using)) == "btree"

    @spec refuse!(Index.t(), String.t()) :: no_return()
    defp refuse!(index, reason) do
      raise ArgumentError, "create index #{index.name} on #{index.table}: #{reason}"
    end
  end
end
