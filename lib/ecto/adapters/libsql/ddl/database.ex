if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.DDL.Database do
    @moduledoc false
    # The database that a migration changes: statements through the repo's own connection, so that
    # they are in its transaction and in its log, and questions, which are not in the log.

    alias Ecto.Adapters.SQL
    alias EctoLibSql.{Error, Query}

    import EctoLibSql.Identifier, only: [quote_name: 1, quote_name: 2]

    @enforce_keys [:meta, :opts, :types]
    defstruct [:meta, :opts, :types]

    @type t :: %__MODULE__{
            meta: Ecto.Adapter.adapter_meta(),
            opts: keyword(),
            types: keyword()
          }

    @doc "Whether it is on a server, or is written there."
    @spec server?(t()) :: boolean()
    def server?(%__MODULE__{meta: meta}), do: Map.get(meta, :uri) != nil

    @doc "Runs a statement."
    @spec run!(t(), iodata()) :: :ok
    def run!(%__MODULE__{meta: meta, opts: opts}, sql) do
      SQL.query!(meta, IO.iodata_to_binary(sql), [], opts)
      :ok
    end

    @doc """
    Runs the statements of a script, if there are any: `execute "...", ""` is how migrations say that
    there is nothing to undo.
    """
    @spec script!(t(), String.t()) :: :ok
    def script!(%__MODULE__{meta: meta, opts: opts}, sql) do
      case SQL.query_many(meta, sql, [], opts) do
        {:ok, _results} -> :ok
        {:error, %Error{code: :empty_statement}} -> :ok
        {:error, error} -> raise error
      end
    end

    @doc "The rows that answer a question."
    @spec rows!(t(), iodata(), [term()]) :: [[term()]]
    def rows!(%__MODULE__{meta: meta, opts: opts}, sql, params \\ []) do
      SQL.query!(meta, IO.iodata_to_binary(sql), params, quiet(opts)).rows || []
    end

    @doc "Whether a statement could run, which it does not."
    @spec compiles(t(), iodata()) :: :ok | {:error, Exception.t()}
    def compiles(%__MODULE__{meta: meta, opts: opts}, sql) do
      # A statement that explains is not prepared anew when the schema changes: hence one of its own
      # for each question.
      question = ["EXPLAIN /* ", Integer.to_string(System.unique_integer()), " */ ", sql]

      with {:ok, _} <- SQL.query(meta, IO.iodata_to_binary(question), [], quiet(opts)),
           do: :ok
    end

    defp quiet(opts), do: Keyword.put(opts, :log, false)

    @doc """
    Runs `fun` in the migration's transaction, or in one of its own where that has none.
    """
    @spec transaction!(t(), (-> result)) :: result when result: term()
    def transaction!(%__MODULE__{meta: meta, opts: opts}, fun) do
      if SQL.in_transaction?(meta) do
        fun.()
      else
        {:ok, result} = SQL.transaction(meta, opts, fun)
        result
      end
    end

    @doc """
    Runs `fun` with foreign keys not enforced, if they are.
    """
    @spec without_foreign_keys(t(), (-> result)) :: result when result: term()
    def without_foreign_keys(%__MODULE__{} = db, fun) do
      if foreign_keys?(db) do
        foreign_keys!(db, false)

        try do
          fun.()
        after
          foreign_keys!(db, true)
        end
      else
        fun.()
      end
    end

    @doc "Whether foreign keys are enforced."
    @spec foreign_keys?(t()) :: boolean()
    def foreign_keys?(db), do: rows!(db, "PRAGMA foreign_keys") == [[1]]

    # The pragma does nothing in a transaction.
    defp foreign_keys!(%__MODULE__{meta: meta, opts: opts}, on) do
      text = if on, do: "/* foreign keys on */", else: "/* foreign keys off */"
      SQL.query!(meta, %Query{kind: {:foreign_keys, on}, statement: text}, [], opts)
      :ok
    end

    @doc """
    Runs `fun` with a pragma on that is a flag of the connection.
    """
    @spec with_pragma(t(), String.t(), (-> result)) :: result when result: term()
    def with_pragma(%__MODULE__{} = db, pragma, fun) do
      if rows!(db, ["PRAGMA ", pragma]) == [[1]] do
        fun.()
      else
        run!(db, ["PRAGMA ", pragma, " = ON"])

        try do
          fun.()
        after
          run!(db, ["PRAGMA ", pragma, " = OFF"])
        end
      end
    end

    @doc "The rows of a pragma of one database, for one argument."
    @spec pragma!(t(), String.t(), String.t(), String.t()) :: [[term()]]
    def pragma!(db, schema, pragma, argument) do
      rows!(db, ["PRAGMA ", quote_name(schema), ?., pragma, ?(, quote_name(argument), ?)])
    end

    @doc """
    The database of a table, index or view: the prefix, or else the first that has it, in
    SQLite's own order.
    """
    @spec schema!(t(), String.t() | atom() | nil, String.t()) :: String.t()
    def schema!(_db, prefix, _name) when not is_nil(prefix), do: to_string(prefix)

    def schema!(db, nil, name) do
      attached =
        for [_, schema, _] <- rows!(db, "PRAGMA database_list"), schema not in ["main", "temp"] do
          schema
        end

      Enum.find(["temp", "main" | attached], "main", fn schema ->
        objects!(db, schema, "name = ?1 COLLATE NOCASE", [name]) != []
      end)
    end

    @doc "What sqlite_schema has, as `[type, name, tbl_name, sql]`, in the order of creation."
    @spec objects!(t(), String.t(), iodata(), [term()]) :: [[String.t() | nil]]
    def objects!(db, schema, where, params) do
      rows!(
        db,
        [
          ["SELECT type, name, tbl_name, sql FROM ", quote_name(schema, "sqlite_schema")],
          [" WHERE ", where, " ORDER BY rowid"]
        ],
        params
      )
    end
  end
end
