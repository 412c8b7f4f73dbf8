# Encryption is another build of the library: `make test` runs its tests with that.
encryption? = Application.get_env(:ecto_libsql, :encryption, false)
ExUnit.start(exclude: if(encryption?, do: [], else: [:encryption]))
