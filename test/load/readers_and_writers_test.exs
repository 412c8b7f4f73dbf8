if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule EctoLibSql.ReadersAndWritersTest do
    # Hundreds of readers and writers at once, and what they leave behind. Seconds of it:
    # ECTO_LIBSQL_LOAD_SECONDS, 10 unless given.
    use ExUnit.Case, async: false

    import EctoLibSql.Test.Database, only: [wait_until: 1]

    alias EctoLibSql.Test.{LoadRepo, Traffic}

    @moduletag :tmp_dir
    @moduletag :capture_log

    @seconds "ECTO_LIBSQL_LOAD_SECONDS" |> System.get_env("10") |> String.to_integer()
    @moduletag timeout: (@seconds + 120) * 1_000

    # What may stay, in bytes: caches of Ecto and the allocators' slack, which do not grow with the
    # work that was done.
    @beam_bound 4_000_000
    @resident_bound 40_000_000

    setup %{tmp_dir: dir} do
      database = Path.join(dir, "traffic.db")
      Traffic.create(database)
      %{database: database}
    end

    test "200 writers and 200 readers: no error, and nothing grows", %{database: database} do
      pools = Traffic.start_pools(database, &start_supervised!({LoadRepo, &1}, id: make_ref()))

      # Whatever is made once is made here.
      %{errors: [], writes: warm} = Traffic.run(pools, 200, 1_000)
      before = settled(database)

      result = Traffic.run(pools, 200, @seconds * 1_000)
      assert result.errors == []
      assert Enum.min(result.writes) > 0
      assert Enum.min(result.reads) > 0

      LoadRepo.put_dynamic_repo(pools.readers)
      assert Traffic.counted() == Enum.sum(warm) + Enum.sum(result.writes)

      now = settled(database)
      assert now.connections == before.connections
      assert now.ports == before.ports
      assert now.processes <= before.processes
      assert now.beam - before.beam < @beam_bound
      assert now.resident - before.resident < @resident_bound
    end

    test "readers do not wait for writers, nor for those who wait to write", %{database: database} do
      writers = 20
      pool = start_supervised!({LoadRepo, LoadRepo.pool(database, writers + 5)})
      test = self()

      holder =
        Task.async(fn ->
          LoadRepo.put_dynamic_repo(pool)

          LoadRepo.transaction(fn ->
            LoadRepo.increment(1)
            send(test, :holding)
            receive do: (:let_go -> LoadRepo.increment(2))
          end)
        end)

      assert_receive :holding, 5_000

      waiting =
        for _ <- 2..writers do
          Task.async(fn ->
            LoadRepo.put_dynamic_repo(pool)
            LoadRepo.transaction(fn -> for id <- [1, 2], do: LoadRepo.increment(id) end)
          end)
        end

      wait_until(fn -> Enum.all?(waiting, &waiting?/1) end)

      # All of them read to the end, while the lock is held.
      readers =
        for _ <- 1..200 do
          Task.async(fn ->
            LoadRepo.put_dynamic_repo(pool)
            for _ <- 1..10, do: Traffic.counted()
          end)
        end

      reads = Task.await_many(readers, 60_000)
      assert Enum.all?(List.flatten(reads), &(&1 == 0))
      assert Process.alive?(holder.pid)
      assert Enum.all?(waiting, &waiting?/1)

      send(holder.pid, :let_go)
      assert {:ok, _} = Task.await(holder)
      assert Enum.all?(Task.await_many(waiting, 60_000), &match?({:ok, _}, &1))
      LoadRepo.put_dynamic_repo(pool)
      assert Traffic.counted() == writers
    end

    # In Elixir, not in a call of the NIF.
    defp waiting?(task), do: Process.info(task.pid, :status) == {:status, :waiting}

    defp settled(database) do
      wait_until(fn -> Enum.all?(connections(database), &(&1.running == nil)) end)
      for pid <- Process.list(), do: :erlang.garbage_collect(pid)

      %{
        connections:
          for(c <- connections(database), do: Map.take(c, [:id, :cursors, :transaction])),
        ports: length(Port.list()),
        processes: length(Process.list()),
        beam: :erlang.memory(:processes) + :erlang.memory(:binary),
        resident: resident()
      }
    end

    defp connections(database),
      do: Enum.filter(EctoLibSql.connections(), &(&1.database == database))

    # The system's own figure: what SQLite and Rust allocate does not show in the BEAM's. Where
    # there is no procfs (macOS), only the BEAM is looked at.
    defp resident do
      case File.read("/proc/self/status") do
        {:ok, status} ->
          [_, kilobytes] = Regex.run(~r/VmRSS:\s+(\d+) kB/, status)
          String.to_integer(kilobytes) * 1_000

        {:error, _} ->
          0
      end
    end
  end
end
