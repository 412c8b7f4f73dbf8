defmodule EctoLibSql.LeakTest do
  # Not async: it looks at the whole VM's memory.
  use ExUnit.Case, async: false

  import EctoLibSql.Test.Database

  @moduletag timeout: 120_000
  @moduletag :tmp_dir

  # The system's own figure: what SQLite and Rust allocate does not show in the BEAM's.
  defp resident_kilobytes do
    case File.read("/proc/self/status") do
      {:ok, status} ->
        [_, kilobytes] = Regex.run(~r/VmRSS:\s+(\d+) kB/, status)
        String.to_integer(kilobytes)

      {:error, _} ->
        # No procfs (macOS): then only the registry is looked at.
        0
    end
  end

  # Runs `fun` once to warm up, and answers by how much it then grows the process.
  defp growth(times, fun) do
    for i <- 1..div(times, 10), do: fun.(i)
    :erlang.garbage_collect()
    before = resident_kilobytes()
    for i <- 1..times, do: fun.(i)
    :erlang.garbage_collect()
    resident_kilobytes() - before
  end

  test "10,000 connections opened and closed leave nothing", %{tmp_dir: dir} do
    database = Path.join(dir, "test.db")

    grown =
      growth(10_000, fn i ->
        {:ok, s} =
          EctoLibSql.connect(database: if(rem(i, 10) == 0, do: database, else: ":memory:"))

        {:ok, [1]} = EctoLibSql.query_one(s, "SELECT 1")
        :ok = EctoLibSql.disconnect(s)
      end)

    assert Enum.filter(EctoLibSql.connections(), &(&1.owner == self())) == []
    assert grown < 20_000
  end

  test "100,000 statements leave nothing" do
    s = connect!()

    grown =
      growth(100_000, fn i ->
        {:ok, id} = EctoLibSql.prepare(s, "SELECT #{i}, ?")

        {:ok, _} =
          EctoLibSql.query_one(s, id, [
            "some text that is longer than 64 bytes: #{String.duplicate("x", 64)}"
          ])

        :ok = EctoLibSql.finalize_stmt(s, id)
      end)

    assert %{statements: [], cursors: []} = listed(s)
    assert grown < 20_000
  end

  test "killed owners leave nothing" do
    grown =
      growth(1_000, fn _ ->
        {victim, {:ok, s}} =
          start_victim(fn ->
            {:ok, s} = EctoLibSql.connect(database: ":memory:")
            {:ok, _} = EctoLibSql.begin(s)
            {:ok, _} = EctoLibSql.prepare(s, "SELECT 1")
            {:ok, s}
          end)

        kill(victim)
        wait_until(fn -> listed(s) == nil end)
      end)

    assert grown < 20_000
  end

  test "a stream of a million rows keeps memory flat" do
    s = connect!()
    rows = EctoLibSql.stream(s, count_to(1_000_000), [], max_rows: 1000)
    before = memory()

    {count, most} =
      Enum.reduce(rows, {0, 0}, fn [i], {count, most} ->
        most = if rem(i, 100_000) == 0, do: max(most, memory() - before), else: most
        {count + 1, most}
      end)

    assert count == 1_000_000
    assert most < 10_000_000
  end

  defp memory do
    :erlang.garbage_collect()
    :erlang.memory(:total)
  end
end
