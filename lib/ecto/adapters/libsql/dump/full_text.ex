if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.Dump.FullText do
    @moduledoc false
    # What a dump has of FTS5 tables beside their rows: settings, and the index of one without contents, whose
    # rows cannot be read.

    import EctoLibSql.Identifier, only: [quote_name: 1]

    @contentless ~r/,\s*content\s*=\s*(''|"")/i

    @doc "Whether a table of this definition has no contents."
    @spec contentless?(String.t()) :: boolean()
    def contentless?(sql), do: sql =~ ~r/\busing\s+fts5\b/i and sql =~ @contentless

    @doc """
    The tables that FTS5 keeps an index in, of those that are there.
    """
    @spec shadows(String.t(), EctoLibSql.State.t()) ::
            {:ok, [String.t()]} | {:error, EctoLibSql.Error.t()}
    def shadows(table, connection) do
      names = for part <- ~w(data idx docsize), do: "#{table}_#{part}"
      sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name IN (?, ?, ?)"

      with {:ok, %{rows: rows}} <- EctoLibSql.query(connection, sql, names),
           do: {:ok, List.flatten(rows)}
    end

    @doc "The statements that set what is set."
    @spec settings(String.t(), EctoLibSql.State.t()) ::
            {:ok, iodata()} | {:error, EctoLibSql.Error.t()}
    def settings(table, connection) do
      name = quote_name(table)
      config = quote_name("#{table}_config")
      sql = ["SELECT quote(k), quote(v) FROM ", config, " WHERE k <> 'version'"]

      with {:ok, %{rows: rows}} <- EctoLibSql.query(connection, IO.iodata_to_binary(sql)) do
        {:ok,
         for [key, value] <- rows do
           ["INSERT INTO ", name, " (", name, ", rank) VALUES (", key, ", ", value, ");\n"]
         end}
      end
    end
  end
end
