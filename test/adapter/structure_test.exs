if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.StructureTest do
    use ExUnit.Case, async: true

    alias Ecto.Adapters.LibSql
    alias EctoLibSql.FTS

    @python System.find_executable("python3")

    setup do
      directory =
        Path.join(
          System.tmp_dir!(),
          "ecto_libsql_#{System.pid()}_#{System.unique_integer([:positive])}"
        )

      on_exit(fn -> File.rm_rf!(directory) end)
      config = [database: Path.join(directory, "one.db")]
      :ok = LibSql.storage_up(config)

      run(config, """
      CREATE TABLE schema_migrations (version INTEGER PRIMARY KEY, inserted_at TEXT);
      INSERT INTO schema_migrations VALUES (1, '2026-11-21T00:00:00'), (2, '2026-11-22T00:00:00');
      CREATE TABLE "a ""b" (id INTEGER PRIMARY KEY AUTOINCREMENT, v UNIQUE, w AS (v || 'x'));
      INSERT INTO "a ""b" (v) VALUES ('it''s'), ('a' || char(0) || 'b'), (x'00ff'), (1.5), (NULL), (9e999);
      DELETE FROM "a ""b" WHERE id = 6;
      CREATE TABLE child (p INTEGER REFERENCES "a ""b" (id)) STRICT;
      INSERT INTO child VALUES (1);
      CREATE INDEX child_p ON child (p DESC) WHERE p > 0;
      CREATE VIEW doubled AS SELECT p * 2 AS twice FROM child;
      CREATE TRIGGER counted AFTER INSERT ON child BEGIN UPDATE child SET p = 1; END;
      CREATE VIRTUAL TABLE docs USING fts5 (body);
      INSERT INTO docs (rowid, body) VALUES (7, 'hello world');
      CREATE VIRTUAL TABLE bare USING fts5 (body, content = '');
      INSERT INTO bare (rowid, body) VALUES (8, 'hello world');
      INSERT INTO docs (docs, rank) VALUES ('automerge', 2);
      """)

      %{directory: directory, config: config, other: [database: Path.join(directory, "two.db")]}
    end

    defp run(config, script) do
      {:ok, s} = EctoLibSql.connect(config)
      {:ok, results} = EctoLibSql.execute_batch(s, script)
      EctoLibSql.disconnect(s)
      List.last(results).rows
    end

    @schema "SELECT name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite%' ORDER BY name"

    test "is dumped and loaded", %{config: config, other: other, directory: directory} do
      assert {:ok, path} = LibSql.structure_dump(directory, config)
      assert path == Path.join(directory, "structure.sql")
      assert {:ok, ^path} = LibSql.structure_load(directory, other)

      assert run(other, @schema) == run(config, @schema)
      assert run(other, "SELECT * FROM schema_migrations") |> Enum.map(&hd/1) == [1, 2]
      assert run(other, ~s(SELECT * FROM "a ""b")) == []
    end

    test "with a vector index, which is then filled from the rows", context do
      %{config: config, other: other, directory: directory} = context

      run(config, """
      CREATE TABLE movies (id INTEGER PRIMARY KEY, embedding F32_BLOB(2));
      INSERT INTO movies VALUES (1, vector32('[1,2]')), (2, vector32('[3,4]'));
      CREATE INDEX near ON movies (libsql_vector_idx(embedding, 'metric=l2'));
      """)

      {:ok, path} = LibSql.structure_dump(directory, config)
      refute File.read!(path) =~ "shadow"
      {:ok, ^path} = LibSql.structure_load(directory, other)
      assert run(other, @schema) == run(config, @schema)

      nearest = "SELECT id FROM vector_top_k('near', vector32('[3,3]'), 2)"
      assert run(other, "INSERT INTO movies VALUES (7, vector32('[3,3]'));" <> nearest) == [[7]]

      {sql, 0} = LibSql.dump_cmd([".dump"], [], config)
      third = [database: Path.join(directory, "three.db")]
      :ok = LibSql.storage_up(third)
      run(third, sql)
      assert run(third, nearest) == [[2], [1]]
    end

    test "goes where :dump_path says", %{config: config, directory: directory} do
      path = Path.join([directory, "new", "here.sql"])
      assert {:ok, ^path} = LibSql.structure_dump("elsewhere", [dump_path: path] ++ config)
      assert File.exists?(path)
    end

    test "is loaded as a whole or not at all", %{other: other, directory: directory} do
      path = Path.join(directory, "bad.sql")
      File.write!(path, "CREATE TABLE t (a); CREATE NONSENSE;")
      assert {:error, message} = LibSql.structure_load("x", [dump_path: path] ++ other)
      assert message =~ "NONSENSE"
      assert run(other, @schema) == []
    end

    test "is loaded from a dump with a transaction of its own", context do
      %{config: config, other: other, directory: directory} = context
      path = Path.join(directory, "full.sql")
      {sql, 0} = LibSql.dump_cmd([], [], config)
      File.write!(path, sql)
      assert {:ok, ^path} = LibSql.structure_load("x", [dump_path: path] ++ other)
      assert run(other, @schema) == run(config, @schema)

      File.write!(path, "BEGIN; CREATE TABLE more (a); CREATE NONSENSE; COMMIT;")
      assert {:error, _} = LibSql.structure_load("x", [dump_path: path] ++ other)
      assert run(other, @schema) == run(config, @schema)
    end

    test "of what is not there is an error", %{other: other, directory: directory} do
      assert {:error, message} = LibSql.structure_dump(directory, other)
      assert message =~ "two.db"
      refute File.exists?(other[:database])
      assert {:error, message} = LibSql.structure_load("/nowhere", other)
      assert message =~ "/nowhere/structure.sql: no such file"
      assert {:error, message} = LibSql.structure_dump("x", database: ":memory:")
      assert message =~ "memory"
    end

    test "dump_cmd writes the data too", %{config: config, other: other} do
      assert {sql, 0} = LibSql.dump_cmd([], [], config)
      run(other, sql)

      for query <- [
            @schema,
            ~s|SELECT id, v, w, typeof(v) FROM "a ""b"|,
            "SELECT twice FROM doubled",
            "SELECT rowid FROM docs WHERE docs MATCH 'hello'",
            "SELECT rowid FROM bare WHERE bare MATCH 'hello'",
            "SELECT * FROM sqlite_sequence"
          ],
          do: assert(run(other, query) == run(config, query))
    end

    test "dump_cmd takes the shell's commands, and System.cmd's :into", %{config: config} do
      assert {"CREATE TABLE child" <> _, 0} = LibSql.dump_cmd([".schema", "child"], [], config)
      assert {lines, 0} = LibSql.dump_cmd([".dump", "child"], [into: []], config)
      assert IO.iodata_to_binary(lines) =~ ~s(INSERT INTO "child")
      assert {"unknown arguments" <> _, 1} = LibSql.dump_cmd(["--help"], [], config)
    end

    test "full-text tables keep their rows, triggers and settings", context do
      %{config: config, other: other, directory: directory} = context
      {:ok, s} = EctoLibSql.connect(config)
      :ok = EctoLibSql.run(s, "CREATE TABLE posts (id INTEGER PRIMARY KEY, slug UNIQUE, title)")
      :ok = EctoLibSql.run(s, "INSERT INTO posts VALUES (1, 'a', 'wine'), (5, 'b', 'beer')")
      :ok = FTS.create(s, "posts_fts", content: "posts", columns: [:title])
      :ok = FTS.set(s, "posts_fts", :rank, [5.0])

      for {table, contentless} <- [plain: true, deletable: :delete] do
        :ok = FTS.create(s, table, columns: [:text], contentless: contentless)
        :ok = EctoLibSql.run(s, "INSERT INTO #{table} (rowid, text) VALUES (9, 'old wine')")
      end

      EctoLibSql.disconnect(s)
      {:ok, path} = LibSql.structure_dump(directory, config)
      {sql, 0} = LibSql.dump_cmd([], [], config)
      empty = [database: Path.join(directory, "three.db")]
      assert {:ok, ^path} = LibSql.structure_load(directory, empty)
      run(other, sql)

      for {loaded, found, plain} <- [{empty, [], []}, {other, [[1]], [[9]]}] do
        assert run(loaded, @schema) == run(config, @schema)
        {:ok, s} = EctoLibSql.connect(loaded)
        rows = fn table -> elem(FTS.query(s, table, "wine", select: [:rowid]), 1).rows end
        assert {rows.("posts_fts"), rows.("plain"), rows.("deletable")} == {found, plain, plain}
        assert {:ok, %{"rank" => "bm25(5.0)"}} = FTS.config(s, "posts_fts")
        :ok = EctoLibSql.run(s, "REPLACE INTO posts VALUES (7, 'a', 'old wine')")
        :ok = EctoLibSql.run(s, "INSERT INTO plain (rowid, text) VALUES (10, 'new wine')")
        assert {rows.("posts_fts"), length(rows.("plain"))} == {[[7]], length(plain) + 1}

        for table <- ~w(posts_fts plain deletable),
            do: assert(FTS.integrity_check(s, table) == :ok)

        EctoLibSql.disconnect(s)
      end
    end

    @tag skip: if(@python, do: false, else: "needs python3, whose sqlite3 is stock SQLite")
    test "loads into stock SQLite", %{config: config, directory: directory} do
      {sql, 0} = LibSql.dump_cmd([".dump"], [], config)
      {:ok, structure} = LibSql.structure_dump(directory, config)
      full = Path.join(directory, "full.sql")
      File.write!(full, sql)

      for path <- [full, structure] do
        {output, status} =
          System.cmd(
            @python,
            [
              "-c",
              ~s"""
              import sqlite3, sys
              db = sqlite3.connect(":memory:")
              db.executescript(open(sys.argv[1]).read())
              print(db.execute("select count(*) from schema_migrations").fetchall())
              print(db.execute("pragma integrity_check").fetchall())
              """,
              path
            ],
            stderr_to_stdout: true
          )

        assert {output, status} == {"[(2,)]\n[('ok',)]\n", 0}
      end
    end
  end
end
