defmodule EctoLibSql.ConstraintNames.ForeignKeys do
  @moduledoc false
  # Which foreign key a statement violated. SQLite only counts violations. So: the keys of the
  # tables that the statement writes, and if those are several, the statement once more with its
  # keys deferred, after which some row refers to nothing.

  alias EctoLibSql.ConstraintNames.{Schema, Trial}
  alias EctoLibSql.{Backend, Identifier, State}

  import EctoLibSql.Identifier, only: [quote_name: 1, quote_name: 2]

  @type found :: {:ok, Schema.foreign_key()} | :unknown

  @doc """
  The key that a statement violated; `"COMMIT"` stands for all of its transaction.
  """
  @spec violated(State.t(), String.t(), EctoLibSql.params()) :: found()
  def violated(s, "COMMIT", _params) do
    s
    |> Schema.databases()
    |> Stream.flat_map(fn {_number, schema} -> Schema.all_foreign_keys(s, schema) end)
    |> Enum.find(&violated?(s, &1, nil))
    |> found()
  end

  def violated(s, sql, params) do
    case keys_of(s, sql, params) do
      [] -> :unknown
      [key] -> {:ok, key}
      keys -> Trial.run(s, fn -> try_deferred(s, sql, params, keys) end) |> newly(s)
    end
  end

  @doc """
  The key with RESTRICT, which cannot be deferred, that kept a statement from what it did.
  """
  @spec restricting(State.t(), String.t(), EctoLibSql.params()) :: found()
  def restricting(s, sql, params) do
    restricting =
      for key <- keys_of(s, sql, params), "RESTRICT" in [key.on_delete, key.on_update], do: key

    case restricting do
      [] -> :unknown
      [key] -> {:ok, key}
      keys -> Trial.run(s, fn -> try_unenforced(s, sql, params, keys) end) |> newly(s)
    end
  end

  defp found(nil), do: :unknown
  defp found(key), do: {:ok, key}

  ## Trials, which answer the keys that are violated at their end and how often

  defp try_deferred(s, sql, params, keys) do
    deferred = Trial.rows(s, "PRAGMA defer_foreign_keys")

    with {:ok, _} <- Trial.query(s, "PRAGMA defer_foreign_keys = ON") do
      try do
        with {:ok, result} <- Trial.query(s, sql, params), do: violations(s, keys, result)
      after
        # A rollback to a savepoint leaves the flag as it is.
        if deferred == [[0]], do: Trial.query(s, "PRAGMA defer_foreign_keys = OFF")
      end
    end
  end

  defp try_unenforced(s, sql, params, keys) do
    with :ok <- Backend.of(s).enable_foreign_keys(s, false) do
      try do
        with {:ok, _} <- Trial.query(s, sql, params), do: violations(s, keys, nil)
      after
        Backend.of(s).enable_foreign_keys(s, true)
      end
    end
  end

  # The row that one INSERT of one row has inserted is looked at first: that costs the same in a
  # table of any size.
  defp violations(s, keys, %{changes: 1, last_insert_rowid: rowid}) do
    case Enum.find(keys, &violated?(s, &1, rowid)) do
      nil -> violations(s, keys, nil)
      key -> [{key, 1}]
    end
  end

  defp violations(s, keys, _result) do
    case Enum.filter(keys, &violated?(s, &1, nil)) do
      [key] -> [{key, 1}]
      keys -> Enum.map(keys, &{&1, count(s, &1)})
    end
  end

  # There may have been violations before, which the statement has nothing to do with.
  defp newly([], _s), do: :unknown
  defp newly([{key, _count}], _s), do: {:ok, key}

  defp newly([{first, _count} | _] = violations, s) do
    newly = Enum.find(violations, fn {key, count} -> count > count(s, key) end)
    {:ok, if(newly, do: elem(newly, 0), else: first)}
  end

  defp newly({:error, _error}, _s), do: :unknown

  ## Rows that refer to nothing

  defp violated?(s, key, rowid) do
    restriction = if rowid, do: [" AND child.rowid = ", Integer.to_string(rowid)], else: []
    match?([[1]], Trial.rows(s, ["SELECT EXISTS (SELECT 1", orphans(s, key), restriction, ?)]))
  end

  defp count(s, key) do
    case Trial.rows(s, ["SELECT count(*)", orphans(s, key)]) do
      [[count]] -> count
      [] -> 0
    end
  end

  # Compared as SQLite compares keys: by the affinity and collation of the parent's column, hence
  # the `+`, which takes the child's away.
  defp orphans(s, key) do
    pairs = Enum.zip(key.columns, parent_columns(s, key))

    same =
      Enum.map_intersperse(pairs, " AND ", fn {column, parent_column} ->
        ["parent.", quote_name(parent_column), " = +child.", quote_name(column)]
      end)

    [
      [" FROM ", quote_name(key.schema, key.child), " AS child WHERE NOT EXISTS (SELECT 1 FROM "],
      [quote_name(key.schema, key.parent), " AS parent WHERE ", same, ?)],
      Enum.map(key.columns, &[" AND child.", quote_name(&1), " IS NOT NULL"])
    ]
  end

  # A key that names no columns means the parent's primary key.
  defp parent_columns(s, %{parent_columns: [nil | _]} = key) do
    sql = ["PRAGMA ", quote_name(key.schema), ".table_info(", quote_name(key.parent), ?)]

    for [_cid, name, _type, _null, _default, position] <- Trial.rows(s, sql), position > 0 do
      {position, name}
    end
    |> Enum.sort()
    |> Enum.map(&elem(&1, 1))
  end

  defp parent_columns(_s, key), do: key.parent_columns

  ## Keys that a statement can violate

  defp keys_of(s, sql, params) do
    for {schema, tables} <-
          s |> written(sql, params) |> Enum.group_by(&elem(&1, 0), &elem(&1, 1)),
        key <- Schema.all_foreign_keys(s, schema),
        Enum.any?(tables, &(Identifier.same?(&1, key.child) or Identifier.same?(&1, key.parent))),
        do: key
  end

  # What a statement opens to write, also in triggers and in what follows from foreign keys, its
  # program says.
  defp written(s, sql, params) do
    databases = Map.new(Schema.databases(s))

    opened =
      for [_addr, "OpenWrite", _p1, root, database | _] <-
            Trial.rows(s, ["EXPLAIN ", sql], params),
          uniq: true,
          do: {databases[database], root}

    for {schema, root} <- opened, schema != nil, table <- table_at(s, schema, root) do
      {schema, table}
    end
  end

  defp table_at(s, schema, root) do
    sql = [
      "SELECT name FROM ",
      quote_name(schema, "sqlite_schema"),
      " WHERE rootpage = ? AND type = 'table'"
    ]

    for [table] <- Trial.rows(s, sql, [root]), do: table
  end
end
