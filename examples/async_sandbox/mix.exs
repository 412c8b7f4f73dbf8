defmodule Shop.MixProject do
  use Mix.Project

  def project do
    [
      app: :shop,
      version: "0.1.0",
      elixir: "~> 1.15",
      elixirc_paths: elixirc_paths(Mix.env()),
      start_permanent: Mix.env() == :prod,
      aliases: aliases(),
      deps: deps()
    ]
  end

  def application do
    [mod: {Shop.Application, []}, extra_applications: [:logger, :crypto]]
  end

  def cli do
    [preferred_envs: [compare: :test]]
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
      setup: ["ecto.create", "ecto.migrate"],
      test: ["ecto.create --quiet", "ecto.migrate --quiet", "test"]
    ]
  end
end
