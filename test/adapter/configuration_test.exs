if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.ConfigurationTest do
    # A repo's limits and settings, on every connection of its pool.
    use EctoLibSql.MigrationCase, async: true

    @cautious [
      trusted_schema: false,
      db_config: [defensive: true, enable_view: true],
      limits: [attached: 0, trigger_depth: 10, sql_length: 100_000]
    ]

    # What every connection of the pool answers: all of them are checked out at once.
    defp everywhere(ask) do
      test = self()
      repo = Repo.get_dynamic_repo()

      tasks =
        for _ <- 1..2 do
          Task.async(fn ->
            Repo.put_dynamic_repo(repo)

            Repo.checkout(fn ->
              send(test, :checked_out)
              receive do: (:go -> ask.())
            end)
          end)
        end

      for _ <- 1..2, do: assert_receive(:checked_out, 5_000)
      for task <- tasks, do: send(task.pid, :go)
      Task.await_many(tasks)
    end

    describe "with defensive, an untrusted schema and low limits" do
      @describetag repo: @cautious

      test "migrations run: tables, rebuilds, renames, indexes, virtual tables" do
        migrate(fn ->
          create table(:authors) do
            add :name, :string
          end

          create table(:posts) do
            add :title, :string, default: "none"
            add :views, :integer, null: false
            add :author_id, references(:authors, on_delete: :delete_all)
          end

          create unique_index(:posts, [:title], where: "views > 0")
          execute "CREATE VIRTUAL TABLE docs USING fts5 (body)"
          execute "CREATE VIEW titles AS SELECT id, title FROM posts"
        end)

        rows("INSERT INTO authors VALUES (1, 'Ada')")
        rows("INSERT INTO posts VALUES (3, 'three', 30, 1)")
        rows("INSERT INTO docs VALUES ('hello world')")

        migrate(fn ->
          alter table(:posts) do
            modify :views, :string, null: true, default: "x"
            add :editor_id, references(:authors)
          end

          rename table(:posts), :views, to: :seen
          rename table(:authors), to: table(:people)
        end)

        migrate(fn ->
          alter table(:posts) do
            remove :editor_id
          end

          drop index(:posts, [:title])
        end)

        assert rows("SELECT id, title FROM titles") == [[3, "three"]]
        assert rows("SELECT body FROM docs WHERE docs MATCH 'hello'") == [["hello world"]]
        assert rows("PRAGMA foreign_key_check") == []
        assert rows("PRAGMA integrity_check") == [["ok"]]
        migrate(fn -> drop table(:posts) end)
      end

      test "all connections of the pool have them" do
        for reply <- everywhere(fn -> Repo.query("ATTACH ':memory:' AS other") end) do
          assert {:error, %{message: message}} = reply
          assert message =~ "max 0"
        end

        for reply <- everywhere(fn -> Repo.query("PRAGMA journal_mode = off") end) do
          assert {:ok, %{rows: [[mode]]}} = reply
          assert mode != "off"
        end
      end

      test "what is beyond a limit fails alone" do
        long = String.duplicate("a", 100_000)
        assert {:error, %{code: :toobig}} = Repo.query("SELECT '#{long}'")
        assert {:ok, %{rows: [[100_000]]}} = Repo.query("SELECT length(?)", [long])
      end
    end

    test "attached databases and a limit of none do not go together" do
      # The pool tries again and again: it is the connection that says why.
      assert {:error, %{message: message}} =
               EctoLibSql.Connection.connect(
                 database: ":memory:",
                 attach: [other: ":memory:"],
                 limits: [attached: 0]
               )

      assert message =~ "attach other: too many attached databases"
    end

    test "options that make no sense are told before there is a pool" do
      for {option, part} <- [
            {{:limits, [attached: -1]}, ~r/limits takes for attached an integer/},
            {{:db_config, [nonsense: true]}, ~r/db_config takes a keyword list of settings/},
            {{:allowed_extensions, ["here"]},
             ~r/allowed_extensions takes a list of absolute paths/}
          ] do
        assert_raise ArgumentError, part, fn ->
          EctoLibSql.Connection.child_spec([option, database: ":memory:"])
        end
      end
    end
  end
end
