if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.MigrationLock do
    @moduledoc false
    # `c:Ecto.Adapter.Migration.lock_for_migrations/3`.
    #
    # The lock must keep out other migrators, in this VM and in other processes of the machine, and
    # let this one write the database through another connection. So it is not a transaction on
    # the database, but an EXCLUSIVE one on an empty database beside it, `<database>-migration-lock`:
    # the operating system's lock, which ends with its holder, however that ends.
    #
    # The file stays: whoever removed it could take it from under another migrator that has it
    # open already.

    alias Ecto.Adapters.LibSql.Storage
    alias EctoLibSql.Error

    require Logger

    @suffix "-migration-lock"
    @retry_after 50
    # Milliseconds after which it is logged why nothing happens.
    @patience 5_000

    @spec lock_for_migrations(Ecto.Adapter.adapter_meta(), keyword(), (-> result)) :: result
          when result: var
    def lock_for_migrations(meta, opts, fun) do
      case if(meta[:uri], do: :server, else: Storage.file(meta.database)) do
        {:ok, path} ->
          check_pool_size(meta)
          with_lock(path <> @suffix, deadline(opts), @patience, fun)

        # Nobody outside of this VM has it.
        :memory ->
          :global.trans({{__MODULE__, meta.pid}, self()}, fun, [node()])

        # A server has no lock that outlives five seconds of others' waiting. Migrators of VMs that
        # do not know each other are kept apart by their migrations' own transactions: the one that
        # comes second fails at the version that is there already, and is rolled back.
        :server ->
          check_pool_size(meta)
          :global.trans({{__MODULE__, meta.uri}, self()}, fun)
      end
    end

    # Migrations run in a process of their own, and with a connection of their own where this one
    # holds one; Ecto's migrator is tested for saying so.
    defp check_pool_size(%{opts: opts}) do
      if opts[:pool_size] == 1, do: Ecto.Adapters.SQL.raise_migration_pool_size_error()
    end

    @doc """
    Runs a function while it holds the lock; warns once after `patience` milliseconds of waiting.
    """
    @spec with_lock(Path.t(), integer() | :infinity, non_neg_integer(), (-> result)) :: result
          when result: var
    def with_lock(path, deadline, patience, fun) do
      lock = acquire(path, deadline, System.monotonic_time(:millisecond) + patience)

      try do
        fun.()
      after
        EctoLibSql.disconnect(lock)
      end
    end

    defp acquire(path, deadline, told_at) do
      case try_lock(path) do
        {:ok, lock} ->
          lock

        {:error, %Error{code: code}} when code in [:busy, :busy_recovery, :busy_timeout] ->
          now = System.monotonic_time(:millisecond)
          if deadline != :infinity and now >= deadline, do: raise(Ecto.MigrationError, held(path))
          if now >= told_at, do: Logger.warning(held(path) <> " Waiting for it.")
          told_at = if now >= told_at, do: :infinity, else: told_at

          receive do
          after
            @retry_after -> acquire(path, deadline, told_at)
          end

        {:error, error} ->
          raise Ecto.MigrationError, "the migration lock #{path}: #{Exception.message(error)}"
      end
    end

    defp try_lock(path) do
      with {:ok, lock} <-
             EctoLibSql.connect(database: path, busy_timeout: 0, journal_mode: :delete) do
        case EctoLibSql.begin(lock, behavior: :exclusive) do
          {:ok, lock} ->
            {:ok, lock}

          {:error, error} ->
            EctoLibSql.disconnect(lock)
            {:error, error}
        end
      end
    end

    defp held(path), do: "Another migrator holds the migration lock #{path}."

    defp deadline(opts) do
      case Keyword.get(opts, :timeout, :infinity) do
        :infinity -> :infinity
        timeout -> System.monotonic_time(:millisecond) + timeout
      end
    end
  end
end
