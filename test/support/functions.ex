defmodule EctoLibSql.Test.Functions do
  @moduledoc false
  # Functions that Elixir code evaluates, and what they give, for the driver's tests.

  import ExUnit.Assertions
  import EctoLibSql.Test.Database

  alias EctoLibSql.{Error, Function}

  @doc "The connection with one more scalar function."
  def create!(s, name, arity, fun, opts \\ []) do
    {:ok, s} = Function.create_scalar(s, name, arity, fun, opts)
    s
  end

  @doc "What an expression gives."
  def value(s, sql, params \\ []) do
    {:ok, [value]} = EctoLibSql.query_one(s, "SELECT " <> sql, params)
    value
  end

  @doc "Why a statement failed in a function."
  def failure(s, sql, params \\ []) do
    assert {:error, %Error{code: :function, statement: ^sql, message: message}} =
             EctoLibSql.query(s, sql, params)

    message
  end

  @doc "The connection with a table t (id, a) of the numbers from 1 to `count`."
  def table!(s, count) do
    :ok = EctoLibSql.run(s, "CREATE TABLE t (id INTEGER PRIMARY KEY, a)")
    :ok = EctoLibSql.run(s, "INSERT INTO t SELECT i, i FROM (#{count_to(count)})")
    s
  end

  @doc "A collation: short texts before long ones."
  def by_length(a, b) do
    case String.length(a) - String.length(b) do
      0 -> :eq
      less when less < 0 -> :lt
      _ -> :gt
    end
  end
end
