if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule EctoLibSql.MigrationCase do
    @moduledoc false
    # Tests of migrations: a repo in memory of its own for each test, and migrations as functions.

    use ExUnit.CaseTemplate

    alias Ecto.Migration.Runner
    alias EctoLibSql.Test.Mode

    defmodule Repo do
      use Ecto.Repo, otp_app: :ecto_libsql, adapter: Ecto.Adapters.LibSql
    end

    # What a test wants to be done, as a migration.
    defmodule Steps do
      use Ecto.Migration
      def change, do: Process.get(__MODULE__).()
    end

    using do
      quote do
        import Ecto.Migration
        import EctoLibSql.MigrationCase
        alias EctoLibSql.MigrationCase.Repo
      end
    end

    setup tags do
      config = [database: ":memory:", pool_size: 2, log: false, name: nil]
      config = config |> Keyword.merge(tags[:repo] || []) |> Mode.repo()
      pid = start_supervised!({Repo, config})
      Repo.put_dynamic_repo(pid)
      :ok
    end

    @doc """
    Runs a migration in a transaction, as the migrator does.

    Options: `:direction`, `:forward` or `:backward`; `:transaction`, whether to have one.
    """
    def migrate(steps, opts \\ []) do
      Process.put(Steps, steps)

      if Keyword.get(opts, :transaction, true) do
        {:ok, :ok} = Repo.transaction(fn -> run(opts[:direction] || :forward) end)
      else
        run(opts[:direction] || :forward)
      end

      :ok
    end

    defp run(direction) do
      up_or_down = if direction == :forward, do: :up, else: :down
      Runner.run(Repo, Repo.config(), 1, Steps, direction, :change, up_or_down, log: false)
      :ok
    end

    @doc "The rows of a query."
    def rows(sql, params \\ []), do: Repo.query!(sql, params).rows

    @doc "A table's definition."
    def sql_of(name) do
      [[sql]] = rows("SELECT sql FROM sqlite_schema WHERE name = ?", [name])
      sql
    end

    @doc "The names of what a table has, by type."
    def names(type, table) do
      sql = "SELECT name FROM sqlite_schema WHERE type = ? AND tbl_name = ? AND sql IS NOT NULL"
      List.flatten(rows(sql, [type, table]))
    end

    @doc "The error that a migration ends with."
    def migration_error(steps, opts \\ []) do
      migrate(steps, opts)
      nil
    rescue
      error -> error
    end
  end
end
