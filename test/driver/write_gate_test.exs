defmodule EctoLibSql.WriteGateTest do
  use ExUnit.Case, async: true

  import EctoLibSql.Test.Database

  alias EctoLibSql.Error

  @moduletag :tmp_dir

  setup context do
    s = connect_file!(context)
    :ok = EctoLibSql.run(s, "CREATE TABLE t (id INTEGER PRIMARY KEY, a)")
    %{s: s, database: s.database}
  end

  defp insert(s, a, opts \\ []),
    do: EctoLibSql.query(s, "INSERT INTO t (a) VALUES (?)", [a], opts)

  defp all(s), do: s |> rows("SELECT a FROM t ORDER BY id") |> List.flatten()

  defp gate(s) do
    {:ok, gate} = EctoLibSql.write_gate(s)
    gate
  end

  # A process with a connection of its own that runs `fun`, once it is its turn.
  defp queue(s, opts \\ [], fun) do
    before = gate(s).queue
    test = self()

    pid =
      spawn(fn ->
        {:ok, own} = EctoLibSql.connect([database: s.database, busy_timeout: 60_000] ++ opts)
        send(test, {:queued, self(), fun.(own)})
        Process.sleep(:infinity)
      end)

    wait_until_queued(s, before + 1)
    pid
  end

  defp commit_after(s, milliseconds) do
    receive do
    after
      milliseconds -> EctoLibSql.commit(s)
    end
  end

  describe "the gate" do
    test "lets writers in in the order in which they came", %{s: s} do
      {:ok, _} = EctoLibSql.begin(s)
      for n <- 1..8, do: queue(s, &insert(&1, n))
      assert %{queue: 8, holder: %{pid: pid}} = gate(s)
      assert pid == self()
      {:ok, _} = EctoLibSql.commit(s)

      for _ <- 1..8, do: assert_receive({:queued, _pid, {:ok, %{changes: 1}}}, 5_000)
      assert all(s) == Enum.to_list(1..8)
      assert %{queue: 0, holder: nil, waits: 8} = gate(s)
    end

    test "is one for a file, however its path is spelled", %{s: s, tmp_dir: dir} do
      File.ln_s!(s.database, Path.join(dir, "symbolic.db"))
      {:ok, _} = EctoLibSql.begin(s)

      for database <- [
            Path.relative_to_cwd(s.database),
            Path.join(dir, "./../#{Path.basename(dir)}/test.db"),
            Path.join(dir, "symbolic.db"),
            "file:" <> URI.encode(s.database, &URI.char_unescaped?/1)
          ] do
        other = connect!(database: database, busy_timeout: 0)
        assert gate(other).holder.connection == s.conn_id
        assert {:error, %Error{code: :busy}} = insert(other, 1)
      end
    end

    test "is another for another file, and none for a database of one's own", %{
      tmp_dir: dir,
      s: s
    } do
      {:ok, _} = EctoLibSql.begin(s)
      other = connect!(database: Path.join(dir, "other.db"))
      assert {:ok, _} = EctoLibSql.begin(other)
      assert EctoLibSql.write_gate(connect!()) == {:ok, nil}
      assert EctoLibSql.write_gate(connect!(database: s.database, mode: :read_only)) == {:ok, nil}
    end

    test "is one for a database in memory that connections share" do
      for uri <- [
            "file:/gate-#{System.unique_integer([:positive])}?vfs=memdb",
            "file:gate-#{System.unique_integer([:positive])}?mode=memory&cache=shared"
          ] do
        [one, other] = for _ <- 1..2, do: connect!(database: uri, busy_timeout: 0)
        {:ok, _} = EctoLibSql.begin(one)
        assert {:error, %Error{code: :busy, wait: %{holder: holder}}} = EctoLibSql.begin(other)
        assert holder == self()
        {:ok, _} = EctoLibSql.commit(one)
        assert {:ok, _} = EctoLibSql.begin(other)
        {:ok, _} = EctoLibSql.rollback(other)
      end
    end

    test "is passed by everything that writes, and by nothing else", %{s: s} = context do
      {:ok, _} = EctoLibSql.begin(s)
      other = connect_file!(context, busy_timeout: 0)

      for write <- [
            &EctoLibSql.begin(&1, behavior: :immediate),
            &EctoLibSql.begin(&1, behavior: :exclusive),
            &EctoLibSql.query(&1, "BEGIN IMMEDIATE"),
            &EctoLibSql.query(&1, "INSERT INTO t (a) VALUES (1) RETURNING id"),
            &EctoLibSql.query(&1, "WITH w AS (SELECT 1) UPDATE t SET a = 2"),
            &EctoLibSql.query_one(&1, "INSERT INTO t (a) VALUES (1) RETURNING id"),
            &EctoLibSql.run(&1, "CREATE TABLE u (a)"),
            &EctoLibSql.run(&1, "PRAGMA user_version = 4"),
            &EctoLibSql.execute_batch(&1, "SELECT 1; INSERT INTO t (a) VALUES (1)"),
            &EctoLibSql.execute_transactional_batch(&1, "SELECT 1"),
            &EctoLibSql.batch(&1, [{"DELETE FROM t", []}]),
            &EctoLibSql.batch_transactional(&1, [{"DELETE FROM t", []}]),
            &EctoLibSql.checkpoint(&1, :truncate)
          ] do
        assert {:error, %Error{code: :busy, extended_code: 5, wait: %{holder: holder}}} =
                 write.(other)

        assert holder == self()
        assert EctoLibSql.autocommit?(other)
      end

      assert {:ok, _} = EctoLibSql.query(other, "SELECT count(*) FROM t")
      assert {:ok, _} = EctoLibSql.begin(other, behavior: :read_only)
      assert {:ok, [0]} = EctoLibSql.query_one(other, "SELECT count(*) FROM t")
      assert {:ok, _} = EctoLibSql.commit(other)
      assert {:ok, _} = EctoLibSql.checkpoint(other, :passive)
      assert gate(s).queue == 0
    end

    test "is free after a write that fails", %{s: s} = context do
      other = connect_file!(context, busy_timeout: 0)
      {:ok, _} = insert(s, 1)

      for failing <- [
            &EctoLibSql.query(&1, "INSERT INTO t (id) VALUES (1)"),
            &EctoLibSql.query(&1, "INSERT INTO t (nothing) VALUES (1)"),
            &EctoLibSql.execute_batch(
              &1,
              "INSERT INTO t (a) VALUES (1); INSERT INTO nothing VALUES (1)"
            ),
            &EctoLibSql.batch_transactional(&1, [{"INSERT INTO t (id) VALUES (1)", []}]),
            &EctoLibSql.query(&1, "INSERT INTO t (a) #{endless()}", [], timeout: 5)
          ] do
        assert {:error, _} = failing.(s)
        assert gate(s).holder == nil
        assert {:ok, _} = insert(other, 2)
      end
    end

    test "stays taken while a transaction is open, also one that a statement began",
         %{s: s} = context do
      other = connect_file!(context, busy_timeout: 0)

      for open <- ["BEGIN IMMEDIATE", "BEGIN; DELETE FROM t", "SAVEPOINT p; DELETE FROM t"] do
        {:ok, _} = EctoLibSql.execute_batch(s, open)
        assert {:error, %Error{code: :busy}} = insert(other, 1)
        {:ok, _} = EctoLibSql.rollback(s)
        assert {:ok, _} = insert(other, 1)
      end
    end
  end

  describe "a writer that waits" do
    test "gives up when its time is over: it says for how long it waited, for whom",
         %{s: s} = context do
      {:ok, _} = EctoLibSql.begin(s)
      by_busy_timeout = connect_file!(context, busy_timeout: 30)
      by_deadline = connect_file!(context, busy_timeout: 60_000)

      for {waiter, opts} <- [{by_busy_timeout, []}, {by_deadline, [timeout: 30]}] do
        assert {:error, %Error{code: :busy} = error} = insert(waiter, 1, opts)
        assert %{waited: waited, held: held, holder: holder} = error.wait
        assert waited > 0 and held > 0 and holder == self()
        assert error.message =~ "waited #{waited} ms for the write gate of #{s.database}"
        assert error.message =~ "#{inspect(self())} has had for"
        assert error.statement == "INSERT INTO t (a) VALUES (?)"
      end

      assert gate(s).queue == 0
      {:ok, _} = EctoLibSql.commit(s)
      assert {:ok, _} = insert(by_busy_timeout, 1)
    end

    test "leaves no message behind", context do
      holder = connect_file!(context, transaction_scope: :connection)
      waiter = connect_file!(context, busy_timeout: 3)

      # The turn comes at about the moment at which the time is over.
      for _ <- 1..60 do
        {:ok, _} = EctoLibSql.begin(holder)
        committing = Task.async(fn -> commit_after(holder, 3) end)

        case insert(waiter, 1) do
          {:ok, _} -> :ok
          {:error, %Error{code: :busy}} -> :ok
        end

        {:ok, _} = Task.await(committing)
      end

      refute_received {:ecto_libsql_gate, _, _}
    end

    test "is dismissed by an interrupt, and loses its place", %{s: s} do
      {:ok, _} = EctoLibSql.begin(s)
      test = self()

      pid =
        spawn(fn ->
          {:ok, own} = EctoLibSql.connect(database: s.database, busy_timeout: 60_000)
          send(test, {:own, own})
          send(test, {:done, insert(own, 1)})
          send(test, {:again, insert(own, 2)})
          Process.sleep(:infinity)
        end)

      assert_receive {:own, own}
      wait_until_queued(s, 1)
      :ok = EctoLibSql.interrupt_connection(own)
      assert_receive {:done, {:error, %Error{code: :interrupted}}}
      wait_until_queued(s, 1)
      {:ok, _} = EctoLibSql.commit(s)
      assert_receive {:again, {:ok, _}}
      kill(pid)
    end

    test "is told when its connection is closed", %{s: s} do
      {:ok, _} = EctoLibSql.begin(s)
      test = self()

      spawn(fn ->
        {:ok, own} = EctoLibSql.connect(database: s.database, busy_timeout: 60_000)
        send(test, {:own, own})
        send(test, {:done, insert(own, 1)})
      end)

      assert_receive {:own, own}
      wait_until_queued(s, 1)
      :ok = EctoLibSql.disconnect(own)
      assert_receive {:done, {:error, %Error{code: :connection_closed}}}
      assert gate(s).queue == 0
    end

    test "that is killed is forgotten, and so is one whose turn has just come", %{s: s} do
      {:ok, _} = EctoLibSql.begin(s)
      [first, second, third] = for n <- 1..3, do: queue(s, &insert(&1, n))
      kill(second)
      wait_until_queued(s, 2)
      # Its turn comes while it does not run.
      :erlang.suspend_process(first)
      {:ok, _} = EctoLibSql.commit(s)
      assert gate(s).holder.pid == first
      kill(first)
      assert_receive {:queued, ^third, {:ok, _}}, 5_000
      assert all(s) == [3]
      assert %{holder: nil, queue: 0} = gate(s)
    end

    test "with somebody else's connection that is killed is forgotten", %{s: s} = context do
      {:ok, _} = EctoLibSql.begin(s)
      shared = connect_file!(context, busy_timeout: 60_000)
      victim = spawn(fn -> insert(shared, 1) end)
      wait_until_queued(s, 1)
      kill(victim)
      wait_until_queued(s, 0)
      {:ok, _} = EctoLibSql.commit(s)
      assert {:ok, _} = insert(shared, 2)
      assert all(s) == [2]
    end

    test "holds no thread: more wait than the VM has schedulers", %{s: s} do
      waiters = :erlang.system_info(:dirty_io_schedulers) + System.schedulers_online() + 5
      {:ok, _} = EctoLibSql.begin(s)
      for n <- 1..waiters, do: queue(s, &insert(&1, n))
      assert [[1]] = rows(s, "SELECT 1")
      {:ok, _} = EctoLibSql.commit(s)
      for _ <- 1..waiters, do: assert_receive({:queued, _, {:ok, _}}, 5_000)
      assert all(s) == Enum.to_list(1..waiters)
    end
  end

  describe "a holder that ends" do
    test "by a rollback, a disconnect, a reset or its death passes the gate on", %{s: s} do
      endings = [
        fn own, _pid -> EctoLibSql.disconnect(own) end,
        fn own, _pid -> EctoLibSql.reset_connection(own) end,
        fn _own, pid -> kill(pid) end
      ]

      for {ending, n} <- Enum.with_index(endings) do
        {pid, own} =
          start_victim(fn ->
            {:ok, own} = EctoLibSql.connect(database: s.database)
            {:ok, own} = EctoLibSql.begin(own)
            {:ok, _} = insert(own, :lost |> Atom.to_string())
            own
          end)

        waiting = queue(s, &insert(&1, n))
        ending.(own, pid)
        assert_receive {:queued, ^waiting, {:ok, _}}, 5_000
      end

      assert all(s) == [0, 1, 2]
    end

    test "by its death in another's connection passes it on", %{s: s} = context do
      shared = connect_file!(context)

      {pid, _} =
        start_victim(fn ->
          {:ok, _} = EctoLibSql.begin(shared)
          insert(shared, "lost")
        end)

      waiting = queue(s, &insert(&1, "kept"))
      kill(pid)
      assert_receive {:queued, ^waiting, {:ok, _}}, 5_000
      assert all(s) == ["kept"]
      assert {:ok, _} = insert(shared, "later")
    end
  end

  describe "a DEFERRED transaction" do
    test "takes the gate with its first write, and keeps it until its end", %{s: s} = context do
      other = connect_file!(context, busy_timeout: 0)
      {:ok, _} = EctoLibSql.begin(s, behavior: :deferred)
      [] = all(s)
      assert {:ok, _} = insert(other, 1)
      {:ok, _} = EctoLibSql.rollback(s)

      {:ok, _} = EctoLibSql.begin(s, behavior: :deferred)
      [1] = all(s)
      {:ok, _} = insert(s, 2)
      assert {:error, %Error{code: :busy}} = insert(other, 3)
      {:ok, _} = EctoLibSql.commit(s)
      assert {:ok, _} = insert(other, 3)
      assert all(s) == [1, 2, 3]
    end

    test "whose snapshot is stale is told so at once, also while somebody writes",
         %{s: s} = context do
      reader = connect_file!(context, busy_timeout: 60_000)
      {:ok, _} = EctoLibSql.begin(reader, behavior: :deferred)
      [] = all(reader)
      {:ok, _} = insert(s, 1)
      {:ok, _} = EctoLibSql.begin(s)

      assert {:error, %Error{code: :busy_snapshot, extended_code: 517} = error} =
               insert(reader, 2)

      assert error.message =~ "roll back and run it again, or begin it IMMEDIATE"
      assert gate(s).queue == 0
      {:ok, _} = EctoLibSql.rollback(s)
      assert {:error, %Error{code: :busy_snapshot}} = insert(reader, 2)
      assert [] = all(reader)
      {:ok, _} = EctoLibSql.rollback(reader)
      assert {:ok, _} = insert(reader, 2)
    end

    test "whose snapshot is the latest waits, and writes if nothing was written", %{s: s} do
      {:ok, _} = EctoLibSql.begin(s)
      test = self()

      waiting =
        queue(s, fn own ->
          {:ok, own} = EctoLibSql.begin(own, behavior: :deferred)
          [] = all(own)
          send(test, :has_read)
          {:ok, _} = insert(own, 1)
          EctoLibSql.commit(own)
        end)

      assert_receive :has_read
      {:ok, _} = insert(s, "undone")
      {:ok, _} = EctoLibSql.rollback(s)
      assert_receive {:queued, ^waiting, {:ok, _}}, 5_000
      assert all(s) == [1]
    end

    test "that has read does not wait outside of WAL mode, where the writer waits for it", %{
      tmp_dir: dir
    } do
      database = Path.join(dir, "rollback.db")
      opts = [database: database, journal_mode: :delete, busy_timeout: 60_000]
      [writer, reader] = for _ <- 1..2, do: connect!(opts)
      :ok = EctoLibSql.run(writer, "CREATE TABLE t (id INTEGER PRIMARY KEY, a)")
      {:ok, _} = EctoLibSql.begin(reader, behavior: :deferred)
      [] = all(reader)
      {:ok, _} = EctoLibSql.begin(writer)
      {:ok, _} = insert(writer, 1)
      assert {:error, %Error{code: :busy} = error} = insert(reader, 2)
      assert error.message =~ "begin it IMMEDIATE"
      {:ok, _} = EctoLibSql.rollback(reader)
      assert {:ok, _} = EctoLibSql.commit(writer)
    end
  end

  describe "a batch that finds the gate taken in its middle" do
    test "goes on where it stopped: nothing is run twice", %{s: s} do
      {:ok, _} = insert(s, 0)
      {:ok, _} = EctoLibSql.begin(s)

      for run <- [
            &EctoLibSql.execute_batch(&1, """
            SELECT 'a;'; -- a comment
            CREATE TEMP VIEW v AS SELECT count(*) AS n FROM t;
            SELECT n FROM v;
            """),
            &EctoLibSql.batch(&1, [
              {"SELECT 'a;'", []},
              {"CREATE TEMP VIEW v AS SELECT count(*) AS n FROM t", []},
              {"SELECT n FROM v", []}
            ])
          ] do
        queue(s, run)
      end

      # A transaction that the script itself began is not begun anew.
      queue(s, &EctoLibSql.execute_batch(&1, "BEGIN; INSERT INTO t (a) VALUES (9); COMMIT"))
      {:ok, _} = EctoLibSql.commit(s)

      for _ <- 1..3 do
        assert_receive {:queued, _pid, {:ok, [first, _, last]}}, 5_000
        if first.rows, do: assert({first.rows, last.rows} == {[["a;"]], [[1]]})
      end

      assert all(s) == [0, 9]
    end

    test "says which statement it was when its time is over", %{s: s} = context do
      waiter = connect_file!(context, busy_timeout: 0)
      {:ok, _} = EctoLibSql.begin(s)

      for run <- [
            &EctoLibSql.execute_batch(&1, "SELECT 1; SELECT 2; DELETE FROM t"),
            &EctoLibSql.batch(
              &1,
              for(sql <- ["SELECT 1", "SELECT 2", "DELETE FROM t"], do: {sql, []})
            )
          ] do
        assert {:error, %Error{code: :busy, index: 2} = error} = run.(waiter)
        assert error.message =~ "statement 2 of the batch: waited"
      end
    end

    test "counts its statements from the first when one fails after the wait", %{s: s} do
      {:ok, _} = EctoLibSql.begin(s)

      queue(
        s,
        &EctoLibSql.execute_batch(&1, "SELECT 1; INSERT INTO t (id) VALUES (1); DELETE FROM u")
      )

      queue(
        s,
        &EctoLibSql.batch(&1, [
          {"SELECT 1", []},
          {"INSERT INTO t (id) VALUES (2)", []},
          {"DELETE FROM u", []}
        ])
      )

      {:ok, _} = EctoLibSql.commit(s)

      for _ <- 1..2 do
        assert_receive {:queued, _pid, {:error, %Error{index: 2} = error}}, 5_000
        assert error.message =~ "statement 2 of the batch: no such table: u"
      end

      assert rows(s, "SELECT id FROM t ORDER BY id") == [[1], [2]]
    end
  end

  describe "a cursor" do
    test "that writes waits at its first fetch, and keeps its parameters", %{s: s} do
      {:ok, _} = EctoLibSql.begin(s)

      queue(s, fn own ->
        {:ok, cursor} =
          EctoLibSql.declare(own, "INSERT INTO t (a) VALUES (?), (?) RETURNING a", [1, 2])

        EctoLibSql.fetch(own, cursor)
      end)

      {:ok, _} = EctoLibSql.commit(s)
      assert_receive {:queued, _pid, {:halt, %{rows: [[1], [2]]}}}, 5_000
    end
  end

  describe "readers" do
    test "never wait for a writer", %{s: s} = context do
      {:ok, _} = insert(s, 1)
      {:ok, _} = EctoLibSql.begin(s)
      {:ok, _} = insert(s, 2)
      reader = connect_file!(context, busy_timeout: 0)
      assert all(reader) == [1]
      {:ok, _} = EctoLibSql.commit(s)
      assert all(reader) == [1, 2]
    end
  end
end
