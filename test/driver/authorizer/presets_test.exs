defmodule EctoLibSql.Authorizer.PresetsTest do
  # The presets, by somebody who may run any SQL and means to get around them.
  use ExUnit.Case, async: true

  import EctoLibSql.Test.Database

  alias EctoLibSql.Error

  @moduletag :tmp_dir

  @schema """
  CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, password_hash TEXT);
  CREATE TABLE copy (id INTEGER PRIMARY KEY, name TEXT, password_hash TEXT);
  CREATE TABLE guess (password_hash TEXT);
  CREATE TABLE mine (id INTEGER PRIMARY KEY, a, user_id REFERENCES users (id));
  CREATE VIEW names AS SELECT id, name FROM users;
  CREATE TRIGGER names_insert INSTEAD OF INSERT ON names BEGIN
    INSERT INTO users (name) VALUES (NEW.name); END;
  CREATE INDEX users_name ON users (name);
  CREATE VIRTUAL TABLE docs USING fts5(body);
  CREATE VIRTUAL TABLE boxes USING rtree(id, x0, x1);
  INSERT INTO users VALUES (1, 'Ada', 'secret1'), (2, 'Joe', 'secret2');
  INSERT INTO guess VALUES ('secret1');
  INSERT INTO mine VALUES (1, 2, 1);
  INSERT INTO docs VALUES ('hello world');
  INSERT INTO boxes VALUES (1, 0, 1);
  ANALYZE;
  """

  setup context do
    s = connect_file!(context)
    {:ok, _} = EctoLibSql.execute_batch(s, @schema)
    %{s: s, dump: dump(s)}
  end

  defp set(s, policy), do: :ok = EctoLibSql.set_authorizer(s, policy)

  defp dump(s) do
    tables = [
      "sqlite_schema",
      "sqlite_temp_schema",
      "users",
      "copy",
      "guess",
      "mine",
      "docs",
      "boxes"
    ]

    contents = for table <- tables, do: {table, rows(s, "SELECT rowid, * FROM #{table}")}

    pragmas =
      for pragma <- ~w(user_version application_id journal_mode database_list auto_vacuum),
          do: {pragma, rows(s, "PRAGMA #{pragma}")}

    {contents, pragmas}
  end

  # SQLite refuses these by itself, before it asks anybody.
  @of_the_schema [
    "UPDATE sqlite_master SET sql = ''",
    "WITH x AS (SELECT 1) UPDATE sqlite_master SET sql = ''",
    "INSERT INTO sqlite_schema VALUES ('table', 'x', 'x', 0, 'CREATE TABLE x (a)')",
    "DELETE FROM sqlite_schema"
  ]

  defp assert_denied(s, sql) do
    result = EctoLibSql.query(s, sql)
    assert {^sql, {:error, %Error{code: :auth, denied: %{}}}} = {sql, result}
  end

  describe ":read_only" do
    @writes [
      "INSERT INTO users VALUES (3, 'a', 'b')",
      "REPLACE INTO users VALUES (1, 'a', 'b')",
      "INSERT INTO users VALUES (1, 'a', 'b') ON CONFLICT DO UPDATE SET name = 'x'",
      "INSERT INTO users VALUES (3, 'a', 'b') RETURNING id",
      "INSERT INTO names (name) VALUES ('x')",
      "INSERT INTO users DEFAULT VALUES",
      "INSERT INTO copy SELECT * FROM users",
      "UPDATE users SET name = 'x'",
      "UPDATE users SET name = 'x' WHERE 0",
      "UPDATE users SET name = g.password_hash FROM guess g",
      "DELETE FROM users",
      "DELETE FROM users WHERE id = 1 RETURNING *",
      "WITH x AS (SELECT 1) DELETE FROM users",
      "CREATE TABLE x (a)",
      "CREATE TABLE x AS SELECT * FROM users",
      "CREATE TABLE IF NOT EXISTS x (a)",
      "CREATE TEMP TABLE x (a)",
      "CREATE TEMP VIEW x AS SELECT 1",
      "CREATE VIEW x AS SELECT 1",
      "CREATE TRIGGER x AFTER INSERT ON users BEGIN SELECT 1; END",
      "CREATE TEMP TRIGGER x AFTER INSERT ON users BEGIN SELECT 1; END",
      "CREATE INDEX x ON users (name)",
      "CREATE VIRTUAL TABLE x USING fts5(a)",
      "CREATE VIRTUAL TABLE temp.x USING rtree(id, a, b)",
      "DROP TABLE mine",
      "DROP TABLE IF EXISTS mine",
      "DROP INDEX users_name",
      "DROP VIEW names",
      "DROP TRIGGER names_insert",
      "DROP TABLE docs",
      "ALTER TABLE users RENAME TO people",
      "ALTER TABLE users RENAME COLUMN name TO n",
      "ALTER TABLE users ADD COLUMN x",
      "ALTER TABLE users DROP COLUMN password_hash",
      "INSERT INTO docs VALUES ('x')",
      "INSERT INTO docs (docs) VALUES ('optimize')",
      "DELETE FROM docs",
      "INSERT INTO docs_data VALUES (1, x'00')",
      "UPDATE docs_config SET v = 1",
      "INSERT INTO boxes VALUES (2, 0, 1)",
      "DELETE FROM boxes",
      "DELETE FROM sqlite_stat1",
      "VACUUM",
      "ANALYZE",
      "REINDEX",
      "ATTACH ':memory:' AS x",
      "ATTACH '' AS x",
      "DETACH temp",
      "PRAGMA user_version = 7",
      "PRAGMA user_version(7)",
      "PRAGMA main.user_version = 7",
      "PRAGMA application_id = 7",
      "PRAGMA schema_version = 7",
      "PRAGMA journal_mode = DELETE",
      "PRAGMA journal_mode(memory)",
      "PRAGMA writable_schema = ON",
      "PRAGMA writable_schema = RESET",
      "PRAGMA query_only = OFF",
      "PRAGMA auto_vacuum = 1",
      "PRAGMA incremental_vacuum",
      "PRAGMA incremental_vacuum(1)",
      "PRAGMA optimize",
      "PRAGMA optimize(-1)",
      "PRAGMA wal_checkpoint",
      "PRAGMA wal_checkpoint(TRUNCATE)",
      "PRAGMA foreign_keys = OFF",
      "PRAGMA trusted_schema = ON",
      "PRAGMA temp_store = FILE",
      "PRAGMA temp_store_directory = '/tmp'",
      "PRAGMA synchronous = OFF",
      "PRAGMA locking_mode = EXCLUSIVE",
      "PRAGMA busy_timeout = 0",
      "PRAGMA case_sensitive_like = ON",
      "PRAGMA hard_heap_limit = 1",
      "PRAGMA soft_heap_limit = 1",
      "PRAGMA mmap_size = 0",
      "PRAGMA key = 'x'",
      "PRAGMA rekey = 'x'",
      "SELECT load_extension('x')",
      "SELECT load_extension('x', 'y')",
      "BEGIN IMMEDIATE",
      "BEGIN EXCLUSIVE"
    ]

    test "nothing is written, whatever is tried", %{s: s, dump: dump, tmp_dir: dir} do
      set(s, [:read_only])

      for sql <- @writes do
        assert_denied(s, sql)
        assert EctoLibSql.autocommit?(s)
      end

      for sql <- @of_the_schema, do: assert({:error, _refused} = EctoLibSql.query(s, sql))
      target = Path.join(dir, "into.db")
      assert_denied(s, "VACUUM INTO '#{target}'")
      assert_denied(s, "ATTACH '#{target}' AS x")
      refute File.exists?(target)

      :ok = EctoLibSql.run(s, "BEGIN")

      for sql <- ["INSERT INTO users VALUES (3, 'a', 'b')", "DELETE FROM users"],
          do: assert_denied(s, sql)

      :ok = EctoLibSql.run(s, "SAVEPOINT a")
      :ok = EctoLibSql.run(s, "COMMIT")
      assert dump(s) == dump
      set(s, nil)
      assert dump(s) == dump
    end

    test "by statements that were prepared before, in scripts and batches", %{s: s, dump: dump} do
      prepared =
        for sql <- Enum.take(@writes, 12) do
          {:ok, id} = EctoLibSql.prepare(s, sql)
          id
        end

      set(s, [:read_only])

      for id <- prepared do
        assert {:error, %Error{code: :auth}} = EctoLibSql.execute_stmt(s, id)
        assert {:error, %Error{code: :auth}} = EctoLibSql.query_one(s, id)

        with {:ok, cursor} <- EctoLibSql.declare(s, id),
             do: assert({:error, %Error{code: :auth}} = EctoLibSql.fetch(s, cursor))
      end

      for sql <- @writes do
        assert {:error, %Error{code: :auth, index: 1}} =
                 EctoLibSql.execute_batch(s, "SELECT 1; " <> sql)

        assert {:error, %Error{code: :auth}} = EctoLibSql.batch(s, [{sql, []}])
        assert {:error, %Error{code: :auth}} = EctoLibSql.execute_transactional_batch(s, sql)
      end

      assert dump(s) == dump
    end

    test "what reads goes on", %{s: s} do
      set(s, [:read_only])

      for sql <- [
            "SELECT * FROM users",
            "SELECT count(*) FROM names",
            "WITH x AS (SELECT * FROM users) SELECT * FROM x JOIN guess USING (password_hash)",
            "SELECT * FROM docs WHERE docs MATCH 'hello'",
            "SELECT * FROM boxes WHERE x0 < 1",
            "SELECT value FROM json_each('[1]')",
            "SELECT * FROM pragma_table_info('users')",
            "SELECT name FROM sqlite_schema",
            "PRAGMA table_info(users)",
            "PRAGMA integrity_check",
            "PRAGMA journal_mode",
            "PRAGMA user_version",
            "EXPLAIN SELECT * FROM users",
            "EXPLAIN QUERY PLAN SELECT * FROM users",
            "VALUES (1)",
            count_to(3)
          ] do
        assert {^sql, {:ok, %{rows: [_ | _]}}} = {sql, EctoLibSql.query(s, sql)}
      end

      assert {:ok, "wal"} = EctoLibSql.Pragma.get_journal_mode(s) |> text()
    end

    defp text({:ok, mode}), do: {:ok, to_string(mode)}

    test "virtual tables are read on a connection that has never used them", %{s: s} do
      other = connect!(database: s.database, authorizer: [:read_only])
      assert rows(other, "SELECT body FROM docs WHERE docs MATCH 'hello'") == [["hello world"]]
      assert rows(other, "SELECT id FROM boxes WHERE x0 < 1") == [[1]]
      assert rows(other, "SELECT value FROM json_each('[7]')") == [[7]]
      assert [[_]] = rows(other, "SELECT count(*) FROM dbstat WHERE name = 'users'")
      assert_denied(other, "INSERT INTO boxes VALUES (2, 0, 1)")
      assert_denied(other, "INSERT INTO boxes_node VALUES (2, x'00')")
      assert_denied(other, "DELETE FROM boxes_rowid")
    end

    test "with writable_schema on, the schema is not written either", %{s: s} do
      other =
        connect!(
          database: s.database,
          custom_pragmas: [writable_schema: true],
          authorizer: [:read_only]
        )

      for sql <- [
            "UPDATE sqlite_master SET sql = ''",
            "WITH x AS (SELECT 1) UPDATE sqlite_master SET sql = ''",
            "/* */ update sqlite_schema set name = 'x' WHERE 0",
            "DELETE FROM sqlite_master"
          ],
          do: assert_denied(other, sql)

      assert [_ | _] = rows(other, "SELECT * FROM users")
    end
  end

  describe ":no_ddl" do
    @ddl [
      "CREATE TABLE x (a)",
      "CREATE TEMP TABLE x (a)",
      "CREATE TABLE x AS SELECT 1",
      "CREATE VIEW x AS SELECT 1",
      "CREATE INDEX x ON users (name)",
      "CREATE VIRTUAL TABLE x USING fts5(a)",
      "CREATE TEMP TRIGGER x AFTER INSERT ON users BEGIN SELECT 1; END",
      "DROP TABLE mine",
      "DROP TABLE docs",
      "DROP VIEW names",
      "ALTER TABLE users ADD COLUMN x",
      "ALTER TABLE users RENAME TO people",
      "PRAGMA writable_schema = 1",
      "PRAGMA writable_schema(ON)",
      "PRAGMA schema_version = 7",
      "ALTER TABLE users DROP COLUMN name"
    ]

    test "leaves the schema as it is, and lets rows be written", %{s: s} do
      schema = rows(s, "SELECT * FROM sqlite_schema")
      set(s, [:no_ddl])
      for sql <- @ddl, do: assert_denied(s, sql)
      for sql <- @of_the_schema, do: assert({:error, _refused} = EctoLibSql.query(s, sql))

      for sql <- [
            "INSERT INTO users (name) VALUES ('x')",
            "UPDATE users SET name = 'y'",
            "DELETE FROM mine",
            "INSERT INTO docs VALUES ('more')",
            "INSERT INTO boxes VALUES (5, 1, 2)",
            "ANALYZE",
            "REINDEX"
          ],
          do: assert({sql, :ok} == {sql, EctoLibSql.run(s, sql)})

      assert rows(s, "SELECT * FROM sqlite_schema") == schema
      assert rows(s, "SELECT body FROM docs WHERE docs MATCH 'more'") == [["more"]]
    end
  end

  describe "columns" do
    @leaks [
      "SELECT password_hash FROM users",
      "SELECT * FROM users",
      "SELECT u.* FROM users AS u",
      "SELECT upper(PASSWORD_HASH) FROM main.users",
      "SELECT 1 FROM users WHERE password_hash LIKE 's%'",
      "SELECT id FROM users ORDER BY password_hash",
      "SELECT count(*) FROM users GROUP BY password_hash",
      "SELECT name, max(password_hash) OVER () FROM users",
      "SELECT (SELECT password_hash FROM users LIMIT 1)",
      "SELECT id FROM guess JOIN users ON guess.password_hash = users.password_hash",
      "SELECT id FROM guess JOIN users USING (password_hash)",
      "SELECT id FROM guess JOIN users\nuSiNg \v(password_hash)",
      "SELECT count(*) FROM users JOIN guess/* */USING/* */(password_hash)",
      "SELECT count(*) FROM users NATURAL JOIN guess",
      "SELECT count(*) FROM users \uFEFFNATURAL JOIN guess",
      "SELECT count(*), $x(') FROM users NATURAL JOIN guess",
      "SELECT count(*), 'it''s', \"id\"  FROM users NATURAL LEFT JOIN guess",
      "SELECT 'secret1' IN (SELECT password_hash FROM users)",
      "SELECT id FROM users WHERE (id, password_hash) = (1, 'secret1')",
      "WITH x AS (SELECT * FROM users) SELECT * FROM x",
      "WITH x(a, b, c) AS (SELECT * FROM users) SELECT a FROM x",
      "SELECT * FROM (SELECT password_hash AS name FROM users)",
      "SELECT name FROM guess UNION SELECT password_hash FROM users",
      "SELECT json_group_array(password_hash) FROM users",
      "INSERT INTO mine (a) SELECT password_hash FROM users",
      "INSERT INTO copy SELECT * FROM users",
      "INSERT INTO copy SELECT ALL * FROM users",
      "INSERT OR IGNORE INTO main.copy SELECT*FROM users",
      "REPLACE INTO copy SELECT/**/*FROM users",
      "INSERT INTO users (name) VALUES ('x') RETURNING password_hash",
      "INSERT INTO users (name) VALUES ('x') RETURNING *",
      "UPDATE users SET name = password_hash",
      "UPDATE users SET name = 'x' RETURNING *",
      "UPDATE mine SET a = password_hash FROM users",
      "UPDATE users SET password_hash = 'x'",
      "INSERT INTO users (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET name = users.password_hash",
      "INSERT INTO users (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET password_hash = 'x'",
      "DELETE FROM users WHERE password_hash = 'x'",
      "CREATE TABLE stolen AS SELECT * FROM users",
      "CREATE INDEX i ON users (password_hash)",
      "SELECT * FROM sqlite_stat4",
      "ATTACH 'other' AS other",
      "EXPLAIN SELECT password_hash FROM users"
    ]

    for shape <- [[:id, :name], {:except, "PASSWORD_hash"}] do
      @shape shape
      test "#{inspect(shape)}: the other one is not reached", %{s: s, tmp_dir: dir} do
        set(s, columns: [users: @shape])
        for sql <- @leaks, do: assert_denied(s, sql)
        assert_denied(s, "VACUUM INTO '#{Path.join(dir, "into.db")}'")
        {:ok, _} = EctoLibSql.query(s, "CREATE VIEW v AS SELECT * FROM users")
        assert_denied(s, "SELECT * FROM v")

        assert rows(s, "SELECT u.id, name FROM users AS u") == [[1, "Ada"], [2, "Joe"]]
        assert rows(s, "SELECT count(*) FROM users") == [[2]]
        assert rows(s, "SELECT name FROM names WHERE id = 1") == [["Ada"]]
        :ok = EctoLibSql.run(s, "UPDATE users SET name = 'Eve' WHERE id = 1")
        :ok = EctoLibSql.run(s, "INSERT INTO mine (user_id) VALUES (2)")
        assert rows(s, "SELECT mine.id FROM mine JOIN users ON users.id = user_id") == [[1], [2]]
      end
    end

    test "{:null, columns} answers NULL wherever the column is used", %{s: s} do
      set(s, columns: [users: {:null, [:password_hash]}])
      assert rows(s, "SELECT * FROM users WHERE id = 1") == [[1, "Ada", nil]]
      assert rows(s, "SELECT id FROM users WHERE password_hash LIKE 's%'") == []
      assert rows(s, "SELECT DISTINCT password_hash FROM users") == [[nil]]
      assert_denied(s, "SELECT id FROM guess JOIN users USING (password_hash)")
      assert_denied(s, "INSERT INTO copy SELECT * FROM users")
      assert_denied(s, "UPDATE users SET password_hash = 'x'")
      :ok = EctoLibSql.run(s, "INSERT INTO copy SELECT id, name, password_hash FROM users")
      assert rows(s, "SELECT * FROM copy WHERE id = 1") == [[1, "Ada", nil]]
    end

    test "go with other presets and rules", %{s: s} do
      set(s, [
        {:allow, :read, table: "users", column: "password_hash", within: "logins"},
        :read_only,
        columns: [users: [:id, :name]]
      ])

      assert_denied(s, "UPDATE users SET name = 'x'")
      assert_denied(s, "SELECT * FROM users")
      assert rows(s, "SELECT name FROM users WHERE id = 1") == [["Ada"]]
    end
  end

  describe "rows behind a view" do
    setup %{s: s} do
      {:ok, _} =
        EctoLibSql.execute_batch(s, """
        CREATE TABLE orders (id INTEGER PRIMARY KEY, tenant TEXT, total INT);
        INSERT INTO orders VALUES (1, 'a', 10), (2, 'b', 20), (3, 'a', 30);
        CREATE VIEW my_orders AS SELECT id, total FROM orders WHERE tenant = 'a';
        """)

      set(s, [
        {:allow, :read, table: "orders", within: "my_orders"},
        {:deny, :read, table: "orders"}
      ])
    end

    test "are those of the view", %{s: s} do
      assert rows(s, "SELECT * FROM my_orders") == [[1, 10], [3, 30]]
      assert rows(s, "SELECT count(*) FROM my_orders") == [[2]]
      assert rows(s, "SELECT sum(total) FROM my_orders AS o WHERE o.id > 1") == [[30]]
      assert rows(s, "WITH x AS (SELECT * FROM my_orders) SELECT max(id) FROM x") == [[3]]
    end

    test "and no others, by any name", %{s: s} do
      for sql <- [
            "SELECT * FROM orders",
            "SELECT count(*) FROM orders",
            "SELECT * FROM (SELECT * FROM orders) AS my_orders",
            "SELECT * FROM orders AS my_orders",
            "WITH my_orders AS (SELECT * FROM orders) SELECT * FROM my_orders",
            "WITH \"MY_orders\" AS MATERIALIZED (SELECT * FROM orders) SELECT * FROM my_orders",
            "WITH [my_orders](a, b) AS NOT MATERIALIZED (SELECT id, total FROM orders) SELECT * FROM my_orders",
            "WITH y AS (SELECT 1), 'my_orders' AS (SELECT * FROM orders) SELECT * FROM my_orders",
            "WITH RECURSIVE `my_orders`(a) AS (SELECT id FROM orders) SELECT * FROM my_orders",
            "SELECT (WITH my_orders/**/AS--\n(SELECT total FROM orders) SELECT * FROM my_orders LIMIT 1)",
            "CREATE VIEW x AS WITH my_orders AS (SELECT * FROM orders) SELECT * FROM my_orders",
            "CREATE TEMP VIEW my_orders AS SELECT * FROM orders",
            "CREATE TEMP TRIGGER My_Orders AFTER INSERT ON mine BEGIN SELECT * FROM orders; END",
            "SELECT my_orders.id FROM my_orders JOIN orders USING (id)",
            "SELECT count(*) FROM my_orders NATURAL JOIN orders",
            "CREATE TABLE orders_copy AS SELECT * FROM orders"
          ],
          do: assert_denied(s, sql)

      :ok = EctoLibSql.run(s, "CREATE TABLE o2 (id INTEGER PRIMARY KEY, tenant TEXT, total INT)")
      assert_denied(s, "INSERT INTO o2 SELECT * FROM orders")
    end
  end
end
