if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.Dump do
    @moduledoc false
    # A database's schema and rows as SQL that any SQLite runs.

    alias Ecto.Adapters.LibSql.Dump.FullText

    @type tables :: :all | [String.t()]
    @type dumped :: {:ok, iodata()} | {:error, EctoLibSql.Error.t()}

    # What comes back by itself: SQLite's own tables, and libSQL's for vector indexes. Of virtual
    # tables, the shadow tables do.
    @own """
    WITH own(name) AS (
      SELECT name FROM sqlite_schema
      WHERE name LIKE 'sqlite\\_%' ESCAPE '\\' OR name LIKE 'libsql\\_%' ESCAPE '\\'
      UNION ALL
      SELECT name || '_shadow' FROM sqlite_schema
      WHERE type = 'index' AND sql LIKE '%libsql_vector_idx%'
    )
    """

    # Tables first: indexes need them; views and triggers are only looked into when they are used,
    # so in the order of their creation.
    @objects """
    SELECT s.sql FROM sqlite_schema AS s
    LEFT JOIN pragma_table_list AS l ON l.schema = 'main' AND l.name = s.name AND s.type = 'table'
    WHERE s.sql IS NOT NULL AND l.type IS NOT 'shadow' AND s.tbl_name NOT IN own
      AND s.type IN (SELECT value FROM json_each(?1))
      AND (?2 IS NULL OR s.tbl_name IN (SELECT value FROM json_each(?2)))
    ORDER BY CASE s.type WHEN 'table' THEN 1 WHEN 'index' THEN 2 ELSE 3 END, s.rowid
    """

    @tables """
    SELECT s.name, l.type = 'virtual', s.sql LIKE '%using fts%', s.sql
    FROM sqlite_schema AS s
    JOIN pragma_table_list AS l ON l.schema = 'main' AND l.name = s.name AND s.type = 'table'
    WHERE l.type IN ('table', 'virtual') AND s.name NOT IN own
      AND (?1 IS NULL OR s.name IN (SELECT value FROM json_each(?1)))
    ORDER BY s.rowid
    """

    @doc """
    Everything, in a transaction, so that a reload is all or nothing.
    """
    @spec all(EctoLibSql.State.t(), tables()) :: dumped()
    def all(connection, tables) do
      EctoLibSql.transaction(
        connection,
        fn connection ->
          with {:ok, schema} <- schema(connection, tables, ["table"]),
               {:ok, data} <- data(connection, tables),
               {:ok, settings} <- settings(connection, tables),
               {:ok, rest} <- schema(connection, tables, ["index", "view", "trigger"]) do
            {:ok,
             [
               "PRAGMA foreign_keys = OFF;\nBEGIN TRANSACTION;\n",
               [schema, data, settings, rest],
               "COMMIT;\n"
             ]}
          end
        end,
        behavior: :deferred
      )
    end

    @spec schema(EctoLibSql.State.t(), tables(), [String.t()]) :: dumped()
    def schema(connection, tables, types \\ ["table", "index", "view", "trigger"]) do
      params = [json(types), filter(tables)]

      with {:ok, %{rows: rows}} <- EctoLibSql.query(connection, @own <> @objects, params),
           do: {:ok, Enum.map(rows, fn [sql] -> [sql, ";\n"] end)}
    end

    @doc """
    The rows of tables, as INSERT statements.
    """
    @spec data(EctoLibSql.State.t(), tables()) :: dumped()
    def data(connection, tables) do
      with {:ok, rows} <- tables(connection, tables),
           {:ok, data} <- each(rows, &data_of(connection, &1)),
           {:ok, sequences} <- sequences(connection, tables),
           do: {:ok, [data | sequences]}
    end

    @doc """
    The settings of full-text indexes, as INSERT statements.
    """
    @spec settings(EctoLibSql.State.t(), tables()) :: dumped()
    def settings(connection, tables) do
      with {:ok, rows} <- tables(connection, tables) do
        fts5 = for [name, 1, _, sql] <- rows, sql =~ ~r/\busing\s+fts5\b/i, do: name
        each(fts5, &FullText.settings(&1, connection))
      end
    end

    defp tables(connection, tables) do
      with {:ok, %{rows: rows}} <-
             EctoLibSql.query(connection, @own <> @tables, [filter(tables)]),
           do: {:ok, rows}
    end

    # The last ids of AUTOINCREMENT tables, whose rows may be gone.
    defp sequences(_connection, tables) when is_list(tables), do: {:ok, []}

    defp sequences(connection, :all) do
      exists = "SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_sequence'"

      with {:ok, _} <- EctoLibSql.query_one(connection, exists),
           {:ok, rows} <- table_data(connection, ["sqlite_sequence", 0, 0]) do
        {:ok, ["DELETE FROM sqlite_sequence;\n" | rows]}
      else
        {:error, :no_rows} -> {:ok, []}
        error -> error
      end
    end

    defp each(items, fun) do
      Enum.reduce_while(items, {:ok, []}, fn item, {:ok, dumped} ->
        case fun.(item) do
          {:ok, more} -> {:cont, {:ok, [dumped | more]}}
          error -> {:halt, error}
        end
      end)
    end

    defp data_of(connection, [table, virtual, full_text, sql]) do
      if virtual == 1 and FullText.contentless?(sql),
        do: index_data(connection, table),
        else: table_data(connection, [table, virtual, full_text])
    end

    # CREATE VIRTUAL TABLE has filled them with an index of nothing.
    defp index_data(connection, table) do
      with {:ok, shadows} <- FullText.shadows(table, connection) do
        each(shadows, fn shadow ->
          with {:ok, rows} <- table_data(connection, [shadow, 0, 0]),
               do: {:ok, [["DELETE FROM ", quote_name(shadow), ";\n"] | rows]}
        end)
      end
    end

    defp table_data(connection, [table, virtual, full_text]) do
      with {:ok, columns} <- columns(connection, table, full_text) do
        into = ["INSERT INTO ", quote_name(table), " (", Enum.intersperse(columns, ", "), ")"]
        literals = Enum.map_intersperse(columns, " || ', ' || ", &literal/1)
        # In the order of the table, not of an index that happens to hold all columns.
        hint = if virtual == 1, do: "", else: " NOT INDEXED"
        sql = ["SELECT ", literals, " FROM ", quote_name(table), hint]

        with {:ok, %{rows: rows}} <- EctoLibSql.query(connection, IO.iodata_to_binary(sql)),
             do: {:ok, Enum.map(rows, fn [values] -> [into, " VALUES (", values, ");\n"] end)}
      end
    end

    # Those that can be written: not the generated ones. A full-text index knows other tables' rows
    # by its rowid.
    defp columns(connection, table, full_text) do
      sql = "SELECT name FROM pragma_table_xinfo(?) WHERE hidden = 0 ORDER BY cid"

      with {:ok, %{rows: rows}} <- EctoLibSql.query(connection, sql, [table]) do
        columns = Enum.map(rows, fn [column] -> quote_name(column) end)
        {:ok, if(full_text == 1, do: ["rowid" | columns], else: columns)}
      end
    end

    # `quote()` ends text at a NUL.
    defp literal(column) do
      "CASE WHEN typeof(#{column}) = 'text' AND instr(#{column}, char(0)) " <>
        "THEN 'CAST(x''' || hex(#{column}) || ''' AS TEXT)' ELSE quote(#{column}) END"
    end

    defp quote_name(name), do: ~s("#{String.replace(name, ~s("), ~s(""))}")

    defp filter(:all), do: nil
    defp filter(tables), do: json(tables)

    # A list of names, for json_each(): the only JSON here, so no library is needed.
    defp json(names), do: "[#{Enum.map_join(names, ",", &json_string/1)}]"
    defp json_string(name), do: ~s("#{String.replace(name, ["\\", ~s(")], &("\\" <> &1))}")
  end
end
