if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule EctoLibSql.ContentionTest do
    # Many processes that read, modify and write one counter.
    use ExUnit.Case, async: false

    import EctoLibSql.Test.Database, only: [wait_until: 1]

    alias EctoLibSql.Test.{Arrivals, LoadRepo}

    @moduletag :tmp_dir
    @moduletag :capture_log
    @moduletag timeout: 180_000

    @processes 32
    @transactions 20

    setup %{tmp_dir: dir, pool_size: pool_size} do
      database = Path.join(dir, "counter.db")
      LoadRepo.create_counters(database, [1, 2])
      pool = start_supervised!({LoadRepo, LoadRepo.pool(database, pool_size)})
      # Whoever runs first waits until all modules are loaded; that is not the order to be seen.
      in_pool(pool, fn -> {:ok, _} = LoadRepo.transaction(fn -> LoadRepo.increment(2) end) end)
      %{pool: pool}
    end

    for pool_size <- [5, 20], mode <- [[], [mode: :immediate]] do
      name = if mode == [], do: "the default mode", else: "mode: :immediate"

      @tag pool_size: pool_size, mode: mode
      test "all transactions commit, in order: pool of #{pool_size}, #{name}", context do
        arrivals = Arrivals.new()

        outcomes =
          in_processes(context.pool, fn _ ->
            for _ <- 1..@transactions, do: increment(arrivals, context.mode)
          end)

        assert for({:error, error} <- List.flatten(outcomes), do: error) == []
        served = for {:ok, served} <- List.flatten(outcomes), do: served
        assert length(served) == @processes * @transactions
        assert counter(context.pool) == @processes * @transactions
        # The system may put a process aside between its number and its begin.
        passed = Enum.sort(Arrivals.passed(served), :desc)
        assert Enum.at(passed, div(length(passed), 100)) <= context.pool_size
      end
    end

    for pool_size <- [5, 20, 40] do
      @tag pool_size: pool_size
      test "who waits for a writer is served in order: pool of #{pool_size}", context do
        arrivals = Arrivals.new()
        test = self()
        holder = Task.async(fn -> hold(context.pool, test) end)
        assert_receive :holding, 5_000

        waiters =
          for _ <- 1..@processes do
            waiter =
              Task.async(fn -> in_pool(context.pool, fn -> increment(arrivals, []) end) end)

            wait_until(fn -> parked?(waiter.pid) end)
            waiter
          end

        send(holder.pid, :let_go)
        Task.await(holder)
        outcomes = Task.await_many(waiters, 60_000)
        assert for({:error, error} <- outcomes, do: error) == []

        served = for {:ok, served} <- outcomes, do: served
        order = for {arrived, _} <- Enum.sort_by(served, &elem(&1, 1)), do: arrived

        # Those who had a connection waited for the lock alone.
        with_connection = min(context.pool_size - 1, @processes)
        assert Enum.take(order, with_connection) == Enum.to_list(1..with_connection)
        assert Enum.max(Arrivals.passed(served)) <= context.pool_size
        assert counter(context.pool) == @processes
      end
    end

    # It waits for a message, and did nothing else for a moment.
    defp parked?(pid) do
      before = Process.info(pid, [:status, :reductions])
      Process.sleep(2)
      before[:status] == :waiting and Process.info(pid, [:status, :reductions]) == before
    end

    defp in_processes(pool, fun) do
      1..@processes
      |> Enum.map(fn n -> Task.async(fn -> in_pool(pool, fn -> fun.(n) end) end) end)
      |> Task.await_many(60_000)
    end

    defp in_pool(pool, fun) do
      LoadRepo.put_dynamic_repo(pool)
      fun.()
    end

    defp increment(arrivals, opts) do
      arrived = Arrivals.arrive(arrivals)

      LoadRepo.transaction(
        fn ->
          served = Arrivals.serve(arrivals)
          LoadRepo.increment(1)
          {arrived, served}
        end,
        opts
      )
    rescue
      error -> {:error, error}
    end

    defp hold(pool, test) do
      in_pool(pool, fn ->
        LoadRepo.transaction(fn ->
          send(test, :holding)
          receive do: (:let_go -> :ok)
        end)
      end)
    end

    defp counter(pool), do: in_pool(pool, fn -> LoadRepo.get!(LoadRepo.Counter, 1).n end)
  end
end
