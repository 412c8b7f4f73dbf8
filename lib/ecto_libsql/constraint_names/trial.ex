defmodule EctoLibSql.ConstraintNames.Trial do
  @moduledoc false
  # Runs what nobody is to see: in a savepoint of the open transaction, or in a transaction of its
  # own, and always rolled back.

  alias EctoLibSql.{Backend, Call, State}

  @savepoint "ecto_libsql_trial"
  # The statement has failed already; the caller waits only to learn why.
  @timeout 5_000

  @doc """
  What `fun` answers, its changes undone; `{:error, error}` where that cannot even begin.
  """
  @spec run(State.t(), (-> result)) :: result | {:error, EctoLibSql.Error.t()} when result: term()
  def run(%State{} = s, fun) do
    case Backend.of(s).autocommit(s) do
      {:ok, true} -> in_transaction(s, fun)
      {:ok, false} -> in_savepoint(s, fun)
      {:error, _} = error -> error
    end
  end

  defp in_transaction(s, fun) do
    with :ok <- Call.begin(s, :immediate, Call.deadline(@timeout)) do
      try do
        fun.()
      after
        Call.rollback(s)
      end
    end
  end

  defp in_savepoint(s, fun) do
    with :ok <- Call.savepoint(s, @savepoint, Call.deadline(@timeout)) do
      try do
        fun.()
      after
        # Not where a statement with OR ROLLBACK has ended the transaction.
        with {:ok, false} <- Backend.of(s).autocommit(s) do
          Call.rollback_to_savepoint(s, @savepoint, :infinity)
          Call.release_savepoint(s, @savepoint, :infinity)
        end
      end
    end
  end

  @doc "A query with a deadline, which no policy keeps from its answer."
  @spec query(State.t(), iodata(), EctoLibSql.params()) ::
          {:ok, EctoLibSql.Result.t()} | {:error, EctoLibSql.Error.t()}
  def query(%State{} = s, sql, params \\ []),
    do: Call.query_exempt(s, IO.iodata_to_binary(sql), params, Call.deadline(@timeout))

  @doc "The rows of a query; none where it fails."
  @spec rows(State.t(), iodata(), EctoLibSql.params()) :: [[term()]]
  def rows(%State{} = s, sql, params \\ []) do
    case query(s, sql, params) do
      {:ok, %{rows: rows}} -> rows || []
      {:error, _error} -> []
    end
  end

  @doc """
  The program of a statement; nothing where it cannot be prepared.
  """
  @spec explain(State.t(), String.t(), EctoLibSql.params()) :: [[term()]]
  def explain(%State{} = s, sql, params) do
    # Not from the statement cache: SQLite does not prepare a statement that explains anew when the
    # schema has changed since.
    with {:ok, id} <- EctoLibSql.prepare(s, "EXPLAIN " <> sql) do
      explained = EctoLibSql.query_stmt(s, id, params, timeout: @timeout)
      EctoLibSql.finalize_stmt(s, id)
      with {:ok, %{rows: rows}} <- explained, do: rows, else: (_ -> [])
    else
      {:error, _error} -> []
    end
  end
end
