defmodule EctoLibSql.AuthorizerTest do
  use ExUnit.Case, async: true

  import EctoLibSql.Test.Database

  alias EctoLibSql.{Authorizer, Backup, Blob, Error}

  @moduletag :tmp_dir

  @schema """
  CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, password_hash TEXT);
  CREATE TABLE audit (line TEXT);
  CREATE TABLE mine (a, b, c);
  CREATE TABLE copy (id INTEGER PRIMARY KEY, name TEXT, password_hash TEXT);
  CREATE TABLE guess (password_hash TEXT);
  CREATE VIEW names AS SELECT id, name FROM users;
  CREATE TRIGGER logged AFTER UPDATE ON mine BEGIN INSERT INTO audit VALUES ('changed'); END;
  INSERT INTO users VALUES (1, 'Ada', 'secret1'), (2, 'Joe', 'secret2');
  INSERT INTO guess VALUES ('secret1');
  INSERT INTO mine VALUES (1, 2, 3);
  """

  setup context do
    s = connect_file!(context)
    {:ok, _} = EctoLibSql.execute_batch(s, @schema)
    %{s: s}
  end

  defp denied(s, sql, params \\ []) do
    assert {:error, %Error{code: :auth, extended_code: 23, denied: %{} = denied} = error} =
             EctoLibSql.query(s, sql, params)

    assert error.statement == sql
    assert error.message =~ "#{denied.action}"
    if denied.object, do: assert(error.message =~ inspect(denied.object))
    denied
  end

  defp set(s, policy), do: :ok = EctoLibSql.set_authorizer(s, policy)

  describe "a rule" do
    test "denies by table, and names what it denied", %{s: s} do
      set(s, [{:deny, :insert, table: "audit"}])

      assert %{action: :insert, object: "audit", table: "audit", database: "main", within: nil} =
               denied(s, "INSERT INTO audit VALUES ('x')")

      assert %{within: "logged"} = denied(s, "UPDATE mine SET a = 2")
      assert rows(s, "SELECT * FROM audit") == []
      assert rows(s, "SELECT a FROM mine") == [[1]]
    end

    test "is decided by the first that is about it", %{s: s} do
      set(s, [{:allow, :insert, table: "audit", within: "logged"}, {:deny, :insert}])
      :ok = EctoLibSql.run(s, "UPDATE mine SET a = 2")
      assert %{object: "audit"} = denied(s, "INSERT INTO audit VALUES ('x')")
      assert %{object: "mine"} = denied(s, "INSERT INTO mine VALUES (1, 2, 3)")
    end

    test "ignores a column that is read, and one that is updated", %{s: s} do
      set(s, [
        {:ignore, :read, table: "users", column: "password_hash"},
        {:ignore, :update, table: "users", column: "name"}
      ])

      assert rows(s, "SELECT * FROM users WHERE id = 1") == [[1, "Ada", nil]]
      assert rows(s, "SELECT 1 FROM users WHERE password_hash LIKE 's%'") == []
      :ok = EctoLibSql.run(s, "UPDATE users SET name = 'x', password_hash = 'y' WHERE id = 1")
      set(s, nil)
      assert rows(s, "SELECT * FROM users WHERE id = 1") == [[1, "Ada", "y"]]
    end

    test "ignores an insert, a function and a pragma", %{s: s} do
      set(s, [
        {:ignore, :insert, table: "audit"},
        {:ignore, :function, name: "upper"},
        {:ignore, :pragma, name: "user_version"}
      ])

      :ok = EctoLibSql.run(s, "INSERT INTO audit VALUES ('x')")
      assert rows(s, "SELECT upper('a'), lower('A')") == [[nil, "a"]]
      assert {:ok, _} = EctoLibSql.query(s, "PRAGMA user_version = 7")
      set(s, nil)
      assert rows(s, "SELECT * FROM audit") == []
      assert rows(s, "PRAGMA user_version") == [[0]]
    end

    test "a statement that is ignored writes again when it is not any more", %{s: s} do
      {:ok, id} = EctoLibSql.prepare(s, "INSERT INTO audit VALUES ('x')")
      set(s, [{:ignore, :insert, table: "audit"}])
      :ok = EctoLibSql.run(s, id)
      :ok = EctoLibSql.run(s, "INSERT INTO audit VALUES ('x')")
      set(s, nil)
      {:ok, s} = EctoLibSql.begin(s, behavior: :read_only)
      assert {:error, %Error{code: :readonly}} = EctoLibSql.run(s, id)

      assert {:error, %Error{code: :readonly}} =
               EctoLibSql.run(s, "INSERT INTO audit VALUES ('x')")

      {:ok, s} = EctoLibSql.rollback(s)
      :ok = EctoLibSql.run(s, id)
      assert rows(s, "SELECT * FROM audit") == [["x"]]
    end

    test "is about pragmas, functions, transactions and savepoints", %{s: s} do
      set(s, [
        {:allow, :pragma, name: "TABLE_info"},
        {:deny, :pragma, argument: :any},
        {:deny, :function, name: ["Random", "load_extension"]},
        {:deny, :transaction, operation: "BEGIN"},
        {:deny, :savepoint, name: "mine"}
      ])

      assert [_ | _] = rows(s, "PRAGMA table_info(users)")
      assert rows(s, "PRAGMA user_version") == [[0]]

      assert %{action: :pragma, object: "user_version", argument: "3"} =
               denied(s, "PRAGMA user_version = 3")

      assert %{action: :function, object: "random"} = denied(s, "SELECT random()")
      assert %{object: "load_extension"} = denied(s, "SELECT load_extension('x.so')")
      assert %{action: :transaction, object: "BEGIN"} = denied(s, "BEGIN")
      assert %{action: :savepoint, object: "mine"} = denied(s, "SAVEPOINT mine")
      :ok = EctoLibSql.run(s, "SAVEPOINT yours")
      :ok = EctoLibSql.run(s, "RELEASE yours")
    end

    test "is about databases, also where SQLite does not name one", %{s: s, tmp_dir: dir} do
      :ok = EctoLibSql.run(s, "ATTACH ? AS other", [Path.join(dir, "other.db")])
      :ok = EctoLibSql.run(s, "CREATE TABLE other.t (a)")
      set(s, [{:deny, :read, database: "other"}])
      assert %{database: "other", table: "t"} = denied(s, "SELECT a FROM t")
      assert %{column: nil, table: "t"} = denied(s, "SELECT count(*) FROM t")
      assert rows(s, "SELECT id FROM users") == [[1], [2]]
      assert rows(s, "SELECT count(*) FROM main.users") == [[2]]
      # Not known of which, so not allowed.
      assert %{database: nil} = denied(s, "SELECT count(*) FROM users")
    end

    test "compares names as SQLite does", %{s: s} do
      {:ok, _} =
        EctoLibSql.execute_batch(
          s,
          ~S|CREATE TABLE "we ""ird" ("Spalte ä" , Ä); CREATE TABLE Ä (a)|
        )

      set(s, [
        {:deny, :read, table: ~S(WE "IRD), column: "SPALTE ä"},
        {:deny, :read, table: "ä"},
        {:deny, :read, table: "sqlite_SCHEMA"}
      ])

      assert %{column: "Spalte ä"} = denied(s, ~S|SELECT "spalte ä" FROM "We ""Ird"|)
      assert rows(s, ~S|SELECT Ä FROM "we ""ird"|) == []
      # Only A to Z have a case.
      assert rows(s, "SELECT a FROM Ä") == []
      assert %{table: "sqlite_master"} = denied(s, "SELECT name FROM sqlite_schema")
      assert %{table: "sqlite_master"} = denied(s, "SELECT name FROM sqlite_master")
      assert %{table: "sqlite_master"} = denied(s, "SELECT count(*) FROM sqlite_schema")
    end

    test "default: :deny denies all else", %{s: s} do
      set(s, [
        {:default, :deny},
        {:allow, [:select]},
        {:allow, :read, table: "users", column: ["id", "name"]},
        {:allow, :function, name: "upper"}
      ])

      assert rows(s, "SELECT upper(name) FROM users WHERE id = 1") == [["ADA"]]
      assert %{column: "password_hash"} = denied(s, "SELECT password_hash FROM users")
      assert %{action: :function, object: "lower"} = denied(s, "SELECT lower('A')")
      assert %{table: "mine"} = denied(s, "SELECT a FROM mine")
      assert %{action: :pragma} = denied(s, "PRAGMA table_info(users)")
      assert %{action: :attach} = denied(s, "ATTACH ':memory:' AS x")
      assert %{action: :recursive} = denied(s, count_to(3))
    end

    test "knows each of SQLite's actions by its name", %{s: s} do
      {:ok, _} =
        EctoLibSql.execute_batch(s, """
        CREATE INDEX users_name ON users (name); CREATE TEMP TABLE tt (a); CREATE INDEX temp.ti ON tt (a);
        CREATE TEMP VIEW tv AS SELECT 1; CREATE VIRTUAL TABLE docs USING fts5(body);
        CREATE TEMP TRIGGER tr AFTER INSERT ON tt BEGIN SELECT 1; END; ATTACH ':memory:' AS att;
        """)

      statements = [
        create_index: "CREATE INDEX i ON users (name)",
        create_table: "CREATE TABLE x (a)",
        create_temp_index: "CREATE INDEX temp.i ON tt (a)",
        create_temp_table: "CREATE TEMP TABLE x (a)",
        create_temp_trigger: "CREATE TEMP TRIGGER x AFTER INSERT ON tt BEGIN SELECT 1; END",
        create_temp_view: "CREATE TEMP VIEW x AS SELECT 1",
        create_trigger: "CREATE TRIGGER x AFTER INSERT ON users BEGIN SELECT 1; END",
        create_view: "CREATE VIEW x AS SELECT 1",
        delete: "DELETE FROM users",
        drop_index: "DROP INDEX users_name",
        drop_table: "DROP TABLE mine",
        drop_temp_index: "DROP INDEX temp.ti",
        drop_temp_table: "DROP TABLE tt",
        drop_temp_trigger: "DROP TRIGGER tr",
        drop_temp_view: "DROP VIEW tv",
        drop_trigger: "DROP TRIGGER logged",
        drop_view: "DROP VIEW names",
        insert: "INSERT INTO users VALUES (3, 'a', 'b')",
        pragma: "PRAGMA user_version",
        read: "SELECT name FROM users",
        select: "SELECT 1",
        transaction: "BEGIN",
        update: "UPDATE users SET name = 'a'",
        attach: "ATTACH ':memory:' AS x",
        detach: "DETACH att",
        alter_table: "ALTER TABLE users RENAME TO people",
        reindex: "REINDEX users",
        analyze: "ANALYZE",
        create_vtable: "CREATE VIRTUAL TABLE v USING fts5(a)",
        drop_vtable: "DROP TABLE docs",
        function: "SELECT abs(1)",
        savepoint: "SAVEPOINT x",
        recursive: count_to(2)
      ]

      assert Enum.sort(Keyword.keys(statements)) == Authorizer.action_names()

      for {action, sql} <- statements do
        set(s, [{:deny, action}])
        assert %{action: ^action} = denied(s, sql)
      end
    end
  end

  describe "statements" do
    test "that are cached, prepared or paused obey a changed policy", %{s: s} do
      sql = "SELECT password_hash FROM users ORDER BY id"
      {:ok, id} = EctoLibSql.prepare(s, sql)
      assert [["secret1"], ["secret2"]] = rows(s, sql)
      {:ok, %{rows: [_, _]}} = EctoLibSql.query_stmt(s, id)
      {:ok, cursor} = EctoLibSql.declare(s, sql)
      {:cont, %{rows: [["secret1"]]}} = EctoLibSql.fetch(s, cursor, 1)
      {:ok, waiting} = EctoLibSql.declare(s, id)

      set(s, [{:deny, :read, column: "password_hash"}])
      assert %{column: "password_hash"} = denied(s, sql)
      assert {:error, %Error{denied: %{column: "password_hash"}}} = EctoLibSql.query_stmt(s, id)
      assert {:error, %Error{code: :cursor_closed}} = EctoLibSql.fetch(s, cursor, 1)
      assert {:error, %Error{code: :cursor_closed}} = EctoLibSql.fetch(s, waiting, 1)
      assert listed(s).cursors == []

      set(s, [{:ignore, :read, column: "password_hash"}])
      assert rows(s, sql) == [[nil], [nil]]
      assert {:ok, %{rows: [[nil], [nil]]}} = EctoLibSql.query_stmt(s, id)

      set(s, nil)
      assert rows(s, sql) == [["secret1"], ["secret2"]]
      assert {:ok, %{rows: [["secret1"], ["secret2"]]}} = EctoLibSql.query_stmt(s, id)
      assert {:ok, [%{name: "password_hash"}]} = EctoLibSql.get_statement_columns(s, id)
    end

    test "are refused also when the schema has changed", %{s: s} do
      set(s, [{:deny, :read, table: "users", column: "password_hash"}])
      {:ok, id} = EctoLibSql.prepare(s, "SELECT * FROM mine")
      assert [[1, 2, 3]] = rows(s, "SELECT * FROM mine")

      other = connect!(database: s.database)

      {:ok, _} =
        EctoLibSql.execute_batch(other, """
        DROP TABLE mine; CREATE VIEW mine AS SELECT password_hash FROM users;
        """)

      assert %{column: "password_hash", within: "mine"} = denied(s, "SELECT * FROM mine")
      assert {:error, %Error{code: :auth}} = EctoLibSql.query_stmt(s, id)
    end

    test "of quick reads, batches, scripts, cursors and describing are refused alike", %{s: s} do
      sql = "SELECT password_hash FROM users"
      for _ <- 1..20, do: rows(s, sql)
      set(s, [{:deny, :read, column: "password_hash"}])
      for _ <- 1..3, do: denied(s, sql)
      assert {:error, %Error{code: :auth}} = EctoLibSql.query_one(s, sql)
      assert {:error, %Error{code: :auth}} = EctoLibSql.run(s, sql)
      assert {:error, %Error{code: :auth}} = EctoLibSql.prepare(s, sql)
      assert {:error, %Error{code: :auth}} = EctoLibSql.declare(s, sql)

      assert {:error, %Error{code: :auth, index: 1, denied: %{column: "password_hash"}}} =
               EctoLibSql.execute_batch(s, "SELECT 1; #{sql}")

      assert {:error, %Error{code: :auth, index: 1}} =
               EctoLibSql.batch(s, [{"INSERT INTO audit VALUES (1)", []}, {sql, []}])

      assert {:error, %Error{code: :auth, index: 1}} =
               EctoLibSql.batch_transactional(s, [{"INSERT INTO audit VALUES (2)", []}, {sql, []}])

      assert {:error, %Error{code: :auth}} =
               EctoLibSql.Native.describe(s, sql, 1000)

      assert rows(s, "SELECT line FROM audit") == [["1"]]
    end

    test "in a transaction that is denied leave it as it was", %{s: s} do
      set(s, [{:deny, :delete}])
      {:ok, s} = EctoLibSql.begin(s)
      :ok = EctoLibSql.run(s, "INSERT INTO audit VALUES ('a')")
      denied(s, "DELETE FROM audit")
      {:ok, s} = EctoLibSql.commit(s)
      assert rows(s, "SELECT line FROM audit") == [["a"]]
    end

    test "of another process are refused, and reported there", %{s: s} do
      set(s, [{:deny, :insert}])

      assert {:error, %Error{code: :auth}} =
               Task.await(Task.async(fn -> EctoLibSql.run(s, "INSERT INTO audit VALUES (1)") end))
    end
  end

  describe "blobs" do
    setup %{s: s} do
      :ok = EctoLibSql.run(s, "UPDATE users SET password_hash = x'0102' WHERE id = 1")
    end

    test "are read and written as the policy has it", %{s: s} do
      set(s, [{:deny, :update, table: "users"}, {:deny, :read, column: "name"}])
      assert {:ok, blob} = Blob.open(s, "users", "password_hash", 1)

      assert {:error, %Error{code: :auth, denied: %{action: :read, column: "name"}}} =
               Blob.open(s, "users", "name", 1)

      {:ok, s} = EctoLibSql.begin(s)

      assert {:error, %Error{code: :auth, denied: %{action: :update, table: "users"}}} =
               Blob.open(s, "users", "password_hash", 1, mode: :write)

      set(s, [{:ignore, :read, column: "password_hash"}])
      assert {:error, %Error{code: :blob_closed}} = Blob.read(blob, 0, 1)
      assert {:error, %Error{code: :auth}} = Blob.open(s, "users", "PASSWORD_hash", 1)
      assert listed(s).blobs == []
    end
  end

  describe "the driver's own statements" do
    test "go on under a policy that denies everything", %{s: s} do
      set(s, default: :deny)
      assert {:ok, %{status: :ok}} = EctoLibSql.health(s)
      assert {:ok, s} = EctoLibSql.begin(s)
      assert :ok = EctoLibSql.create_savepoint(s, "a")
      assert :ok = EctoLibSql.rollback_to_savepoint_by_name(s, "a")
      assert :ok = EctoLibSql.release_savepoint_by_name(s, "a")
      assert {:ok, s} = EctoLibSql.commit(s)
      assert {:ok, s} = EctoLibSql.begin(s, behavior: :deferred)
      assert {:ok, s} = EctoLibSql.rollback(s)
      assert {:ok, _} = EctoLibSql.checkpoint(s, :truncate)
      assert {:ok, [_ | _]} = EctoLibSql.Native.data_versions(s)
      assert :ok = EctoLibSql.ping(s)
      assert EctoLibSql.autocommit?(s)
      # The same text, from a caller.
      assert %{action: :transaction} = denied(s, "BEGIN IMMEDIATE")
      assert %{action: :transaction} = denied(s, "COMMIT")
      assert %{action: :savepoint} = denied(s, ~s(SAVEPOINT "a"))
      assert %{action: :pragma} = denied(s, ~s(PRAGMA "main".data_version))
      assert %{action: :pragma} = denied(s, "PRAGMA journal_mode")
    end

    test "name violated constraints, which the policy hides", %{s: s} do
      {:ok, _} =
        EctoLibSql.execute_batch(s, """
        CREATE TABLE parents (id INTEGER PRIMARY KEY);
        CREATE TABLE children (id INTEGER PRIMARY KEY, p INT CONSTRAINT kids_p REFERENCES parents (id), q INT);
        CREATE UNIQUE INDEX children_q ON children (q);
        INSERT INTO children VALUES (1, NULL, 7);
        """)

      set(s, [
        {:allow, :insert, table: "children"},
        {:allow, :read, table: ["parents", "children"]},
        {:default, :deny}
      ])

      insert = "INSERT INTO children (p, q) VALUES (?, ?)"
      assert {:error, error} = EctoLibSql.query(s, insert, [nil, 7])

      assert %{name: "children_q"} =
               EctoLibSql.ConstraintNames.enrich(s, error, insert, [nil, 7]).constraint

      assert {:error, error} = EctoLibSql.query(s, insert, [5, 8])

      assert %{name: "kids_p"} =
               EctoLibSql.ConstraintNames.enrich(s, error, insert, [5, 8]).constraint

      denied(s, "PRAGMA database_list")
      denied(s, "SELECT name FROM sqlite_schema")
    end
  end

  describe "an update hook beside a policy" do
    test "hears of each row, and what is denied stays denied", %{s: s} do
      :ok = EctoLibSql.add_update_hook(s)
      set(s, [{:deny, :delete, table: "audit"}])
      %{conn_id: id} = s

      :ok = EctoLibSql.run(s, "DELETE FROM users")
      assert_receive {EctoLibSql.Hooks, ^id, {:changes, [_, _] = changes}}, 5_000
      assert {:delete, "main", "users", 1} in changes
      assert %{object: "audit"} = denied(s, "DELETE FROM audit")

      :ok = EctoLibSql.remove_update_hook(s)
      assert %{object: "audit"} = denied(s, "DELETE FROM audit")

      :ok = EctoLibSql.add_update_hook(s)
      set(s, nil)
      :ok = EctoLibSql.run(s, "INSERT INTO audit VALUES ('a'), ('b')")
      assert_receive {EctoLibSql.Hooks, ^id, {:changes, [_, _]}}, 5_000
      :ok = EctoLibSql.run(s, "DELETE FROM audit")
      assert_receive {EctoLibSql.Hooks, ^id, {:changes, [{:delete, _, _, _}, _]}}, 5_000
    end
  end

  describe "functions written in Elixir beside a policy" do
    test "are asked about as all functions are", %{tmp_dir: dir} do
      s =
        connect!(
          database: Path.join(dir, "functions.db"),
          authorizer: [{:deny, :function, name: "secret"}]
        )

      {:ok, s} = EctoLibSql.Function.create_scalar(s, "secret", 0, fn -> 1 end)
      assert %{action: :function, object: "secret"} = denied(s, "SELECT secret()")
      set(s, nil)
      assert rows(s, "SELECT secret()") == [[1]]
    end
  end

  describe "the connect option" do
    test "is set when all else is, and is what a reset goes back to", %{tmp_dir: dir} do
      path = Path.join(dir, "of_option.db")

      s =
        connect!(
          database: path,
          journal_mode: :wal,
          custom_pragmas: [user_version: 4],
          authorizer: [:read_only]
        )

      assert rows(s, "PRAGMA user_version") == [[4]]

      assert %{action: :insert} = denied(s, "CREATE TEMP TABLE t (a)")

      set(s, nil)
      :ok = EctoLibSql.run(s, "CREATE TABLE t (a)")
      :ok = EctoLibSql.run(s, "CREATE TEMP TABLE tt (a)")
      :ok = EctoLibSql.run(s, "ATTACH ':memory:' AS m")
      :ok = EctoLibSql.reset_connection(s)
      assert %{table: "t"} = denied(s, "INSERT INTO t VALUES (1)")
      refute ["m"] in rows(s, "SELECT name FROM pragma_database_list")
      assert rows(s, "SELECT * FROM sqlite_temp_schema") == []
      set(s, [{:deny, :read}])
      :ok = EctoLibSql.reset_connection(s)
      assert rows(s, "SELECT * FROM t") == []
      assert %{table: "t"} = denied(s, "INSERT INTO t VALUES (1)")
    end

    test "without one, a reset removes a policy", %{s: s} do
      set(s, [:read_only])
      :ok = EctoLibSql.reset_connection(s)
      :ok = EctoLibSql.run(s, "INSERT INTO audit VALUES (1)")
    end

    test "is checked, and the rule that is wrong named", %{tmp_dir: dir} do
      assert {:error, %Error{code: :invalid_option, message: message}} =
               EctoLibSql.connect(database: Path.join(dir, "x.db"), authorizer: [{:deny, :erase}])

      assert message =~ "authorizer takes a policy"
      assert message =~ "rule 1, {:deny, :erase}: :erase is no action"
      refute File.exists?(Path.join(dir, "x.db"))
    end
  end

  describe "misuse" do
    test "is an error that names the rule, and the policy stays what it was", %{s: s} do
      set(s, [{:deny, :delete}])

      for {policy, message} <- [
            {:read_only, "a policy is a list of rules, or nil, got: :read_only"},
            {%{}, "a policy is a list"},
            {[:read_only | :no_ddl], "a policy is a list"},
            {[:readonly], "rule 1, :readonly: a rule is {verdict, actions}"},
            {[{:deny, :read}, {:reject, :read}], "rule 2, {:reject, :read}: a rule is"},
            {[{:deny, []}], "it has no action"},
            {[{:deny, [:read | :insert]}], "actions are a list"},
            {[{:deny, "read"}], ~s("read" is no action; :alter_table,)},
            {[{:deny, nil}], "nil is no action"},
            {[{:ignore, :delete}],
             ":ignore is for :read, :function, :insert, :update, :pragma, not for :delete"},
            {[{:deny, [:read, :insert], column: "a"}], ":insert has no :column"},
            {[{:deny, :read, table: []}], "table has no names"},
            {[{:deny, :read, table: nil}], "table takes names, strings or atoms, got: nil"},
            {[{:deny, :read, table: "a\0b"}], "valid text without NUL"},
            {[{:deny, :read, table: <<255>>}], "valid text without NUL"},
            {[{:deny, :read, table: {:except, 1}}], "got: 1"},
            {[{:deny, :read, [1]}], "conditions are a keyword list, got: 1"},
            {[{:deny, :read, %{}}], "conditions are a keyword list"},
            {[{:deny, :read, name: :any}], ":read has no :name"},
            {[{:default, :ignore}], "default is :allow or :deny"},
            {[{:default, :deny}, {:default, :allow}], "default is given more than once"},
            {[columns: []], "columns takes tables"},
            {[columns: [users: []]], "columns takes tables"},
            {[columns: [users: [1]]], "column takes names"},
            {[columns: [users: {:hide, [:a]}]], "columns takes tables"}
          ] do
        assert {:error, %Error{code: :invalid_argument} = error} =
                 EctoLibSql.set_authorizer(s, policy)

        assert error.message =~ message
        assert {:error, ^error} = Authorizer.validate(policy)
      end

      assert %{action: :delete} = denied(s, "DELETE FROM audit")
    end

    test "of a closed connection, and of another's transaction", %{s: s} do
      {:ok, s} = EctoLibSql.begin(s)
      caller = fn -> EctoLibSql.set_authorizer(s, [:read_only]) end

      log =
        ExUnit.CaptureLog.capture_log(fn ->
          assert {:error, %Error{code: :not_transaction_owner}} = Task.await(Task.async(caller))
        end)

      assert log =~ "another process began"
      EctoLibSql.disconnect(s)
      assert {:error, %Error{code: :connection_closed}} = EctoLibSql.set_authorizer(s, nil)
    end

    test "of what the NIF takes is an error", %{s: s} do
      for term <- [
            1,
            {:allow, true, [1]},
            {:allow, true, [{:deny, [:nope], []}]},
            {:allow, true, [{:deny, [:read], [{:nope, :among, []}]}]},
            {:allow, true, [{:deny, [:read], [{:table, :nope, []}]}]},
            {:allow, true, [{:deny, [:read], [{:table, :among, [:a]}]}]},
            {:allow, true, [{:deny, [:read | 1], []}]},
            {:ok, true, []},
            {:allow, 1, []}
          ] do
        assert {:error, %Error{code: :invalid_argument, message: "this is no compiled policy"}} =
                 EctoLibSql.Native.do_set_authorizer(s, term, false)
      end
    end

    test "a replica has none", %{tmp_dir: dir} do
      assert {:error, %Error{code: :unsupported, message: message}} =
               EctoLibSql.connect(
                 uri: "http://localhost:1",
                 database: Path.join(dir, "replica.db"),
                 authorizer: [:read_only]
               )

      assert message =~ "authorizer"
    end

    test "a database on a server has none" do
      {:ok, s} = EctoLibSql.connect(uri: "http://localhost:1")

      assert {:error, %Error{code: :unsupported, message: "set_authorizer" <> _}} =
               EctoLibSql.set_authorizer(s, [:read_only])

      EctoLibSql.disconnect(s)

      assert {:error, %Error{code: :unsupported, message: message}} =
               EctoLibSql.connect(uri: "http://localhost:1", authorizer: [:read_only])

      assert message =~ "authorizer"
    end
  end

  describe "the connection's end" do
    test "of its process takes the policy along, and no memory stays", %{tmp_dir: dir} do
      path = Path.join(dir, "ends.db")

      {victim, s} =
        start_victim(fn ->
          {:ok, s} = EctoLibSql.connect(database: path, authorizer: [:no_ddl])
          s
        end)

      kill(victim)
      wait_until(fn -> listed(s) == nil end)
      refute Enum.any?(EctoLibSql.connections(), &(&1.database == path))
    end

    test "a restored database", %{s: s, tmp_dir: dir} do
      backup = Path.join(dir, "backup.db")
      {:ok, _} = Backup.to_file(s, backup)
      set(s, [:read_only])

      assert {:error, %Error{code: :auth, denied: %{action: :insert, table: "sqlite_master"}}} =
               Backup.restore(s, backup)

      {:ok, image} = Backup.serialize(s)
      {:ok, copy} = Backup.deserialize(image, authorizer: [:read_only])
      assert rows(copy, "SELECT count(*) FROM users") == [[2]]
      assert %{table: "users"} = denied(copy, "DELETE FROM users")

      assert {:error, %Error{code: :auth}} =
               EctoLibSql.Native.deserialize(copy, image, 1000)

      :ok = EctoLibSql.disconnect(copy)
    end
  end
end
