if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule EctoLibSql.PoolKillsTest do
    # A thousand clients of a pool, killed in the middle of what they do.
    use ExUnit.Case, async: false

    import EctoLibSql.Test.Database, only: [count_to: 1, wait_until: 1]

    alias EctoLibSql.Test.{Killing, LoadRepo}

    @moduletag :tmp_dir
    # The pool says of each kill that a client is gone.
    @moduletag :capture_log
    @moduletag timeout: 180_000

    @places [:read, :long_read, :begin, :write, :commit, :long_write, :single, :cursor]
    @pool_size 10

    test "1,000 kills leave no lock, no entry, and no half of a transaction", %{tmp_dir: dir} do
      database = Path.join(dir, "kills.db")
      Killing.create(database)
      opts = [busy_timeout: 60_000] ++ LoadRepo.pool(database, @pool_size)
      pool = start_supervised!({LoadRepo, opts})

      killed =
        Killing.kill_many(1_000, @places, fn worker ->
          LoadRepo.put_dynamic_repo(pool)
          work(worker, 1)
        end)

      for place <- @places, do: assert(Map.get(killed.places, place, 0) > 0)
      wait_until(fn -> Enum.count(connections(database), &idle?/1) == @pool_size end)
      assert length(connections(database)) == @pool_size
      Killing.assert_sound(database, killed)
    end

    defp connections(database),
      do: Enum.filter(EctoLibSql.connections(), &(&1.database == database))

    defp idle?(connection),
      do: match?(%{transaction: nil, running: nil, statements: [], cursors: []}, connection)

    defp work(worker, number) do
      :ok = step(:rand.uniform(6), worker, number)
      work(worker, number + 1)
    end

    defp step(1, worker, _number) do
      Killing.at(worker, :read)
      %{rows: [[_]]} = LoadRepo.query!("SELECT n FROM counter")
      :ok
    end

    defp step(2, worker, _number) do
      Killing.at(worker, :long_read)
      %{rows: [[300_000]]} = LoadRepo.query!(Killing.long_read())
      :ok
    end

    defp step(3, worker, _number) do
      Killing.at(worker, :cursor)

      {:ok, 2_000} =
        LoadRepo.transaction(
          fn ->
            LoadRepo.get_dynamic_repo()
            |> Ecto.Adapters.SQL.stream(count_to(2_000), [], max_rows: 50)
            |> Enum.reduce(0, &(&1.num_rows + &2))
          end,
          mode: :read_only
        )

      :ok
    end

    defp step(4, worker, number) do
      Killing.at(worker, :single)
      {sql, params} = Killing.single(worker, number)
      LoadRepo.query!(sql, params)
      Killing.acknowledge(worker, :single, number)
      :ok
    end

    defp step(5, worker, _number), do: transaction(worker, :long_write, Killing.long_write())

    defp step(6, worker, number) do
      :ok = transaction(worker, :write, Killing.transaction(worker, number))
      Killing.acknowledge(worker, :log, number)
      :ok
    end

    defp transaction(worker, place, statements) do
      Killing.at(worker, :begin)

      {:ok, _} =
        LoadRepo.transaction(fn ->
          Killing.at(worker, place)
          for {sql, params} <- statements, do: LoadRepo.query!(sql, params)
          Killing.at(worker, :commit)
        end)

      :ok
    end
  end
end
