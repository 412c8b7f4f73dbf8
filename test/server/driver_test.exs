defmodule EctoLibSql.Server.DriverTest do
  use ExUnit.Case, async: true

  import EctoLibSql.Test.Database,
    only: [rows: 2, rows: 3, wait_until: 1, kill: 1, start_victim: 1]

  alias EctoLibSql.{Error, Native, Pragma, Result}
  alias EctoLibSql.Test.Sqld

  @moduletag :sqld
  @moduletag :capture_log

  setup_all do
    %{server: Sqld.start!()}
  end

  # Each test has a table of its own.
  setup %{server: server} do
    s = connect!(server)
    table = "t#{System.unique_integer([:positive])}"
    :ok = EctoLibSql.run(s, "CREATE TABLE #{table} (id INTEGER PRIMARY KEY, a UNIQUE)")
    %{s: s, table: table}
  end

  defp connect!(server, opts \\ []) do
    {:ok, s} = EctoLibSql.connect([uri: Sqld.url(server)] ++ opts)
    on_exit(fn -> EctoLibSql.disconnect(s) end)
    s
  end

  defp count(s, table), do: hd(hd(rows(s, "SELECT count(*) FROM #{table}")))

  defp insert(s, table, value),
    do: EctoLibSql.query(s, "INSERT INTO #{table} (a) VALUES (?)", [value])

  # A statement that takes many seconds at the server.
  defp long do
    "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 100000000) " <>
      "SELECT count(*) FROM n"
  end

  describe "connections" do
    test "the state says what it is, and holds no token", %{server: server} do
      s = connect!(server, auth_token: "secret")
      assert %{mode: :remote, database: database, auth_token: nil} = s
      assert database == Sqld.url(server)
      refute inspect(s) =~ "secret"
      assert EctoLibSql.ping(s) == :ok
      assert %{owner: owner} = Enum.find(EctoLibSql.connections(), &(&1.id == s.conn_id))
      assert owner == self()
    end

    test "one that is closed answers so", %{s: s} do
      assert EctoLibSql.disconnect(s) == :ok
      assert EctoLibSql.disconnect(s) == :ok
      assert {:error, %Error{code: :connection_closed}} = EctoLibSql.query(s, "SELECT 1")
      assert {:error, %Error{code: :connection_closed}} = EctoLibSql.ping(s)
    end

    test "ends with its owner", %{server: server} do
      {owner, s} = start_victim(fn -> elem(EctoLibSql.connect(uri: Sqld.url(server)), 1) end)
      assert EctoLibSql.ping(s) == :ok
      kill(owner)
      wait_until(fn -> match?({:error, %{code: :connection_closed}}, EctoLibSql.ping(s)) end)
    end

    test "where nobody listens, calls say so" do
      {:ok, s} = EctoLibSql.connect(uri: "http://localhost:1")
      assert {:error, %Error{code: :connection_refused}} = EctoLibSql.query(s, "SELECT 1")
    end

    test "options that are wrong are named" do
      uri = "http://localhost:1"

      for {opts, code, part} <- [
            {[uri: "ftp://x"], :invalid_argument, "ftp"},
            {[uri: uri, sync: true], :unsupported, "sync is a replica's"},
            {[uri: uri, page_size: 512], :unsupported, "page_size"},
            {[uri: uri, foreign_keys: false], :unsupported, "foreign_keys"},
            {[uri: uri, auth_token: 1], :invalid_option, "auth_token"},
            {[uri: uri, auth_token: fn -> 1 end], :invalid_option, "auth_token"},
            {[uri: uri, client_certificate: "a"], :invalid_option, "client_certificate"},
            {[uri: uri, ca_file: "/no/such/file"], :invalid_argument, "/no/such/file"},
            {[database: "a.db", auth_token: "x"], :invalid_option, "auth_token"}
          ] do
        assert {:error, %Error{code: ^code, message: message}} = EctoLibSql.connect(opts)
        assert message =~ part
      end

      assert {:ok, s} = EctoLibSql.connect(uri: uri, journal_mode: :wal, cache_size: -2000)
      EctoLibSql.disconnect(s)
    end

    test "reset rolls back and forgets", %{s: s, table: table} do
      {:ok, id} = EctoLibSql.prepare(s, "SELECT 1")
      {:ok, _} = EctoLibSql.begin(s)
      insert(s, table, 1)
      assert EctoLibSql.reset_connection(s) == :ok
      assert EctoLibSql.autocommit?(s)
      assert count(s, table) == 0
      assert {:error, %Error{code: :statement_closed}} = EctoLibSql.query_stmt(s, id)
    end
  end

  describe "queries" do
    test "values of every kind come back as they went", %{s: s} do
      values = [nil, 1, -9_223_372_036_854_775_808, 1.5, "ä\0b", true, ~D[2026-01-02]]
      stored = [nil, 1, -9_223_372_036_854_775_808, 1.5, "ä\0b", 1, "2026-01-02"]
      assert rows(s, "SELECT ?, ?, ?, ?, ?, ?, ?", values) == [stored]
      assert rows(s, "SELECT typeof(?), hex(?1)", [{:blob, <<0, 255>>}]) == [["blob", "00FF"]]
      assert rows(s, "SELECT :a, @b, $c", a: 1, b: 2, c: 3) == [[1, 2, 3]]
      assert rows(s, "SELECT 9e999, -9e999") == [[:inf, :"-inf"]]
    end

    test "results have columns, counts and rowids", %{s: s, table: table} do
      assert {:ok,
              %Result{columns: nil, rows: nil, num_rows: 2, changes: 2, last_insert_rowid: 2}} =
               EctoLibSql.query(s, "INSERT INTO #{table} (a) VALUES (1), (2)")

      assert {:ok, %Result{columns: ["id"], rows: [[3]], num_rows: 1, last_insert_rowid: 3}} =
               EctoLibSql.query(s, "INSERT INTO #{table} (a) VALUES (3) RETURNING id")

      assert {EctoLibSql.last_insert_rowid(s), EctoLibSql.changes(s), EctoLibSql.total_changes(s)} ==
               {3, 1, 3}

      assert {:ok, %{changes: 0}} = EctoLibSql.query(s, "UPDATE #{table} SET a = 1 WHERE a = 9")
      assert EctoLibSql.changes(s) == 0
    end

    test "one row, and no rows", %{s: s} do
      assert EctoLibSql.query_one(s, "SELECT 1, 2") == {:ok, [1, 2]}
      assert EctoLibSql.query_one(s, "SELECT 1 WHERE 0") == {:error, :no_rows}
      assert EctoLibSql.query_one(s, "VALUES (1), (2)") == {:error, :multiple_rows}
    end

    test "requests of many bytes and many parameters", %{s: s} do
      text = String.duplicate("x", 1_000_000)
      assert rows(s, "SELECT length(?)", [text]) == [[1_000_000]]
      marks = Enum.map_join(1..5_000, ", ", fn _ -> "(?)" end)
      assert %{num_rows: 5_000} = EctoLibSql.query!(s, "VALUES " <> marks, Enum.to_list(1..5_000))
    end

    test "errors have the codes and constraints of local ones", %{s: s, table: table} do
      insert(s, table, 1)
      assert {:error, error} = insert(s, table, 1)

      assert %Error{code: :constraint_unique, constraint: %{kind: :unique, columns: ["a"]}} =
               error

      assert {:error, %Error{code: :error}} = EctoLibSql.query(s, "SELECT nope")
      assert {:error, %Error{code: :parameter_count}} = EctoLibSql.query(s, "SELECT ?", [])

      assert {:error, %Error{code: :unsupported_parameter}} =
               EctoLibSql.query(s, "SELECT ?", [%{a: 1}])

      assert {:error, %Error{code: :multiple_statements}} =
               EctoLibSql.query(s, "SELECT 1; SELECT 2")
    end

    test "a call past its deadline ends, and the connection lives on", %{s: s} do
      assert {:error, %Error{code: :timeout}} = EctoLibSql.query(s, long(), [], timeout: 100)
      assert rows(s, "SELECT 1") == [[1]]
    end

    test "an interrupt stops what runs", %{s: s} do
      test = self()

      task =
        Task.async(fn ->
          send(test, :begun)
          EctoLibSql.query(s, long())
        end)

      assert_receive :begun
      wait_until(fn -> running?(s) end)
      assert EctoLibSql.interrupt_connection(s) == :ok
      assert {:error, %Error{code: :interrupted}} = Task.await(task)
      assert rows(s, "SELECT 1") == [[1]]
    end

    test "the call of a process that dies ends with it", %{s: s} do
      caller = spawn(fn -> EctoLibSql.query(s, long()) end)
      wait_until(fn -> running?(s) end)
      kill(caller)
      wait_until(fn -> not running?(s) end)
      assert rows(s, "SELECT 1") == [[1]]
    end

    defp running?(s),
      do: match?(%{running: %{}}, Enum.find(EctoLibSql.connections(), &(&1.id == s.conn_id)))
  end

  describe "prepared statements" do
    test "run, and are described", %{s: s, table: table} do
      {:ok, id} = EctoLibSql.prepare(s, "SELECT id, a FROM #{table} WHERE a = :a OR a = ?")
      assert EctoLibSql.stmt_column_count(s, id) == {:ok, 2}
      assert EctoLibSql.stmt_column_name(s, id, 1) == {:ok, "a"}
      assert {:error, %Error{code: :range}} = EctoLibSql.stmt_column_name(s, id, 2)
      assert EctoLibSql.stmt_parameter_count(s, id) == {:ok, 2}
      assert EctoLibSql.stmt_parameter_name(s, id, 1) == {:ok, ":a"}
      assert EctoLibSql.stmt_parameter_name(s, id, 2) == {:ok, nil}

      assert {:ok, [%{name: "id", decl_type: "INTEGER"}, _]} =
               EctoLibSql.get_statement_columns(s, id)

      assert EctoLibSql.reset_stmt(s, id) == :ok
      assert EctoLibSql.finalize_stmt(s, id) == :ok
      assert EctoLibSql.finalize_stmt(s, id) == :ok
      assert {:error, %Error{code: :statement_closed}} = EctoLibSql.query_stmt(s, id)
    end

    test "take parameters, and count changes", %{s: s, table: table} do
      {:ok, insert} = EctoLibSql.prepare(s, "INSERT INTO #{table} (a) VALUES (?)")
      assert EctoLibSql.execute_stmt(s, insert, [1]) == {:ok, 1}
      assert EctoLibSql.execute_stmt(s, insert, [2]) == {:ok, 1}
      {:ok, select} = EctoLibSql.prepare(s, "SELECT a FROM #{table} WHERE a > ?")
      assert EctoLibSql.query_one(s, select, [1]) == {:ok, [2]}
      assert EctoLibSql.run(s, select, [0]) == :ok
    end

    test "go by the names of EctoLibSql.Native, too", %{s: s} do
      {:ok, id} = EctoLibSql.prepare(s, "SELECT 1 AS one")
      assert {:ok, [%{name: "one"}]} = Native.get_stmt_columns(s, id)
      assert Native.reset_statement(s, id) == :ok
      assert Native.interrupt(s) == :ok
      assert Native.close_stmt(s, id) == :ok
      assert {:ok, [_]} = Native.execute_batch_sql(s, "SELECT 1")
      assert Native.reset(s) == :ok
    end

    test "belong to their connection", %{s: s, server: server} do
      {:ok, id} = EctoLibSql.prepare(s, "SELECT 1")
      other = connect!(server)
      assert {:error, %Error{code: :wrong_connection}} = EctoLibSql.query_stmt(other, id)
    end
  end

  describe "cursors and batches" do
    test "rows are fetched bit by bit", %{s: s, table: table} do
      {:ok, _} =
        EctoLibSql.query(
          s,
          "INSERT INTO #{table} (a) WITH RECURSIVE n(i) AS " <>
            "(VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 25) SELECT i FROM n"
        )

      sql = "SELECT a FROM #{table} ORDER BY a"

      assert s |> EctoLibSql.stream(sql, [], max_rows: 10) |> Enum.map(&hd/1) ==
               Enum.to_list(1..25)

      assert s |> EctoLibSql.stream(sql, [], max_rows: 10) |> Enum.take(3) == [[1], [2], [3]]

      {:ok, cursor} = EctoLibSql.declare(s, sql)
      assert {:cont, %{rows: [[1]]}} = EctoLibSql.fetch(s, cursor, 1)
      assert count(s, table) == 25
      assert {:cont, %{rows: [[2], [3]]}} = EctoLibSql.fetch(s, cursor, 2)
      assert EctoLibSql.deallocate(s, cursor) == :ok
      assert EctoLibSql.deallocate(s, cursor) == :ok
      assert {:error, %Error{code: :cursor_closed}} = EctoLibSql.fetch(s, cursor)
    end

    test "scripts and lists of statements", %{s: s, table: table} do
      script = "INSERT INTO #{table} (a) VALUES (1); SELECT a FROM #{table}"
      assert {:ok, [%{changes: 1}, %{rows: [[1]]}]} = EctoLibSql.execute_batch(s, script)
      insert = {"INSERT INTO #{table} (a) VALUES (?)", [2]}
      assert {:ok, [%{last_insert_rowid: 2}]} = EctoLibSql.batch(s, [insert])

      assert {:error, %Error{index: 1}} =
               EctoLibSql.batch_transactional(s, [{"SELECT 1", []}, insert])

      assert {:error, %Error{index: 1, code: :constraint_unique}} =
               EctoLibSql.execute_transactional_batch(
                 s,
                 "INSERT INTO #{table} (a) VALUES (3); INSERT INTO #{table} (a) VALUES (1)"
               )

      assert count(s, table) == 2
    end
  end

  describe "transactions" do
    test "commit, roll back, and nest by savepoints", %{s: s, table: table} do
      for behavior <- [:deferred, :immediate, :exclusive, :read_only] do
        {:ok, _} = EctoLibSql.begin(s, behavior: behavior)
        refute EctoLibSql.autocommit?(s)
        assert {:error, %Error{code: :transaction_open}} = EctoLibSql.begin(s)
        {:ok, _} = EctoLibSql.rollback(s)
      end

      assert {:error, %Error{code: :no_transaction}} = EctoLibSql.commit(s)

      assert {:ok, :done} =
               EctoLibSql.transaction(s, fn s ->
                 insert(s, table, 1)
                 :ok = EctoLibSql.create_savepoint(s, "a b")
                 insert(s, table, 2)
                 :ok = EctoLibSql.rollback_to_savepoint_by_name(s, "a b")
                 :ok = EctoLibSql.release_savepoint_by_name(s, "a b")
                 {:ok, :done}
               end)

      assert rows(s, "SELECT a FROM #{table}") == [[1]]
    end

    test "belong to the process that began them", %{s: s} do
      {:ok, _} = EctoLibSql.begin(s)
      other = Task.async(fn -> EctoLibSql.query(s, "SELECT 1") end)
      assert {:error, %Error{code: :not_transaction_owner}} = Task.await(other)
      {:ok, _} = EctoLibSql.rollback(s)
    end

    test "that were begun by a statement keep others out, too", %{s: s, table: table} do
      call = fn -> EctoLibSql.query(s, "INSERT INTO #{table} (a) VALUES (random())") end
      {:ok, _} = EctoLibSql.query(s, "BEGIN")
      others = for _ <- 1..10, do: Task.async(call)

      for other <- others,
          do: assert({:error, %Error{code: :not_transaction_owner}} = Task.await(other))

      assert {:ok, _} = call.()
      {:ok, _} = EctoLibSql.query(s, "COMMIT")
      assert {:ok, _} = Task.await(Task.async(call))
      assert count(s, table) == 2
    end

    test "the death of their process frees the server's lock", %{
      s: s,
      server: server,
      table: table
    } do
      {victim, _} =
        start_victim(fn ->
          {:ok, _} = EctoLibSql.begin(s)
          insert(s, table, 1)
        end)

      kill(victim)
      other = connect!(server)
      # sqld itself would make this wait for five seconds.
      assert {:ok, _} =
               EctoLibSql.query(other, "INSERT INTO #{table} (a) VALUES (2)", [], timeout: 3_000)

      assert rows(other, "SELECT a FROM #{table}") == [[2]]
      wait_until(fn -> EctoLibSql.autocommit?(s) end)
      assert {:ok, _} = EctoLibSql.query(s, "SELECT 1")
    end

    test "so does that of the connection's owner", %{server: server, table: table} do
      {victim, _} =
        start_victim(fn ->
          {:ok, s} = EctoLibSql.connect(uri: Sqld.url(server))
          {:ok, _} = EctoLibSql.begin(s)
          insert(s, table, 1)
        end)

      kill(victim)
      other = connect!(server)

      assert {:ok, _} =
               EctoLibSql.query(other, "INSERT INTO #{table} (a) VALUES (2)", [], timeout: 3_000)

      assert rows(other, "SELECT a FROM #{table}") == [[2]]
    end
  end

  describe "what only a local database can do" do
    test "names the function and the mode", %{s: s} do
      for {name, call} <- [
            write_gate: &EctoLibSql.write_gate/1,
            cacheflush: &EctoLibSql.cacheflush/1,
            checkpoint: &EctoLibSql.checkpoint/1,
            busy_timeout: &EctoLibSql.set_busy_timeout(&1, 1),
            data_versions: &Native.data_versions/1
          ] do
        assert {:error, %Error{code: :unsupported, message: message}} = call.(s)
        assert message =~ Atom.to_string(name)
        assert message =~ ":remote"
      end

      for {name, call} <- [
            {"statistics: true", &EctoLibSql.query(&1, "SELECT 1", [], statistics: true)},
            {"expanded_sql", &EctoLibSql.expanded_sql(&1, "SELECT 1")},
            {"stmt_isexplain", &EctoLibSql.stmt_isexplain(&1, "id")},
            {"stmt_readonly?", &EctoLibSql.stmt_readonly?(&1, "id")},
            {"stmt_busy?", &EctoLibSql.stmt_busy?(&1, "id")},
            {"stmt_status", &EctoLibSql.stmt_status(&1, "id")},
            {"EctoLibSql.Trace", &EctoLibSql.Trace.start/1},
            {"EctoLibSql.Status", &EctoLibSql.Status.connection/1}
          ] do
        assert {:error, %Error{code: :unsupported, message: message}} = call.(s)
        assert message =~ name
        assert message =~ ":remote"
      end

      for call <- [&Native.enable_extensions(&1, true), &Native.load_ext(&1, "x")] do
        assert {:error, %Error{code: :unsupported}} = call.(s)
      end

      for {sql, why} <- [
            {"VACUUM", ~r/VACUUM.*its operator's/},
            {"ATTACH 'x' AS x", ~r/ATTACH.*no other files/},
            {"CREATE TEMP TABLE x (a)", ~r/no temporary tables/},
            {"PRAGMA journal_mode = DELETE", ~r/clients may set foreign_keys/}
          ] do
        assert {:error, %Error{code: :unsupported, message: message}} = EctoLibSql.query(s, sql)
        assert message =~ why
      end
    end

    test "pragmas that a server reads", %{s: s, table: table} do
      assert {:ok, [%{name: "id"}, %{name: "a"}]} = Pragma.table_info(s, table)
      assert Pragma.foreign_keys_enabled?(s) == {:ok, true}
      assert Pragma.get_journal_mode(s) == {:ok, :wal}
      assert {:error, %Error{}} = Pragma.set_synchronous(s, :off)
    end
  end
end
