import Config

config :library, ecto_repos: [Library.Repo]

config :library, Library.Repo,
  database: Path.expand("../library_#{config_env()}.db", __DIR__),
  pool_size: 5

if config_env() == :test do
  config :library, Library.Repo, pool: Ecto.Adapters.SQL.Sandbox
  config :logger, level: :warning
end

if config_env() == :dev do
  config :logger, level: :info
end
