defmodule EctoLibSql.HooksTest do
  use ExUnit.Case, async: true

  import EctoLibSql.Test.Database

  alias EctoLibSql.{Error, Hooks}

  @moduletag :tmp_dir
  @moduletag :capture_log

  setup context do
    s = connect_file!(context)
    :ok = EctoLibSql.run(s, "CREATE TABLE t (id INTEGER PRIMARY KEY, a UNIQUE)")
    %{s: s}
  end

  defp insert(s, id), do: EctoLibSql.run(s, "INSERT INTO t VALUES (?1, ?1)", [id])

  defp insert!(s, id), do: :ok = insert(s, id)

  defp inserted(ids), do: {:changes, Enum.map(ids, &{:insert, "main", "t", &1})}

  # A subscriber that does nothing until it is asked for its messages.
  defp subscriber do
    spawn_link(fn -> receive(do: ({:go, test} -> send(test, {self(), messages()}))) end)
  end

  defp messages do
    receive do
      message -> [message | messages()]
    after
      0 -> []
    end
  end

  defp relay(s, pid \\ self()) do
    [{relay, _}] = Registry.lookup(Hooks.Registry, {s.conn_id, pid})
    relay
  end

  describe "an update hook" do
    test "tells of a transaction after its commit, and of no other", %{s: %{conn_id: id} = s} do
      assert :ok = EctoLibSql.add_update_hook(s)
      insert!(s, 1)
      assert_receive {Hooks, ^id, {:changes, [{:insert, "main", "t", 1}]}}, 5_000

      {:ok, _} =
        EctoLibSql.transaction(s, fn s ->
          insert!(s, 2)
          :ok = EctoLibSql.create_savepoint(s, "Point")
          insert!(s, 3)
          :ok = EctoLibSql.rollback_to_savepoint_by_name(s, "point")
          {:error, %Error{code: :constraint_unique}} = insert_both(s, 4, 2)
          EctoLibSql.query!(s, "UPDATE t SET a = 5 WHERE id = 1 RETURNING a")
        end)

      assert_receive {Hooks, ^id, {:changes, [{:insert, _, _, 2}, {:update, "main", "t", 1}]}},
                     5_000

      assert {:error, :no} =
               EctoLibSql.transaction(s, fn s ->
                 insert!(s, 9)
                 {:error, :no}
               end)

      assert {:ok, _} =
               EctoLibSql.batch_transactional(s, for(i <- 10..11, do: {insert_sql(), [i]}))

      assert {:error, _} = EctoLibSql.batch_transactional(s, [{insert_sql(), [12]}, {"no", []}])
      :ok = EctoLibSql.remove_update_hook(s)
      insert!(s, 13)
      assert messages() == [{Hooks, id, inserted([10, 11])}]
    end

    test "tells of each transaction of a script by itself", %{s: %{conn_id: id} = s} do
      :ok = EctoLibSql.add_update_hook(s)

      {:ok, _} =
        EctoLibSql.execute_batch(s, """
        INSERT INTO t VALUES (1, 1); BEGIN; INSERT INTO t VALUES (2, 2), (3, 3); COMMIT;
        BEGIN; INSERT INTO t VALUES (4, 4); ROLLBACK; DELETE FROM t;
        """)

      :ok = EctoLibSql.remove_update_hook(s)
      deleted = for id <- 1..3, do: {:delete, "main", "t", id}

      assert messages() == [
               {Hooks, id, inserted([1])},
               {Hooks, id, inserted([2, 3])},
               {Hooks, id, {:changes, deleted}}
             ]
    end

    test "raw, tells of each change when it happens", %{s: %{conn_id: id} = s} do
      :ok = EctoLibSql.add_update_hook(s, self(), raw: true)
      {:ok, _} = EctoLibSql.begin(s)
      insert!(s, 1)
      assert_receive {Hooks, ^id, {:insert, "main", "t", 1}}, 5_000
      {:ok, _} = EctoLibSql.rollback(s)
      :ok = EctoLibSql.add_update_hook(s)
      insert!(s, 2)
      :ok = EctoLibSql.remove_update_hook(s)
      assert messages() == [{Hooks, id, inserted([2])}]
    end

    test "has several subscribers, each with its own hooks", %{s: %{conn_id: id} = s} do
      [one, other] = [subscriber(), subscriber()]
      :ok = EctoLibSql.add_update_hook(s, one)
      :ok = EctoLibSql.add_update_hook(s, other, raw: true)
      :ok = EctoLibSql.add_commit_hook(s, other)
      :ok = EctoLibSql.add_rollback_hook(s, other)
      insert!(s, 1)
      {:error, _} = insert(s, 1)

      for pid <- [one, other],
          hook <- [:update, :commit, :rollback],
          do: :ok = Hooks.remove(s, hook, pid)

      for pid <- [one, other], do: send(pid, {:go, self()})
      assert_receive {^one, [{Hooks, ^id, {:changes, [_]}}]}, 5_000

      assert_receive {^other,
                      [
                        {Hooks, ^id, {:insert, _, _, 1}},
                        {Hooks, ^id, {:commit, 1}},
                        {Hooks, ^id, {:rollback, 1}}
                      ]}
    end
  end

  defp insert_sql, do: "INSERT INTO t VALUES (?1, ?1)"

  defp insert_both(s, one, other),
    do: EctoLibSql.run(s, "INSERT INTO t VALUES (?1, ?1), (?2 + 100, ?2)", [one, other])

  describe "values" do
    test "are told of rows before and after", %{s: %{conn_id: id} = s} do
      :ok = EctoLibSql.add_update_hook(s, self(), values: true)
      :ok = EctoLibSql.run(s, "CREATE TABLE w (k TEXT PRIMARY KEY, v BLOB) WITHOUT ROWID")

      {:ok, _} =
        EctoLibSql.transaction(s, fn s ->
          insert!(s, 1)
          :ok = EctoLibSql.run(s, "INSERT INTO w VALUES ('a', ?)", [{:blob, <<0, 255>>}])
          :ok = EctoLibSql.run(s, "REPLACE INTO t VALUES (2, 1)")
          :ok = EctoLibSql.create_savepoint(s, "p")
          insert!(s, 9)
          :ok = EctoLibSql.rollback_to_savepoint_by_name(s, "p")
          {:error, _} = insert_both(s, 10, 1)
          :ok
        end)

      :ok = EctoLibSql.run(s, "DELETE FROM w")
      :ok = EctoLibSql.remove_update_hook(s)
      insert!(s, 3)
      row = %{"k" => "a", "v" => <<0, 255>>}

      assert messages() == [
               {Hooks, id,
                {:changes,
                 [
                   {:insert, "main", "t", 1, %{old: nil, new: %{"id" => 1, "a" => 1}}},
                   {:insert, "main", "w", nil, %{old: nil, new: row}},
                   {:delete, "main", "t", 1, %{old: %{"id" => 1, "a" => 1}, new: nil}},
                   {:insert, "main", "t", 2, %{old: nil, new: %{"id" => 2, "a" => 1}}}
                 ]}},
               {Hooks, id, {:changes, [{:delete, "main", "w", nil, %{old: row, new: nil}}]}}
             ]
    end

    test "are not held in memory by whoever listens too slowly", %{s: s} do
      %{conn_id: id} = s
      :ok = EctoLibSql.add_update_hook(s, self(), values: true, buffer: 1_000)
      :sys.suspend(relay(s))

      sql = "INSERT INTO t VALUES (?1, zeroblob(400000 + ?1))"
      for i <- 1..4, do: :ok = EctoLibSql.run(s, sql, [i])
      :sys.resume(relay(s))
      for _ <- 1..2, do: assert_receive({Hooks, ^id, {:changes, [_]}}, 5_000)
      assert_receive {Hooks, ^id, {:overflow, 2}}, 5_000
    end
  end

  describe "a WAL hook" do
    test "tells how long the log is", %{s: %{conn_id: id} = s} do
      :ok = EctoLibSql.add_wal_hook(s)
      :ok = EctoLibSql.add_commit_hook(s)
      insert!(s, 1)
      assert_receive {Hooks, ^id, {:wal, "main", frames}} when frames > 0, 5_000
      :ok = EctoLibSql.remove_wal_hook(s)
      :ok = EctoLibSql.remove_commit_hook(s)
      assert messages() == [{Hooks, id, {:commit, 1}}]
      assert {:ok, 1000} = EctoLibSql.Native.pragma_query(s, "wal_autocheckpoint")
    end
  end

  describe "a subscriber" do
    test "that is slow keeps no writer waiting, and hears what was dropped", %{s: s} do
      %{conn_id: id} = s
      slow = subscriber()
      :ok = EctoLibSql.add_update_hook(s, slow, mailbox: 2, buffer: 5)
      :sys.suspend(relay(s, slow))
      for i <- 1..20, do: insert!(s, i)
      :sys.resume(relay(s, slow))
      :ok = EctoLibSql.remove_update_hook(s, slow)
      send(slow, {:go, self()})
      assert_receive {^slow, heard}, 5_000
      told = for i <- 1..5, do: {Hooks, id, inserted([i])}
      assert heard == told ++ [{Hooks, id, {:overflow, 15}}]
    end

    test "with a full mailbox gets the rest when it has read", %{s: s} do
      test = self()

      reader =
        spawn_link(fn ->
          receive do: (:go -> :ok)
          for _ <- 1..50, do: receive(do: ({Hooks, _, event} -> send(test, event)))
        end)

      :ok = EctoLibSql.add_update_hook(s, reader, mailbox: 3)
      for i <- 1..50, do: insert!(s, i)
      wait_until(fn -> match?({_, 3}, Process.info(reader, :message_queue_len)) end)
      send(reader, :go)
      for i <- 1..50, event = inserted([i]), do: assert_receive(^event, 5_000)
    end

    test "gets an overflow for a transaction that is too large", %{s: %{conn_id: id} = s} do
      :ok = EctoLibSql.add_update_hook(s, self(), buffer: 1_000)
      :ok = EctoLibSql.run(s, "INSERT INTO t SELECT i, i FROM (#{count_to(100_000)})")
      insert!(s, -1)
      assert_receive {Hooks, ^id, {:overflow, 100_000}}, 5_000
      assert_receive {Hooks, ^id, {:changes, [{:insert, "main", "t", -1}]}}, 5_000
    end

    test "that dies is forgotten, and so is the hook", %{s: s} do
      pid = spawn(fn -> receive(do: (:end -> :ok)) end)
      :ok = EctoLibSql.add_update_hook(s, pid)
      relay = relay(s, pid)
      monitor = Process.monitor(relay)
      Process.exit(pid, :kill)
      assert_receive {:DOWN, ^monitor, _, _, _}, 5_000
      insert!(s, 1)
      assert Registry.lookup(Hooks.Registry, {s.conn_id, pid}) == []
    end

    test "whose relay is killed can subscribe again", %{s: %{conn_id: id} = s} do
      :ok = EctoLibSql.add_update_hook(s)
      relay = relay(s)
      monitor = Process.monitor(relay)
      Process.exit(relay, :kill)
      assert_receive {:DOWN, ^monitor, _, _, _}, 5_000
      insert!(s, 1)
      :ok = EctoLibSql.add_update_hook(s)
      insert!(s, 2)
      :ok = EctoLibSql.remove_update_hook(s)
      assert messages() == [{Hooks, id, inserted([2])}]
    end
  end

  describe "the end of a connection" do
    test "ends its hooks, and tells what was committed before", %{s: %{conn_id: id} = s} do
      :ok = EctoLibSql.add_update_hook(s)
      monitor = Process.monitor(relay(s))
      insert!(s, 1)
      :ok = EctoLibSql.disconnect(s)
      assert_receive {:DOWN, ^monitor, _, _, :normal}, 5_000
      assert messages() == [{Hooks, id, inserted([1])}]
    end

    test "a reset ends them, too, and tells of the rollback", %{s: %{conn_id: id} = s} do
      :ok = EctoLibSql.add_update_hook(s)
      :ok = EctoLibSql.add_rollback_hook(s)
      {:ok, _} = EctoLibSql.begin(s)
      insert!(s, 1)
      :ok = EctoLibSql.reset_connection(s)
      :ok = EctoLibSql.add_update_hook(s)
      insert!(s, 2)
      :ok = EctoLibSql.remove_update_hook(s)
      assert messages() == [{Hooks, id, {:rollback, 1}}, {Hooks, id, inserted([2])}]
    end

    test "the owner's death rolls back, which is told by a thread of the library's", context do
      test = self()

      owner =
        spawn(fn ->
          {:ok, s} = EctoLibSql.connect(database: Path.join(context.tmp_dir, "test.db"))
          :ok = EctoLibSql.add_update_hook(s, test, raw: true)
          {:ok, _} = EctoLibSql.begin(s)
          insert!(s, 1)
          send(test, {:ready, s})
          receive(do: (:never -> :ok))
        end)

      assert_receive {:ready, s}, 5_000
      monitor = Process.monitor(relay(s, test))
      Process.exit(owner, :kill)
      assert_receive {:DOWN, ^monitor, _, _, :normal}, 5_000
      assert_received {Hooks, _, {:insert, "main", "t", 1}}
    end

    test "another process's death in a transaction is told as a rollback", %{
      s: %{conn_id: id} = s
    } do
      :ok = EctoLibSql.add_rollback_hook(s)
      test = self()

      pid =
        spawn(fn ->
          {:ok, _} = EctoLibSql.begin(s)
          insert!(s, 1)
          send(test, :begun)
          receive(do: (:never -> :ok))
        end)

      assert_receive :begun, 5_000
      Process.exit(pid, :kill)
      assert_receive {Hooks, ^id, {:rollback, 1}}, 5_000
    end

    test "a deadline rolls back what it stops, which is told", %{s: %{conn_id: id} = s} do
      :ok = EctoLibSql.add_rollback_hook(s)
      :ok = EctoLibSql.add_update_hook(s)
      sql = "INSERT INTO t SELECT i, i FROM (#{count_to(1_000_000_000)})"
      assert {:error, %Error{code: :timeout}} = EctoLibSql.run(s, sql, [], timeout: 50)
      insert!(s, 1)
      :ok = EctoLibSql.remove_update_hook(s)
      assert messages() == [{Hooks, id, {:rollback, 1}}, {Hooks, id, inserted([1])}]
    end
  end

  describe "misuse" do
    test "is an error that says what is wrong", %{s: s} do
      dead = spawn(fn -> :ok end)
      wait_until(fn -> not Process.alive?(dead) end)

      for {pid, opts, message} <- [
            {dead, [], ~r/not alive/},
            {:name, [], ~r/a process of this node, got: :name/},
            {self(), [raw: 1], ~r/raw takes true or false/},
            {self(), [values: nil], ~r/values takes true or false/},
            {self(), [values: true, raw: true], ~r/do not go together/},
            {self(), [buffer: 0], ~r/buffer takes an integer above 0/},
            {self(), [mailbox: :all], ~r/mailbox takes an integer above 0/}
          ] do
        assert {:error, %Error{code: :invalid_argument, message: text}} =
                 EctoLibSql.add_update_hook(s, pid, opts)

        assert text =~ message
      end

      assert_raise ArgumentError, fn -> EctoLibSql.add_commit_hook(s, self(), raw: true) end
      assert Registry.lookup(Hooks.Registry, {s.conn_id, self()}) == []
    end

    test "of a closed connection, and of one in another's transaction", %{s: s} do
      {:ok, _} = EctoLibSql.begin(s)
      other = Task.async(fn -> EctoLibSql.add_update_hook(s) end)
      assert {:error, %Error{code: :not_transaction_owner}} = Task.await(other)
      :ok = EctoLibSql.disconnect(s)
      assert {:error, %Error{code: :connection_closed}} = EctoLibSql.add_update_hook(s)
      assert :ok = EctoLibSql.remove_update_hook(s)
      wait_until(fn -> Registry.lookup(Hooks.Registry, {s.conn_id, self()}) == [] end)
    end

    test "removing what is not there, and adding twice, are fine", %{s: %{conn_id: id} = s} do
      assert :ok = EctoLibSql.remove_update_hook(s)
      :ok = EctoLibSql.add_update_hook(s)
      :ok = EctoLibSql.add_update_hook(s)
      insert!(s, 1)
      :ok = EctoLibSql.remove_update_hook(s)
      :ok = EctoLibSql.remove_update_hook(s)
      assert messages() == [{Hooks, id, inserted([1])}]
    end

    test "many processes that add and remove at once do each other no harm", %{s: s} do
      tasks =
        for _ <- 1..8 do
          Task.async(fn ->
            for i <- 1..50 do
              hook = Enum.random([:update, :commit, :rollback, :wal])
              :ok = Hooks.add(s, hook, self(), [])
              if rem(i, 7) == 0, do: insert!(s, System.unique_integer([:positive]))
              :ok = Hooks.remove(s, hook, self())
            end
          end)
        end

      Task.await_many(tasks, 60_000)
      assert {:ok, 1000} = EctoLibSql.Native.pragma_query(s, "wal_autocheckpoint")
    end
  end
end
