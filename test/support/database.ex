defmodule EctoLibSql.Test.Database do
  @moduledoc false
  # Databases and waiting, for the driver's tests.

  import ExUnit.Assertions
  import ExUnit.Callbacks

  @doc "A connection that is closed when the test ends."
  def connect!(opts \\ []) do
    {:ok, s} = opts |> Keyword.put_new(:database, ":memory:") |> EctoLibSql.connect()
    on_exit(fn -> EctoLibSql.disconnect(s) end)
    s
  end

  @doc "As `connect!/1`, to a new file."
  def connect_file!(%{tmp_dir: dir}, opts \\ []) do
    connect!(Keyword.put_new(opts, :database, Path.join(dir, "test.db")))
  end

  @doc "The rows of a query."
  def rows(s, sql, params \\ []), do: EctoLibSql.query!(s, sql, params).rows

  @doc "A query that runs until it is stopped."
  def endless do
    "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
  end

  @doc "The numbers from 1 to `count`, computed as they are fetched."
  def count_to(count) do
    "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < #{count}) SELECT i FROM n"
  end

  @doc "Looks until `fun` is true; for what sends no message when it happens."
  def wait_until(fun, milliseconds \\ 5_000) do
    deadline = System.monotonic_time(:millisecond) + milliseconds
    wait_until_deadline(fun, deadline)
  end

  defp wait_until_deadline(fun, deadline) do
    cond do
      fun.() ->
        :ok

      System.monotonic_time(:millisecond) > deadline ->
        flunk("waited in vain for #{inspect(fun)}")

      true ->
        receive do
        after
          1 -> wait_until_deadline(fun, deadline)
        end
    end
  end

  @doc "What `EctoLibSql.connections/0` says of a connection; nil if it is gone."
  def listed(s), do: Enum.find(EctoLibSql.connections(), &(&1.id == s.conn_id))

  @doc "Waits until a process's call is under way on the connection."
  def wait_until_running(s, caller) do
    wait_until(fn -> match?(%{running: %{owner: ^caller}}, listed(s)) end)
  end

  @doc "Waits until so many wait at the write gate of the connection's database."
  def wait_until_queued(s, count) do
    wait_until(fn -> match?({:ok, %{queue: ^count}}, EctoLibSql.write_gate(s)) end)
  end

  @doc "Interrupts what the task runs on the connection (now or in a moment), and awaits the task."
  def interrupt_task(s, task, interrupt \\ &EctoLibSql.interrupt_connection/1) do
    :ok = interrupt.(s)

    case Task.yield(task, 1) do
      {:ok, value} -> value
      nil -> interrupt_task(s, task, interrupt)
    end
  end

  @doc "Runs `fun` in a process that waits to be killed, and answers the process and fun's value."
  def start_victim(fun) do
    test = self()

    victim =
      spawn(fn ->
        send(test, {:victim, self(), fun.()})
        Process.sleep(:infinity)
      end)

    assert_receive {:victim, ^victim, value}, 5_000
    {victim, value}
  end

  def kill(pid) do
    monitor = Process.monitor(pid)
    Process.exit(pid, :kill)
    assert_receive {:DOWN, ^monitor, :process, ^pid, :killed}, 5_000
  end
end
