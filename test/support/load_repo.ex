if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule EctoLibSql.Test.LoadRepo do
    @moduledoc false
    # The repo of the tests under load: counters in a file. Its pools have no name; a process says
    # by `put_dynamic_repo/1` which one it uses.

    use Ecto.Repo, otp_app: :ecto_libsql, adapter: Ecto.Adapters.LibSql

    defmodule Counter do
      @moduledoc false
      use Ecto.Schema

      schema "counters" do
        field(:n, :integer)
      end
    end

    # Hundreds of clients wait here for a few connections, by intention: the pool is to be patient
    # with them.
    @patient [queue_target: 60_000, queue_interval: 60_000, timeout: 60_000]

    @doc "The options of a pool."
    def pool(database, size),
      do: [database: database, pool_size: size, name: nil, log: false] ++ @patient

    @doc "Makes the table, with a counter at 0 for each id."
    def create_counters(database, ids) do
      {:ok, s} = EctoLibSql.connect(database: database)

      :ok =
        EctoLibSql.run(s, "CREATE TABLE counters (id INTEGER PRIMARY KEY, n INTEGER NOT NULL)")

      for id <- ids, do: :ok = EctoLibSql.run(s, "INSERT INTO counters VALUES (?, 0)", [id])
      EctoLibSql.disconnect(s)
    end

    @doc "Reads a counter, and writes it back one higher."
    def increment(id) do
      counter = get!(Counter, id)
      counter |> Ecto.Changeset.change(n: counter.n + 1) |> update!()
    end
  end
end
