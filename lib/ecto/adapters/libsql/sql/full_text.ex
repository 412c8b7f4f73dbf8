if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.SQL.FullText do
    @moduledoc false
    # What EctoLibSql.FTS's macros cannot write, since they do not know which table a binding is: the hidden
    # column that stands for an FTS5 table, and the position of one of its columns.

    alias Ecto.Adapters.LibSql.SQL.{QueryError, Scope}
    alias EctoLibSql.Identifier

    @doc "The fragments `fts5_table(?)` of a source and `fts5_column(?)` of a field."
    @spec expr(String.t(), term(), Scope.t()) :: iodata()
    def expr("fts5_table(", {:&, _, [ix]}, scope) do
      {table, _prefix} = table!(ix, scope)
      Scope.column(scope, ix, table)
    end

    def expr("fts5_column(", {{:., _, [{:&, _, [ix]}, field]}, _, []}, scope) do
      {table, prefix} = table!(ix, scope)
      names = [table, to_string(prefix || "main"), to_string(field)]
      [table, prefix, field] = Enum.map(names, &Identifier.quote_text/1)

      [
        ["(SELECT cid FROM pragma_table_info(", table, ", ", prefix],
        [") WHERE name = ", field, " COLLATE NOCASE)"]
      ]
    end

    defp table!(ix, %Scope{query: query} = scope) do
      case elem(query.sources, ix) do
        {table, _schema, prefix} when is_binary(table) ->
          {table, prefix}

        _no_table ->
          QueryError.raise_error(
            scope,
            "only a table can be searched: give a binding whose source is an FTS5 table"
          )
      end
    end
  end
end
