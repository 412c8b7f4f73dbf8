defmodule EctoLibSql.ConstraintNamesTest do
  use ExUnit.Case, async: true

  alias EctoLibSql.ConstraintNames

  setup do
    {:ok, s} = EctoLibSql.connect(database: ":memory:")
    %{s: s}
  end

  defp script(s, sql) do
    {:ok, _} = EctoLibSql.execute_batch(s, sql)
    :ok
  end

  # What is found out, and that nothing is left behind by it.
  defp violated(s, sql, params \\ []) do
    open? = not EctoLibSql.autocommit?(s)
    {:ok, before} = dump(s)
    {:error, error} = EctoLibSql.query(s, sql, params)
    enriched = ConstraintNames.enrich(s, error, sql, params)
    assert {:ok, ^before} = dump(s)
    assert EctoLibSql.autocommit?(s) == not open?
    assert {:ok, true} = EctoLibSql.Pragma.foreign_keys_enabled?(s)
    assert {:ok, false} = EctoLibSql.Pragma.get_defer_foreign_keys(s)
    Map.take(enriched.constraint, [:kind, :table, :columns, :name])
  end

  defp dump(s) do
    {:ok, %{rows: tables}} =
      EctoLibSql.query(s, "SELECT name, sql FROM sqlite_schema WHERE type = 'table'")

    {:ok, for([name, sql] <- tables, do: {sql, content(s, name)})}
  end

  defp content(s, name) do
    name = IO.iodata_to_binary(EctoLibSql.Identifier.quote_name(name))
    EctoLibSql.query!(s, "SELECT * FROM #{name}").rows
  end

  describe "unique" do
    test "two indexes on the same columns are told apart", %{s: s} do
      script(s, """
      CREATE TABLE t (a, b);
      CREATE UNIQUE INDEX t_low ON t (a) WHERE b < 10;
      CREATE UNIQUE INDEX t_high ON t (a) WHERE b > 10;
      INSERT INTO t VALUES (1, 1), (1, 11);
      """)

      assert %{kind: :unique, columns: ["a"], name: "t_low"} =
               violated(s, "INSERT INTO t VALUES (1, 2)")

      assert %{name: "t_high"} = violated(s, "INSERT INTO t VALUES (?, ?)", [1, 12])
      script(s, "BEGIN")
      assert %{name: "t_high"} = violated(s, "UPDATE t SET b = 12 WHERE b = 1")
      script(s, "ROLLBACK")
    end

    test "a named constraint, and an unnamed one", %{s: s} do
      script(s, """
      CREATE TABLE t (a CONSTRAINT one UNIQUE, b, c, CONSTRAINT both UNIQUE (b, c), UNIQUE (c, a));
      INSERT INTO t VALUES (1, 2, 3);
      """)

      assert %{name: "one"} = violated(s, "INSERT INTO t VALUES (1, 5, 6)")
      assert %{name: "both"} = violated(s, "INSERT INTO t VALUES (2, 2, 3)")
      script(s, "CREATE TABLE u (c, a, UNIQUE (c, a)); INSERT INTO u VALUES (1, 1)")
      assert %{name: nil, columns: ["c", "a"]} = violated(s, "INSERT INTO u VALUES (1, 1)")
    end

    test "of an attached database", %{s: s} do
      script(s, """
      ATTACH ':memory:' AS other;
      CREATE TABLE other.t (a);
      CREATE UNIQUE INDEX other.in_other ON t (a);
      INSERT INTO other.t VALUES (1);
      """)

      assert %{name: "in_other"} = violated(s, "INSERT INTO other.t VALUES (1)")
    end
  end

  describe "primary key" do
    test "with a declared name, and without", %{s: s} do
      script(s, """
      CREATE TABLE a (x, y, CONSTRAINT a_key PRIMARY KEY (x, y)) WITHOUT ROWID;
      CREATE TABLE b (id INTEGER PRIMARY KEY);
      INSERT INTO a VALUES (1, 2);
      INSERT INTO b VALUES (1);
      """)

      assert %{kind: :primary_key, name: "a_key", columns: ["x", "y"]} =
               violated(s, "INSERT INTO a VALUES (1, 2)")

      assert %{kind: :primary_key, name: nil, table: "b"} =
               violated(s, "INSERT INTO b VALUES (1)")
    end
  end

  describe "foreign key" do
    setup %{s: s} do
      script(s, """
      CREATE TABLE p (id INTEGER PRIMARY KEY, code TEXT COLLATE NOCASE UNIQUE, x, y, UNIQUE (x, y));
      CREATE TABLE c (
        id INTEGER PRIMARY KEY,
        first INT CONSTRAINT c_first REFERENCES p,
        second INT REFERENCES p (id) ON DELETE CASCADE,
        code TEXT CONSTRAINT c_code REFERENCES p (code),
        x INT, y INT,
        CONSTRAINT c_xy FOREIGN KEY (x, y) REFERENCES p (x, y)
      );
      INSERT INTO p VALUES (1, 'one', 1, 1), (2, 'two', 2, 2), (3, 'three', 3, 3);
      INSERT INTO c VALUES (1, 1, 2, 'ONE', 1, 1), (2, NULL, 3, NULL, NULL, NULL);
      """)
    end

    test "of an insert of one row or several", %{s: s} do
      assert violated(s, "INSERT INTO c (first) VALUES (9)") ==
               %{kind: :foreign_key, table: "c", columns: ["first"], name: "c_first"}

      assert %{columns: ["second"], name: nil} =
               violated(s, "INSERT INTO c (second) VALUES (?)", [9])

      assert %{name: "c_code"} =
               violated(
                 s,
                 "INSERT INTO c (code) VALUES ('TWO'), ('four'), ('three') RETURNING id"
               )

      assert %{name: "c_xy", columns: ["x", "y"]} =
               violated(s, "INSERT INTO c (x, y) VALUES (:x, :y)", x: 1, y: 2)
    end

    test "of an update of the child or the parent", %{s: s} do
      assert %{name: "c_first"} = violated(s, "UPDATE c SET first = 9")
      assert %{name: "c_code"} = violated(s, "UPDATE p SET code = 'uno' WHERE id = 1")
      assert %{name: "c_xy"} = violated(s, "UPDATE p SET x = 5 WHERE id = 1")
    end

    test "of a delete, after what cascades", %{s: s} do
      script(s, """
      CREATE TABLE d (c_id CONSTRAINT d_c REFERENCES c (id));
      CREATE TABLE e (c_id CONSTRAINT e_c REFERENCES c (id));
      INSERT INTO d VALUES (2);
      INSERT INTO e VALUES (1);
      """)

      assert %{name: "d_c", table: "d"} = violated(s, "DELETE FROM p WHERE id = 3")
      assert %{name: "e_c"} = violated(s, "DELETE FROM p WHERE id = 2")
    end

    test "in what a trigger does", %{s: s} do
      script(s, """
      CREATE TABLE start (x);
      CREATE TRIGGER go AFTER INSERT ON start BEGIN INSERT INTO c (code) VALUES (NEW.x); END;
      """)

      assert %{name: "c_code"} = violated(s, "INSERT INTO start VALUES ('nope')")
    end

    test "of RESTRICT, told from others", %{s: s} do
      script(s, """
      CREATE TABLE r (p_id CONSTRAINT r_p REFERENCES p ON DELETE RESTRICT);
      CREATE TABLE q (p_id CONSTRAINT q_p REFERENCES p ON DELETE RESTRICT ON UPDATE RESTRICT);
      INSERT INTO p (id) VALUES (10), (11);
      INSERT INTO r VALUES (10);
      INSERT INTO q VALUES (11);
      """)

      assert %{kind: :foreign_key, name: "r_p"} = violated(s, "DELETE FROM p WHERE id = 10")
      assert %{name: "q_p"} = violated(s, "DELETE FROM p WHERE id = 11")
      assert %{name: "q_p"} = violated(s, "UPDATE p SET id = 12 WHERE id = 11")
    end

    test "in a transaction, and at its end", %{s: s} do
      script(s, "CREATE TABLE f (p_id CONSTRAINT f_p REFERENCES p DEFERRABLE INITIALLY DEFERRED)")
      script(s, "BEGIN; INSERT INTO p (id) VALUES (50)")
      assert %{name: "c_first"} = violated(s, "INSERT INTO c (first) VALUES (51)")
      script(s, "INSERT INTO f VALUES (99)")
      {:error, error} = EctoLibSql.commit(s)
      assert %{constraint: %{name: "f_p"}} = ConstraintNames.enrich(s, error, "COMMIT", [])
      :ok = EctoLibSql.rollback(s) |> then(fn {:ok, _} -> :ok end)
    end

    test "where the table names it in another case, or it has odd names", %{s: s} do
      script(s, """
      CREATE TABLE "odd ""name" ("a b" INT CONSTRAINT "odd key" REFERENCES P (ID), z REFERENCES p);
      """)

      assert %{table: "odd \"name", columns: ["a b"], name: "odd key"} =
               violated(s, ~s|INSERT INTO "odd ""name" ("a b") VALUES (9)|)
    end

    test "after the schema has changed", %{s: s} do
      assert %{name: "c_first"} = violated(s, "INSERT INTO c (first) VALUES (9)")

      script(s, """
      CREATE TABLE filler (x);
      PRAGMA foreign_keys = OFF;
      CREATE TABLE c2 (id INTEGER PRIMARY KEY, first INT CONSTRAINT other REFERENCES p, z REFERENCES p);
      DROP TABLE c;
      ALTER TABLE c2 RENAME TO c;
      PRAGMA foreign_keys = ON;
      """)

      assert %{name: "other"} = violated(s, "INSERT INTO c (first) VALUES (9)")
    end

    test "a trigger that raises by itself is none", %{s: s} do
      script(s, "CREATE TRIGGER no BEFORE INSERT ON p BEGIN SELECT RAISE(ABORT, 'no'); END")
      assert %{kind: :trigger} = violated(s, "INSERT INTO p (id) VALUES (77)")
    end
  end

  test "NOT NULL with a name", %{s: s} do
    script(s, "CREATE TABLE t (a CONSTRAINT has_a NOT NULL, b NOT NULL)")
    assert %{kind: :not_null, name: "has_a"} = violated(s, "INSERT INTO t (b) VALUES (1)")

    assert %{kind: :not_null, name: nil, columns: ["b"]} =
             violated(s, "INSERT INTO t (a) VALUES (1)")
  end

  test "an error of another kind stays as it is", %{s: s} do
    {:error, error} = EctoLibSql.query(s, "SELECT nonsense")
    assert ConstraintNames.enrich(s, error, "SELECT nonsense", []) == error
  end
end
