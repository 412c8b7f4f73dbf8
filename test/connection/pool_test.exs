if Code.ensure_loaded?(DBConnection) do
  defmodule EctoLibSql.PoolTest do
    use EctoLibSql.Test.PoolCase, async: true

    @moduletag :capture_log

    import ExUnit.CaptureLog

    alias DBConnection.ConnectionError
    alias EctoLibSql.{ConnectionPool, Error, Pool}
    alias EctoLibSql.Test.Mode

    describe "metrics" do
      test "say what is idle and what is in use" do
        pool = start_pool(pool_size: 3)
        wait_until(fn -> Pool.metrics(pool).idle == 3 end)
        assert %{size: 3, busy: 0, opening: 0, queue_length: 0, holders: []} = Pool.metrics(pool)

        one = hold_connection(pool)
        two = hold_connection(pool)
        assert %{size: 3, busy: 2, idle: 1, opening: 0, opened: 3} = Pool.metrics(pool)

        release(one)
        release(two)
        wait_until(fn -> Pool.metrics(pool).idle == 3 end)
        assert %{busy: 0, idle: 3, holders: []} = Pool.metrics(pool)
      end

      test "say who holds a connection, and what it does" do
        pool = start_pool(pool_size: 2)
        pid = hold_connection(pool)
        Process.register(pid, :ecto_libsql_holder)

        mode = Mode.mode()
        assert %{holders: [holder], mode: ^mode, database: database} = Pool.metrics(pool)
        assert database =~ if(mode == :remote, do: ~r/^http:/, else: ~r/^(file:)?\//)
        assert %{pid: ^pid, name: ":ecto_libsql_holder", transaction: nil} = holder
        assert %{running: nil, statement: nil, held: held} = holder
        assert is_integer(held)
        assert Enum.any?(EctoLibSql.connections(), &(&1.id == holder.connection))
        release(pid)

        pid = hold_transaction(pool)
        assert %{holders: [%{pid: ^pid, transaction: age}]} = Pool.metrics(pool)
        assert is_integer(age)
        release(pid)
      end

      test "say which statement runs, without waiting for it" do
        pool = start_pool(pool_size: 1)
        task = Task.async(fn -> query(pool, endless(), timeout: :infinity) end)
        pid = task.pid

        wait_until(fn ->
          match?([%{running: age}] when age != nil, Pool.metrics(pool).holders)
        end)

        assert %{holders: [holder]} = Pool.metrics(pool)
        assert holder.pid == pid
        assert holder.statement == endless()

        [%{id: id}] = Enum.filter(EctoLibSql.connections(), &(&1.id == holder.connection))
        # A replica's connection reads a file.
        mode = if Mode.mode() == :remote, do: :remote, else: :local
        state = %EctoLibSql.State{conn_id: id, mode: mode, database: ":memory:"}
        EctoLibSql.Test.Database.interrupt_task(state, task)
      end

      test "forget the statement when it is over" do
        pool = start_pool(pool_size: 1)
        rows(pool, "SELECT 1")
        {:error, %Error{}} = query(pool, "SELECT nope")
        DBConnection.transaction(pool, fn conn -> rows(conn, "SELECT 1") end)
        refute Enum.any?(Process.get_keys(), &match?({Pool.Holders, _}, &1))
      end

      test "count callers that wait" do
        pool = start_pool(pool_size: 1)
        pid = hold_connection(pool)
        task = Task.async(fn -> rows(pool, "SELECT 1") end)
        wait_until(fn -> Pool.metrics(pool).queue_length == 1 end)
        release(pid)
        assert Task.await(task) == [[1]]
        wait_until(fn -> Pool.metrics(pool).idle == 1 end)

        metrics = Pool.metrics(pool)
        assert %{queue_length: 0, checkouts: 2, wait_longest: longest} = metrics
        assert metrics.wait_mean <= longest
        assert longest > 0
      end

      test "measure how busy the connections are" do
        pool = start_pool(pool_size: 2)
        wait_until(fn -> Pool.metrics(pool).idle == 2 end)
        assert Pool.metrics(pool).utilisation == 0.0

        pid = hold_connection(pool)
        wait_until(fn -> Pool.metrics(pool).utilisation > 0.1 end)
        release(pid)
        wait_until(fn -> Pool.metrics(pool).idle == 2 end)
        busy = Pool.metrics(pool)
        assert busy.utilisation > 0.0
        assert busy.utilisation <= 0.5

        # No one else's time is added when nobody has a connection.
        wait_until(fn -> Pool.metrics(pool).utilisation < busy.utilisation end)
      end

      test "forget callers that died, and connections that their deadline took from them" do
        pool = start_pool(pool_size: 1)
        wait_until(fn -> Pool.metrics(pool).idle == 1 end)

        log =
          capture_log(fn ->
            {pid, monitor} =
              spawn_monitor(fn ->
                DBConnection.run(pool, fn _ -> exit(:kill) end, pool: ConnectionPool)
              end)

            assert_receive {:DOWN, ^monitor, :process, ^pid, :kill}

            late =
              hold(fn held ->
                DBConnection.run(pool, fn _ -> held.() end, pool: ConnectionPool, timeout: 10)
              end)

            wait_until(fn -> Pool.metrics(pool).opened == 2 end)
            assert %{busy: 0, holders: []} = Pool.metrics(pool)
            release(late)
          end)

        assert log =~ "timed out"
      end

      test "of callers that do not name the pool lack only what such callers do not tell" do
        pool = start_pool(pool_size: 1)
        pid = hold_connection(pool, [])
        assert %{busy: 1, checkouts: 0, holders: [%{pid: ^pid, held: nil}]} = Pool.metrics(pool)
        release(pid)
      end

      test "of a pool that does not count say what can be seen" do
        {:ok, pool} = DBConnection.start_link(EctoLibSql.Connection, database: ":memory:")
        pid = hold_connection(pool, [])

        assert %{busy: 1, idle: 0, size: nil, checkouts: nil, utilisation: nil, queue_length: 0} =
                 Pool.metrics(pool)

        release(pid)
      end

      test "are only of pools" do
        assert_raise ArgumentError, ~r/is no running repo, nor a pool/, fn ->
          Pool.metrics(self())
        end

        assert_raise ArgumentError, ~r/NoSuchRepo is no running repo/, fn ->
          Pool.metrics(NoSuchRepo)
        end
      end
    end

    describe "measure" do
      test "emits what happened since it was called before" do
        pool = start_pool(pool_size: 2)
        event = [:ecto_libsql, :pool, :metrics]
        attach_telemetry([event])

        rows(pool, "SELECT 1")
        rows(pool, "SELECT 1")
        :ok = Pool.measure(pool)
        assert_receive {^event, %{checkouts: 2, size: 2, wait_longest: longest}, %{repo: ^pool}}
        assert longest > 0

        :ok = Pool.measure(pool)
        assert_receive {^event, %{checkouts: 0, wait_longest: 0, busy: 0}, %{holders: []}}

        pid = hold_connection(pool)
        :ok = Pool.measure(pool)
        assert_receive {^event, %{checkouts: 1, busy: 1}, %{holders: [%{pid: ^pid}]}}
        release(pid)
      end
    end

    describe "an exhausted pool" do
      setup do
        event = [:ecto_libsql, :pool, :exhausted]
        attach_telemetry([event])
        %{event: event}
      end

      test "says who holds its connections", %{event: event} do
        # In a file: a writer of a database in memory keeps others from opening it.
        pool = start_pool([database: tmp_file(), pool_size: 2] ++ impatient())
        idler = hold_transaction(pool)
        task = Task.async(fn -> query(pool, endless(), timeout: :infinity) end)
        wait_until(fn -> Enum.any?(Pool.metrics(pool).holders, & &1.running) end)
        other = task.pid

        assert {:error, %ConnectionError{reason: :queue_timeout, message: message}} =
                 query(pool, "SELECT 1")

        assert message =~ "connection not available and request was dropped from queue after"
        assert message =~ "All 2 connections are in use:\n"

        assert message =~
                 ~r/\* #{inspect(idler)}.* for \d+\.\d s, in a transaction.*, running no statement/

        assert message =~
                 ~r/\* #{inspect(other)}.* for \d+\.\d s, running for \d+\.\d s: WITH RECURSIVE/

        assert_receive {^event, %{count: 1, busy: 2, wait: wait}, %{pool: ^pool, holders: [_, _]}}
        assert wait > 0
        assert Pool.metrics(pool).dropped == 1

        release(idler)
        Task.shutdown(task, :brutal_kill)
      end

      test "says so whatever was asked of it" do
        pool = start_pool([pool_size: 1] ++ impatient())
        pid = hold_connection(pool)
        says = ~r/Its only connection is in use:\n\n?  \* #{inspect(pid)}/

        for ask <- [
              &DBConnection.run(pool, fn _ -> :ok end, &1),
              &DBConnection.transaction(pool, fn _ -> :ok end, &1)
            ] do
          error = assert_raise ConnectionError, says, fn -> ask.(pool: ConnectionPool) end
          assert error.reason == :queue_timeout
        end

        release(pid)
      end

      test "keeps its message short" do
        pool = start_pool([pool_size: 12] ++ impatient())
        pids = for _ <- 1..12, do: hold_connection(pool)
        assert {:error, %ConnectionError{message: message}} = query(pool, "SELECT 1")
        assert message =~ "All 12 connections are in use:"
        assert length(Regex.scan(~r/\* #PID/, message)) == 10
        assert message =~ "* and 2 more"
        Enum.each(pids, &release/1)
      end

      test "is told from one whose connections are not open" do
        capture_log(fn ->
          pool = start_pool([database: "/nowhere/x.db", pool_size: 2] ++ impatient())
          assert {:error, %ConnectionError{message: message}} = query(pool, "SELECT 1")
          assert message =~ "None of its 2 connections is in use."

          assert message =~
                   ~r/2 are being opened; the last attempt, .* ago, failed: unable to open/

          refute message =~ "are in use:"
        end)
      end

      test "is DBConnection's own error where the caller does not name the pool" do
        pool = start_pool([pool_size: 1] ++ impatient())
        pid = hold_connection(pool)

        assert {:error, %ConnectionError{message: message}} =
                 query(pool, "SELECT 1", pool: DBConnection.ConnectionPool)

        refute message =~ "in use"
        release(pid)
      end
    end

    describe "health" do
      test "says how fast the database answers" do
        pool = start_pool(pool_size: 1)
        rows(pool, "SELECT 1")
        wait_until(fn -> Pool.metrics(pool).idle == 1 end)

        mode = Mode.mode()

        assert {:ok, %{status: :ok, latency: latency, mode: ^mode, pool: %{size: 1}}} =
                 EctoLibSql.health(pool)

        assert is_integer(latency)
      end

      test "does not wait for connections that are in use" do
        pool = start_pool(pool_size: 1)
        pid = hold_connection(pool)

        assert {:ok, %{status: :busy, latency: nil, pool: %{holders: [%{pid: ^pid}]}}} =
                 EctoLibSql.health(pool)

        release(pid)
      end

      test "says why no connection can be opened" do
        capture_log(fn ->
          pool = start_pool(database: "/nowhere/x.db")
          wait_until(fn -> match?({:error, %Error{code: :cantopen}}, EctoLibSql.health(pool)) end)
        end)
      end

      test "of no pool, or of one that ended, is an error" do
        assert {:error, %ArgumentError{}} = EctoLibSql.health(NoSuchRepo)
        {:ok, pool} = EctoLibSql.Connection.start_link(database: ":memory:")
        GenServer.stop(pool)
        assert {:error, %ArgumentError{}} = EctoLibSql.health(pool)
      end

      test "does not wait for a single connection that is in use" do
        {:ok, s} = EctoLibSql.connect(database: ":memory:")
        assert {:ok, %{status: :ok, latency: latency}} = EctoLibSql.health(s)
        assert is_integer(latency)

        task = Task.async(fn -> EctoLibSql.query(s, endless()) end)
        EctoLibSql.Test.Database.wait_until_running(s, task.pid)
        assert {:ok, %{status: :busy, latency: nil}} = EctoLibSql.health(s)
        EctoLibSql.Test.Database.interrupt_task(s, task)
      end
    end
  end
end
