# Runs Ecto's own integration suites, as its packages ship them, against this adapter:
# `mix test.integration`.

Logger.configure(level: :info)

Code.require_file("exclusions.exs", __DIR__)
Code.require_file("count.exs", __DIR__)

alias EctoLibSql.Test.Mode

exclude = EctoLibSql.Integration.Exclusions.filters()

# The suites' modules share one database, which has one writer at a time.
ExUnit.start(
  [max_cases: 1] ++
    if(Mode.mode() == :local,
      do: [exclude: exclude],
      else: Mode.Count.options(:suites, exclude)
    )
)

:ok = Mode.start()
database = Path.join(System.tmp_dir!(), "ecto_libsql_integration_#{System.pid()}.db")

# The prefixes of the suites' tests.
prefixes =
  if Mode.mode() == :local,
    do:
      for(name <- [:ecto_prefix_test, :bad_schema_migrations], do: {name, "#{database}-#{name}"}),
    else: []

Application.put_env(:ecto, :primary_key_type, :id)
Application.put_env(:ecto, :async_integration_tests, false)
Application.put_env(:ecto_sql, :lock_for_update, "FOR UPDATE")

# In which form the repos store ids, maps and arrays: ECTO_LIBSQL_FORMS=binary mix test.integration
forms =
  if System.get_env("ECTO_LIBSQL_FORMS") == "binary",
    do: [uuid_type: :binary, map_type: :binary, array_type: :binary],
    else: []

Application.put_env(
  :ecto_sql,
  Ecto.Integration.TestRepo,
  Mode.repo(
    [
      database: database,
      pool: Ecto.Adapters.SQL.Sandbox,
      pool_size: 5,
      show_sensitive_data_on_connection_error: true
    ] ++ forms
  )
)

Application.put_env(
  :ecto_sql,
  Ecto.Integration.PoolRepo,
  Mode.repo([database: database, pool_size: 5, max_restarts: 20, max_seconds: 10] ++ forms) ++
    [attach: prefixes]
)

{:ok, _} = Application.ensure_all_started(:ecto_sql)

deps = Mix.Project.deps_paths()

for file <- [
      Path.join(deps[:ecto_sql], "integration_test/support/repo.exs"),
      Path.join(__DIR__, "repos.exs"),
      Path.join(deps[:ecto], "integration_test/support/schemas.exs"),
      Path.join(deps[:ecto_sql], "integration_test/support/migration.exs")
    ],
    do: Code.require_file(file)

alias Ecto.Integration.{PoolRepo, TestRepo}

if Mode.mode() == :local do
  _ = Ecto.Adapters.LibSql.storage_down(TestRepo.config())
  :ok = Ecto.Adapters.LibSql.storage_up(TestRepo.config())
end

{:ok, _} = TestRepo.start_link()
{:ok, _} = PoolRepo.start_link()

:ok = Ecto.Migrator.up(TestRepo, 0, Ecto.Integration.Migration, log: false)

Ecto.Adapters.SQL.Sandbox.mode(TestRepo, :manual)
Process.flag(:trap_exit, true)

ExUnit.after_suite(fn result ->
  for {_, database} <- [main: database] ++ prefixes,
      do: Ecto.Adapters.LibSql.storage_down(database: database)

  if Mode.mode() == :local, do: EctoLibSql.Integration.Count.print(result)
end)
