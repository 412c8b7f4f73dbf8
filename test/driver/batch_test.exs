defmodule EctoLibSql.BatchTest do
  use ExUnit.Case, async: true

  import EctoLibSql.Test.Database

  alias EctoLibSql.{Error, Native, Result}

  setup do
    s = connect!()
    :ok = EctoLibSql.run(s, "CREATE TABLE t (id INTEGER PRIMARY KEY, a UNIQUE)")
    %{s: s}
  end

  describe "execute_batch/2" do
    test "runs every statement of a script", %{s: s} do
      script = """
      -- a comment; with a semicolon
      INSERT INTO t (a) VALUES ('one; two'), ('three');
      ;
      CREATE TRIGGER tr AFTER INSERT ON t BEGIN UPDATE t SET a = a; SELECT 1; END;
      SELECT a FROM t ORDER BY id; /* the end */
      """

      assert {:ok,
              [
                %Result{rows: nil, num_rows: 2, last_insert_rowid: 2},
                %Result{rows: nil, num_rows: 0},
                %Result{columns: ["a"], rows: [["one; two"], ["three"]], num_rows: 2}
              ]} = EctoLibSql.execute_batch(s, script)

      assert {:ok, [%{rows: [[1]]}]} = EctoLibSql.execute_batch_native(s, "SELECT 1")
      assert {:ok, [%{rows: [[1]]}]} = Native.execute_batch_sql(s, "SELECT 1")
      assert {:ok, [%{rows: [[1]]}]} = Native.execute_batch_native(s, "SELECT 1")
    end

    test "keeps what ran before the statement that fails, which it names", %{s: s} do
      assert {:error, %Error{code: :constraint_unique, index: 1, statement: statement}} =
               EctoLibSql.execute_batch(
                 s,
                 "INSERT INTO t (a) VALUES (1); INSERT INTO t (a) VALUES (1); INSERT INTO t (a) VALUES (2)"
               )

      assert statement =~ "INSERT INTO t (a) VALUES (1)"
      assert rows(s, "SELECT a FROM t") == [[1]]

      assert {:error, %Error{code: :error, index: 1}} =
               EctoLibSql.execute_batch(s, "SELECT 1; nonsense; SELECT 2")
    end

    test "may begin and end transactions", %{s: s} do
      assert {:ok, [_, _, _]} =
               EctoLibSql.execute_batch(s, "BEGIN; INSERT INTO t (a) VALUES (1); COMMIT")

      assert {:ok, _} = EctoLibSql.execute_batch(s, "BEGIN; INSERT INTO t (a) VALUES (2)")
      assert %{transaction: %{behavior: nil}} = listed(s)
      assert {:ok, _} = EctoLibSql.rollback(s)
      assert rows(s, "SELECT a FROM t") == [[1]]
    end

    test "takes no parameters, and nothing for a script", %{s: s} do
      assert {:error, %Error{code: :parameter_count, index: 0}} =
               EctoLibSql.execute_batch(s, "SELECT ?")

      assert {:error, %Error{code: :empty_statement}} = EctoLibSql.execute_batch(s, "-- nothing")
      assert {:error, %Error{code: :invalid_sql}} = EctoLibSql.execute_batch(s, "SELECT 1;\0")
    end

    test "has a deadline", %{s: s} do
      assert {:error, %Error{code: :timeout, index: 1}} =
               EctoLibSql.execute_batch(s, "SELECT 1; #{endless()}", timeout: 20)
    end
  end

  describe "execute_transactional_batch/2" do
    test "is all", %{s: s} do
      assert {:ok, [_, %{rows: [[1]]}]} =
               EctoLibSql.execute_transactional_batch(
                 s,
                 "INSERT INTO t (a) VALUES (1); SELECT a FROM t"
               )

      assert EctoLibSql.autocommit?(s)
      assert rows(s, "SELECT a FROM t") == [[1]]
    end

    test "or nothing", %{s: s} do
      for script <- [
            "INSERT INTO t (a) VALUES (1); INSERT INTO t (a) VALUES (1)",
            "INSERT INTO t (a) VALUES (1); nonsense",
            "CREATE TABLE u (a); INSERT INTO nowhere VALUES (1)"
          ] do
        assert {:error, %Error{index: 1}} = EctoLibSql.execute_transactional_batch(s, script)
        assert EctoLibSql.autocommit?(s)
        assert listed(s).transaction == nil
        assert rows(s, "SELECT count(*) FROM t") == [[0]]
        assert rows(s, "SELECT name FROM sqlite_schema WHERE name = 'u'") == []
      end
    end

    test "refuses what would end its transaction, and is undone", %{s: s} do
      for ending <- ["COMMIT", "end transaction", "/* x */ ROLLBACK", "BEGIN"] do
        assert {:error, %Error{code: :transaction_in_batch, index: 1}} =
                 EctoLibSql.execute_transactional_batch(
                   s,
                   "INSERT INTO t (a) VALUES (1); #{ending}; INSERT INTO t (a) VALUES (2)"
                 )

        assert EctoLibSql.autocommit?(s)
        assert rows(s, "SELECT a FROM t") == []
      end
    end

    test "may use savepoints", %{s: s} do
      assert {:ok, _} =
               EctoLibSql.execute_transactional_batch(s, """
               INSERT INTO t (a) VALUES (1);
               SAVEPOINT x; INSERT INTO t (a) VALUES (2); ROLLBACK TO x; RELEASE x;
               """)

      assert rows(s, "SELECT a FROM t") == [[1]]
    end

    test "inside a transaction undoes only itself", %{s: s} do
      {:ok, s} = EctoLibSql.begin(s)
      EctoLibSql.query!(s, "INSERT INTO t (a) VALUES ('before')")

      assert {:error, %Error{code: :constraint_unique}} =
               EctoLibSql.execute_transactional_batch(
                 s,
                 "INSERT INTO t (a) VALUES (1); INSERT INTO t (a) VALUES (1)"
               )

      assert {:ok, _} = EctoLibSql.execute_transactional_batch(s, "INSERT INTO t (a) VALUES (2)")
      refute EctoLibSql.autocommit?(s)
      {:ok, _} = EctoLibSql.commit(s)
      assert rows(s, "SELECT a FROM t ORDER BY id") == [["before"], [2]]
    end
  end

  describe "batch/2 and batch_transactional/2" do
    test "run statements with their parameters", %{s: s} do
      statements = [
        {"INSERT INTO t (a) VALUES (?)", ["x"]},
        {"INSERT INTO t (a) VALUES (:a)", %{a: ~D[2026-11-21]}},
        {"INSERT INTO t (a) VALUES (:a)", [a: {:blob, "b"}]},
        {"SELECT a FROM t ORDER BY id", []}
      ]

      for run <- [&EctoLibSql.batch/2, &EctoLibSql.batch_transactional/2] do
        assert {:ok, [%{changes: 1}, _, _, %{rows: [["x"], ["2026-11-21"], ["b"]]}]} =
                 run.(s, statements)

        EctoLibSql.query!(s, "DELETE FROM t")
      end

      assert {:ok, []} = EctoLibSql.batch(s, [])
      assert {:ok, []} = EctoLibSql.batch_transactional(s, [])
    end

    test "name the statement that fails; one keeps what ran, one does not", %{s: s} do
      statements = [
        {"INSERT INTO t (a) VALUES (?)", [1]},
        {"INSERT INTO t (a) VALUES (?)", [1]}
      ]

      assert {:error, %Error{code: :constraint_unique, index: 1, constraint: %{columns: ["a"]}}} =
               EctoLibSql.batch_transactional(s, statements)

      assert rows(s, "SELECT a FROM t") == []

      assert {:error, %Error{code: :constraint_unique, index: 1}} =
               EctoLibSql.batch(s, statements)

      assert rows(s, "SELECT a FROM t") == [[1]]
    end

    test "a parameter that cannot be stored is found before anything runs twice", %{s: s} do
      assert {:error, %Error{code: :unsupported_parameter, index: 1}} =
               EctoLibSql.batch(s, [
                 {"INSERT INTO t (a) VALUES (?)", [~D[2026-11-21]]},
                 {"INSERT INTO t (a) VALUES (?)", [%{}]}
               ])

      assert rows(s, "SELECT a FROM t") == []

      assert {:ok, _} =
               EctoLibSql.batch(s, [
                 {"INSERT INTO t (a) VALUES (?)", [1]},
                 {"INSERT INTO t (a) VALUES (?)", [~D[2026-11-21]]}
               ])

      assert rows(s, "SELECT count(*) FROM t") == [[2]]
    end

    test "refuse what would end the transaction, and what is no batch", %{s: s} do
      assert {:error, %Error{code: :transaction_in_batch, index: 0}} =
               EctoLibSql.batch_transactional(s, [{"COMMIT", []}])

      assert {:error, %Error{code: :invalid_argument}} = EctoLibSql.batch(s, ["SELECT 1"])

      assert {:error, %Error{code: :multiple_statements, index: 0}} =
               EctoLibSql.batch(s, [{"SELECT 1; SELECT 2", []}])
    end
  end
end
