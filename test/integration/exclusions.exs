# Which of Ecto's tests do not run here, and why.

defmodule EctoLibSql.Integration.Exclusions do
  @exclusions [
    {:transaction_isolation, "SET TRANSACTION is a statement of Postgres and MySQL"}
  ]

  def all, do: @exclusions

  @doc """
  For ExUnit's `:exclude`.
  """
  def tags, do: Enum.map(@exclusions, &elem(&1, 0))
end
