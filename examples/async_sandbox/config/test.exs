import Config

# The usual pool of tests, and `sandbox: :clone`, with which each works on a copy of the migrated
# database: so all of them are `async: true`. Each runs on a connection of its own.
config :shop, Shop.Repo,
  pool: Ecto.Adapters.SQL.Sandbox,
  pool_size: System.schedulers_online() * 2,
  sandbox: :clone

# `mix compare` also runs the tests without, to show what that costs.
if System.get_env("SHOP_SANDBOX") == "transaction" do
  config :shop, Shop.Repo, sandbox: :transaction
end

config :logger, level: :warning
