if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.Explain do
    @moduledoc false
    # `c:Ecto.Adapters.SQL.Connection.explain_query/4`: EXPLAIN QUERY PLAN as the tree that SQLite's
    # shell prints, EXPLAIN as a table.

    alias Ecto.Adapters.LibSql.Execution

    @types [:query_plan, :instructions]
    @formats [:text, :map]

    @spec explain(DBConnection.conn(), String.t(), [term()], keyword()) ::
            {:ok, String.t() | [map()]} | {:error, Exception.t()}
    def explain(conn, sql, params, opts) do
      {explain, opts} = Keyword.split(opts, [:type, :format, :analyze, :wrap_in_transaction])
      type = one_of!(explain, :type, @types)
      format = one_of!(explain, :format, @formats)

      with {:ok, result} <- Execution.query(conn, [keyword(type), sql], params, opts),
           {:ok, run} <- analyze(explain[:analyze], conn, sql, params, opts),
           do: {:ok, present(format, type, result, run)}
    end

    defp one_of!(opts, name, [default | _] = allowed) do
      value = Keyword.get(opts, name, default)

      if value not in allowed do
        raise ArgumentError,
              "explain: #{name} takes one of #{inspect(allowed)}, got: #{inspect(value)}"
      end

      value
    end

    defp keyword(:query_plan), do: "EXPLAIN QUERY PLAN "
    defp keyword(:instructions), do: "EXPLAIN "

    # SQLite keeps no timings of a plan's nodes: this is what the whole statement took.
    defp analyze(true, conn, sql, params, opts) do
      start = System.monotonic_time()

      with {:ok, %{num_rows: num_rows}} <- Execution.query(conn, sql, params, opts) do
        elapsed = System.monotonic_time() - start
        milliseconds = System.convert_time_unit(elapsed, :native, :microsecond) / 1000
        {:ok, %{rows: num_rows, milliseconds: milliseconds}}
      end
    end

    defp analyze(_off, _conn, _sql, _params, _opts), do: {:ok, nil}

    defp present(:map, _type, %{columns: columns, rows: rows}, run) do
      plan = Enum.map(rows, &Map.new(Enum.zip(columns, &1)))
      if run, do: plan ++ [Map.new(run, fn {k, v} -> {Atom.to_string(k), v} end)], else: plan
    end

    defp present(:text, type, result, run),
      do: IO.iodata_to_binary([text(type, result), timing(run)])

    defp text(:instructions, result), do: Ecto.Adapters.SQL.format_table(result)

    defp text(:query_plan, %{rows: rows}) do
      children = Enum.group_by(rows, fn [_id, parent | _] -> parent end)
      ["QUERY PLAN" | tree(children, 0, "")]
    end

    defp tree(children, parent, indent) do
      nodes = Map.get(children, parent, [])
      last = length(nodes)

      for {[id, _parent, _unused, detail], position} <- Enum.with_index(nodes, 1) do
        {branch, below} = if position == last, do: {"`--", "   "}, else: {"|--", "|  "}
        ["\n", indent, branch, detail | tree(children, id, indent <> below)]
      end
    end

    defp timing(nil), do: []

    defp timing(%{rows: rows, milliseconds: milliseconds}),
      do: "\nRun: #{rows} rows in #{milliseconds} ms"
  end
end
