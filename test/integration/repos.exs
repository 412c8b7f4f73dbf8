# The repos and the case template that Ecto's suites expect to be there.

defmodule Ecto.Integration.TestRepo do
  use Ecto.Integration.Repo, otp_app: :ecto_sql, adapter: Ecto.Adapters.LibSql

  # A prefix is an attached database. Connections have theirs from the start, by the option
  # `:attach`, so there is nothing to create or drop in a migration.
  def create_prefix(_prefix), do: "SELECT 'attached already'"
  def drop_prefix(_prefix), do: "SELECT 'stays attached'"
  def uuid, do: Ecto.UUID
end

defmodule Ecto.Integration.PoolRepo do
  use Ecto.Integration.Repo, otp_app: :ecto_sql, adapter: Ecto.Adapters.LibSql

  # The suites ask for the isolation level by the name that other databases have for it.
  def prepare_transaction(fun_or_multi, opts) do
    case Keyword.pop(opts, :isolation_level) do
      {:snapshot, opts} -> {fun_or_multi, [mode: :deferred] ++ opts}
      {nil, opts} -> {fun_or_multi, opts}
    end
  end
end

defmodule Ecto.Integration.Case do
  use ExUnit.CaseTemplate

  setup do
    :ok = Ecto.Adapters.SQL.Sandbox.checkout(Ecto.Integration.TestRepo)
  end
end
