if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.DDL.AlterTest do
    use EctoLibSql.MigrationCase, async: true

    # Rows of a parent and a child, an index, a trigger and a view, which all have to survive.
    setup do
      migrate(fn ->
        create table(:authors) do
          add :name, :string
        end

        create table(:posts) do
          add :title, :string, default: "none"
          add :views, :integer, null: false, default: 0
          add :author_id, references(:authors, on_delete: :delete_all)
          add :slug, :string
        end

        create table(:comments) do
          add :post_id, references(:posts, on_delete: :delete_all)
        end

        create unique_index(:posts, [:slug], where: "slug IS NOT NULL")
        create index(:posts, ["lower(title)"], name: :posts_lower)
        execute "CREATE TABLE log (what TEXT)"

        execute("""
        CREATE TRIGGER posts_log AFTER INSERT ON posts
        BEGIN INSERT INTO log VALUES ('post ' || NEW.title); END
        """)

        execute "CREATE VIEW titles AS SELECT id, title FROM posts"
      end)

      rows("INSERT INTO authors VALUES (1, 'Ada')")
      rows("INSERT INTO posts VALUES (3, 'three', 30, 1, 'c'), (9, 'nine', 90, NULL, NULL)")
      rows("DELETE FROM posts WHERE id = 9")
      rows("INSERT INTO comments VALUES (1, 3)")
      rows("DELETE FROM log")
      :ok
    end

    defp survived do
      assert rows("SELECT id, post_id FROM comments") == [[1, 3]]
      assert "posts_slug_index" in names("index", "posts")
      assert names("trigger", "posts") == ["posts_log"]
      assert [[3, _]] = rows("SELECT * FROM titles")
      rows("INSERT INTO posts (title) VALUES ('new')")
      assert rows("SELECT * FROM log") == [["post new"]]
      # Number 9 was given out once.
      assert rows("SELECT max(id) FROM posts") == [[10]]
      assert rows("PRAGMA foreign_keys") == [[1]]
      assert rows("PRAGMA foreign_key_check") == []
      assert rows("PRAGMA integrity_check") == [["ok"]]
      assert rows("SELECT name FROM sqlite_schema WHERE name LIKE 'ecto%'") == []
    end

    describe "add" do
      test "what SQLite adds" do
        migrate(fn ->
          alter table(:posts) do
            add :body, :text, null: false, default: "it's"
            add :editor_id, references(:authors)
          end
        end)

        assert rows("SELECT body, editor_id FROM posts") == [["it's", nil]]

        assert {:error, %{code: :constraint_foreignkey}} =
                 Repo.query("UPDATE posts SET editor_id = 7")

        survived()
      end

      test "a default to compute, for the rows that are there too" do
        migrate(fn ->
          alter table(:posts) do
            add :token, :string, default: fragment("lower('X' || 1)")
            add :at, :utc_datetime, default: fragment("CURRENT_TIMESTAMP")
          end
        end)

        assert [["x1", <<_::binary>>]] = rows("SELECT token, at FROM posts")
        survived()
      end

      test "a stored generated column" do
        migrate(fn ->
          alter table(:posts) do
            add :twice, :integer, generated: "ALWAYS AS (views * 2) STORED"
          end
        end)

        assert rows("SELECT twice FROM posts") == [[60]]
        survived()
      end

      test "a composite foreign key" do
        migrate(fn ->
          create unique_index(:authors, [:id, :name])

          alter table(:posts) do
            add :reviewer_name, :string
            add :reviewer_id, references(:authors, with: [reviewer_name: :name])
          end
        end)

        sql = "UPDATE posts SET reviewer_id = 1, reviewer_name = "

        assert {:error, %{constraint: %{name: "posts_reviewer_id_fkey"}}} =
                 Repo.query(sql <> "'x'")

        rows(sql <> "'Ada'")
        survived()
      end

      test "a reference with a default" do
        migrate(fn ->
          alter table(:posts) do
            add :owner_id, references(:authors), default: 1
          end
        end)

        assert rows("SELECT owner_id FROM posts") == [[1]]
        survived()
      end

      test "NOT NULL without a default, where there are rows or not" do
        migrate(fn ->
          create table(:empty)

          alter table(:empty) do
            add :who, :string, null: false
          end
        end)

        error =
          migration_error(fn ->
            alter table(:posts) do
              add :who, :string, null: false
            end
          end)

        assert error.message =~ "alter table posts: NOT NULL constraint failed: posts.who; "
        assert error.message =~ "give the column a default"
        survived()
      end

      test "a primary key to a table that has none" do
        rows("INSERT INTO log VALUES ('a'), ('b')")

        migrate(fn ->
          alter table(:log) do
            add :id, :serial, primary_key: true
          end
        end)

        assert rows("SELECT id, what FROM log") == [[1, "a"], [2, "b"]]
        assert rows("INSERT INTO log (what) VALUES ('c') RETURNING id") == [[3]]

        error =
          migration_error(fn ->
            alter table(:posts) do
              add :other, :serial, primary_key: true
            end
          end)

        assert error.message =~ "alter table posts: other: the table has a primary key (id)"
      end

      test "a primary key of two columns" do
        migrate(fn ->
          alter table(:log) do
            add :a, :integer, primary_key: true, default: 1
            add :b, :integer, primary_key: true, default: 1
          end
        end)

        rows("INSERT INTO log (what, a, b) VALUES ('x', 1, 2)")

        assert {:error, %{code: :constraint_primarykey}} =
                 Repo.query("INSERT INTO log (what, a, b) VALUES ('y', 1, 2)")
      end

      test "if it is not there" do
        migrate(fn ->
          alter table(:posts) do
            add_if_not_exists :title, :integer
            add_if_not_exists :more, :integer
            add_if_not_exists :more, :integer
            remove_if_exists :more
            remove_if_exists :more, :integer
            remove_if_exists :author_id, references(:authors)
          end
        end)

        assert sql_of("posts") =~ ~s("title" TEXT)
        refute sql_of("posts") =~ "more"
        refute sql_of("posts") =~ "author_id"

        error =
          migration_error(fn ->
            alter table(:posts) do
              add :title, :string
            end
          end)

        assert error.message =~ "alter table posts: add title: the table has that column"
      end
    end

    describe "remove" do
      test "a column, and the indexes that it is in" do
        migrate(fn ->
          execute "DROP INDEX posts_lower"
          create index(:posts, [:views, :title])

          alter table(:posts) do
            remove :views
          end
        end)

        assert names("index", "posts") == ["posts_slug_index"]
        survived()
      end

      test "a foreign key" do
        migrate(fn ->
          alter table(:posts) do
            remove :author_id, references(:authors)
          end
        end)

        refute sql_of("posts") =~ "author_id"
        survived()
      end

      test "a column that table constraints mention: they go too" do
        rows("CREATE TABLE t (a, b, c, CHECK (a > b), UNIQUE (a, c), CONSTRAINT d CHECK (c > 0))")
        rows("INSERT INTO t VALUES (2, 1, 1), (3, 2, 2)")

        migrate(fn ->
          alter table(:t) do
            remove :a
          end
        end)

        assert sql_of("t") == ~s|CREATE TABLE "t" (b, c, CONSTRAINT d CHECK (c > 0))|
        assert rows("SELECT * FROM t") == [[1, 1], [2, 2]]
      end

      test "an index that has the column's name, or is on the table of that name, stays" do
        rows(
          "CREATE TABLE status (id INTEGER PRIMARY KEY, status TEXT, code TEXT, CHECK (code <> 'status'))"
        )

        rows("CREATE INDEX code ON status (id)")

        migrate(fn ->
          alter table(:status) do
            remove :status
          end
        end)

        assert names("index", "status") == ["code"]
        assert sql_of("status") =~ "CHECK"

        migrate(fn ->
          alter table(:status) do
            remove :code
          end
        end)

        assert sql_of("status") == ~s|CREATE TABLE "status" (id INTEGER PRIMARY KEY)|
        assert names("index", "status") == ["code"]
      end

      test "the last column stays" do
        error =
          migration_error(fn ->
            alter table(:log) do
              remove :what
            end
          end)

        assert error.message =~ "alter table log: a table has at least one column"
      end

      test "and a new primary key in the place of the old" do
        migrate(fn ->
          alter table(:log) do
            add :id, :serial, primary_key: true
          end

          alter table(:log) do
            remove :id
            modify :what, :string, primary_key: true
          end
        end)

        rows("INSERT INTO log (what) VALUES ('a')")

        assert {:error, %{code: :constraint_primarykey}} =
                 Repo.query("INSERT INTO log (what) VALUES ('a')")

        assert {:error, %{code: :constraint_notnull}} =
                 Repo.query("INSERT INTO log (what) VALUES (NULL)")
      end

      test "what a view or a trigger uses is not removed" do
        for steps <- [
              fn ->
                alter table(:posts) do
                  remove :title
                end
              end,
              fn ->
                alter table(:posts) do
                  remove :title
                  remove :author_id
                end
              end
            ] do
          error = migration_error(steps)
          assert error.message =~ "alter table posts: "
          assert error.message =~ ~r/view (main\.)?titles|trigger/
        end

        survived()
      end

      test "what is not there names what is" do
        error =
          migration_error(fn ->
            alter table(:posts) do
              remove :nothing
            end
          end)

        assert error.message =~
                 "alter table posts: there is no column nothing; there are id, title"
      end

      test "backwards adds it again" do
        steps = fn ->
          alter table(:posts) do
            remove :slug, :string, default: "s"
          end
        end

        migrate(steps)
        migrate(steps, direction: :backward)
        assert rows("SELECT slug FROM posts") == [["s"]]
      end
    end

    describe "modify" do
      test "a default or NULL, in place" do
        root = rows("SELECT rootpage FROM sqlite_schema WHERE name = 'posts'")

        migrate(fn ->
          alter table(:posts) do
            modify :title, :string, default: "new default"
            modify :views, :integer, null: true, default: nil
          end
        end)

        rows("INSERT INTO posts (id, views) VALUES (4, NULL)")
        assert rows("SELECT title FROM posts WHERE id = 4") == [["new default"]]
        rows("DELETE FROM posts WHERE id = 4")
        rows("DELETE FROM log")
        assert rows("SELECT rootpage FROM sqlite_schema WHERE name = 'posts'") == root
        survived()
      end

      test "NOT NULL, where no row stands against it" do
        migrate(fn ->
          alter table(:posts) do
            modify :slug, :string, null: false, default: "x"
          end
        end)

        assert {:error, %{code: :constraint_notnull}} = Repo.query("UPDATE posts SET slug = NULL")

        error =
          migration_error(fn ->
            execute "UPDATE posts SET title = NULL"

            alter table(:posts) do
              modify :title, :string, null: false
            end
          end)

        assert error.message =~ "alter table posts: NOT NULL constraint failed"
        survived()
      end

      test "a type converts the values" do
        migrate(fn ->
          alter table(:posts) do
            modify :views, :string
          end
        end)

        assert rows("SELECT views, typeof(views) FROM posts") == [["30", "text"]]
        assert rows("SELECT count(*) FROM posts WHERE views = '30'") == [[1]]
        survived()
      end

      test "text to a number, if it is one" do
        to_integer = fn ->
          alter table(:posts) do
            modify :slug, :integer
          end
        end

        error = migration_error(to_integer)
        assert error.message =~ "alter table posts: modify slug: 1 values are no numbers"
        rows("UPDATE posts SET slug = '77'")
        migrate(to_integer)
        assert rows("SELECT slug FROM posts") == [[77]]
        survived()
      end

      test "text to blobs and back" do
        change = fn type ->
          migrate(fn ->
            alter table(:posts) do
              modify :slug, type
            end
          end)

          rows("SELECT typeof(slug), slug FROM posts")
        end

        assert change.(:binary) == [["blob", "c"]]
        assert change.(:string) == [["text", "c"]]
        survived()
      end

      test "times keep one width" do
        migrate(fn ->
          create table(:times) do
            add :at, :naive_datetime
          end
        end)

        rows("INSERT INTO times VALUES (1, '2026-11-21T13:05:00'), (2, NULL)")

        change = fn type ->
          migrate(fn ->
            alter table(:times) do
              modify :at, type
            end
          end)

          rows("SELECT at FROM times ORDER BY id")
        end

        assert change.(:naive_datetime_usec) == [["2026-11-21T13:05:00.000000"], [nil]]
        assert change.(:utc_datetime_usec) == [["2026-11-21T13:05:00.000000"], [nil]]
        assert change.(:utc_datetime) == [["2026-11-21T13:05:00"], [nil]]
        assert change.(:date) == [["2026-11-21"], [nil]]
        assert change.(:naive_datetime) == [["2026-11-21T00:00:00"], [nil]]
      end

      test "a foreign key's actions, and back" do
        steps = fn ->
          alter table(:posts) do
            modify(:author_id, references(:authors, on_delete: :nilify_all),
              from: references(:authors, on_delete: :delete_all)
            )
          end
        end

        migrate(steps)
        migrate(steps, direction: :backward)
        migrate(steps)
        rows("DELETE FROM authors")
        assert rows("SELECT author_id FROM posts") == [[nil]]
        survived()
      end

      test "a foreign key that is new, checked or not" do
        rows("UPDATE posts SET views = 30")

        error =
          migration_error(fn ->
            alter table(:posts) do
              modify :views, references(:authors)
            end
          end)

        assert error.message =~
                 "alter table posts: foreign key posts_views_fkey: rows of posts (rowid 3)"

        migrate(fn ->
          alter table(:posts) do
            modify :views, references(:authors, validate: false)
          end
        end)

        assert {:error, %{code: :constraint_foreignkey}} =
                 Repo.query("UPDATE posts SET views = 31")
      end

      test "a foreign key that is there already" do
        error =
          migration_error(fn ->
            alter table(:posts) do
              modify :author_id, references(:authors)
            end
          end)

        assert error.message =~ "there is a foreign key posts_author_id_fkey already"

        error =
          migration_error(fn ->
            alter table(:posts) do
              modify :slug, :string, from: references(:authors)
            end
          end)

        assert error.message =~ "the column has no foreign key posts_slug_fkey"
      end

      test "a foreign key that the table declares, and not the column" do
        rows(
          "CREATE TABLE t (a INT, b INT REFERENCES authors, FOREIGN KEY (a) REFERENCES authors (id))"
        )

        rows("INSERT INTO t VALUES (1, 1)")

        migrate(fn ->
          alter table(:t) do
            modify :a, :integer, from: references(:authors)
          end
        end)

        assert [[0, 0, "authors", "b" | _]] = rows("PRAGMA foreign_key_list(t)")
      end

      test "the primary key's type: it stays what SQLite numbers" do
        migrate(fn ->
          alter table(:posts) do
            modify :id, :bigint
          end
        end)

        survived()
      end

      test "the primary key to another kind" do
        migrate(fn ->
          create table(:parents, primary_key: [type: :id])

          create table(:children) do
            add :parent_id, references(:parents, type: :string)
          end

          execute "INSERT INTO parents VALUES (1)"
          execute "INSERT INTO children VALUES (1, '1')"

          alter table(:parents) do
            modify :id, :string
          end
        end)

        assert rows("SELECT p.id FROM parents p JOIN children c ON c.parent_id = p.id") == [["1"]]

        assert {:error, %{code: :constraint_primarykey}} =
                 Repo.query("INSERT INTO parents VALUES ('1')")
      end

      test "a collation or a check" do
        migrate(fn ->
          alter table(:posts) do
            modify(:title, :string,
              collation: "NOCASE",
              check: %{name: "short", expr: "length(title) < 9"}
            )
          end
        end)

        assert rows("SELECT id FROM posts WHERE title = 'THREE'") == [[3]]

        assert {:error, %{constraint: %{name: "short"}}} =
                 Repo.query("UPDATE posts SET title = 'much too long'")

        survived()
      end

      test "several changes in one rebuild" do
        migrate(fn ->
          alter table(:posts) do
            add :a, :integer, default: 1
            modify :views, :string
            remove :slug
            add :b, :string, null: false, default: "b"
            modify :a, :string
          end
        end)

        assert rows("SELECT title, views, a, b FROM posts") == [["three", "30", "1", "b"]]
        assert names("index", "posts") == ["posts_lower"]
      end

      test "what a column is generated from cannot be changed" do
        error =
          migration_error(fn ->
            alter table(:posts) do
              modify :views, :integer, generated: "AS (1)"
            end
          end)

        assert error.message =~ "alter table posts: modify views: "
      end
    end

    describe "a rebuild" do
      defp rebuild do
        alter table(:posts) do
          modify :views, :string
        end
      end

      test "without a transaction around it has one of its own" do
        migrate(&rebuild/0, transaction: false)
        survived()
      end

      test "that fails changes nothing" do
        rows("CREATE TABLE ecto_rebuild_posts (x)")
        rows("INSERT INTO comments (post_id) VALUES (3)")
        rows("DELETE FROM comments WHERE id = 2")

        error =
          migration_error(
            fn ->
              alter table(:posts) do
                add :who, :string, null: false
              end
            end,
            transaction: false
          )

        assert error.message =~ "NOT NULL"
        rows("DROP TABLE ecto_rebuild_posts")
        survived()
      end

      test "keeps rowids that no column shows" do
        rows("CREATE TABLE plain (a INTEGER)")
        rows("INSERT INTO plain (rowid, a) VALUES (5, 1), (8, 2)")

        migrate(fn ->
          alter table(:plain) do
            modify :a, :string
          end
        end)

        assert rows("SELECT rowid, a FROM plain") == [[5, "1"], [8, "2"]]
      end

      test "keeps what it does not know word for word" do
        sql =
          ~s|CREATE TABLE "odd" ([a b] VARCHAR(10) COLLATE NOCASE DEFAULT (1 + 2) /* note */ NOT NULL ON CONFLICT REPLACE, "c" INT AS (length([a b])) VIRTUAL, d INT, PRIMARY KEY ([a b] DESC), CONSTRAINT k CHECK (d <> 3)) STRICT, WITHOUT ROWID|

        rows(String.replace(String.replace(sql, " STRICT,", ""), "VARCHAR(10)", "TEXT"))
        rows("INSERT INTO odd (\"a b\", d) VALUES ('x', 1)")

        migrate(fn ->
          alter table(:odd) do
            modify :d, :string
          end
        end)

        assert sql_of("odd") ==
                 sql
                 |> String.replace(" STRICT,", "")
                 |> String.replace("VARCHAR(10)", "TEXT")
                 |> String.replace("d INT", ~s("d" TEXT))

        assert rows("SELECT c, d FROM odd") == [[1, "1"]]
      end

      test "of a table that refers to itself" do
        migrate(fn ->
          create table(:nodes) do
            add :parent_id, references(:nodes, on_delete: :delete_all)
            add :size, :integer
          end

          execute "INSERT INTO nodes VALUES (1, NULL, 1), (2, 1, 2)"

          alter table(:nodes) do
            modify :size, :string
          end
        end)

        assert rows("SELECT * FROM nodes") == [[1, nil, "1"], [2, 1, "2"]]
        rows("DELETE FROM nodes WHERE id = 1")
        assert rows("SELECT * FROM nodes") == []
      end

      test "is refused for what is no table" do
        for {name, reason} <- [{:titles, "no table"}, {:missing, "no table"}] do
          error =
            migration_error(fn ->
              alter table(name) do
                modify :id, :string
              end
            end)

          assert error.message =~ "alter table #{name}: there is #{reason}"
        end
      end

      @tag repo: [foreign_keys: false]
      test "with foreign keys off leaves them off" do
        migrate(&rebuild/0)
        assert rows("PRAGMA foreign_keys") == [[0]]
      end
    end

    describe "rename" do
      test "a column, everywhere" do
        migrate(fn -> rename table(:posts), :title, to: :headline end)
        assert rows("SELECT * FROM titles") == [[3, "three"]]
        rows("INSERT INTO posts (headline) VALUES ('new')")
        assert rows("SELECT * FROM log") == [["post new"]]

        assert migration_error(fn -> rename table(:posts), :x, to: :y end).message =~
                 "rename column x of table posts: "
      end

      test "a table, everywhere" do
        migrate(fn -> rename table(:posts), to: table(:articles) end)
        assert [[_, _, "articles" | _]] = rows("PRAGMA foreign_key_list(comments)")
        assert rows("SELECT * FROM titles") == [[3, "three"]]
      end

      test "an index" do
        migrate(fn ->
          rename index(:posts, [:slug], name: "posts_slug_index"), to: "posts_slug_unique"
        end)

        assert {:error, %{constraint: %{name: "posts_slug_unique"}}} =
                 Repo.query("INSERT INTO posts (slug) VALUES ('c')")

        assert sql_of("posts_slug_unique") =~ "WHERE slug IS NOT NULL"

        assert migration_error(fn -> rename index(:posts, [:nope]), to: "x" end).message =~
                 "rename index posts_nope_index on posts: there is no such index"
      end
    end
  end
end
