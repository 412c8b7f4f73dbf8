# Encryption is another build of the library: `make test` runs its tests with that.
encryption? = Application.get_env(:ecto_libsql, :encryption, false)

# sqld, libSQL's server: scripts/sqld.sh gets it.
sqld? = System.get_env("ECTO_LIBSQL_NO_SQLD") != "1"
unless sqld?, do: IO.puts("Tests with sqld are excluded: ECTO_LIBSQL_NO_SQLD=1.")

exclude = if(encryption?, do: [], else: [:encryption]) ++ if(sqld?, do: [], else: [:sqld])

# Where the databases of a repo's tests are: ECTO_LIBSQL_MODE.
alias EctoLibSql.Test.Mode

:ok = Mode.start()

ExUnit.start(
  if Mode.mode() == :local,
    do: [exclude: exclude],
    else: Mode.Count.options(:adapter, exclude)
)
