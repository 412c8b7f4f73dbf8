if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.Dump do
    @moduledoc false
    # A database's schema and rows as SQL that any SQLite runs.

    @type tables :: :all | [String.t()]
    @type dumped :: {:ok, iodata()} | {:error, EctoLibSql.Error.t()}

    # Tables first: indexes need them; views and triggers are only looked into when they are used,
    # so in the order of their creation.
    #
    # Shadow tables come back with the virtual table they belong to.
    @objects """
    SELECT s.sql FROM sqlite_schema AS s
    LEFT JOIN pragma_table_list AS l ON l.schema = 'main' AND l.name = s.name AND s.type = 'table'
    WHERE s.sql IS NOT NULL AND s.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
      AND l.type IS NOT 'shadow' AND s.name NOT LIKE 'libsql\\_%' ESCAPE '\\'
      AND (?1 IS NULL OR s.tbl_name IN (SELECT value FROM json_each(?1)))
    ORDER BY CASE s.type WHEN 'table' THEN 1 WHEN 'index' THEN 2 ELSE 3 END, s.rowid
    """

    @tables """
    SELECT name FROM pragma_table_list
    WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
      AND name NOT LIKE 'libsql\\_%' ESCAPE '\\'
      AND (?1 IS NULL OR name IN (SELECT value FROM json_each(?1)))
    ORDER BY name
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
               {:ok, rest} <- schema(connection, tables, ["index", "view", "trigger"]) do
            {:ok,
             [
               "PRAGMA foreign_keys = OFF;\nBEGIN TRANSACTION;\n",
               [schema, data, rest],
               "COMMIT;\n"
             ]}
          end
        end,
        behavior: :deferred
      )
    end

    @spec schema(EctoLibSql.State.t(), tables(), [String.t()]) :: dumped()
    def schema(connection, tables, types \\ ["table", "index", "view", "trigger"]) do
      sql =
        String.replace(@objects, "WHERE", "WHERE s.type IN (#{list(types)}) AND", global: false)

      with {:ok, %{rows: rows}} <- EctoLibSql.query(connection, sql, [filter(tables)]),
           do: {:ok, Enum.map(rows, fn [sql] -> [sql, ";\n"] end)}
    end

    defp list(types), do: Enum.map_join(types, ", ", &"'#{&1}'")

    @doc """
    The rows of tables, as INSERT statements.
    """
    @spec data(EctoLibSql.State.t(), tables()) :: dumped()
    def data(connection, tables) do
      with {:ok, %{rows: rows}} <- EctoLibSql.query(connection, @tables, [filter(tables)]) do
        Enum.reduce_while(rows, {:ok, []}, fn [table], {:ok, dumped} ->
          case table_data(connection, table) do
            {:ok, data} -> {:cont, {:ok, [dumped | data]}}
            error -> {:halt, error}
          end
        end)
      end
    end

    defp table_data(connection, table) do
      with {:ok, %{rows: [_ | _] = columns}} <-
             EctoLibSql.query(
               connection,
               "SELECT name FROM pragma_table_xinfo(?) WHERE hidden = 0 ORDER BY cid",
               [table]
             ) do
        columns = Enum.map(columns, fn [column] -> quote_name(column) end)

        into = [
          "INSERT INTO ",
          quote_name(table),
          " (",
          Enum.intersperse(columns, ", "),
          ") VALUES ("
        ]

        literals = Enum.map_join(columns, " || ', ' || ", &literal/1)

        sql = ["SELECT ", literals, " FROM ", quote_name(table)]

        with {:ok, %{rows: rows}} <- EctoLibSql.query(connection, IO.iodata_to_binary(sql)),
             do: {:ok, Enum.map(rows, fn [literals] -> [into, literals, ");\n"] end)}
      end
    end

    # `quote()` ends text at a NUL.
    defp literal(column) do
      "CASE WHEN typeof(#{column}) = 'text' AND instr(#{column}, char(0)) " <>
        "THEN 'CAST(x''' || hex(#{column}) || ''' AS TEXT)' ELSE quote(#{column}) END"
    end

    defp quote_name(name),
      do: [?", String.replace(name, ~s("), ~s("")), ?"] |> IO.iodata_to_binary()

    defp filter(:all), do: nil

    defp filter(tables),
      do: ["[", Enum.map_intersperse(tables, ",", &json_string/1), "]"] |> IO.iodata_to_binary()

    defp json_string(string), do: [?", String.replace(string, ["\\", "\""], &("\\" <> &1)), ?"]
  end
end
