# What SQLite's memory statistics cost: the same work with and without them, by one process and by
# eight, each with a database in memory of its own. In turns, each time in a VM of its own.
#
#     mix run bench/memory_statistics.exs

{:module, _, beam, _} =
  defmodule MemoryStatisticsBench do
    @rounds 7
    @tables """
    CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, email TEXT, age INTEGER);
    CREATE TABLE posts (id INTEGER PRIMARY KEY, user_id INTEGER, title TEXT, body TEXT);
    CREATE INDEX posts_user_id ON posts (user_id);
    WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
      INSERT INTO users SELECT i, 'name ' || i, i || '@example.com', i % 100 FROM n;
    """
    @work [
      {"a join prepared anew, no rows", :prepare, 12_000},
      {"point read, cached statement", :read, 200_000},
      {"insert in a transaction, cached statement", :insert, 200_000}
    ]

    def run(beam) do
      IO.puts("µs a call: median (least to most) of #{@rounds}")

      for {name, work, calls} <- @work, processes <- [1, 8] do
        rounds =
          for round <- 1..@rounds,
              statistics <- turns(round),
              do: {statistics, in_vm(beam, statistics, [work, calls, processes])}

        [with_them, without] = for kept <- [true, false], do: for({^kept, t} <- rounds, do: t)
        IO.puts("#{name}, #{processes}: with #{shown(with_them)}, without #{shown(without)}")
      end
    end

    defp turns(round) when rem(round, 2) == 0, do: [true, false]
    defp turns(_round), do: [false, true]

    defp in_vm(beam, statistics, arguments) do
      config = [~c"-ecto_libsql", ~c"memory_statistics", Atom.to_charlist(statistics)]
      args = config ++ [~c"-pz" | :code.get_path()]
      {:ok, vm, _} = :peer.start_link(%{connection: :standard_io, args: args})
      {:ok, _} = :peer.call(vm, :application, :ensure_all_started, [:ecto_libsql])
      {:module, _} = :peer.call(vm, :code, :load_binary, [__MODULE__, ~c"bench", beam])
      {:ok, ^statistics} = :peer.call(vm, EctoLibSql.MemoryStatistics, :choose, [])
      taken = :peer.call(vm, __MODULE__, :measure, arguments, :infinity)
      :peer.stop(vm)
      taken
    end

    def measure(work, calls, processes) do
      each = div(calls, processes)
      parent = self()
      tasks = for _ <- 1..processes, do: Task.async(fn -> work(parent, work, each) end)

      for task <- tasks do
        receive do
          {:ready, pid} when pid == task.pid -> :ok
        end
      end

      {time, _} =
        :timer.tc(fn ->
          for task <- tasks, do: send(task.pid, :go)
          Task.await_many(tasks, :infinity)
        end)

      time / calls
    end

    defp work(parent, work, calls) do
      cached = if work == :prepare, do: 0, else: 100
      {:ok, s} = EctoLibSql.connect(database: ":memory:", statement_cache_size: cached)
      {:ok, _} = EctoLibSql.execute_batch(s, @tables)
      {:ok, _} = EctoLibSql.begin(s)
      call(work, s, 0)
      send(parent, {:ready, self()})

      receive do
        :go -> for n <- 1..calls, do: call(work, s, n)
      end
    end

    defp call(:prepare, s, n) do
      sql = """
      SELECT u.id, u.name, p.title, count(q.id) AS posts FROM users u
      JOIN posts p ON p.user_id = u.id LEFT JOIN posts q ON q.user_id = u.id AND q.id > #{n}
      WHERE u.age > ? AND p.title LIKE ? GROUP BY u.id ORDER BY p.title LIMIT 0
      """

      {:ok, _} = EctoLibSql.query(s, sql, [n, "a%"])
    end

    defp call(:read, s, n) do
      {:ok, _} = EctoLibSql.query(s, "SELECT * FROM users WHERE id = ?", [rem(n, 1000) + 1])
    end

    defp call(:insert, s, n) do
      sql = "INSERT INTO posts (user_id, title, body) VALUES (?, ?, ?)"
      {:ok, _} = EctoLibSql.query(s, sql, [n, "a title", "some text that is a body"])
    end

    defp shown(times) do
      [least | _] = sorted = Enum.sort(times)
      median = Enum.at(sorted, div(length(sorted), 2))
      "#{figure(median)} (#{figure(least)} to #{figure(List.last(sorted))})"
    end

    defp figure(time), do: :erlang.float_to_binary(time, decimals: 1)
  end

MemoryStatisticsBench.run(beam)
