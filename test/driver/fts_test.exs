defmodule EctoLibSql.FTSTest do
  use ExUnit.Case, async: true

  import EctoLibSql.Test.Database, only: [rows: 2, rows: 3]

  alias EctoLibSql.{Error, FTS}
  alias EctoLibSql.FTS.Expression

  setup do
    {:ok, s} = EctoLibSql.connect(database: ":memory:")
    on_exit(fn -> EctoLibSql.disconnect(s) end)
    %{s: s}
  end

  @posts "CREATE TABLE posts (id INTEGER PRIMARY KEY, slug TEXT UNIQUE, title TEXT, body TEXT)"

  defp posts(%{s: s}) do
    :ok = EctoLibSql.run(s, @posts)
    :ok = EctoLibSql.run(s, "INSERT INTO posts VALUES (1, 'a', 'Red wine', 'of Burgundy')")
    :ok = EctoLibSql.run(s, "INSERT INTO posts VALUES (5, 'b', 'Beer', 'not wine, but good')")
    :ok = FTS.create(s, :posts_fts, content: :posts, columns: [:title, :body])
  end

  defp found(s, searched, table \\ "posts_fts") do
    {:ok, %{rows: rows}} = FTS.query(s, table, searched, select: [:rowid])
    rows |> List.flatten() |> Enum.sort()
  end

  defp sound(s, table \\ "posts_fts"), do: assert(FTS.integrity_check(s, table) == :ok)

  defp names(s), do: s |> rows("SELECT name FROM sqlite_schema ORDER BY name") |> List.flatten()

  describe "an index of another table's rows" do
    setup :posts

    test "has the rows that were there", %{s: s} do
      assert found(s, "wine") == [1, 5]
      assert found(s, "burgundy") == [1]
      assert found(s, "port") == []
      sound(s)
    end

    test "follows inserts, updates and deletes", %{s: s} do
      :ok = EctoLibSql.run(s, "INSERT INTO posts (title, body) VALUES ('Port', NULL)")
      assert EctoLibSql.last_insert_rowid(s) == 6
      assert found(s, "port") == [6]
      :ok = EctoLibSql.run(s, "UPDATE posts SET title = 'Porto' WHERE id = 6")
      assert {found(s, "port"), found(s, "porto")} == {[], [6]}
      :ok = EctoLibSql.run(s, "UPDATE posts SET id = 9 WHERE id = 6")
      assert found(s, "porto") == [9]
      :ok = EctoLibSql.run(s, "UPDATE posts SET rowid = 10 WHERE id = 9")
      assert found(s, "porto") == [10]
      :ok = EctoLibSql.run(s, "DELETE FROM posts WHERE id = 10")
      assert found(s, "porto") == []
      sound(s)
      :ok = EctoLibSql.run(s, "DELETE FROM posts")
      assert found(s, "wine") == []
      sound(s)
    end

    test "follows REPLACE, whichever key it goes by", %{s: s} do
      :ok = EctoLibSql.run(s, "INSERT OR REPLACE INTO posts VALUES (1, 'c', 'Port', 'of Porto')")
      assert {found(s, "wine"), found(s, "port")} == {[5], [1]}
      sound(s)
      # Another id, the same slug.
      :ok = EctoLibSql.run(s, "REPLACE INTO posts VALUES (7, 'b', 'Cider', 'of apples')")
      assert {found(s, "beer"), found(s, "cider")} == {[], [7]}
      sound(s)
      # Both at once.
      :ok = EctoLibSql.run(s, "REPLACE INTO posts VALUES (1, 'b', 'Water', 'of wells')")
      assert {found(s, "cider"), found(s, "port"), found(s, "water")} == {[], [], [1]}
      :ok = EctoLibSql.run(s, "INSERT INTO posts VALUES (2, 'd', 'Milk', 'of cows')")
      :ok = EctoLibSql.run(s, "UPDATE OR REPLACE posts SET slug = 'd' WHERE id = 1")
      assert {found(s, "milk"), found(s, "water")} == {[], [1]}
      sound(s)
    end

    test "follows upserts and ignored inserts", %{s: s} do
      :ok = EctoLibSql.run(s, "INSERT OR IGNORE INTO posts VALUES (1, 'z', 'Ignored', '')")

      :ok =
        EctoLibSql.run(
          s,
          "INSERT INTO posts VALUES (2, 'a', 'Ignored', '') ON CONFLICT DO NOTHING"
        )

      assert {found(s, "ignored"), found(s, "burgundy")} == {[], [1]}

      upsert =
        "INSERT INTO posts VALUES (2, 'a', 'Rosé', '') ON CONFLICT DO UPDATE SET title = excluded.title"

      :ok = EctoLibSql.run(s, upsert)
      assert {found(s, "rose"), found(s, "red")} == {[1], []}
      sound(s)
    end

    test "is as before where a transaction is rolled back", %{s: s} do
      {:ok, s} = EctoLibSql.begin(s)
      :ok = EctoLibSql.run(s, "UPDATE posts SET title = 'x'")
      assert found(s, "x") == [1, 5]
      {:ok, s} = EctoLibSql.rollback(s)
      assert {found(s, "x"), found(s, "red")} == {[], [1]}
      sound(s)
    end

    test "is dropped with its triggers, the rows stay", %{s: s} do
      assert FTS.drop(s, :posts_fts) == :ok
      assert names(s) == ["posts", "sqlite_autoindex_posts_1"]
      assert rows(s, "SELECT count(*) FROM posts") == [[2]]
      assert {:error, %Error{message: message}} = FTS.drop(s, :posts_fts)
      assert message =~ "no such table: posts_fts"
      assert FTS.drop(s, :posts_fts, if_exists: true) == :ok
    end

    test "is made once", %{s: s} do
      opts = [content: :posts, columns: [:title]]
      assert {:error, %Error{message: message}} = FTS.create(s, :posts_fts, opts)
      assert message =~ "already exists"
      assert FTS.create(s, :posts_fts, [if_not_exists: true] ++ opts) == :ok
      assert found(s, "burgundy") == [1]
    end
  end

  describe "which rows can be indexed" do
    defp create(s, definition, opts \\ []) do
      :ok = EctoLibSql.run(s, "CREATE TABLE t #{definition}")
      FTS.create(s, "t_fts", [content: "t", columns: ["a"]] ++ opts)
    end

    defp reason({:error, %Error{code: :invalid_argument, message: message}}), do: message

    test "those with a key that is no integer are known by their rowid", %{s: s} do
      assert create(s, "(uuid TEXT PRIMARY KEY, a TEXT)") == :ok
      :ok = EctoLibSql.run(s, "INSERT INTO t VALUES ('u1', 'one'), ('u2', 'two')")
      :ok = EctoLibSql.run(s, "REPLACE INTO t VALUES ('u1', 'three')")
      assert found(s, "one", "t_fts") == []
      assert [[rowid]] = rows(s, "SELECT rowid FROM t WHERE uuid = 'u1'")
      assert found(s, "three", "t_fts") == [rowid]
      sound(s, "t_fts")
    end

    test "keys of several columns, expressions and a condition", %{s: s} do
      :ok =
        EctoLibSql.run(
          s,
          "CREATE TABLE t (a TEXT, b TEXT COLLATE NOCASE, c INT, PRIMARY KEY (b, c))"
        )

      :ok = EctoLibSql.run(s, "CREATE UNIQUE INDEX t_lower ON t (lower(a) DESC) WHERE c > 10")
      :ok = FTS.create(s, "t_fts", content: "t", columns: ["a"])
      :ok = EctoLibSql.run(s, "INSERT INTO t VALUES ('one', 'k', 1), ('two', 'l', 11)")
      :ok = EctoLibSql.run(s, "REPLACE INTO t VALUES ('three', 'K', 1)")
      assert {found(s, "one", "t_fts"), found(s, "three", "t_fts") != []} == {[], true}
      sound(s, "t_fts")
      :ok = EctoLibSql.run(s, "REPLACE INTO t VALUES ('TWO', 'm', 12)")
      assert rows(s, "SELECT b FROM t WHERE a = 'TWO' OR a = 'two'") == [["m"]]
      assert length(found(s, "two", "t_fts")) == 1
      sound(s, "t_fts")
    end

    test "a key of one's own beside an integer primary key", %{s: s} do
      definition = "(id INTEGER PRIMARY KEY, seq INTEGER NOT NULL UNIQUE, a TEXT)"
      assert create(s, definition, key: "seq") == :ok
      :ok = EctoLibSql.run(s, "INSERT INTO t VALUES (1, 100, 'one'), (2, 200, 'two')")
      assert found(s, "one", "t_fts") == [100]
      :ok = EctoLibSql.run(s, "REPLACE INTO t VALUES (1, 200, 'three')")
      assert {found(s, "one two", "t_fts"), found(s, "three", "t_fts")} == {[], [200]}
      sound(s, "t_fts")
      :ok = EctoLibSql.run(s, "UPDATE t SET seq = 300")
      assert found(s, "three", "t_fts") == [300]
      sound(s, "t_fts")
    end

    test "VACUUM leaves their rowids as they are", %{s: s} do
      assert create(s, "(uuid TEXT PRIMARY KEY, a TEXT)") == :ok

      :ok =
        EctoLibSql.run(s, "INSERT INTO t VALUES ('u1', 'one'), ('u2', 'two'), ('u3', 'three')")

      :ok = EctoLibSql.run(s, "DELETE FROM t WHERE uuid = 'u1'")
      :ok = EctoLibSql.run(s, "VACUUM")
      assert rows(s, "SELECT rowid FROM t ORDER BY uuid") == [[2], [3]]
      assert {found(s, "two", "t_fts"), found(s, "three", "t_fts")} == {[2], [3]}
      sound(s, "t_fts")
    end

    test "the rowid of a table without any key, where it is asked for", %{s: s} do
      assert create(s, "(a TEXT)", key: :rowid) == :ok
      :ok = EctoLibSql.run(s, "INSERT INTO t (rowid, a) VALUES (7, 'one')")
      :ok = EctoLibSql.run(s, "REPLACE INTO t (rowid, a) VALUES (7, 'two')")
      assert {found(s, "one", "t_fts"), found(s, "two", "t_fts")} == {[], [7]}
      sound(s, "t_fts")
    end

    test "generated columns", %{s: s} do
      assert create(s, "(id INTEGER PRIMARY KEY, b TEXT, a TEXT AS (b || ' more'))") == :ok
      :ok = EctoLibSql.run(s, "INSERT INTO t (b) VALUES ('one')")
      :ok = EctoLibSql.run(s, "UPDATE t SET b = 'two'")
      :ok = EctoLibSql.run(s, "REPLACE INTO t (id, b) VALUES (1, 'three')")
      assert {found(s, "two", "t_fts"), found(s, "three more", "t_fts")} == {[], [1]}
      sound(s, "t_fts")
    end

    test "names of every kind", %{s: s} do
      :ok =
        EctoLibSql.run(
          s,
          ~s|CREATE TABLE "a ""b'" (rowid TEXT, "select" TEXT, "c,)d'" TEXT UNIQUE)|
        )

      opts = [content: ~S(a "b'), columns: ["select", "c,)d'"]]
      assert FTS.create(s, ~S(f "t'), opts) == :ok
      :ok = EctoLibSql.run(s, ~s|INSERT INTO "a ""b'" VALUES ('x', 'one', 'two')|)
      :ok = EctoLibSql.run(s, ~s|REPLACE INTO "a ""b'" VALUES ('x', 'three', 'two')|)
      assert {found(s, "one", ~S(f "t')), length(found(s, "three", ~S(f "t')))} == {[], 1}
      expression = Expression.columns("two", ["c,)d'"])
      assert length(found(s, expression, ~S(f "t'))) == 1

      {:ok, %{rows: [["[three]"]]}} =
        FTS.query(s, ~S(f "t'), "three", select: [{:highlight, "select", "[", "]"}])

      sound(s, ~S(f "t'))
      assert FTS.drop(s, ~S(f "t')) == :ok
    end

    test "others are refused, and nothing is made", %{s: s} do
      assert s |> create("(k TEXT PRIMARY KEY, a TEXT) WITHOUT ROWID") |> reason() =~
               "FTS5 table t_fts: content: t: it is WITHOUT ROWID"

      for {definition, opts, message} <- [
            {"(a TEXT)", [], "neither an INTEGER PRIMARY KEY nor any unique key"},
            {"(id INTEGER PRIMARY KEY, b TEXT)", [], "it has no column a; it has id, b"},
            {"(id INTEGER PRIMARY KEY, a TEXT)", [key: "k"], "key: it has no column k"},
            {"(id TEXT PRIMARY KEY, a TEXT)", [key: "id"], "key: id is not an INTEGER column"},
            {"(id INTEGER UNIQUE, a TEXT)", [key: "id"], "unique and NOT NULL"}
          ] do
        :ok = EctoLibSql.run(s, "DROP TABLE t")
        assert s |> create(definition, opts) |> reason() =~ message
      end

      :ok = EctoLibSql.run(s, "CREATE VIEW v AS SELECT 1 AS id, 'one' AS a")
      opts = [content: "v", columns: ["a"]]
      assert s |> FTS.create("v_fts", opts) |> reason() =~ "triggers: false"
      assert s |> FTS.create("n_fts", content: "n", columns: ["a"]) |> reason() =~ "no such table"
      refute Enum.any?(names(s), &String.contains?(&1, "fts"))

      assert FTS.create(s, "v_fts", [key: "id", triggers: false] ++ opts) == :ok
      assert found(s, "one", "v_fts") == [1]
    end
  end

  describe "a table" do
    test "with its own rows", %{s: s} do
      assert FTS.create(s, :notes, columns: [:text, author: :unindexed]) == :ok
      :ok = EctoLibSql.run(s, "INSERT INTO notes (text, author) VALUES ('sail', 'ann')")
      assert {found(s, "sail", "notes"), found(s, "ann", "notes")} == {[1], []}
      :ok = EctoLibSql.run(s, "UPDATE notes SET text = 'row'")
      assert found(s, "row", "notes") == [1]
      :ok = EctoLibSql.run(s, "DELETE FROM notes")
      assert found(s, "row", "notes") == []
    end

    test "without contents, with deletes or without", %{s: s} do
      :ok = FTS.create(s, :plain, columns: [:text], contentless: true)
      :ok = FTS.create(s, :deletable, columns: [:text], contentless: :delete)

      for table <- ~w(plain deletable) do
        :ok = EctoLibSql.run(s, "INSERT INTO #{table} (rowid, text) VALUES (3, 'sail')")
        assert found(s, "sail", table) == [3]
        assert rows(s, "SELECT text FROM #{table}") == [[nil]]
      end

      assert {:error, %Error{message: message}} =
               EctoLibSql.query(s, "DELETE FROM plain WHERE rowid = 3")

      assert message =~ "contentless"
      :ok = EctoLibSql.run(s, "DELETE FROM deletable WHERE rowid = 3")
      assert found(s, "sail", "deletable") == []
    end

    test "in an attached database", %{s: s} do
      :ok = EctoLibSql.run(s, "ATTACH ':memory:' AS other")
      :ok = EctoLibSql.run(s, "CREATE TABLE other.t (id INTEGER PRIMARY KEY, a TEXT)")
      opts = [content: "t", columns: ["a"], database: "other"]
      assert FTS.create(s, "t_fts", opts) == :ok
      :ok = EctoLibSql.run(s, "INSERT INTO other.t (a) VALUES ('one')")
      :ok = EctoLibSql.run(s, "REPLACE INTO other.t VALUES (1, 'two')")
      assert {found(s, "one", "t_fts"), found(s, "two", "t_fts")} == {[], [1]}
      assert FTS.drop(s, "t_fts", database: "other") == :ok
      assert rows(s, "SELECT name FROM other.sqlite_schema") == [["t"]]
    end
  end

  describe "tokenizers" do
    defp finds?(s, tokenize, document, searched) do
      :ok = FTS.create(s, "f", columns: ["a"], tokenize: tokenize)
      :ok = EctoLibSql.run(s, "INSERT INTO f (a) VALUES (?)", [document])
      found = found(s, searched, "f")
      :ok = FTS.drop(s, "f")
      found == [1]
    end

    test "cut texts as they are asked to", %{s: s} do
      for {tokenize, document, searched, expected} <- [
            {:unicode61, "Café", "cafe", true},
            {{:unicode61, remove_diacritics: 0}, "Café", "cafe", false},
            {{:unicode61, remove_diacritics: 2}, "ộ", "o", true},
            {:unicode61, "a-b", ~S("a b"), true},
            {{:unicode61, tokenchars: "-'\""}, "a-b", ~S("a b"), false},
            {{:unicode61, tokenchars: "-'\""}, "x a-b's", "a-b's", true},
            {{:unicode61, separators: "x"}, "oxo", ~S("o o"), true},
            {{:unicode61, categories: ["L*"]}, "abc 12", "12", false},
            {{:unicode61, categories: "L* N*"}, "abc 12", "12", true},
            {:ascii, "CAFÉ", "cafÉ", true},
            {:ascii, "CAFÉ", "café", false},
            {{:ascii, tokenchars: "-"}, "a-b", "a", false},
            {:porter, "connections", "connecting", true},
            {:unicode61, "connections", "connecting", false},
            {{:porter, :ascii}, "connections", "connecting", true},
            {{:porter, {:unicode61, tokenchars: "-"}}, "re-connections", "re-connecting", true},
            {:trigram, "connections", "NECT", true},
            {{:trigram, case_sensitive: true}, "connections", "NECT", false},
            {{:trigram, case_sensitive: true}, "connections", "nect", true},
            {{:trigram, remove_diacritics: true}, "décor", "deco", true},
            {["porter", "unicode61", "tokenchars", "-"], "re-connections", "re-connecting", true}
          ] do
        assert {tokenize, searched, finds?(s, tokenize, document, searched)} ==
                 {tokenize, searched, expected}
      end
    end

    test "of other names and options are refused", %{s: s} do
      for {tokenize, message} <- [
            {:icu, "takes :unicode61, :ascii"},
            {"porter", "takes :unicode61"},
            {{:porter, :porter}, "takes :unicode61"},
            {{:unicode61, case_sensitive: true}, "unicode61 has no option :case_sensitive"},
            {{:unicode61, remove_diacritics: 3}, "takes 0, 1 or 2"},
            {{:unicode61, categories: ["x; DROP"]}, "general categories"},
            {{:unicode61, tokenchars: "a\0b"}, "a text of the characters"},
            {{:ascii, separators: ""}, "a text of the characters"},
            {{:trigram, case_sensitive: 1}, "true or false"},
            {{:trigram, case_sensitive: true, remove_diacritics: true}, "one of"},
            {{:unicode61, [:x]}, "takes :unicode61"},
            {["a", 1], "takes :unicode61"}
          ] do
        error =
          catch_error(FTS.create(s, "f", columns: ["a"], tokenize: tokenize))

        assert %ArgumentError{message: text} = error
        assert text =~ message
      end
    end
  end

  test "options that make no sense are refused by name", %{s: s} do
    for {name, opts, message} <- [
          {:f, [], "columns: says which columns"},
          {:f, [columns: []], "columns: says which columns"},
          {:f, [columns: :a], "takes a list"},
          {:f, [columns: [:a, "A"]], ~S(["A"] twice)},
          {:f, [columns: [:rank]], "FTS5 has columns of these names"},
          {:f, [columns: ["RowId"]], "FTS5 has columns"},
          {:f, [columns: [:f]], "FTS5 has columns"},
          {:f, [columns: [a: :stored]], "takes :unindexed"},
          {:f, [columns: ["a\0b"]], "NUL"},
          {:f, [columns: [nil]], "an atom or a text"},
          {1, [columns: [:a]], "an atom or a text"},
          {:f, [columns: [:a], prefix: "other"], "database:"},
          {:f, [columns: [:a], prefix: [0]], "from 1 to 999"},
          {:f, [columns: [:a], prefix: [2, 2]], "from 1 to 999"},
          {:f, [columns: [:a], detail: :some], "detail: takes one of [:full, :column, :none]"},
          {:f, [columns: [:a], columnsize: 0], "columnsize:"},
          {:f, [columns: [:a], contentless: true, content: :t], "either content: or"},
          {:f, [columns: [:a], contentless: :delete, columnsize: false], "columnsize: true"},
          {:f, [columns: [:a], key: :id], "key: is for content:"},
          {:f, [columns: [:a], tokenizer: :porter], "no option :tokenizer"}
        ] do
      assert %ArgumentError{message: text} =
               catch_error(FTS.create(s, name, opts))

      assert text =~ message
    end
  end

  describe "a search" do
    setup :posts

    test "ranks, by weights where they are given", %{s: s} do
      order = fn opts ->
        {:ok, %{rows: rows}} =
          FTS.query(s, "posts_fts", "wine", [select: [:rowid, :rank]] ++ opts)

        Enum.map(rows, &hd/1)
      end

      assert order.(weights: [10.0, 1]) == [1, 5]
      assert order.(weights: [0.1, 10]) == [5, 1]
      assert order.(weights: [10.0, 1], limit: 1) == [1]
      assert order.(weights: [10.0, 1], limit: 1, offset: 1) == [5]

      [[1, rank], [5, _]] =
        rows(
          s,
          "SELECT rowid, bm25(posts_fts, 10, 1) FROM posts_fts WHERE posts_fts MATCH 'wine' ORDER BY rowid"
        )

      {:ok, %{rows: [[^rank] | _]}} =
        FTS.query(s, "posts_fts", "wine", select: [:rank], weights: [10, 1])
    end

    test "selects columns, highlights and snippets", %{s: s} do
      assert {:ok, %{columns: ["rowid", "title", "body"], rows: [[1 | _]]}} =
               FTS.query(s, "posts_fts", "red")

      select = [
        {:highlight, :title, "<'", "'>"},
        {:highlight, "BODY", "<", ">"},
        {:snippet, :body, "[", "]", "…", 2},
        {:snippet, :any, "[", "]", "…", 64}
      ]

      assert {:ok, %{rows: [row], columns: columns}} =
               FTS.query(s, "posts_fts", "burgundy wine", select: select)

      assert row == ["Red <'wine'>", "of <Burgundy>", "of [Burgundy]", "Red [wine]"]
      assert columns == ["title", "BODY", "body", "any"]
    end

    test "says what is wrong with it", %{s: s} do
      for bad <- [~S("), "NEAR(", "AND", "nope : wine", "a AND", ")", "*", ""] do
        assert {:error, %Error{message: message}} = FTS.query(s, "posts_fts", Expression.raw(bad))
        assert message =~ ~r/fts5: |no such column|unknown special query|unterminated string/, bad
      end

      assert {:error, %Error{message: "no such column: posts_fts.titel"}} =
               FTS.query(s, "posts_fts", "wine", select: [{:highlight, :titel, "", ""}])

      assert {:error, %Error{message: message}} = FTS.query(s, "posts", "wine")
      assert message =~ "posts"

      for {opts, text} <- [
            {[weights: ["1); DROP"]], "list of numbers"},
            {[weights: []], "list of numbers"},
            {[limit: "1"], "limit:"},
            {[select: []], "takes a list"},
            {[select: [{:snippet, :body, "", "", "", 65}]], "1 to 64"},
            {[order: :x], "order"}
          ],
          do: assert(catch_error(FTS.query(s, "posts_fts", "wine", opts)).message =~ text)

      assert catch_error(FTS.query(s, "posts_fts", nil)).message =~
               "an EctoLibSql.FTS.Expression or a text"
    end
  end

  describe "expressions" do
    setup :posts

    test "find what they say", %{s: s} do
      alias Expression, as: E

      for {expression, ids} <- [
            {E.term("wine"), [1, 5]},
            {E.term("red wine"), [1]},
            {E.term("wine red"), []},
            {E.phrase(["red", "wine"]), [1]},
            {E.prefix("bur"), [1]},
            {E.first("wine"), []},
            {E.first(E.prefix("be")), [5]},
            {E.near(["not", "good"], 2), [5]},
            {E.near(["not", "good"], 1), []},
            {E.near(["good", E.prefix("win")]), [5]},
            {E.all(["wine", "beer"]), [5]},
            {E.any(["red", "beer"]), [1, 5]},
            {E.but_not("wine", "beer"), [1]},
            {E.but_not("wine", E.any(["beer", "red"])), []},
            {E.columns("wine", [:title]), [1]},
            {E.columns(E.any(["wine", "beer"]), ["title"]), [1, 5]},
            {E.except_columns("wine", [:title]), [5]},
            {E.all(["red", E.columns(E.except_columns("of", [:title]), [:body])]), [1]},
            {E.nothing(), []},
            {E.any([E.nothing(), "red"]), [1]},
            {E.all([E.nothing(), "red"]), []},
            {E.all(["!", "red"]), []},
            {E.but_not("red", "!"), [1]},
            {E.raw("red OR beer"), [1, 5]},
            {E.but_not(E.raw("wine"), E.raw("red OR x")), [5]},
            {E.term("red\0wine"), [1]},
            {E.term(~S("red" AND "wine")), []},
            {E.term(~S("red" "wine")), [1]}
          ],
          do:
            assert({to_string(expression), found(s, expression)} == {to_string(expression), ids})
    end

    test "take what they say", %{s: s} do
      for fun <- [
            fn -> Expression.first(Expression.any(["a"])) end,
            fn -> Expression.near([Expression.any(["a"])]) end,
            fn -> Expression.near([Expression.first("a")]) end,
            fn -> Expression.term(<<255>>) end,
            fn -> Expression.raw("a\0") end,
            fn -> Expression.all([1]) end,
            fn -> Expression.phrase([1]) end,
            fn -> Expression.columns("a", [nil]) end,
            fn -> Expression.columns("a", ["a\0"]) end
          ],
          do: assert_raise(ArgumentError, fun)

      deep =
        Enum.reduce(1..300, Expression.term("red"), fn _, e -> Expression.all([e, "wine"]) end)

      assert {:error, %Error{message: "fts5: parser stack overflow"}} =
               FTS.query(s, "posts_fts", deep)
    end
  end

  describe "a web search" do
    test "reads what people type" do
      for {text, match} <- [
            {~S(red wine), ~S("red" "wine")},
            {~S("red wine"), ~S("red wine")},
            {~S(red "wine), ~S("red" "wine")},
            {~S(“red wine” x), ~S("red wine" "x")},
            {~S(re"d w"ine), ~S("re" "d w" "ine")},
            {~S(win* "red w"*), ~S("win" * "red w" *)},
            {~S(wine -red), ~S[("wine") NOT ("red")]},
            {~S(wine -red -"a b"), ~S[("wine") NOT (("red") OR ("a b"))]},
            {~S(a - b -- c), ~S("a" "-" "b" "--" "c")},
            {~S(a OR b c), ~S[("a") OR ("b" "c")]},
            {~S(OR a OR OR b OR), ~S[("a") OR ("b")]},
            {~S("OR" or a), ~S("OR" "or" "a")},
            {~S(a OR -b), ~S("a")},
            {~S(title:red TITLE:"a b" -title:x),
             ~S[({"title"} : "red" {"title"} : "a b") NOT ({"title"} : "x")]},
            {~S(body:red title: x), ~S("body:red" "title:" "x")},
            {~S(title:re*), ~S({"title"} : "re" *)},
            {~S(a AND NOT b NEAR(c), ~S("a" "AND" "NOT" "b" "NEAR(c")},
            {"a\0b\u00A0c\u3000d\n", ~S("a" "b" "c" "d")},
            {<<"a", 255, "b">>, ~S("a" "b")},
            {~S(*), ~S("")},
            {~S(-), ~S("-")},
            {"", ~S("")},
            {~S(""""), ~S("")}
          ],
          do: assert({text, to_string(FTS.websearch(text, columns: [:title]))} == {text, match})
    end

    test "of nothing says so" do
      for text <- ["", "  ", "OR", "-a", "OR OR -a", ~S(""), "*", "\0"],
          do: assert(text |> FTS.websearch() |> Expression.nothing?(), text)

      refute "a" |> FTS.websearch() |> Expression.nothing?()
    end

    test "takes longer words where it is asked to" do
      assert to_string(FTS.websearch("red win", prefix: :last)) == ~S("red" "win" *)
      assert to_string(FTS.websearch("red win", prefix: :all)) == ~S("red" * "win" *)
      assert to_string(FTS.websearch(~S(red "a b"), prefix: :last)) == ~S("red" "a b")
      assert to_string(FTS.websearch("a OR", prefix: :last)) == ~S("a")

      assert_raise ArgumentError, ~r/:marked, :last or :all/, fn ->
        FTS.websearch("a", prefix: true)
      end
    end

    test "of ten thousand words is a search", %{s: s} do
      posts(%{s: s})
      words = Enum.map_join(1..10_000, " ", &"word#{&1}")
      assert found(s, words) == []
      assert found(s, Enum.map_join(1..1_000, " OR ", &"word#{&1}") <> " OR red") == [1]
      assert found(s, "wine " <> Enum.map_join(1..1_000, " ", &"-word#{&1}")) == [1, 5]
    end
  end

  describe "maintenance" do
    setup :posts

    test "rebuilds what is wrong, which the check finds", %{s: s} do
      sound(s)
      :ok = EctoLibSql.run(s, "DROP TRIGGER posts_fts_after_update")
      :ok = EctoLibSql.run(s, "UPDATE posts SET title = 'Cider'")
      assert {:error, %Error{code: :corrupt_vtab}} = FTS.integrity_check(s, :posts_fts)
      assert FTS.rebuild(s, :posts_fts) == :ok
      assert found(s, "cider") == [1, 5]
      sound(s)
    end

    test "runs commands", %{s: s} do
      assert FTS.optimize(s, "posts_fts") == :ok
      assert FTS.merge(s, "posts_fts", -16) == :ok
      assert FTS.merge(s, "posts_fts", 500) == :ok
      assert FTS.delete_all(s, "posts_fts") == :ok
      assert found(s, "wine") == []
      assert {:error, %Error{}} = FTS.optimize(s, "nope")
    end

    test "keeps settings", %{s: s} do
      for {setting, value} <- [
            automerge: 8,
            crisismerge: 8,
            usermerge: 2,
            pgsz: 1000,
            deletemerge: 50
          ],
          do: assert(FTS.set(s, :posts_fts, setting, value) == :ok)

      assert FTS.set(s, :posts_fts, :secure_delete, true) == :ok
      assert FTS.set(s, :posts_fts, :rank, [0.1, 10]) == :ok
      assert {:ok, config} = FTS.config(s, :posts_fts)

      assert %{
               "automerge" => 8,
               "pgsz" => 1000,
               "secure-delete" => 1,
               "rank" => "bm25(0.1, 10.0)"
             } = config

      assert {:ok, %{rows: [[5], [1]]}} = FTS.query(s, "posts_fts", "wine", select: [:rowid])
      assert FTS.set(s, :posts_fts, :rank, "bm25(10.0, 1.0)") == :ok

      for {setting, value, text} <- [
            {:automerge, 17, "automerge takes 0 (never) to 16"},
            {:pgsz, "x", "pgsz takes"},
            {:secure_delete, 1, "true or false"},
            {:rank, "bm25", "a function's call"},
            {:rank, 1, "weights"},
            {:nope, 1, "FTS5 has no setting :nope"}
          ],
          do: assert(catch_error(FTS.set(s, :posts_fts, setting, value)).message =~ text)
    end
  end

  test "details and sizes that are left out", %{s: s} do
    opts = [columns: [:a], detail: :none, columnsize: false, prefix: [2, 3]]
    assert FTS.create(s, "f", opts) == :ok
    :ok = EctoLibSql.run(s, "INSERT INTO f (a) VALUES ('one two')")
    assert found(s, "on* two", "f") == [1]
    assert {:error, %Error{message: message}} = FTS.query(s, "f", ~S("one two"))
    assert message =~ "phrase"

    assert [["f_docsize"]] !=
             rows(s, "SELECT name FROM sqlite_schema WHERE name = ?", ["f_docsize"])
  end
end
