defmodule Peers.MixProject do
  use Mix.Project

  # The driver and the adapter beside those of the other SQLite packages. A project of its own, so
  # that those are no dependencies of ours.
  def project do
    [
      app: :peers,
      version: "0.1.0",
      elixir: "~> 1.15",
      start_permanent: true,
      deps: [
        {:ecto_libsql, path: "../.."},
        {:ecto_sql, "~> 3.13"},
        {:ecto_sqlite3, "~> 0.24"},
        {:exqlite, "~> 0.39"},
        {:benchee, "~> 1.3"}
      ]
    ]
  end

  def application do
    # The tests read the plots with xmerl.
    [extra_applications: [:logger, :runtime_tools, :xmerl]]
  end
end
