if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule EctoLibSql.Test.Traffic do
    @moduledoc false
    # Writers and readers of two counters that are always equal, for so long. Writers have a pool
    # of their own, since a writer that waits for the lock keeps its connection.

    import Ecto.Query

    alias EctoLibSql.Test.LoadRepo
    alias EctoLibSql.Test.LoadRepo.Counter

    @doc "Makes the counters."
    def create(database), do: LoadRepo.create_counters(database, [1, 2])

    @doc "Starts the pools with the function that a supervisor or a test has for it."
    def start_pools(database, start) do
      # So many writers wait their turn for longer than usual on a machine that has other things to do.
      options = [busy_timeout: 60_000] ++ LoadRepo.pool(database, 20)
      for role <- [:writers, :readers], into: %{}, do: {role, start.(options)}
    end

    @doc """
    Runs so many writers and as many readers. Answers a map of `:writes` and `:reads`, how many
    each of them did, and `:errors`.
    """
    def run(pools, clients, milliseconds) do
      until = System.monotonic_time(:millisecond) + milliseconds

      [writers, readers] =
        for {pool, step} <- [{pools.writers, &write/1}, {pools.readers, &read/1}] do
          for _ <- 1..clients do
            Task.async(fn ->
              LoadRepo.put_dynamic_repo(pool)
              repeat(step, 0, 0, until)
            end)
          end
        end

      writes = Task.await_many(writers, :infinity)
      reads = Task.await_many(readers, :infinity)

      %{
        writes: for({done, _} <- writes, do: done),
        reads: for({done, _} <- reads, do: done),
        errors: for({_, error} when error != nil <- writes ++ reads, do: error)
      }
    end

    @doc "The same in a VM that has no pools yet."
    def run_alone(database, clients, milliseconds) do
      {:ok, _} = Application.ensure_all_started(:ecto_sql)
      started = &(LoadRepo.start_link(&1) |> elem(1))
      database |> start_pools(started) |> run(clients, milliseconds)
    end

    @doc "Both counters, which are equal, or an error."
    def counted do
      case LoadRepo.all(from(c in Counter, order_by: c.id, select: c.n)) do
        [n, n] -> n
        other -> raise "a half of a transaction was read: #{inspect(other)}"
      end
    end

    # Each run gets what the one before it answered.
    defp repeat(step, last, done, until) do
      if System.monotonic_time(:millisecond) < until do
        case step.(last) do
          {:ok, answer} -> repeat(step, answer, done + 1, until)
          {:error, error} -> {done, error}
        end
      else
        {done, nil}
      end
    end

    defp write(_last) do
      LoadRepo.transaction(fn ->
        LoadRepo.increment(1)
        LoadRepo.increment(2)
      end)
    rescue
      error -> {:error, error}
    end

    # What was read never goes back.
    defp read(last) do
      case counted() do
        n when n >= last -> {:ok, n}
        n -> {:error, "#{n} was read after #{last}"}
      end
    rescue
      error -> {:error, error}
    end
  end
end
