defmodule EctoLibSql.ConstraintNames do
  @moduledoc false
  # Which constraint a statement violated, where SQLite's message leaves it open: it gives a unique
  # index's columns and not its name, and nothing at all about a foreign key.
  #
  # Called only once a statement has failed, on its own connection. Nothing stays changed: what has
  # to be tried is tried in a savepoint, or a transaction of its own, that is rolled back.

  alias EctoLibSql.{CreateTable, Error, Identifier, State}
  alias EctoLibSql.ConstraintNames.{ForeignKeys, Schema, Trial}

  @doc """
  The error with the name, table and columns of its constraint, as far as they can be found.

  `sql` and `params` are those of the statement that failed, `"COMMIT"` for a commit, after which
  the transaction has to be open still.
  """
  @spec enrich(State.t(), Error.t(), String.t(), EctoLibSql.params()) :: Error.t()
  def enrich(%State{} = s, %Error{constraint: %{kind: kind} = found} = error, sql, params) do
    case kind do
      :unique -> put(error, unique(s, found, sql, params))
      :primary_key -> put(error, primary_key(s, found))
      :not_null -> put(error, not_null(s, found))
      :foreign_key -> put_key(error, ForeignKeys.violated(s, sql, params))
      :trigger -> restricted(s, error, sql, params)
      _ -> error
    end
  end

  def enrich(%State{}, %Error{} = error, _sql, _params), do: error

  defp put(error, constraint), do: %{error | constraint: constraint}

  # ON DELETE and ON UPDATE RESTRICT are triggers to SQLite, and fail as such.
  defp restricted(s, %Error{message: "FOREIGN KEY constraint failed"} = error, sql, params),
    do: put_key(error, ForeignKeys.restricting(s, sql, params))

  defp restricted(_s, error, _sql, _params), do: error

  defp put_key(%Error{constraint: constraint} = error, key) do
    case key do
      {:ok, key} ->
        constraint = %{
          constraint
          | kind: :foreign_key,
            table: key.child,
            columns: key.columns,
            name: key.name
        }

        %{error | constraint: constraint, message: message(error.message, key)}

      :unknown ->
        put(error, %{constraint | kind: :foreign_key})
    end
  end

  defp message(message, key) do
    refers = "#{key.child}.#{Enum.join(key.columns, ", ")} references #{key.parent}"
    if key.name, do: "#{message}: #{key.name} (#{refers})", else: "#{message}: #{refers}"
  end

  ## Unique

  # SQLite names an index on expressions itself.
  defp unique(_s, %{name: name} = constraint, _sql, _params) when is_binary(name), do: constraint
  defp unique(_s, %{table: nil} = constraint, _sql, _params), do: constraint

  defp unique(s, %{table: table, columns: columns} = constraint, sql, params) do
    candidates =
      for schema <- Schema.with_table(s, table),
          index <- Schema.unique_indexes(s, schema, table),
          same_columns?(index.columns, columns),
          do: index

    case candidates do
      [] -> constraint
      [index] -> %{constraint | name: index.name}
      several -> %{constraint | name: violated_index(s, several, sql, params)}
    end
  end

  defp same_columns?(a, b),
    do:
      length(a) == length(b) and
        Enum.all?(Enum.zip(a, b), fn {a, b} -> Identifier.same?(a, b) end)

  # Several indexes on the same columns, of which at least one is partial: the one without which
  # the statement no longer violates these columns. One that a constraint made cannot be dropped:
  # it is what is left.
  defp violated_index(s, candidates, sql, params) do
    {droppable, fixed} = Enum.split_with(candidates, & &1.droppable?)

    found =
      Enum.find(droppable, fn index ->
        Trial.run(s, fn ->
          with {:ok, _} <- Trial.query(s, drop_index(index)), do: Trial.query(s, sql, params)
        end)
        |> case do
          {:ok, _result} -> true
          {:error, %Error{constraint: %{kind: :unique}}} -> false
          {:error, %Error{constraint: %{}}} -> true
          {:error, _error} -> false
        end
      end)

    (found || List.first(fixed) || List.first(droppable)).name
  end

  defp drop_index(index),
    do: IO.iodata_to_binary(["DROP INDEX ", Identifier.quote_name(index.schema, index.index)])

  ## Primary key, NOT NULL: the declared name

  defp primary_key(s, %{table: table} = constraint) when is_binary(table) do
    declared = declared(s, table, fn _column, found -> found.kind == :primary_key end)
    # Of a table without a declared key, SQLite names the rowid.
    %{constraint | name: declared}
  end

  defp primary_key(_s, constraint), do: constraint

  defp not_null(s, %{table: table, columns: [name]} = constraint) do
    declared =
      declared(s, table, fn column, found ->
        found.kind == :not_null and column != nil and Identifier.same?(column.name, name)
      end)

    %{constraint | name: declared}
  end

  defp not_null(_s, constraint), do: constraint

  defp declared(s, table, match?) do
    s
    |> Schema.with_table(table)
    |> Enum.find_value(fn schema ->
      with {:ok, created} <- Schema.create_table(s, schema, table) do
        Enum.find_value(CreateTable.constraints(created), fn {column, found} ->
          if match?.(column, found), do: found.name
        end)
      else
        :error -> nil
      end
    end)
  end
end
