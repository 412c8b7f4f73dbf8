defmodule EctoLibSql.DbConfigTest do
  use ExUnit.Case, async: true

  import EctoLibSql.Test.Database

  alias EctoLibSql.{DbConfig, Error, Native}

  @moduletag :tmp_dir

  setup do: %{s: connect!()}

  defp refused(s, sql, params \\ []) do
    assert {:error, %Error{message: message}} = EctoLibSql.query(s, sql, params)
    message
  end

  describe "defensive" do
    setup %{s: s} do
      :ok = EctoLibSql.run(s, "CREATE VIRTUAL TABLE docs USING fts5 (body)")
      :ok = EctoLibSql.run(s, "CREATE TABLE t (a)")
      :ok
    end

    test "refuses writes to shadow tables and to the schema", %{s: s} do
      shadow = "DELETE FROM docs_content WHERE id = 7"
      schema = "UPDATE sqlite_schema SET sql = 'CREATE TABLE t (b)' WHERE name = 't'"
      assert :ok = EctoLibSql.run(s, shadow)
      assert :ok = DbConfig.set(s, :writable_schema, true)
      assert :ok = DbConfig.set(s, :defensive, true)

      assert refused(s, shadow) =~ "may not be modified"
      assert refused(s, schema) =~ "may not be modified"
      assert refused(s, "DROP TABLE docs_content") =~ "may not be dropped"
      assert :ok = DbConfig.set(s, :writable_schema, false)
      {:ok, _} = EctoLibSql.query(s, "PRAGMA writable_schema = on")
      assert {:ok, false} = DbConfig.get(s, :writable_schema)

      # What it is for goes on working.
      assert :ok = EctoLibSql.run(s, "INSERT INTO docs VALUES ('hello world')")
      assert rows(s, "SELECT body FROM docs WHERE docs MATCH 'hello'") == [["hello world"]]
    end

    test "leaves libSQL's vector indexes working", %{s: s} do
      :ok = DbConfig.set(s, :defensive, true)
      :ok = EctoLibSql.run(s, "CREATE TABLE v (id INTEGER PRIMARY KEY, e F32_BLOB(3))")
      :ok = EctoLibSql.run(s, "CREATE INDEX v_e ON v (libsql_vector_idx(e))")

      :ok =
        EctoLibSql.run(s, "INSERT INTO v VALUES (1, vector('[1,2,3]')), (2, vector('[4,5,6]'))")

      assert rows(s, "SELECT id FROM vector_top_k('v_e', vector('[4,5,6]'), 1)") == [[2]]
      assert :ok = EctoLibSql.run(s, "DROP INDEX v_e")
    end
  end

  test "writable_schema lets the schema's table be written", %{s: s} do
    :ok = EctoLibSql.run(s, "CREATE TABLE t (a)")
    update = "UPDATE sqlite_schema SET sql = 'CREATE TABLE t (b)' WHERE name = 't'"
    assert refused(s, update) =~ "may not be modified"
    :ok = DbConfig.set(s, :writable_schema, true)
    assert {:ok, %{num_rows: 1}} = EctoLibSql.query(s, update)
  end

  test "trusted_schema allows unsafe functions in a view", %{s: s} do
    :ok = EctoLibSql.run(s, "CREATE VIEW known AS SELECT name FROM pragma_database_list")
    assert refused(s, "SELECT * FROM known") =~ "unsafe use of virtual table"
    :ok = DbConfig.set(s, :trusted_schema, true)
    assert rows(s, "SELECT * FROM known") == [["main"]]
  end

  test "enable_fkey enforces foreign keys", %{s: s} do
    :ok = EctoLibSql.run(s, "CREATE TABLE parent (id INTEGER PRIMARY KEY)")
    :ok = EctoLibSql.run(s, "CREATE TABLE child (p REFERENCES parent)")
    assert refused(s, "INSERT INTO child VALUES (7)") =~ "FOREIGN KEY"
    {:ok, s} = EctoLibSql.begin(s)
    :ok = DbConfig.set(s, :enable_fkey, false)
    assert :ok = EctoLibSql.run(s, "INSERT INTO child VALUES (7)")
    {:ok, s} = EctoLibSql.commit(s)
    assert :ok = Native.enable_foreign_keys(s, true)
    assert {:ok, true} = DbConfig.get(s, :enable_fkey)
  end

  test "enable_trigger fires triggers, enable_view lets views be read", %{s: s} do
    :ok = EctoLibSql.run(s, "CREATE TABLE t (a)")
    :ok = EctoLibSql.run(s, "CREATE TABLE log (a)")

    :ok =
      EctoLibSql.run(
        s,
        "CREATE TRIGGER logged AFTER INSERT ON t BEGIN INSERT INTO log VALUES (new.a); END"
      )

    :ok = EctoLibSql.run(s, "CREATE VIEW seen AS SELECT a FROM log")
    insert = "INSERT INTO t VALUES (1)"
    :ok = EctoLibSql.run(s, insert)
    :ok = DbConfig.set(s, :enable_trigger, false)
    :ok = EctoLibSql.run(s, insert)
    assert rows(s, "SELECT * FROM seen") == [[1]]
    :ok = DbConfig.set(s, :enable_view, false)
    assert refused(s, "SELECT * FROM seen") =~ "access to view"
  end

  test "dqs_dml and dqs_ddl take double quotes for strings", %{s: s} do
    assert refused(s, ~s(SELECT "x")) =~ "no such column"
    :ok = DbConfig.set(s, :dqs_dml, true)
    assert rows(s, ~s(SELECT "x")) == [["x"]]
    :ok = EctoLibSql.run(s, "CREATE TABLE t (a)")
    assert refused(s, ~s[CREATE INDEX i ON t ("x" || a)]) =~ "no such column"
    :ok = DbConfig.set(s, :dqs_ddl, true)
    assert :ok = EctoLibSql.run(s, ~s[CREATE INDEX i ON t ("x" || a)])
  end

  test "legacy_alter_table leaves views alone that a rename would break", %{s: s} do
    :ok = EctoLibSql.run(s, "CREATE TABLE t (a)")
    :ok = EctoLibSql.run(s, "CREATE VIEW v AS SELECT a FROM t")
    :ok = DbConfig.set(s, :legacy_alter_table, true)
    :ok = EctoLibSql.run(s, "ALTER TABLE t RENAME TO u")
    assert [[sql]] = rows(s, "SELECT sql FROM sqlite_schema WHERE name = 'v'")
    assert sql =~ "FROM t"
    :ok = EctoLibSql.run(s, "ALTER TABLE u RENAME TO t")
    :ok = DbConfig.set(s, :legacy_alter_table, false)
    :ok = EctoLibSql.run(s, "ALTER TABLE t RENAME TO u")
    assert [[sql]] = rows(s, "SELECT sql FROM sqlite_schema WHERE name = 'v'")
    assert sql =~ ~s(FROM "u")
  end

  test "legacy_file_format writes the file's format 1", %{tmp_dir: dir} do
    for {on?, format} <- [{true, 1}, {false, 4}] do
      path = Path.join(dir, "#{format}.db")

      s =
        connect!(database: path, journal_mode: :delete, db_config: [legacy_file_format: on?])

      :ok = EctoLibSql.run(s, "CREATE TABLE t (a)")
      assert <<_::binary-size(44), ^format::32, _::binary>> = File.read!(path)
    end
  end

  test "no_ckpt_on_close leaves the write-ahead log", %{tmp_dir: dir} do
    path = Path.join(dir, "log.db")
    {:ok, s} = EctoLibSql.connect(database: path, db_config: [no_ckpt_on_close: true])
    :ok = EctoLibSql.run(s, "CREATE TABLE t (a)")
    :ok = EctoLibSql.disconnect(s)
    assert %{size: size} = File.stat!(path <> "-wal")
    assert size > 0

    {:ok, s} = EctoLibSql.connect(database: path)
    assert rows(s, "SELECT * FROM t") == []
    :ok = EctoLibSql.disconnect(s)
    refute File.exists?(path <> "-wal")
  end

  test "reverse_scanorder reads backwards where no order is asked for", %{s: s} do
    :ok = EctoLibSql.run(s, "CREATE TABLE t (id INTEGER PRIMARY KEY)")
    :ok = EctoLibSql.run(s, "INSERT INTO t VALUES (1), (2), (3)")
    assert rows(s, "SELECT id FROM t") == [[1], [2], [3]]
    :ok = DbConfig.set(s, :reverse_scanorder, true)
    assert rows(s, "SELECT id FROM t") == [[3], [2], [1]]
    assert rows(s, "SELECT id FROM t ORDER BY id") == [[1], [2], [3]]
  end

  test "trigger_eqp shows triggers in a query's plan", %{s: s} do
    :ok = EctoLibSql.run(s, "CREATE TABLE t (a)")

    :ok =
      EctoLibSql.run(s, "CREATE TRIGGER g AFTER INSERT ON t BEGIN DELETE FROM t WHERE a = 7; END")

    explain = "EXPLAIN QUERY PLAN INSERT INTO t VALUES (1)"
    plain = rows(s, explain)
    :ok = DbConfig.set(s, :trigger_eqp, true)
    assert length(rows(s, explain <> " ")) > length(plain)
  end

  test "every setting is read as it was set, within a transaction too", %{s: s} do
    {:ok, before} = DbConfig.get(s)
    assert before |> Map.keys() |> Enum.sort() == Enum.sort(DbConfig.names())
    {:ok, s} = EctoLibSql.begin(s)

    for name <- DbConfig.names(), on? <- [true, false] do
      assert :ok = DbConfig.set(s, name, on?)
      assert {:ok, ^on?} = DbConfig.get(s, name)
      assert rows(s, "SELECT 1") == [[1]]
    end

    {:ok, s} = EctoLibSql.rollback(s)
    :ok = EctoLibSql.reset_connection(s)
    assert {:ok, ^before} = DbConfig.get(s)
  end

  test "a reset takes back what pragmas have set" do
    s = connect!(db_config: [reverse_scanorder: true, legacy_alter_table: true])
    {:ok, _} = EctoLibSql.query(s, "PRAGMA reverse_unordered_selects = off")
    {:ok, _} = EctoLibSql.query(s, "PRAGMA legacy_alter_table = off")
    {:ok, _} = EctoLibSql.query(s, "PRAGMA trusted_schema = on")
    :ok = EctoLibSql.reset_connection(s)

    assert {:ok, %{reverse_scanorder: true, legacy_alter_table: true, trusted_schema: false}} =
             DbConfig.get(s)
  end

  test "the option goes over those that name the same setting, if they agree" do
    s = connect!(db_config: [dqs_dml: true])
    assert {:ok, %{dqs_dml: true, dqs_ddl: false}} = DbConfig.get(s)
    s = connect!(foreign_keys: false, db_config: [enable_fkey: false])
    assert {:ok, false} = DbConfig.get(s, :enable_fkey)

    assert {:error, %Error{code: :invalid_option, message: message}} =
             EctoLibSql.connect(
               database: ":memory:",
               trusted_schema: true,
               db_config: [trusted_schema: false]
             )

    assert message =~ "contradict"
    assert message =~ "trusted_schema"
  end

  test "what is no setting, and no value of one, is refused and named", %{s: s} do
    {:ok, before} = DbConfig.get(s)

    for name <- [:deffensive, "defensive", nil, 1010, {:a}] do
      assert {:error, %Error{code: :invalid_argument, message: message}} = DbConfig.get(s, name)
      assert message =~ inspect(name)
      assert {:error, %Error{code: :invalid_argument}} = DbConfig.set(s, name, true)
    end

    for value <- [1, nil, :on, "true"] do
      assert {:error, %Error{code: :invalid_argument, message: message}} =
               DbConfig.set(s, :defensive, value)

      assert message =~ inspect(value)
    end

    for name <- [:enable_load_extension, :enable_fts3_tokenizer, :reset_database, :lookaside] do
      assert {:error, %Error{code: :invalid_argument, message: message}} =
               DbConfig.set(s, name, true)

      assert message =~ "#{name}"

      assert {:error, %Error{code: :invalid_option, message: message}} =
               EctoLibSql.connect(database: ":memory:", db_config: [{name, true}])

      assert message =~ "#{name}"
    end

    for option <- [[defensive: 1], [:defensive], %{}, [nonsense: true], "defensive"] do
      assert {:error, %Error{code: :invalid_option, message: message}} =
               EctoLibSql.connect(database: ":memory:", db_config: option)

      assert message =~ "db_config takes"
    end

    assert {:ok, ^before} = DbConfig.get(s)
  end

  test "SQL gets and gives no address in memory by fts3_tokenizer", %{s: s} do
    for {sql, params} <- [
          {"SELECT fts3_tokenizer(?)", ["simple"]},
          {"SELECT fts3_tokenizer(?, ?)", ["mine", {:blob, <<1::64>>}]},
          {"SELECT fts3_tokenizer('simple')", []}
        ] do
      assert refused(s, sql, params) =~ "no such function"
    end

    :ok = EctoLibSql.run(s, "CREATE VIRTUAL TABLE docs USING fts3 (body, tokenize=porter)")
    :ok = EctoLibSql.run(s, "INSERT INTO docs VALUES ('running')")
    assert rows(s, "SELECT body FROM docs WHERE docs MATCH 'run'") == [["running"]]
  end

  describe "reset_database" do
    test "empties a file, also a damaged one, for every connection", %{tmp_dir: dir} do
      path = Path.join(dir, "damaged.db")
      s = connect!(database: path)
      :ok = EctoLibSql.run(s, "CREATE TABLE t (a)")
      :ok = DbConfig.set(s, :writable_schema, true)
      :ok = EctoLibSql.run(s, "UPDATE sqlite_schema SET sql = 'nonsense'")
      :ok = EctoLibSql.disconnect(s)

      assert {:error, %Error{code: :corrupt}} = EctoLibSql.connect(database: path)
      s = connect!(database: path, db_config: [writable_schema: true])
      other = connect!(database: path, db_config: [writable_schema: true])
      assert refused(other, "SELECT * FROM t") =~ "no such table"
      assert :ok = DbConfig.reset_database(s)
      assert rows(s, "SELECT count(*) FROM sqlite_schema") == [[0]]
      assert rows(other, "SELECT count(*) FROM sqlite_schema") == [[0]]
      assert :ok = EctoLibSql.run(other, "CREATE TABLE t (b)")
      # The setting is off again: an ordinary VACUUM keeps what there is.
      assert :ok = EctoLibSql.run(s, "VACUUM")
      assert rows(s, "SELECT name FROM sqlite_schema") == [["t"]]
    end

    test "refuses a transaction, and an open cursor, and leaves everything", %{s: s} do
      :ok = EctoLibSql.run(s, "CREATE TABLE t AS #{count_to(10)}")
      {:ok, s} = EctoLibSql.begin(s)
      assert {:error, %Error{code: :transaction_open}} = DbConfig.reset_database(s)
      {:ok, s} = EctoLibSql.rollback(s)
      {:ok, cursor} = EctoLibSql.declare(s, "SELECT * FROM t")
      {:cont, _} = EctoLibSql.fetch(s, cursor, 2)
      assert {:error, %Error{code: :transaction_open}} = DbConfig.reset_database(s)
      :ok = EctoLibSql.deallocate(s, cursor)
      assert :ok = EctoLibSql.run(s, "VACUUM")
      assert rows(s, "SELECT count(*) FROM t") == [[10]]
    end

    test "waits for who writes, until its deadline", %{tmp_dir: dir} do
      path = Path.join(dir, "busy.db")
      s = connect!(database: path)
      :ok = EctoLibSql.run(s, "CREATE TABLE t (a)")
      {:ok, s} = EctoLibSql.begin(s, behavior: :immediate)
      other = connect!(database: path, busy_timeout: 50)
      assert {:error, %Error{code: :busy}} = DbConfig.reset_database(other)
      {:ok, s} = EctoLibSql.commit(s)
      assert :ok = EctoLibSql.run(other, "VACUUM")
      assert rows(s, "SELECT name FROM sqlite_schema") == [["t"]]
    end

    test "needs a connection that writes", %{tmp_dir: dir} do
      path = Path.join(dir, "read.db")
      s = connect!(database: path)
      :ok = EctoLibSql.run(s, "CREATE TABLE t (a)")
      reader = connect!(database: path, mode: :read_only)
      assert {:error, %Error{code: :readonly}} = DbConfig.reset_database(reader)
      assert rows(reader, "SELECT name FROM sqlite_schema") == [["t"]]
    end
  end

  test "a closed connection has none", %{s: s} do
    :ok = EctoLibSql.disconnect(s)
    assert {:error, %Error{code: :connection_closed}} = DbConfig.get(s)
    assert {:error, %Error{code: :connection_closed}} = DbConfig.set(s, :defensive, true)
    assert {:error, %Error{code: :connection_closed}} = DbConfig.reset_database(s)
  end
end
