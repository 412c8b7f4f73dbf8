defmodule EctoLibSql.ConnectionLifecycleTest do
  use ExUnit.Case, async: true

  import EctoLibSql.Test.Database

  alias EctoLibSql.Error

  @moduletag :tmp_dir

  describe "connect/1" do
    test "creates a file in WAL mode with foreign keys on", context do
      s = connect_file!(context)
      assert {:ok, :wal} = EctoLibSql.Pragma.get_journal_mode(s)
      assert {:ok, true} = EctoLibSql.Pragma.foreign_keys_enabled?(s)
      assert {:ok, :normal} = EctoLibSql.Pragma.get_synchronous(s)
      assert File.exists?(s.database)
    end

    test "refuses double-quoted strings and unsafe functions in the schema" do
      s = connect!()
      assert {:error, %Error{code: :error}} = EctoLibSql.query(s, ~s(SELECT "no such column"))
      assert rows(s, "SELECT 'single'") == [["single"]]
      assert {:ok, 0} = EctoLibSql.Native.pragma_query(s, "trusted_schema")
    end

    test "takes options that say otherwise", context do
      s =
        connect_file!(context,
          journal_mode: :delete,
          foreign_keys: :off,
          synchronous: :full,
          double_quoted_strings: true,
          trusted_schema: true,
          page_size: 8192,
          auto_vacuum: :incremental,
          cache_size: -1234,
          temp_store: :memory,
          wal_auto_check_point: 17,
          custom_pragmas: [application_id: 42]
        )

      assert {:ok, :delete} = EctoLibSql.Pragma.get_journal_mode(s)
      assert {:ok, false} = EctoLibSql.Pragma.foreign_keys_enabled?(s)
      assert {:ok, :full} = EctoLibSql.Pragma.get_synchronous(s)
      assert {:ok, 8192} = EctoLibSql.Pragma.get_page_size(s)
      assert {:ok, :incremental} = EctoLibSql.Pragma.get_auto_vacuum(s)
      assert {:ok, {:kilobytes, 1234}} = EctoLibSql.Pragma.get_cache_size(s)
      assert {:ok, :memory} = EctoLibSql.Pragma.get_temp_store(s)
      assert {:ok, 17} = EctoLibSql.Pragma.get_wal_autocheckpoint(s)
      assert {:ok, 42} = EctoLibSql.Pragma.get_application_id(s)
      assert rows(s, ~s(SELECT "a string")) == [["a string"]]
    end

    test "names an unknown option and those there are" do
      assert {:error, %Error{code: :invalid_option, message: message}} =
               EctoLibSql.connect(database: ":memory:", databse: "x", jurnal: 1)

      assert message =~ "unknown options :databse, :jurnal"
      assert message =~ ":journal_mode"
    end

    test "names an option of the wrong type and what it takes" do
      for {option, part} <- [
            {[busy_timeout: -1], "busy_timeout takes milliseconds"},
            {[busy_timeout: "5"], ~s(got: "5")},
            {[mode: :write], "mode takes one of :create, :read_write, :read_only"},
            {[journal_mode: "wal"], "journal_mode takes one of :wal"},
            {[foreign_keys: 1], "foreign_keys takes one of true, false, :on, :off"},
            {[statement_cache_size: 1.5], "statement_cache_size takes an integer of 0 or more"},
            {[load_extensions: ["a", :b]], "load_extensions takes a list of paths"},
            {[custom_pragmas: [a: self()]], "custom_pragmas takes a keyword list"},
            {[custom_pragmas: ["a; DROP TABLE t": 1]], "custom_pragmas takes a keyword list"}
          ] do
        assert {:error, %Error{code: :invalid_option, message: message}} =
                 EctoLibSql.connect([database: ":memory:"] ++ option)

        assert message =~ part
      end
    end

    test "names options that do not go together, and what is missing" do
      for {options, part} <- [
            {[], "database is missing"},
            {[database: "x.db", immutable: true], "immutable goes with mode: :read_only"},
            {[database: ":memory:", mode: :read_only], "mode: :read_only does not go with"},
            {[database: ":memory:", encryption_key: "k"], "encryption_key does not go with"}
          ] do
        assert {:error, %Error{code: :invalid_option, message: message}} =
                 EctoLibSql.connect(options)

        assert message =~ part
      end

      assert {:error, %Error{code: :invalid_option}} = EctoLibSql.connect(%{database: "x"})
    end

    test "says what this version cannot do" do
      assert {:error, %Error{code: :unsupported, message: "mvcc:" <> _}} =
               EctoLibSql.connect(database: ":memory:", mvcc: true)
    end

    test "mode: :read_write wants the file there, :read_only does not write it", context do
      path = Path.join(context.tmp_dir, "modes.db")

      assert {:error, %Error{code: :cantopen, message: message}} =
               EctoLibSql.connect(database: path, mode: :read_write)

      assert message =~ path
      refute File.exists?(path)

      writer = connect!(database: path)
      :ok = EctoLibSql.run(writer, "CREATE TABLE t (a)")
      reader = connect!(database: path, mode: :read_only)
      assert rows(reader, "SELECT * FROM t") == []

      assert {:error, %Error{code: :readonly}} =
               EctoLibSql.query(reader, "INSERT INTO t VALUES (1)")
    end

    test "immutable reads a file without touching it, whatever its name", context do
      path = Path.join(context.tmp_dir, "what? #1 50%.db")
      s = connect!(database: path, journal_mode: :delete)
      :ok = EctoLibSql.run(s, "CREATE TABLE t AS SELECT 7 AS a")
      EctoLibSql.disconnect(s)

      reader = connect!(database: path, mode: :read_only, immutable: true)
      assert rows(reader, "SELECT a FROM t") == [[7]]
    end

    test "takes a file: URI, and shares a cache in memory" do
      uri = "file:shared-#{System.unique_integer([:positive])}?mode=memory"
      one = connect!(database: uri, shared_cache: true)
      :ok = EctoLibSql.run(one, "CREATE TABLE t AS SELECT 1 AS a")
      two = connect!(database: uri, shared_cache: true)
      assert rows(two, "SELECT a FROM t") == [[1]]
      alone = connect!(database: uri)
      assert {:error, %Error{}} = EctoLibSql.query(alone, "SELECT a FROM t")
    end

    test "connections that open a new file together all come up in WAL mode", context do
      path = Path.join(context.tmp_dir, "race.db")

      modes =
        1..16
        |> Task.async_stream(
          fn _ ->
            {:ok, s} = EctoLibSql.connect(database: path)
            EctoLibSql.Pragma.get_journal_mode(s)
          end,
          max_concurrency: 16
        )
        |> Enum.map(fn {:ok, mode} -> mode end)

      assert modes == List.duplicate({:ok, :wal}, 16)
    end
  end

  describe "disconnect/1" do
    test "twice is fine; using the connection afterwards is an error" do
      s = connect!()
      {:ok, id} = EctoLibSql.prepare(s, "SELECT 1")
      {:ok, cursor} = EctoLibSql.declare(s, "SELECT 1")
      assert :ok = EctoLibSql.disconnect(s)
      assert :ok = EctoLibSql.disconnect(s)

      for result <- [
            EctoLibSql.ping(s),
            EctoLibSql.query(s, "SELECT 1"),
            EctoLibSql.query_one(s, "SELECT 1"),
            EctoLibSql.run(s, "SELECT 1"),
            EctoLibSql.prepare(s, "SELECT 1"),
            EctoLibSql.query_stmt(s, id),
            EctoLibSql.finalize_stmt(s, id),
            EctoLibSql.fetch(s, cursor),
            EctoLibSql.execute_batch(s, "SELECT 1"),
            EctoLibSql.batch(s, [{"SELECT 1", []}]),
            EctoLibSql.begin(s),
            EctoLibSql.commit(s),
            EctoLibSql.create_savepoint(s, "a"),
            EctoLibSql.set_busy_timeout(s, 1),
            EctoLibSql.reset_connection(s),
            EctoLibSql.interrupt_connection(s),
            EctoLibSql.cacheflush(s),
            EctoLibSql.checkpoint(s),
            EctoLibSql.Pragma.get_user_version(s)
          ] do
        assert {:error, %Error{code: :connection_closed}} = result
      end

      for raising <- [&EctoLibSql.changes/1, &EctoLibSql.autocommit?/1] do
        assert_raise Error, "the connection is closed", fn -> raising.(s) end
      end
    end

    test "rolls an open transaction back and stops what runs", context do
      s = connect_file!(context)
      :ok = EctoLibSql.run(s, "CREATE TABLE t (a)")
      {:ok, s} = EctoLibSql.begin(s)
      :ok = EctoLibSql.run(s, "INSERT INTO t VALUES (1)")
      EctoLibSql.disconnect(s)

      other = connect_file!(context, transaction_scope: :connection)
      assert rows(other, "SELECT * FROM t") == []
      running = Task.async(fn -> EctoLibSql.query(other, endless()) end)
      wait_until_running(other, running.pid)
      assert :ok = EctoLibSql.disconnect(other)
      assert {:error, %Error{code: :interrupted}} = Task.await(running)
    end
  end

  describe "interrupt_connection/1" do
    test "stops a query of another process; the connection lives on" do
      s = connect!()
      running = Task.async(fn -> EctoLibSql.query(s, endless()) end)

      assert {:error, %Error{code: :interrupted, statement: statement}} =
               interrupt_task(s, running)

      assert statement == endless()
      assert rows(s, "SELECT 1") == [[1]]
    end

    test "does nothing to a query that comes later, nor to an open cursor" do
      s = connect!()
      {:ok, cursor} = EctoLibSql.declare(s, count_to(10))
      {:cont, _} = EctoLibSql.fetch(s, cursor, 2)
      assert :ok = EctoLibSql.interrupt_connection(s)
      assert rows(s, "SELECT 1") == [[1]]
      assert {:halt, %{num_rows: 8}} = EctoLibSql.fetch(s, cursor, 100)
    end

    test "a transaction that only read stays open" do
      s = connect!(transaction_scope: :connection)
      {:ok, s} = EctoLibSql.begin(s)
      running = Task.async(fn -> EctoLibSql.query(s, endless()) end)
      assert {:error, %Error{code: :interrupted}} = interrupt_task(s, running)
      refute EctoLibSql.autocommit?(s)
      assert {:ok, _} = EctoLibSql.commit(s)
    end
  end

  describe "reset_connection/1" do
    test "leaves nothing of the connection's state", context do
      s = connect_file!(context)
      other = Path.join(context.tmp_dir, "other.db")
      {:ok, id} = EctoLibSql.prepare(s, "SELECT 1")

      {:ok, _} =
        EctoLibSql.execute_batch(s, """
        CREATE TABLE t (a);
        INSERT INTO t VALUES (1);
        CREATE TEMP TABLE "od""d" (a);
        CREATE TEMP VIEW v AS SELECT 1;
        CREATE TEMP TRIGGER tr AFTER INSERT ON t BEGIN SELECT 1; END;
        ATTACH '#{String.replace(other, "'", "''")}' AS other;
        PRAGMA foreign_keys = off;
        BEGIN;
        INSERT INTO t VALUES (2);
        """)

      assert :ok = EctoLibSql.reset_connection(s)
      assert EctoLibSql.autocommit?(s)
      assert rows(s, "SELECT a FROM t") == [[1]]
      assert rows(s, "SELECT name FROM sqlite_temp_schema") == []
      assert rows(s, "SELECT name FROM pragma_database_list WHERE name <> 'temp'") == [["main"]]
      assert EctoLibSql.last_insert_rowid(s) == 0
      assert {:ok, true} = EctoLibSql.Pragma.foreign_keys_enabled?(s)
      assert {:error, %Error{code: :statement_closed}} = EctoLibSql.query_stmt(s, id)
      assert %{statements: [], cursors: [], transaction: nil} = listed(s)
    end

    test "goes by the NIF's name, too" do
      assert :ok = EctoLibSql.Native.reset(connect!())
    end
  end

  describe "set_busy_timeout/2" do
    test "bounds the wait for another connection's lock", context do
      holder = connect_file!(context)
      :ok = EctoLibSql.run(holder, "CREATE TABLE t (a)")
      waiter = connect_file!(context, busy_timeout: 60_000)
      {:ok, holder} = EctoLibSql.begin(holder)

      assert :ok = EctoLibSql.set_busy_timeout(waiter, 0)

      assert {:error, %Error{code: :busy, extended_code: 5}} =
               EctoLibSql.query(waiter, "INSERT INTO t VALUES (1)")

      assert :ok = EctoLibSql.Native.busy_timeout(waiter, 60_000)
      waiting = Task.async(fn -> EctoLibSql.query(waiter, "INSERT INTO t VALUES (1)") end)
      {:ok, _} = EctoLibSql.commit(holder)
      assert {:ok, %{changes: 1}} = Task.await(waiting)
    end

    test "a wait ends at the query's own deadline and by an interrupt", context do
      holder = connect_file!(context)
      :ok = EctoLibSql.run(holder, "CREATE TABLE t (a)")
      waiter = connect_file!(context, busy_timeout: 60_000)
      {:ok, _} = EctoLibSql.begin(holder)

      assert {:error, %Error{code: :busy, wait: %{holder: holder_pid}}} =
               EctoLibSql.query(waiter, "INSERT INTO t VALUES (1)", [], timeout: 20)

      assert holder_pid == self()

      waiting = Task.async(fn -> EctoLibSql.query(waiter, "INSERT INTO t VALUES (1)") end)
      assert {:error, %Error{code: :interrupted}} = interrupt_task(waiter, waiting)
      assert rows(waiter, "SELECT 1") == [[1]]
    end
  end

  describe "a connection that is at work for another process" do
    test "answers what is only asked with :busy, instead of making the asker wait" do
      s = connect!()
      runner = spawn(fn -> EctoLibSql.query(s, endless(), [], timeout: :infinity) end)
      wait_until_running(s, runner)

      assert {:error, %Error{code: :busy} = error} = EctoLibSql.ping(s)
      assert error.message =~ ~r/at work for another process, for \d+ ms so far/

      for ask <- [
            &EctoLibSql.autocommit?/1,
            &EctoLibSql.changes/1,
            &EctoLibSql.total_changes/1,
            &EctoLibSql.last_insert_rowid/1
          ] do
        assert_raise Error, ~r/at work for another process/, fn -> ask.(s) end
      end

      kill(runner)
      assert :ok = EctoLibSql.ping(s)
      assert EctoLibSql.autocommit?(s)
    end
  end

  describe "secrets" do
    test "an encryption key shows nowhere" do
      secret = "correct horse battery staple"

      for opts <- [
            [database: "/nonexistent/x.db", encryption_key: secret],
            [database: ":memory:", encryption_key: secret],
            [database: "x.db", encryption_key: String.to_charlist(secret)]
          ] do
        assert {:error, error} = EctoLibSql.connect(opts)
        refute inspect(error) =~ "horse"
        refute Exception.message(error) =~ "horse"
      end
    end

    test "a state shows what it is a state of, and no options" do
      s = connect!()

      assert s |> Map.from_struct() |> Map.keys() |> Enum.sort() ==
               [
                 :auth_token,
                 :conn_id,
                 :database,
                 :failover_tokens,
                 :functions,
                 :mode,
                 :replica,
                 :retry,
                 :timeout
               ]

      assert %{auth_token: nil, failover_tokens: [], replica: nil} = s
    end
  end
end
