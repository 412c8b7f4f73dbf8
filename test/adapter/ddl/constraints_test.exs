if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.DDL.ConstraintsTest do
    use EctoLibSql.MigrationCase, async: true

    setup do
      migrate(fn ->
        create table(:t) do
          add :a, :integer
          add :b, :integer
        end

        create index(:t, [:a])
      end)

      rows("INSERT INTO t (a, b) VALUES (1, 2)")
      :ok
    end

    test "a check comes and goes" do
      steps = fn -> create constraint(:t, :a_is_positive, check: "a > 0") end
      migrate(steps)

      assert {:error, %{constraint: %{name: "a_is_positive"}}} =
               Repo.query("INSERT INTO t (a) VALUES (0)")

      assert names("index", "t") == ["t_a_index"]
      migrate(steps, direction: :backward)
      rows("INSERT INTO t (a) VALUES (0)")
    end

    test "a check that rows violate" do
      error = migration_error(fn -> create constraint(:t, :small, check: "b < 2") end)
      assert error.message =~ "create constraint small on table t: CHECK constraint failed: small"
      assert error.message =~ "validate: false"

      migrate(fn -> create constraint(:t, :small, check: "b < 2", validate: false) end)
      assert rows("SELECT b FROM t") == [[2]]

      assert {:error, %{constraint: %{name: "small"}}} =
               Repo.query("INSERT INTO t (b) VALUES (3)")
    end

    test "constraints of any kind can be dropped by their names" do
      rows("""
      CREATE TABLE u (a INT CONSTRAINT nn NOT NULL CONSTRAINT pos CHECK (a > 0), t_id INT REFERENCES t (id),
                      CONSTRAINT uq UNIQUE (a), CONSTRAINT pk PRIMARY KEY (t_id))
      """)

      rows("INSERT INTO u VALUES (5, 1)")

      migrate(fn ->
        drop constraint(:u, :nn)
        drop constraint(:u, :pos)
        drop constraint(:u, :uq)
        drop constraint(:u, :pk)
        drop constraint(:u, :u_t_id_fkey)
      end)

      assert sql_of("u") == ~s|CREATE TABLE "u" ("a" INT, "t_id" INT)|
      assert rows("SELECT * FROM u") == [[5, 1]]
    end

    test "one of two foreign keys that read the same" do
      rows("CREATE TABLE u (a INT REFERENCES t (id), b INT REFERENCES t (id))")
      migrate(fn -> drop constraint(:u, :u_b_fkey) end)
      assert sql_of("u") == ~s|CREATE TABLE "u" (a INT REFERENCES t (id), "b" INT)|
    end

    test "what is not there, or is there already" do
      migrate(fn ->
        create constraint(:t, :c, check: "1")
        drop_if_exists constraint(:t, :d)
      end)

      assert migration_error(fn -> create constraint(:t, :c, check: "1") end).message =~
               "create constraint c on table t: the table has a constraint of this name already"

      assert migration_error(fn -> drop constraint(:t, :d) end).message =~
               "drop constraint d on table t: there is no such constraint; the table has c"
    end

    test "exclusion constraints are refused" do
      error = migration_error(fn -> create constraint(:t, :e, exclude: "gist (a WITH =)") end)
      assert error.message =~ "create constraint e on table t: "
      assert error.message =~ "no exclusion constraints"
    end
  end
end
