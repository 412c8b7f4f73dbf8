defmodule Library.MixProject do
  use Mix.Project

  def project do
    [
      app: :library,
      version: "0.1.0",
      elixir: "~> 1.15",
      elixirc_paths: elixirc_paths(Mix.env()),
      start_permanent: Mix.env() == :prod,
      aliases: aliases(),
      deps: deps()
    ]
  end

  def application do
    [mod: {Library.Application, []}, extra_applications: [:logger]]
  end

  def cli do
    [preferred_envs: [demo: :dev]]
  end

  defp elixirc_paths(:test), do: ["lib", "test/support"]
  defp elixirc_paths(_env), do: ["lib"]

  # An application of its own would have {:ecto_libsql, "~> 0.1"}.
  defp deps do
    [
      {:ecto_libsql, path: "../.."},
      {:ecto_sql, "~> 3.13"}
    ]
  end

  defp aliases do
    [
      setup: ["ecto.create", "ecto.migrate", "run priv/repo/seeds.exs"],
      reset: ["ecto.drop", "setup"],
      demo: ["setup", "run priv/repo/demo.exs"],
      test: ["ecto.create --quiet", "ecto.migrate --quiet", "test"]
    ]
  end
end
