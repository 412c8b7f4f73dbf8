if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.DDL.TablesTest do
    use EctoLibSql.MigrationCase, async: true

    defp columns(table) do
      for [_, name, type, not_null, default, key] <- rows("PRAGMA table_info(#{table})"),
          into: %{},
          do: {name, %{type: type, null: not_null == 0, default: default, key: key}}
    end

    describe "primary keys" do
      test "by default numbers that are never given out twice" do
        migrate(fn -> create table(:t) end)
        rows("INSERT INTO t DEFAULT VALUES")
        rows("DELETE FROM t")
        assert rows("INSERT INTO t DEFAULT VALUES RETURNING id") == [[2]]
      end

      test ":id is the rowid, without AUTOINCREMENT" do
        migrate(fn -> create table(:t, primary_key: [type: :id]) end)
        rows("INSERT INTO t DEFAULT VALUES")
        rows("DELETE FROM t")
        assert rows("INSERT INTO t DEFAULT VALUES RETURNING id") == [[1]]
      end

      test "AUTOINCREMENT can be asked for, and against" do
        migrate(fn ->
          create table(:on, primary_key: [type: :id, autoincrement: true])
          create table(:off, primary_key: [autoincrement: false])
        end)

        assert sql_of("on") =~ "AUTOINCREMENT"
        refute sql_of("off") =~ "AUTOINCREMENT"
      end

      test "any integer type is the rowid" do
        migrate(fn -> create table(:t, primary_key: [type: :bigint]) end)
        assert rows("INSERT INTO t DEFAULT VALUES RETURNING id") == [[1]]
      end

      test "of another type are NOT NULL" do
        migrate(fn -> create table(:t, primary_key: [name: :uuid, type: :binary_id]) end)
        assert %{"uuid" => %{type: "TEXT", null: false, key: 1}} = columns("t")
        assert {:error, %{code: :constraint_notnull}} = Repo.query("INSERT INTO t DEFAULT VALUES")
      end

      test "of several columns" do
        migrate(fn ->
          create table(:t, primary_key: false) do
            add :a, :integer, primary_key: true
            add :b, :string, primary_key: true
          end
        end)

        assert %{"a" => %{key: 1, null: false}, "b" => %{key: 2, null: false}} = columns("t")
        rows("INSERT INTO t VALUES (1, 'x'), (1, 'y')")

        assert {:error, %{code: :constraint_primarykey}} =
                 Repo.query("INSERT INTO t VALUES (1, 'x')")
      end

      test "a serial column keeps its numbers where it is part of a larger key" do
        migrate(fn ->
          create table(:t) do
            add :a, :integer, primary_key: true
          end
        end)

        assert rows("INSERT INTO t (a) VALUES (7) RETURNING id") == [[1]]

        # The pragma finds what the connection's own copy of the schema has, which this brings up to date.
        assert rows("SELECT 1 FROM t LIMIT 0") == []
        assert [[_, _, 1, "u" | _]] = rows("PRAGMA index_list(t)")
      end

      test ":identity starts where it is told" do
        migrate(fn ->
          create table(:t, primary_key: [type: :identity, start_value: 100])
          create_if_not_exists table(:t, primary_key: [type: :identity, start_value: 500])
        end)

        assert rows("INSERT INTO t DEFAULT VALUES RETURNING id") == [[100]]
        assert rows("INSERT INTO t DEFAULT VALUES RETURNING id") == [[101]]
      end

      test "numbers go up by 1 only" do
        error =
          migration_error(fn ->
            create table(:t, primary_key: [type: :identity, increment: 20])
          end)

        assert error.message =~ "create table t: "
        assert error.message =~ "increment: 20"
      end
    end

    describe "options" do
      test "STRICT tables have SQLite's own types" do
        migrate(fn ->
          create table(:t, options: "STRICT") do
            add :price, :decimal, precision: 10, scale: 2
            add :name, :string, size: 40
            add :data, :map
            add :tags, {:array, :string}
            add :uuid, :uuid
            add :at, :utc_datetime_usec
            add :hash, :binary
            add :flag, :boolean
          end
        end)

        assert {:error, %{code: :constraint_datatype}} =
                 Repo.query("INSERT INTO t (flag) VALUES ('x')")

        assert columns("t")["price"].type == "TEXT"
      end

      test "WITHOUT ROWID, with a key that SQLite does not fill" do
        migrate(fn ->
          create table(:t, primary_key: [name: :code, type: :string], options: "WITHOUT ROWID")
        end)

        assert {:error, %{message: message}} = Repo.query("SELECT rowid FROM t")
        assert message =~ "no such column"

        error = migration_error(fn -> create table(:u, options: "WITHOUT ROWID") end)
        assert error.message =~ "generates no numbers"
      end

      test "RANDOM ROWID" do
        migrate(fn -> create table(:t, options: "RANDOM ROWID") end)
        [[a], [b]] = rows("INSERT INTO t VALUES (NULL), (NULL) RETURNING id")
        refute b == a + 1
      end

      test "generated columns" do
        migrate(fn ->
          create table(:t) do
            add :a, :integer
            add :twice, :integer, generated: "ALWAYS AS (a * 2) STORED"
            add :thrice, :integer, generated: "AS (a * 3)"
            add :more, :integer, generated: "a + 1"
          end
        end)

        rows("INSERT INTO t (a) VALUES (7)")
        assert rows("SELECT twice, thrice, more FROM t") == [[14, 21, 8]]

        error =
          migration_error(fn ->
            create table(:u) do
              add :a, :integer, generated: "BY DEFAULT AS IDENTITY"
            end
          end)

        assert error.message =~ "create table u: "
        assert error.message =~ ":identity"
      end

      @tag skip:
             if(Map.has_key?(%Ecto.Migration.Table{}, :modifiers),
               do: false,
               else: "ecto_sql 3.13 has no modifiers"
             )
      test "TEMPORARY is the only modifier" do
        Repo.checkout(fn ->
          migrate(fn -> create table(:t, modifiers: "TEMPORARY") end)
          assert rows("SELECT count(*) FROM temp.t") == [[0]]
        end)

        assert migration_error(fn -> create table(:u, modifiers: "UNLOGGED") end).message =~
                 "TEMPORARY"
      end

      test "what SQLite has no idea of is refused by name" do
        assert migration_error(fn -> create table(:t, engine: :innodb) end).message =~
                 "storage engines"

        assert migration_error(fn -> create table(:t, options: [a: 1]) end).message =~
                 "keyword lists"

        assert migration_error(fn -> create table(:t, primary_key: false) end).message =~
                 "at least one column"
      end

      test "comments are accepted, and kept nowhere" do
        migrate(fn ->
          create table(:t, comment: "a table") do
            add :a, :integer, comment: "a column"
          end

          create index(:t, [:a], comment: "an index")
        end)

        refute sql_of("t") =~ "a column"
      end
    end

    describe "columns" do
      test "collation, checks, null" do
        migrate(fn ->
          create table(:t) do
            add :a, :string, collation: "NOCASE", null: false
            add :b, :integer, check: "b > 0"
            add :c, :integer, check: %{name: "c_is_even", expr: "c % 2 = 0"}, null: true
          end
        end)

        rows("INSERT INTO t (a) VALUES ('X')")
        assert rows("SELECT a FROM t WHERE a = 'x'") == [["X"]]

        assert {:error, %{code: :constraint_check}} =
                 Repo.query("INSERT INTO t (a, b) VALUES ('', 0)")

        assert {:error, %{constraint: %{name: "c_is_even"}}} =
                 Repo.query("INSERT INTO t (a, c) VALUES ('', 1)")
      end

      test "names that have to be quoted" do
        migrate(fn ->
          create table(~s(a "quoted" table)) do
            add :"select \"it\"", :integer
          end

          create index(~s(a "quoted" table), [:"select \"it\""], name: ~s(i"x))
        end)

        rows(~s|INSERT INTO "a ""quoted"" table" ("select ""it""") VALUES (1)|)
        migrate(fn -> drop index(~s(a "quoted" table), [:x], name: ~s(i"x)) end)
        assert names("index", ~s(a "quoted" table)) == []
      end

      test "timestamps" do
        migrate(fn ->
          create table(:t) do
            timestamps(type: :utc_datetime_usec)
          end
        end)

        assert %{"inserted_at" => %{type: "TEXT", null: false}} = columns("t")
      end
    end

    describe "the repo's types" do
      @tag repo: [uuid_type: :binary, map_type: :binary]
      test "are those of the columns, and of their defaults" do
        migrate(fn ->
          create table(:t) do
            add :uuid, :uuid, default: "00000000-0000-0000-0000-00000000000a"
            add :data, :map, default: %{"a" => 1}
          end
        end)

        assert %{"uuid" => %{type: "BLOB"}} = columns("t")
        rows("INSERT INTO t DEFAULT VALUES")

        assert rows("SELECT typeof(uuid), hex(uuid), typeof(data), json(data) FROM t") ==
                 [["blob", String.duplicate("0", 31) <> "A", "blob", ~s({"a":1})]]
      end
    end

    describe "create and drop" do
      test "if not exists, if exists" do
        migrate(fn ->
          create table(:t)
          create_if_not_exists table(:t)
          drop_if_exists table(:t)
          drop_if_exists table(:t)
        end)

        assert migration_error(fn -> drop table(:t) end).message =~ "drop table t: no such table"
        migrate(fn -> create table(:t) end)
        assert migration_error(fn -> create table(:t) end).message =~ "create table t: "
      end

      test "are undone with the migration" do
        migration_error(fn ->
          create table(:t)
          execute "SELECT nonsense"
        end)

        assert rows("SELECT name FROM sqlite_schema WHERE name = 't'") == []
      end

      test "a change runs backwards" do
        steps = fn ->
          create table(:t) do
            add :a, :integer
          end

          create index(:t, [:a])
          rename table(:t), :a, to: :b
          rename table(:t), to: table(:u)
        end

        migrate(steps)
        assert names("index", "u") == ["t_a_index"]
        migrate(steps, direction: :backward)
        assert rows("SELECT name FROM sqlite_schema WHERE name NOT LIKE 'sqlite%'") == []
      end

      test "execute runs every statement of a script" do
        migrate(fn ->
          execute "CREATE TABLE a (x); CREATE TABLE b (y); INSERT INTO b VALUES (1)"
        end)

        assert rows("SELECT y FROM b") == [[1]]
        assert migration_error(fn -> execute create: "x" end).message =~ "keyword lists"
      end

      test "execute of nothing is fine" do
        migrate(
          fn ->
            execute "SELECT 1", ""
            execute "-- nothing"
          end,
          direction: :forward
        )

        migrate(fn -> execute "SELECT 1", "" end, direction: :backward)
      end
    end

    describe "dropping a table that others refer to" do
      setup do
        migrate(fn ->
          create table(:authors)

          create table(:posts) do
            add :author_id, references(:authors, on_delete: :delete_all)
            add :title, :string
          end

          create index(:posts, [:author_id])
          execute "CREATE VIEW names AS SELECT id FROM authors"
          execute "CREATE VIEW names2 AS SELECT id FROM names"
          execute "CREATE VIEW other AS SELECT id FROM posts"
        end)
      end

      test "deletes none of their rows" do
        rows("INSERT INTO authors VALUES (1)")
        rows("INSERT INTO posts (author_id) VALUES (1)")
        error = migration_error(fn -> drop table(:authors) end)
        assert error.message =~ "drop table authors: "
        assert error.message =~ "posts_author_id_fkey of posts"
        assert error.message =~ "mode: :cascade"
        assert rows("SELECT count(*) FROM posts") == [[1]]
      end

      test "is fine where no row does" do
        rows("INSERT INTO authors VALUES (1)")
        migrate(fn -> drop table(:authors) end)
      end

      test "with mode: :cascade takes the foreign keys and the views along" do
        rows("INSERT INTO authors VALUES (1)")
        rows("INSERT INTO posts (author_id, title) VALUES (1, 'x')")
        migrate(fn -> drop table(:authors), mode: :cascade end)
        assert rows("SELECT author_id, title FROM posts") == [[1, "x"]]
        assert rows("PRAGMA foreign_key_list(posts)") == []
        assert names("index", "posts") == ["posts_author_id_index"]
        assert rows("SELECT name FROM sqlite_schema WHERE type = 'view'") == [["other"]]
        rows("INSERT INTO posts (author_id) VALUES (99)")
      end
    end

    describe "prefix" do
      setup do
        path =
          Path.join(
            System.tmp_dir!(),
            "ecto_libsql_#{System.pid()}_#{System.unique_integer([:positive])}.db"
          )

        on_exit(fn ->
          for suffix <- ["", "-wal", "-shm", "-journal"], do: File.rm(path <> suffix)
        end)

        %{path: path}
      end

      test "is an attached database", %{path: path} do
        Repo.checkout(fn ->
          Repo.query!("ATTACH '#{path}' AS other")

          migrate(fn ->
            create table(:a, prefix: "other")

            create table(:b, prefix: "other") do
              add :a_id, references(:a)
              add :c, :integer
            end

            create index(:b, [:c], prefix: "other")
          end)

          rows("INSERT INTO other.a VALUES (1)")
          rows("INSERT INTO other.b (a_id, c) VALUES (1, 2)")

          # By a rebuild, and by statements.
          migrate(fn ->
            alter table(:b, prefix: "other") do
              modify :c, :string
            end
          end)

          migrate(fn ->
            alter table(:b, prefix: "other") do
              add :d, :integer
            end

            rename index(:b, [:c], prefix: "other"), to: :renamed
          end)

          assert rows("SELECT a_id, c, d FROM other.b") == [[1, "2", nil]]
          assert [["renamed"]] = rows("SELECT name FROM other.sqlite_schema WHERE type = 'index'")
          assert rows("SELECT * FROM main.sqlite_schema WHERE name IN ('a', 'b')") == []
        end)
      end

      test "of an unknown database says what to do" do
        error = migration_error(fn -> create table(:a, prefix: "nowhere") end)
        assert error.message =~ "create table nowhere.a: unknown database"
        assert error.message =~ "attach"
      end

      test "of a reference has to be the table's" do
        error =
          migration_error(fn ->
            create table(:a) do
              add :b_id, references(:b, prefix: "other")
            end
          end)

        assert error.message =~ "a.b_id references other.b: "
      end

      test "cannot be changed by a rename" do
        error = migration_error(fn -> rename table(:a), to: table(:a, prefix: "other") end)
        assert error.message =~ "cannot move a table"
      end
    end
  end
end
