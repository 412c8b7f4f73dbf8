# The repos and the case template that Ecto's suites expect to be there.

defmodule Ecto.Integration.TestRepo do
  use Ecto.Integration.Repo, otp_app: :ecto_sql, adapter: Ecto.Adapters.LibSql

  # A prefix is an attached database.
  def create_prefix(prefix), do: "ATTACH DATABASE ':memory:' AS #{prefix}"
  def drop_prefix(prefix), do: "DETACH DATABASE #{prefix}"
  def uuid, do: Ecto.UUID
end

defmodule Ecto.Integration.PoolRepo do
  use Ecto.Integration.Repo, otp_app: :ecto_sql, adapter: Ecto.Adapters.LibSql
end

defmodule Ecto.Integration.Case do
  use ExUnit.CaseTemplate

  setup do
    :ok = Ecto.Adapters.SQL.Sandbox.checkout(Ecto.Integration.TestRepo)
  end
end
