import Config

# Encryption at rest, for this checkout's own builds; an application sets
# `config :ecto_libsql, encryption: true` in its own configuration.
config :ecto_libsql, encryption: System.get_env("ECTO_LIBSQL_ENCRYPTION") == "1"

# Likewise, sqlean's functions.
config :ecto_libsql, sqlean: System.get_env("ECTO_LIBSQL_SQLEAN") == "1"
