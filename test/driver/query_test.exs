defmodule EctoLibSql.QueryTest do
  use ExUnit.Case, async: true

  import EctoLibSql.Test.Database

  alias EctoLibSql.{Error, Result}

  setup do
    s = connect!()
    :ok = EctoLibSql.run(s, "CREATE TABLE t (id INTEGER PRIMARY KEY, a, b)")
    %{s: s}
  end

  describe "what a statement is, SQLite says" do
    test "a SELECT that only looks like a write returns rows", %{s: s} do
      assert {:ok, %Result{columns: ["x"], rows: [["UPDATE"]], num_rows: 1, changes: 0}} =
               EctoLibSql.query(s, "SELECT 'UPDATE' AS x /* returning */")
    end

    test "VALUES returns rows", %{s: s} do
      assert rows(s, "VALUES (1), (2)") == [[1], [2]]
    end

    test "WITH … DELETE changes rows", %{s: s} do
      EctoLibSql.query!(s, "INSERT INTO t (a) VALUES (1), (2), (3)")

      assert %Result{columns: nil, rows: nil, num_rows: 2, changes: 2} =
               EctoLibSql.query!(s, "WITH n(i) AS (VALUES (1), (3)) DELETE FROM t WHERE a IN n")
    end

    test "RETURNING returns rows and changes them", %{s: s} do
      assert %Result{columns: ["id", "a"], rows: [[1, "x"], [2, "y"]], num_rows: 2, changes: 2} =
               EctoLibSql.query!(s, "INSERT INTO t (a) VALUES ('x'), ('y') RETURNING id, a")
    end

    test "a statement that changes nothing reports no earlier statement's changes", %{s: s} do
      EctoLibSql.query!(s, "INSERT INTO t (a) VALUES (1), (2)")
      assert EctoLibSql.query!(s, "CREATE TABLE u (a)").num_rows == 0
      assert EctoLibSql.query!(s, "UPDATE t SET a = 0 WHERE id = 99").num_rows == 0
      assert EctoLibSql.query!(s, "SELECT 1").changes == 0
    end

    test "triggers' changes are not counted", %{s: s} do
      {:ok, _} =
        EctoLibSql.execute_batch(s, """
        CREATE TABLE log (a);
        CREATE TRIGGER tr AFTER INSERT ON t BEGIN INSERT INTO log VALUES (1), (2); END;
        """)

      assert EctoLibSql.query!(s, "INSERT INTO t (a) VALUES (1)").num_rows == 1
      assert EctoLibSql.changes(s) == 1
      assert EctoLibSql.total_changes(s) == 3
    end

    test "only a write answers a rowid", %{s: s} do
      assert EctoLibSql.query!(s, "INSERT INTO t (id) VALUES (41)").last_insert_rowid == 41
      assert EctoLibSql.query!(s, "SELECT 1").last_insert_rowid == nil
      assert EctoLibSql.last_insert_rowid(s) == 41
    end

    test "duplicate and empty column names stay", %{s: s} do
      assert EctoLibSql.query!(s, ~s(SELECT 1 AS a, 2 AS a, 3 AS "")).columns == ["a", "a", ""]
    end

    test "columns are there when rows are not", %{s: s} do
      assert %Result{columns: ["id", "a", "b"], rows: [], num_rows: 0} =
               EctoLibSql.query!(s, "SELECT * FROM t")
    end

    test "columns follow a change of the schema", %{s: s} do
      assert EctoLibSql.query!(s, "SELECT * FROM t").columns == ["id", "a", "b"]
      :ok = EctoLibSql.run(s, "ALTER TABLE t ADD COLUMN c DEFAULT 7")
      :ok = EctoLibSql.run(s, "INSERT INTO t (id) VALUES (1)")

      assert %{columns: ["id", "a", "b", "c"], rows: [[1, nil, nil, 7]]} =
               EctoLibSql.query!(s, "SELECT * FROM t")
    end
  end

  describe "not one statement" do
    test "a script is an error that says where the second statement is, and runs nothing", %{s: s} do
      sql = "INSERT INTO t (a) VALUES (1); -- one\n DELETE FROM t"

      assert {:error, %Error{code: :multiple_statements, offset: offset, statement: ^sql}} =
               EctoLibSql.query(s, sql)

      assert binary_part(sql, offset, byte_size(sql) - offset) =~ ~r/\A(-- one\n )?DELETE/
      assert rows(s, "SELECT * FROM t") == []
    end

    test "a faulty second statement is one, too", %{s: s} do
      assert {:error, %Error{code: :multiple_statements}} =
               EctoLibSql.query(s, "SELECT 1; nonsense")
    end

    test "semicolons, white space and comments behind a statement are nothing", %{s: s} do
      assert rows(s, "SELECT 1;; \n -- done\n /* really */ ; -- and") == [[1]]
    end

    test "nothing is no statement", %{s: s} do
      for sql <- ["", "  ", ";", "-- only a comment", "/* open"] do
        assert {:error, %Error{code: :empty_statement}} = EctoLibSql.query(s, sql)
      end
    end

    test "SQL with a NUL byte or invalid UTF-8 says where", %{s: s} do
      assert {:error, %Error{code: :invalid_sql, offset: 8}} =
               EctoLibSql.query(s, "SELECT 1\0; DROP TABLE t")

      assert {:error, %Error{code: :invalid_sql, offset: 8}} =
               EctoLibSql.query(s, "SELECT '" <> <<255>> <> "'")

      assert rows(s, "SELECT count(*) FROM t") == [[0]]
    end
  end

  describe "positional parameters" do
    test "bind in order, and by number", %{s: s} do
      assert rows(s, "SELECT ?, ?", [1, "b"]) == [[1, "b"]]
      assert rows(s, "SELECT ?2, ?1, ?2", [1, 2]) == [[2, 1, 2]]
      assert rows(s, "SELECT :a, :b, :a", [1, 2]) == [[1, 2, 1]]
    end

    test "too few or too many are an error with both numbers", %{s: s} do
      for params <- [[], [1], [1, 2, 3]] do
        assert {:error, %Error{code: :parameter_count, message: message}} =
                 EctoLibSql.query(s, "INSERT INTO t (a, b) VALUES (?, ?)", params)

        assert message =~ "takes 2 parameter(s), #{length(params)}"
      end

      assert rows(s, "SELECT * FROM t") == []
    end

    test "are forgotten between runs", %{s: s} do
      assert rows(s, "SELECT ?", ["x"]) == [["x"]]
      assert rows(s, "SELECT ?", [nil]) == [[nil]]
      assert {:error, %Error{code: :parameter_count}} = EctoLibSql.query(s, "SELECT ?")
    end
  end

  describe "named parameters" do
    test "fit every sign, repeated or not, from a keyword list or a map", %{s: s} do
      sql = "SELECT :x, :x, @y, $z"
      expected = [[1, 1, 2, 3]]
      assert rows(s, sql, x: 1, y: 2, z: 3) == expected
      assert rows(s, sql, z: 3, y: 2, x: 1) == expected
      assert rows(s, sql, %{x: 1, y: 2, z: 3}) == expected
      assert rows(s, sql, %{"x" => 1, "@y" => 2, "$z" => 3}) == expected
    end

    test "are not found in strings, comments or identifiers", %{s: s} do
      sql = ~s(SELECT ':no', :yes, '12:30' /* :no */ AS ":no" -- :no)
      assert rows(s, sql, yes: 1) == [[":no", 1, "12:30"]]
    end

    test "missing and unknown ones are listed", %{s: s} do
      assert {:error, %Error{code: :parameter_names, message: message}} =
               EctoLibSql.query(s, "SELECT :a, @b, $c", b: 1, d: 2)

      assert message =~ "no value for :a, $c"
      assert message =~ "the statement has no d"
    end

    test "do not go with a positional one", %{s: s} do
      assert {:error, %Error{code: :positional_parameter, message: "parameter 2" <> _}} =
               EctoLibSql.query(s, "SELECT :a, ?", a: 1)
    end

    test "a blob tuple is a value, a map's key blob is a name", %{s: s} do
      assert rows(s, "SELECT typeof(?)", [{:blob, "x"}]) == [["blob"]]
      assert rows(s, "SELECT typeof(:blob)", %{blob: "x"}) == [["text"]]
      assert rows(s, "SELECT :a, :blob", a: 1, blob: "x") == [[1, "x"]]
    end
  end

  describe "query_one/3" do
    test "answers the only row, of SQL and of a prepared statement", %{s: s} do
      assert {:ok, [1, "a"]} = EctoLibSql.query_one(s, "SELECT ?, ?", [1, "a"])
      {:ok, id} = EctoLibSql.prepare(s, "SELECT :x")
      assert {:ok, [5]} = EctoLibSql.query_one(s, id, x: 5)
      assert {:ok, ["2026-11-21"]} = EctoLibSql.query_one(s, "SELECT ?", [~D[2026-11-21]])
      assert {:ok, [1]} = EctoLibSql.Native.query_row(s, "SELECT 1", [])
    end

    test "says that there was none, or more than one", %{s: s} do
      assert {:error, :no_rows} = EctoLibSql.query_one(s, "SELECT * FROM t")
      assert {:error, :no_rows} = EctoLibSql.query_one(s, "DELETE FROM t")
      assert {:error, :multiple_rows} = EctoLibSql.query_one(s, "VALUES (1), (2)")
    end

    test "stops stepping after the second row", %{s: s} do
      endless =
        "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n) SELECT i FROM n"

      assert {:error, :multiple_rows} = EctoLibSql.query_one(s, endless)
    end

    test "errors are SQLite's", %{s: s} do
      assert {:error, %Error{code: :error}} = EctoLibSql.query_one(s, "SELECT * FROM nowhere")
    end
  end

  describe "run/3" do
    test "runs anything and answers :ok", %{s: s} do
      assert :ok = EctoLibSql.run(s, "INSERT INTO t (a) VALUES (?)", [1])
      assert :ok = EctoLibSql.run(s, "SELECT * FROM t", [])
      {:ok, id} = EctoLibSql.prepare(s, "INSERT INTO t (a) VALUES (:a)")
      assert :ok = EctoLibSql.run(s, id, a: ~D[2026-11-21])
      assert rows(s, "SELECT a FROM t") == [[1], ["2026-11-21"]]

      assert {:error, %Error{code: :constraint_primarykey}} =
               EctoLibSql.run(s, "INSERT INTO t (id) VALUES (1)")
    end
  end

  describe "timeout:" do
    test "stops the query; the connection and its transaction live on", %{s: s} do
      {:ok, s} = EctoLibSql.begin(s)
      EctoLibSql.query!(s, "INSERT INTO t (a) VALUES (1)")

      assert {:error, %Error{code: :timeout, statement: statement}} =
               EctoLibSql.query(s, endless(), [], timeout: 10)

      assert statement == endless()
      refute EctoLibSql.autocommit?(s)
      assert {:ok, _} = EctoLibSql.commit(s)
      assert rows(s, "SELECT a FROM t") == [[1]]
    end

    test "covers a long result's further calls", %{s: s} do
      assert {:error, %Error{code: :timeout}} =
               EctoLibSql.query(s, count_to(100_000_000), [], timeout: 50)

      assert listed(s).cursors == []
    end

    test "takes milliseconds or :infinity, and no other option is known", %{s: s} do
      assert {:ok, _} = EctoLibSql.query(s, "SELECT 1", [], timeout: :infinity)

      assert_raise ArgumentError, ~r/timeout/, fn ->
        EctoLibSql.query(s, "SELECT 1", [], timeout: -1)
      end

      assert_raise ArgumentError, ~r/:time/, fn ->
        EctoLibSql.query(s, "SELECT 1", [], time: 1)
      end
    end
  end

  describe "long results" do
    test "arrive whole and in order", %{s: s} do
      assert %{num_rows: 100_000, rows: rows} = EctoLibSql.query!(s, count_to(100_000))
      assert Enum.map(rows, &hd/1) == Enum.to_list(1..100_000)
      assert listed(s).cursors == []
    end

    test "of large values, too", %{s: s} do
      sql =
        "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 20) " <>
          "SELECT i, zeroblob(1000000) FROM n"

      assert %{num_rows: 20, rows: rows} = EctoLibSql.query!(s, sql)
      assert Enum.all?(rows, fn [_, blob] -> byte_size(blob) == 1_000_000 end)
    end

    test "an error behind the first call is the query's", %{s: s} do
      sql =
        "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n) " <>
          "SELECT i, CASE WHEN i = 50000 THEN abs(-9223372036854775807 - 1) END FROM n"

      assert {:error, %Error{message: "integer overflow"}} = EctoLibSql.query(s, sql)
      assert listed(s).cursors == []
    end

    test "of RETURNING are written whole", %{s: s} do
      EctoLibSql.query!(s, "INSERT INTO t (a) #{count_to(50_000)}")

      assert %{num_rows: 50_000, changes: 50_000} =
               EctoLibSql.query!(s, "DELETE FROM t RETURNING id")

      assert EctoLibSql.autocommit?(s)
      assert rows(s, "SELECT count(*) FROM t") == [[0]]
    end
  end

  describe "errors" do
    test "point at the offending token", %{s: s} do
      sql = "SELECT a, nope FROM t"
      assert {:error, %Error{code: :error, extended_code: 1} = error} = EctoLibSql.query(s, sql)
      assert error.statement == sql
      assert binary_part(sql, error.offset, 4) == "nope"
      assert Exception.message(error) =~ "nope"
    end

    test "tell constraints apart, with table, columns and name", %{s: s} do
      {:ok, _} =
        EctoLibSql.execute_batch(s, """
        CREATE TABLE parents (id INTEGER PRIMARY KEY);
        CREATE TABLE c (
          id INTEGER PRIMARY KEY,
          email TEXT NOT NULL,
          org INTEGER,
          age INTEGER CONSTRAINT of_age CHECK (age >= 18),
          parent_id REFERENCES parents,
          UNIQUE (org, email)
        );
        CREATE UNIQUE INDEX c_lower ON c (lower(email));
        CREATE TABLE strict_one (a INTEGER) STRICT;
        INSERT INTO c (id, email, org) VALUES (1, 'a', 1);
        """)

      for {sql, code, constraint} <- [
            {"INSERT INTO c (email, org) VALUES ('a', 1)", :constraint_unique,
             %{kind: :unique, table: nil, columns: [], name: "c_lower"}},
            {"INSERT INTO c (id, email) VALUES (1, 'b')", :constraint_primarykey,
             %{kind: :primary_key, table: "c", columns: ["id"], name: nil}},
            {"INSERT INTO c (email) VALUES (NULL)", :constraint_notnull,
             %{kind: :not_null, table: "c", columns: ["email"], name: nil}},
            {"INSERT INTO c (email, age) VALUES ('b', 3)", :constraint_check,
             %{kind: :check, table: nil, columns: [], name: "of_age"}},
            {"INSERT INTO c (email, parent_id) VALUES ('b', 9)", :constraint_foreignkey,
             %{kind: :foreign_key, table: nil, columns: [], name: nil}},
            {"INSERT INTO strict_one VALUES ('x')", :constraint_datatype,
             %{kind: :datatype, table: "strict_one", columns: ["a"], name: nil}}
          ] do
        assert {:error, %Error{code: ^code, constraint: ^constraint}} = EctoLibSql.query(s, sql)
      end

      :ok = EctoLibSql.run(s, "DROP INDEX c_lower")

      assert {:error, %Error{constraint: %{kind: :unique, table: "c", columns: ["org", "email"]}}} =
               EctoLibSql.query(s, "INSERT INTO c (email, org) VALUES ('a', 1)")
    end

    test "a trigger's RAISE is one of its kind", %{s: s} do
      :ok =
        EctoLibSql.run(
          s,
          "CREATE TRIGGER no BEFORE DELETE ON t BEGIN SELECT RAISE(ABORT, 'not this one'); END"
        )

      EctoLibSql.query!(s, "INSERT INTO t (a) VALUES (1)")

      assert {:error, %Error{code: :constraint_trigger, message: "not this one"}} =
               EctoLibSql.query(s, "DELETE FROM t")
    end

    test "query! raises them", %{s: s} do
      assert_raise Error, ~r/no such table/, fn ->
        EctoLibSql.query!(s, "SELECT * FROM nowhere")
      end
    end
  end

  test "a statement is prepared once and found in the cache", %{s: s} do
    before = listed(s).cache
    for i <- 1..10, do: EctoLibSql.query!(s, "SELECT ? + 1", [i])
    now = listed(s).cache
    assert now.misses - before.misses == 1
    assert now.hits - before.hits == 9
  end

  test "the cache keeps as many statements as it is told to" do
    s = connect!(statement_cache_size: 3)
    for i <- 1..10, do: EctoLibSql.query!(s, "SELECT #{i}")
    assert %{size: 3} = cache = listed(s).cache
    assert cache.evictions >= 7
  end

  test "a state of no connection is an error, not a crash" do
    s = %EctoLibSql.State{conn_id: "nonsense", mode: :local, database: "x"}
    assert {:error, %Error{code: :invalid_argument}} = EctoLibSql.query(s, "SELECT 1")
    assert_raise FunctionClauseError, fn -> EctoLibSql.query(%{}, "SELECT 1") end
  end
end
