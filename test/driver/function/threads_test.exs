defmodule EctoLibSql.Function.ThreadsTest do
  # The threads of connections that have functions in Elixir: the VM's threads are counted, so nobody
  # else may open connections meanwhile.
  use ExUnit.Case, async: false

  import EctoLibSql.Test.Database

  alias EctoLibSql.Function

  # Linux says the names of a process's threads, the first 15 bytes of them.
  @threads "/proc/self/task"
  @name "ecto_libsql_cal"

  if not File.dir?(@threads), do: @moduletag(:skip)

  defp threads do
    Enum.count(File.ls!(@threads), fn thread ->
      match?({:ok, @name <> _}, File.read(Path.join([@threads, thread, "comm"])))
    end)
  end

  defp opened do
    {:ok, s} = EctoLibSql.connect(database: ":memory:")
    s
  end

  defp with_function(s) do
    {:ok, s} = Function.create_scalar(s, "f", 1, & &1)
    {:ok, s} = Function.create_scalar(s, "g", 1, & &1)
    {:ok, [7]} = EctoLibSql.query_one(s, "SELECT g(f(7))")
    s
  end

  test "are one for each such connection, and end with it" do
    wait_until(fn -> threads() == 0 end)
    plain = for _ <- 1..5, do: opened()
    assert threads() == 0

    connections = for s <- plain, do: with_function(s)
    assert threads() == 5
    Enum.each(connections, &EctoLibSql.disconnect/1)
    wait_until(fn -> threads() == 0 end)
  end

  test "end with the process that opened the connection, also in the middle of a function" do
    wait_until(fn -> threads() == 0 end)
    test = self()

    {pid, monitor} =
      spawn_monitor(fn ->
        stays = fn -> send(test, :inside) && Process.sleep(:infinity) end
        {:ok, s} = Function.create_scalar(opened(), "stays", 0, stays)
        EctoLibSql.query(s, "SELECT stays()")
      end)

    assert_receive :inside
    assert threads() == 1
    Process.exit(pid, :kill)
    assert_receive {:DOWN, ^monitor, _, _, :killed}
    wait_until(fn -> threads() == 0 end)
  end

  test "keep nothing of the calls that they have made" do
    s = with_function(opened())
    sql = "SELECT count(f(i)), length(g(?)) FROM (#{count_to(100)})"
    run = fn -> {:ok, _} = EctoLibSql.query(s, sql, [String.duplicate("x", 100_000)]) end
    for _ <- 1..50, do: run.()
    before = resident()
    for _ <- 1..500, do: run.()
    # 100 kB of each call would be 100 MB and more.
    assert resident() - before < 50_000
    EctoLibSql.disconnect(s)
  end

  # In kB.
  defp resident do
    :erlang.garbage_collect()
    [_, kilobytes] = Regex.run(~r/VmRSS:\s+(\d+) kB/, File.read!("/proc/self/status"))
    String.to_integer(kilobytes)
  end
end
