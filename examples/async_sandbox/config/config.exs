import Config

config :shop, ecto_repos: [Shop.Repo]

config :shop, Shop.Repo,
  database: Path.expand("../shop_#{config_env()}.db", __DIR__),
  pool_size: 5

if config_env() == :test, do: import_config("test.exs")
