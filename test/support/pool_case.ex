if Code.ensure_loaded?(DBConnection) do
  defmodule EctoLibSql.Test.PoolCase do
    @moduledoc false
    # Pools and who holds their connections, for the tests of pools.

    use ExUnit.CaseTemplate

    alias EctoLibSql.Query
    alias EctoLibSql.Test.Mode

    @pool EctoLibSql.ConnectionPool

    using do
      quote do
        import EctoLibSql.Test.PoolCase
        import EctoLibSql.Test.Database, only: [endless: 0, wait_until: 1]
      end
    end

    @doc "The options with which a pool sends callers away soon."
    def impatient, do: [queue_target: 5, queue_interval: 20]

    def start_pool(opts) do
      opts = opts |> Keyword.put_new(:database, ":memory:") |> Mode.repo()
      pool = start_supervised!({EctoLibSql.Connection, opts}, id: make_ref())
      if Mode.mode() == :replica, do: wait_until_open(pool)
      pool
    end

    # A replica's first connection is open when it has its primary's database, for which an impatient
    # pool would not wait.
    defp wait_until_open(pool),
      do:
        EctoLibSql.Test.Database.wait_until(fn -> EctoLibSql.Pool.metrics(pool).opening == 0 end)

    def tmp_file do
      name = "ecto_libsql_#{System.pid()}_#{System.unique_integer([:positive])}.db"
      path = Path.join(System.tmp_dir!(), name)
      on_exit(fn -> for suffix <- ["", "-wal", "-shm"], do: File.rm(path <> suffix) end)
      path
    end

    def query(conn, sql, opts \\ []) do
      opts = Keyword.put_new(opts, :pool, @pool)

      with {:ok, _query, result} <- DBConnection.execute(conn, %Query{statement: sql}, [], opts),
           do: {:ok, result}
    end

    def rows(conn, sql) do
      {:ok, %{rows: rows}} = query(conn, sql)
      rows
    end

    @doc """
    Runs `fun`, which is given a function to call when it has what it wants to hold, in a process,
    and answers the process. That function returns when `release/1` is called.
    """
    def hold(fun) do
      test = self()

      pid =
        spawn_link(fn ->
          fun.(fn ->
            send(test, {:holds, self()})
            receive do: (:release -> :ok)
          end)
        end)

      assert_receive {:holds, ^pid}, 5_000
      pid
    end

    def hold_connection(pool, opts \\ [pool: @pool]),
      do: hold(fn held -> DBConnection.run(pool, fn _conn -> held.() end, opts) end)

    def hold_transaction(pool),
      do:
        hold(fn held -> DBConnection.transaction(pool, fn _conn -> held.() end, pool: @pool) end)

    def release(pid) do
      monitor = Process.monitor(pid)
      send(pid, :release)
      assert_receive {:DOWN, ^monitor, :process, ^pid, :normal}, 5_000
    end

    @doc "Sends the events of these names to the test, as `{event, measurements, metadata}`."
    def attach_telemetry(events) do
      id = make_ref()
      :ok = :telemetry.attach_many(id, events, &__MODULE__.forward/4, self())
      on_exit(fn -> :telemetry.detach(id) end)
    end

    def forward(event, measurements, metadata, test),
      do: send(test, {event, measurements, metadata})
  end
end
