if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.DDL.IndexesTest do
    use EctoLibSql.MigrationCase, async: true

    setup do
      migrate(fn ->
        create table(:t) do
          add :a, :string
          add :b, :integer
          add :c, :integer
        end
      end)
    end

    # What explains is not prepared anew when another connection has changed the schema; what runs is.
    defp plan(sql) do
      Repo.checkout(fn ->
        rows("SELECT count(*) FROM t")
        Enum.map_join(rows("EXPLAIN QUERY PLAN " <> sql), "\n", &List.last/1)
      end)
    end

    defp refused(index), do: migration_error(fn -> create index end).message

    test "unique, partial, on expressions" do
      migrate(fn ->
        create unique_index(:t, [:a], where: "b > 0")
        create unique_index(:t, ["lower(a)", :c], name: :t_lower)
      end)

      rows("INSERT INTO t (a, b) VALUES ('x', 0), ('x', 0), ('y', 1)")

      assert {:error, %{constraint: %{name: "t_a_index"}}} =
               Repo.query("INSERT INTO t (a, b) VALUES ('y', 2)")

      rows("INSERT INTO t (a, c) VALUES ('Z', 1)")

      assert {:error, %{constraint: %{name: "t_lower"}}} =
               Repo.query("INSERT INTO t (a, c) VALUES ('z', 1)")
    end

    test "directions, of which SQLite has two" do
      migrate(fn ->
        create index(:t, [desc: :a, asc: :b], name: :plain)
        create index(:t, [desc_nulls_last: :a, asc_nulls_first: :b], name: :nulls)
        create index(:t, [desc: "lower(a)"], name: :expression)
      end)

      assert plan("SELECT a FROM t ORDER BY a DESC, b") =~ "SCAN t USING COVERING INDEX"
      assert sql_of("nulls") == ~s|CREATE INDEX "nulls" ON "t" ("a" DESC, "b" ASC)|

      assert refused(index(:t, [asc_nulls_last: :a], name: :x)) =~
               "create index x on t: asc_nulls_last"

      assert refused(index(:t, desc_nulls_first: :a)) =~ "desc_nulls_first"
    end

    test "include is more columns, unless the index is unique" do
      migrate(fn -> create index(:t, [:a], include: [:b, :c]) end)
      assert plan("SELECT b, c FROM t WHERE a = 'x'") =~ "COVERING INDEX t_a_index"
      assert refused(unique_index(:t, [:b], include: [:c])) =~ "include:"
    end

    test "concurrently, only and using: :btree ask for nothing else" do
      ExUnit.CaptureIO.capture_io(:stderr, fn ->
        migrate(fn ->
          create index(:t, [:a], concurrently: true, only: true, using: :btree)
          drop index(:t, [:a], concurrently: true)
        end)
      end)

      assert names("index", "t") == []
    end

    test "nulls_distinct: true is how it is" do
      migrate(fn -> create unique_index(:t, [:a], nulls_distinct: true) end)
      rows("INSERT INTO t (a) VALUES (NULL), (NULL)")
    end

    test "what SQLite cannot do is refused, with what to do instead" do
      assert refused(index(:t, [:a], using: :gin)) =~ "using: :gin"
      assert refused(index(:t, [:a], options: "fillfactor = 70")) =~ "options:"
      assert refused(unique_index(:t, [:a], nulls_distinct: false)) =~ ~s(where: "... IS NULL")
    end

    test "errors name the index, and its table" do
      assert refused(index(:missing, [:a])) =~
               "create index missing_a_index on missing: no such table: main.missing"

      rows("INSERT INTO t (a) VALUES ('x'), ('x')")
      message = refused(unique_index(:t, [:a]))
      assert message =~ "create index t_a_index on t: UNIQUE constraint failed"
      assert message =~ "correct or delete them first"

      assert migration_error(fn -> drop index(:t, [:a]) end).message =~
               "drop index t_a_index on t: "
    end

    test "if not exists, if exists, and backwards" do
      steps = fn ->
        create_if_not_exists index(:t, [:a])
        create_if_not_exists index(:t, [:a])
      end

      migrate(steps)
      migrate(steps, direction: :backward)
      assert names("index", "t") == []
      migrate(fn -> drop_if_exists index(:t, [:a]), mode: :cascade end)
    end
  end
end
