defmodule EctoLibSql.Server.ReplicaDriverTest do
  use ExUnit.Case, async: true

  import EctoLibSql.Test.Database,
    only: [rows: 2, rows: 3, wait_until: 1, kill: 1, start_victim: 1]

  import EctoLibSql.Test.Replicas

  alias EctoLibSql.{Error, Native, Pragma, Replication, Result}
  alias EctoLibSql.Test.Sqld

  @moduletag :sqld
  @moduletag :capture_log
  @moduletag :tmp_dir

  setup do
    %{server: Sqld.start!()}
  end

  setup context do
    primary = primary!(context)
    :ok = EctoLibSql.run(primary, "CREATE TABLE t (id INTEGER PRIMARY KEY, a UNIQUE)")
    :ok = EctoLibSql.run(primary, "INSERT INTO t (a) VALUES (1), (2)")
    %{primary: primary, s: connect!(context)}
  end

  @rows "SELECT a FROM t ORDER BY id"

  defp insert(s, value), do: EctoLibSql.query(s, "INSERT INTO t (a) VALUES (?)", [value])

  # Where a server is needed, this fails.
  defp without_server(%{server: server}, fun) do
    Sqld.kill(server)
    fun.()
    Sqld.restart(server)
  end

  describe "connections" do
    test "the state says what it is, and holds no token", context do
      s = connect!(context, auth_token: "secret")
      assert %{mode: :replica, database: database, auth_token: nil} = s
      assert database == Path.join(context.tmp_dir, "replica.db")
      refute inspect(s) =~ "secret"
      assert EctoLibSql.ping(s) == :ok
      assert %{owner: owner} = Enum.find(EctoLibSql.connections(), &(&1.id == s.conn_id))
      assert owner == self()
    end

    test "groups of functions are those of the local file's reads", context do
      s = connect!(context, functions: [:regexp, :text])
      assert rows(s, "SELECT a FROM t WHERE a REGEXP '^[2-9]$'") == [[2]]
      assert rows(s, "SELECT 'É' = 'é' COLLATE unicode_nocase") == [[1]]

      {:ok, s} = EctoLibSql.begin(s)
      assert {:error, %Error{message: message}} = EctoLibSql.query(s, "SELECT 'a' REGEXP 'a'")
      assert message =~ "no such function"
      {:ok, _} = EctoLibSql.rollback(s)

      assert {:error, %Error{code: :unsupported}} =
               EctoLibSql.Function.create_scalar(s, "f", 0, fn -> 1 end)
    end

    test "one that is closed answers so", %{s: s} do
      assert EctoLibSql.disconnect(s) == :ok
      assert EctoLibSql.disconnect(s) == :ok

      for ask <- [
            &EctoLibSql.query(&1, "SELECT 1"),
            &insert(&1, 1),
            &EctoLibSql.begin/1,
            &EctoLibSql.ping/1,
            &EctoLibSql.sync/1,
            &EctoLibSql.replication_index/1
          ] do
        assert {:error, %Error{code: :connection_closed}} = ask.(s)
      end
    end

    test "ends with its owner, and the last one ends the replica", context do
      opts = options(context, database: Path.join(context.tmp_dir, "other.db"))
      {owner, s} = start_victim(fn -> elem(EctoLibSql.connect(opts), 1) end)
      elsewhere = Keyword.put(opts, :uri, "http://localhost:1")
      assert {:error, %Error{code: :invalid_argument}} = EctoLibSql.connect(elsewhere)
      assert EctoLibSql.ping(s) == :ok
      kill(owner)
      wait_until(fn -> match?({:error, %{code: :connection_closed}}, EctoLibSql.ping(s)) end)
      ids = [s.conn_id, s.replica.primary.conn_id]
      wait_until(fn -> Enum.all?(EctoLibSql.connections(), &(&1.id not in ids)) end)
      # What was opened with other options can be so no more.
      wait_until(fn -> match?({:ok, _}, EctoLibSql.connect(elsewhere)) end)
    end

    test "a database that is no replica is left alone", context do
      path = Path.join(context.tmp_dir, "own.db")
      {:ok, own} = EctoLibSql.connect(database: path)
      :ok = EctoLibSql.run(own, "CREATE TABLE mine (a)")
      EctoLibSql.disconnect(own)

      assert {:error, %Error{message: message}} =
               EctoLibSql.connect(options(context, database: path))

      assert message =~ path
      {:ok, own} = EctoLibSql.connect(database: path)
      assert rows(own, "SELECT * FROM mine") == []
    end
  end

  describe "reads" do
    test "are local", %{s: s} = context do
      {:ok, id} = EctoLibSql.prepare(s, @rows)

      without_server(context, fn ->
        assert rows(s, @rows) == [[1], [2]]
        assert rows(s, "SELECT a FROM t WHERE id = ?", [2]) == [[2]]
        assert EctoLibSql.query_one(s, "SELECT count(*) FROM t") == {:ok, [2]}
        assert {:ok, %Result{rows: [[1], [2]]}} = EctoLibSql.query_stmt(s, id)
        assert s |> EctoLibSql.stream(@rows, [], max_rows: 1) |> Enum.to_list() == [[1], [2]]

        assert {:ok, [%{rows: [[1]]}, %{rows: [[2]]}]} =
                 EctoLibSql.execute_batch(s, "SELECT 1; SELECT 2")

        assert {:ok, [%{rows: [[3]]}]} = EctoLibSql.batch(s, [{"SELECT ?", [3]}])
        assert [_ | _] = rows(s, "EXPLAIN INSERT INTO t (a) VALUES (9)")
        assert {:ok, [%{name: "id"}, %{name: "a"}]} = Pragma.table_info(s, "t")
        assert {:ok, [%{table: "t", name: "a"}]} = EctoLibSql.get_statement_columns(s, id)
        assert EctoLibSql.ping(s) == :ok
        assert EctoLibSql.autocommit?(s)
      end)
    end

    test "structs are parameters here and there", %{s: s} do
      assert rows(s, "SELECT ?", [~D[2026-11-22]]) == [["2026-11-22"]]

      assert {:ok, %{rows: [["2026-11-22"]]}} =
               EctoLibSql.query(s, "INSERT INTO t (a) VALUES (?) RETURNING a", [~D[2026-11-22]])
    end

    test "what another client wrote is there after a sync", %{s: s, primary: primary} do
      {:ok, before} = EctoLibSql.replication_index(s)
      insert(primary, 3)
      assert rows(s, @rows) == [[1], [2]]
      assert {:ok, %{frame_no: frame, frames_synced: frames}} = EctoLibSql.sync(s)
      assert frame > before and frames > 0
      assert EctoLibSql.replication_index(s) == {:ok, frame}
      assert rows(s, @rows) == [[1], [2], [3]]
      assert {:ok, %{frame_no: ^frame, frames_synced: 0}} = EctoLibSql.sync(s)
      assert EctoLibSql.flush_replicator(s) == {:ok, frame}
    end

    test "with an interval, the replica syncs by itself", context do
      s = connect!(context, database: Path.join(context.tmp_dir, "often.db"), sync: 20)
      insert(context.primary, 3)
      wait_until(fn -> rows(s, @rows) == [[1], [2], [3]] end)
    end

    test "a wait for a frame ends with the frame, or its time", %{s: s, primary: primary} do
      {:ok, frame} = EctoLibSql.replication_index(s)
      insert(primary, 3)
      assert {:ok, reached} = EctoLibSql.sync_until(s, frame + 1)
      assert reached > frame
      assert {:error, %Error{code: :timeout}} = EctoLibSql.sync_until(s, frame + 1_000, 100)
      assert {:ok, ^reached} = Native.sync_until_frame(s, reached)
      assert Native.get_frame_number_for_replica(s) == {:ok, reached}
      assert Native.flush_and_get_frame(s) == {:ok, reached}
    end

    test "of what the replica does not know yet are the primary's", %{s: s, primary: primary} do
      :ok = EctoLibSql.run(primary, "CREATE TABLE later (b)")
      assert rows(s, "SELECT * FROM later") == []
      {:ok, id} = EctoLibSql.prepare(s, "SELECT b FROM later")
      assert {:ok, %{rows: []}} = EctoLibSql.query_stmt(s, id)
      assert {:error, %Error{code: :error}} = EctoLibSql.query(s, "SELECT * FROM never")
    end
  end

  describe "writes" do
    test "are the primary's, and seen at once", %{s: s, primary: primary} do
      assert {:ok, %Result{num_rows: 1, last_insert_rowid: 3}} = insert(s, 3)
      assert rows(s, @rows) == [[1], [2], [3]]
      assert rows(primary, @rows) == [[1], [2], [3]]
      {:ok, frame} = EctoLibSql.max_write_replication_index(s)
      assert EctoLibSql.replication_index(s) == {:ok, frame}
      assert Native.get_max_write_frame(s) == {:ok, frame}
      assert {EctoLibSql.last_insert_rowid(s), EctoLibSql.changes(s)} == {3, 1}
      assert rows(s, "SELECT last_insert_rowid()") == [[3]]

      assert {:ok, %{rows: [[4]]}} =
               EctoLibSql.query(s, "INSERT INTO t (a) VALUES (4) RETURNING a")

      assert rows(s, @rows) == [[1], [2], [3], [4]]
    end

    test "have the errors and constraints of local ones", %{s: s} do
      assert {:error, %Error{code: :constraint_unique, constraint: %{columns: ["a"]}}} =
               insert(s, 1)

      assert {:error, %Error{code: :error}} =
               EctoLibSql.query(s, "INSERT INTO nowhere VALUES (1)")

      assert {:error, %Error{code: :parameter_count}} = EctoLibSql.query(s, @rows, [1])
    end

    test "prepared, in batches and in scripts", %{s: s} do
      {:ok, id} = EctoLibSql.prepare(s, "INSERT INTO t (a) VALUES (?)")
      assert EctoLibSql.execute_stmt(s, id, [3]) == {:ok, 1}
      assert EctoLibSql.stmt_parameter_count(s, id) == {:ok, 1}
      assert EctoLibSql.finalize_stmt(s, id) == :ok
      assert {:error, %Error{code: :statement_closed}} = EctoLibSql.execute_stmt(s, id, [3])

      {:ok, [_, %{rows: [[3]]}]} =
        EctoLibSql.batch(s, [
          {"INSERT INTO t (a) VALUES (?)", [4]},
          {"SELECT a FROM t WHERE id = 3", []}
        ])

      {:ok, _} = EctoLibSql.execute_batch(s, "SELECT 1; INSERT INTO t (a) VALUES (5)")
      {:ok, _} = EctoLibSql.execute_transactional_batch(s, "INSERT INTO t (a) VALUES (6)")
      assert List.last(rows(s, @rows)) == [6]

      assert {:error, %Error{index: 1}} =
               EctoLibSql.execute_batch(
                 s,
                 "INSERT INTO t (a) VALUES (7); INSERT INTO t (a) VALUES (1)"
               )

      assert List.last(rows(s, @rows)) == [7]
      stream = EctoLibSql.stream(s, "INSERT INTO t (a) VALUES (8) RETURNING a")
      assert Enum.to_list(stream) == [[8]]
      assert List.last(rows(s, @rows)) == [8]
    end

    test "what a server lacks is an error", %{s: s} do
      for sql <- [
            "VACUUM",
            "ATTACH 'x.db' AS x",
            "CREATE TEMP TABLE x (a)",
            "PRAGMA journal_mode = off"
          ] do
        assert {:error, %Error{}} = EctoLibSql.query(s, sql)
      end

      for ask <- [&EctoLibSql.checkpoint/1, &EctoLibSql.cacheflush/1, &EctoLibSql.write_gate/1] do
        assert {:error, %Error{code: :unsupported}} = ask.(s)
      end

      assert rows(s, @rows) == [[1], [2]]
    end

    test "are not waited for where the connection need not read them", context do
      s =
        connect!(context,
          database: Path.join(context.tmp_dir, "loose.db"),
          read_your_writes: false
        )

      insert(s, 3)
      assert rows(s, @rows) == [[1], [2]]
      EctoLibSql.sync(s)
      assert rows(s, @rows) == [[1], [2], [3]]
    end
  end

  describe "transactions" do
    test "are the primary's, with the reads in them", %{s: s, primary: primary} do
      {:ok, id} = EctoLibSql.prepare(s, @rows)

      for behavior <- [:deferred, :immediate, :exclusive] do
        {:ok, s} = EctoLibSql.begin(s, behavior: behavior)
        refute EctoLibSql.autocommit?(s)
        insert(s, 3)
        assert rows(s, @rows) == [[1], [2], [3]]
        assert {:ok, %{rows: [_, _, [3]]}} = EctoLibSql.query_stmt(s, id)
        assert s |> EctoLibSql.stream(@rows) |> Enum.count() == 3
        assert {:ok, [%{rows: [[3]]}]} = EctoLibSql.execute_batch(s, "SELECT count(*) FROM t")
        assert rows(primary, @rows) == [[1], [2]]
        {:ok, _} = EctoLibSql.rollback(s)
        assert rows(s, @rows) == [[1], [2]]
      end

      assert {:ok, _} = EctoLibSql.transaction(s, &insert(&1, 3))
      assert rows(s, @rows) == [[1], [2], [3]]
    end

    test "by statements of the caller's own", %{s: s} do
      :ok = EctoLibSql.run(s, "BEGIN")
      refute EctoLibSql.autocommit?(s)
      insert(s, 3)
      :ok = EctoLibSql.run(s, "COMMIT")
      assert rows(s, @rows) == [[1], [2], [3]]
    end

    test "savepoints", %{s: s} do
      :ok = EctoLibSql.create_savepoint(s, "one")
      insert(s, 3)
      :ok = EctoLibSql.create_savepoint(s, "two")
      insert(s, 4)
      :ok = EctoLibSql.rollback_to_savepoint_by_name(s, "two")
      :ok = EctoLibSql.release_savepoint_by_name(s, "one")
      assert EctoLibSql.autocommit?(s)
      assert rows(s, @rows) == [[1], [2], [3]]
    end

    test "for reading only are snapshots here", %{s: s, primary: primary} = context do
      {:ok, write} = EctoLibSql.prepare(s, "DELETE FROM t")
      {:ok, s} = EctoLibSql.begin(s, behavior: :read_only)
      refute EctoLibSql.autocommit?(s)
      assert {:error, %Error{code: :readonly}} = EctoLibSql.query_stmt(s, write)

      assert {:error, %Error{code: :readonly}} =
               EctoLibSql.execute_batch(s, "SELECT 1; DELETE FROM t")

      assert rows(s, @rows) == [[1], [2]]
      insert(primary, 3)
      {:ok, _} = EctoLibSql.sync(connect!(context))
      assert rows(s, @rows) == [[1], [2]]
      assert {:error, %Error{code: :readonly}} = insert(s, 4)
      assert {:error, %Error{code: :transaction_open}} = EctoLibSql.begin(s)
      :ok = EctoLibSql.create_savepoint(s, "one")
      :ok = EctoLibSql.release_savepoint_by_name(s, "one")
      {:ok, _} = EctoLibSql.commit(s)
      assert rows(s, @rows) == [[1], [2], [3]]
      assert {:error, %Error{code: :no_transaction}} = EctoLibSql.commit(s)
    end

    test "are their process's own, here and there", %{s: s} do
      test = self()

      for behavior <- [:immediate, :read_only] do
        {victim, _} = start_victim(fn -> {:ok, _} = EctoLibSql.begin(s, behavior: behavior) end)
        assert {:error, %Error{code: :not_transaction_owner}} = EctoLibSql.query(s, "SELECT 1")
        assert {:error, %Error{code: :not_transaction_owner}} = EctoLibSql.begin(s)
        kill(victim)
        wait_until(fn -> EctoLibSql.autocommit?(s) end)
        send(test, behavior)
        assert rows(s, @rows) == [[1], [2]]
      end
    end

    test "one that was lost on the way is told, and nothing of it is done", %{s: s} = context do
      {:ok, s} = EctoLibSql.begin(s)
      insert(s, 3)
      Sqld.restart(context.server)
      assert {:error, %Error{code: :transaction_lost}} = insert(s, 4)
      assert {:error, %Error{code: :transaction_lost}} = EctoLibSql.query(s, @rows)
      {:ok, _} = EctoLibSql.rollback(s)
      assert rows(s, @rows) == [[1], [2]]
      assert {:ok, _} = insert(s, 3)
      assert rows(s, @rows) == [[1], [2], [3]]
    end

    test "reset rolls back and forgets", %{s: s} do
      {:ok, local} = EctoLibSql.prepare(s, @rows)
      {:ok, remote} = EctoLibSql.prepare(s, "DELETE FROM t")

      for behavior <- [:immediate, :read_only] do
        {:ok, _} = EctoLibSql.begin(s, behavior: behavior)
        assert EctoLibSql.reset_connection(s) == :ok
        assert EctoLibSql.autocommit?(s)
      end

      for id <- [local, remote],
          do: assert({:error, %Error{code: :statement_closed}} = EctoLibSql.query_stmt(s, id))
    end
  end

  test "a copy is brought up to date from a file of frames, without a server", context do
    %{server: server, primary: primary} = context
    wallog = Path.join(server.directory, "data/dbs/default/wallog")
    [one, two] = for name <- ["one", "two"], do: Path.join(context.tmp_dir, name)
    File.cp!(wallog, one)
    insert(primary, 3)
    File.cp!(wallog, two)
    path = Path.join(context.tmp_dir, "frames.db")

    assert {:ok, %{frame_no: first, frames_synced: frames}} = Replication.sync_frames(path, one)
    assert frames > 0
    {:ok, copy} = EctoLibSql.connect(database: path, read_only: true)
    assert rows(copy, @rows) == [[1], [2]]
    assert {:ok, %{frame_no: second}} = Replication.sync_frames(path, two)
    assert second > first
    assert rows(copy, @rows) == [[1], [2], [3]]
    EctoLibSql.disconnect(copy)

    assert {:ok, %{frames_synced: 0}} = Replication.sync_frames(path, two)
    assert {:error, %Error{message: message}} = Replication.sync_frames(path, path <> "-none")
    assert message =~ "frames.db-none"
  end

  describe "freezing" do
    test "makes the file a database of its own", %{s: s} = context do
      other = connect!(context)
      path = s.database
      {:ok, _} = EctoLibSql.begin(s)
      assert {:error, %Error{code: :transaction_open}} = EctoLibSql.freeze(s)
      {:ok, _} = EctoLibSql.rollback(s)
      assert {:ok, %{mode: :local, database: ^path} = own} = EctoLibSql.freeze(s)
      assert {:ok, _} = insert(own, 3)
      assert rows(own, @rows) == [[1], [2], [3]]
      assert rows(context.primary, @rows) == [[1], [2]]
      assert {:error, %Error{code: :connection_closed}} = EctoLibSql.query(s, @rows)

      for ask <- [
            &EctoLibSql.query(&1, @rows),
            &insert(&1, 4),
            &EctoLibSql.sync/1,
            &EctoLibSql.begin/1
          ] do
        assert {:error, %Error{code: :frozen, message: message}} = ask.(other)
        assert message =~ path
      end

      assert {:error, %Error{code: :frozen}} = EctoLibSql.connect(options(context))
      EctoLibSql.disconnect(other)
      EctoLibSql.disconnect(own)
      # Nothing says that it was one.
      wait_until(fn ->
        match?({:error, %Error{code: :invalid_argument}}, EctoLibSql.connect(options(context)))
      end)

      assert File.ls!(context.tmp_dir) |> Enum.reject(&(&1 =~ ~r/-(wal|shm)$/)) == ["replica.db"]
    end
  end
end
