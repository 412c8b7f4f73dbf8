defmodule EctoLibSql.MixProject do
  use Mix.Project

  @version "0.1.0"
  @source_url "https://github.com/ecto-libsql/ecto_libsql"

  def project do
    [
      app: :ecto_libsql,
      version: @version,
      elixir: "~> 1.15",
      elixirc_paths: elixirc_paths(Mix.env()),
      test_paths: [if(suites?(), do: "test/integration", else: "test")],
      test_pattern: if(suites?(), do: "*_suite.exs", else: "*_test.exs"),
      # Elixir 1.19 asks for this, too.
      test_load_filters: [~r/_(test|suite)\.exs$/],
      aliases: ["test.integration": &test_integration/1, "test.repo": &test_repo/1],
      start_permanent: Mix.env() == :prod,
      deps: deps(driver_only?()),
      description: "libSQL, the open fork of SQLite, for Elixir: a driver and an Ecto adapter",
      package: package(),
      docs: docs()
    ]
  end

  def application do
    [
      mod: {EctoLibSql.Application, []},
      extra_applications: [:logger, :crypto | test_applications(Mix.env())]
    ]
  end

  # Those of the HTTP client, the proxies and the certificates in test/support.
  defp test_applications(:test), do: [:inets, :ssl]
  defp test_applications(_env), do: []

  defp elixirc_paths(:test), do: ["lib", "test/support"]
  defp elixirc_paths(_env), do: ["lib"]

  # Ecto's own suites have a test helper, and a process, of their own: `mix test.integration`.
  defp suites?, do: System.get_env("ECTO_LIBSQL_SUITES") == "1"

  defp test_integration(args), do: run_tests(args, [{"ECTO_LIBSQL_SUITES", "1"}])

  # Ecto's suites and the adapter's own tests, whatever the database is: ECTO_LIBSQL_MODE says it. What
  # a mode ran is counted in a file.
  defp test_repo([]) do
    counts = Path.join(System.tmp_dir!(), "ecto_libsql_counts_#{System.pid()}")
    env = [{"ECTO_LIBSQL_COUNTS", counts}]
    run_tests([], [{"ECTO_LIBSQL_SUITES", "1"} | env])
    run_tests(~w(test/connection test/adapter test/sandbox), env)
    File.rm(counts)
  end

  defp run_tests(args, env) do
    env = [{"MIX_ENV", "test"} | env]
    {_, status} = System.cmd("mix", ["test" | args], env: env, into: IO.stream())
    if status > 0, do: System.at_exit(fn _ -> exit({:shutdown, status}) end)
  end

  # Where the Hex packages cannot be had, the driver is built and tested without any.
  defp driver_only?, do: System.get_env("ECTO_LIBSQL_DRIVER_ONLY") == "1"

  defp deps(true), do: []

  defp deps(false) do
    [
      {:db_connection, "~> 2.7", optional: true},
      {:ecto_sql, "~> 3.13", optional: true},
      {:decimal, "~> 2.0 or ~> 3.0", optional: true},
      # For maps and arrays where Elixir has no JSON of its own, which it has since 1.18.
      {:jason, "~> 1.4", optional: true},
      # Its tensors are vectors, too.
      {:nx, "~> 0.9", optional: true},
      {:rustler, "~> 0.37", runtime: false},
      {:stream_data, "~> 1.1", only: :test},
      {:ex_doc, "~> 0.34", only: :dev, runtime: false}
    ]
  end

  defp package do
    [
      licenses: ["Apache-2.0"],
      links: %{"GitHub" => @source_url},
      files:
        ~w(lib native/*/src native/*/Cargo.toml native/*/build.rs native/engine/benches Cargo.toml Cargo.lock
                .cargo/config.toml mix.exs README.md CHANGELOG.md LICENSE)
    ]
  end

  defp docs do
    [
      main: "readme",
      assets: %{"docs/plots" => "plots"},
      extras: [
        "README.md",
        "CHANGELOG.md",
        "docs/vectors.md",
        "docs/geography.md",
        "docs/json.md",
        "docs/uuids.md",
        "docs/full_text.md",
        "docs/servers.md",
        "docs/deployment.md",
        "docs/pool.md",
        "docs/geography.md",
        "docs/architecture.md",
        "docs/performance.md"
      ]
    ]
  end
end
