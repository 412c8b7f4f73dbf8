# Encryption is another build of the library: `make test` runs its tests with that.
encryption? = Application.get_env(:ecto_libsql, :encryption, false)

# sqld, libSQL's server: scripts/sqld.sh gets it.
sqld? = System.get_env("ECTO_LIBSQL_NO_SQLD") != "1"
unless sqld?, do: IO.puts("Tests with sqld are excluded: ECTO_LIBSQL_NO_SQLD=1.")

# Where the databases of a repo's tests are: EctoLibSql.Test.Mode.
:ok = EctoLibSql.Test.Mode.start()

ExUnit.start(
  exclude: if(encryption?, do: [], else: [:encryption]) ++ if(sqld?, do: [], else: [:sqld])
)
