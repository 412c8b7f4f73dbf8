# What listening costs a writer: mix run bench/hooks.exs
#
# Single inserts and a script's transactions, with nobody listening and with each kind of subscriber,
# in turns, so that a busy machine slows all of them alike. The quickest of the turns counts.

defmodule Bench.Hooks do
  @turns 15
  @inserts 2_000

  def run do
    path = Path.join(System.tmp_dir!(), "hooks_bench_#{System.pid()}.db")
    {:ok, s} = EctoLibSql.connect(database: path, synchronous: :off)
    :ok = EctoLibSql.run(s, "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT)")

    try do
      for work <- [:autocommit, :transaction], do: report(work, s)
    after
      EctoLibSql.disconnect(s)
      for suffix <- ["", "-wal", "-shm"], do: File.rm(path <> suffix)
    end
  end

  defp report(work, s) do
    listeners = [:nobody, :update, :raw, :values, :commit]

    times =
      for turn <- 1..@turns, listener <- Enum.shuffle(listeners) do
        {listener, if(turn > 1, do: time(work, s, listener))}
      end

    best =
      for {listener, time} <- times,
          time,
          reduce: %{},
          do: (acc -> Map.update(acc, listener, time, &min(&1, time)))

    IO.puts("#{work}: #{@inserts} inserts")

    for listener <- listeners do
      ns = round(best[listener] * 1000 / @inserts)
      ratio = Float.round(best[listener] / best.nobody, 3)
      IO.puts("  #{String.pad_trailing(to_string(listener), 8)} #{ns} ns an insert, #{ratio}")
    end
  end

  defp time(work, s, listener) do
    subscriber = spawn_link(&discard/0)
    add(s, listener, subscriber)
    {time, _} = :timer.tc(fn -> work(work, s) end)
    remove(s, listener, subscriber)
    Process.unlink(subscriber)
    Process.exit(subscriber, :kill)
    :ok = EctoLibSql.run(s, "DELETE FROM t WHERE id > 0")
    time
  end

  defp discard, do: receive(do: (_ -> discard()))

  defp add(_s, :nobody, _pid), do: :ok
  defp add(s, :update, pid), do: :ok = EctoLibSql.add_update_hook(s, pid)
  defp add(s, :raw, pid), do: :ok = EctoLibSql.add_update_hook(s, pid, raw: true)
  defp add(s, :values, pid), do: :ok = EctoLibSql.add_update_hook(s, pid, values: true)
  defp add(s, :commit, pid), do: :ok = EctoLibSql.add_commit_hook(s, pid)

  defp remove(_s, :nobody, _pid), do: :ok
  defp remove(s, :commit, pid), do: :ok = EctoLibSql.remove_commit_hook(s, pid)
  defp remove(s, _update, pid), do: :ok = EctoLibSql.remove_update_hook(s, pid)

  defp work(:autocommit, s) do
    for _ <- 1..@inserts, do: :ok = EctoLibSql.run(s, "INSERT INTO t (a) VALUES (?)", ["a text"])
  end

  defp work(:transaction, s) do
    sql =
      "INSERT INTO t (a) WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < ?) SELECT i FROM n"

    :ok = EctoLibSql.run(s, sql, [@inserts])
  end
end

Bench.Hooks.run()
