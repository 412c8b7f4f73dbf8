if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.FTSTest do
    use EctoLibSql.MigrationCase, async: true

    import Ecto.Query
    import EctoLibSql.FTS
    import EctoLibSql.Migration

    alias EctoLibSql.FTS
    alias EctoLibSql.FTS.Expression

    defmodule Post do
      use Ecto.Schema

      schema "posts" do
        field(:title, :string)
        field(:text, :string, source: :body)
        field(:slug, :string)
        field(:excerpt, :string, virtual: true)
        field(:score, :float, virtual: true)
      end
    end

    defmodule PostIndex do
      use Ecto.Schema

      @primary_key {:rowid, :id, autogenerate: false}
      schema "posts_fts" do
        field(:title, :string)
        field(:text, :string, source: :body)
      end
    end

    defp posts_fts(opts \\ []),
      do: fts_table(:posts_fts, [content: :posts, columns: [:title, :body]] ++ opts)

    defp create_posts do
      create table(:posts) do
        add :title, :string
        add :body, :text
        add :slug, :string
      end

      create unique_index(:posts, [:slug])
      create posts_fts()
    end

    defp posts(_context) do
      migrate(&create_posts/0)

      Repo.insert_all(Post, [
        %{id: 1, slug: "a", title: "Red wine", text: "of Burgundy, near the river"},
        %{id: 5, slug: "b", title: "Beer", text: "not wine, but good"},
        %{id: 7, slug: "c", title: "Water", text: nil}
      ])

      :ok
    end

    defp ids(query), do: query |> exclude(:select) |> select([p], p.id) |> Repo.all()

    defp found(searched) do
      from(f in "posts_fts", where: match(f, ^searched), select: f.rowid)
      |> Repo.all()
      |> Enum.sort()
    end

    defp objects(like) do
      "SELECT name FROM sqlite_schema WHERE name LIKE ? ORDER BY name"
      |> rows([like])
      |> List.flatten()
    end

    describe "migrations" do
      test "create and drop, in both directions" do
        migrate(&create_posts/0)
        assert length(objects("posts_fts%")) == 11
        migrate(&create_posts/0, direction: :backward)
        assert objects("posts%") == []

        migrate(&create_posts/0)
        drop = fn -> drop posts_fts() end
        migrate(drop)
        assert objects("posts_fts%") == []
        migrate(drop, direction: :backward)
        Repo.insert!(%Post{title: "Wine"})
        assert found("wine") == [1]
        migrate(fn -> drop fts_table(:posts_fts) end)
        assert objects("posts_fts%") == []
      end

      test "create once, drop what is there" do
        migrate(&create_posts/0)
        migrate(fn -> create_if_not_exists posts_fts() end)

        assert migration_error(fn -> create posts_fts() end).message =~
                 "create FTS5 table posts_fts: "

        migrate(fn -> drop posts_fts() end)

        assert migration_error(fn -> drop posts_fts() end).message =~
                 "drop FTS5 table posts_fts: "

        migrate(fn -> drop_if_exists fts_table(:posts_fts) end)
        assert objects("posts_fts%") == []
        migrate(fn -> create_if_not_exists posts_fts() end)
        migrate(fn -> create_if_not_exists posts_fts() end, direction: :backward)
        assert objects("posts_fts%") == []
      end

      test "fill the index with the rows that are there", context do
        posts(context)
        migrate(fn -> drop posts_fts() end)
        migrate(fn -> create posts_fts() end)
        assert found("wine") == [1, 5]
        migrate(fn -> drop posts_fts() end)
        migrate(fn -> create posts_fts(fill: false) end)
        assert found("wine") == []
      end

      test "take every option" do
        migrate(fn ->
          create fts_table("notes",
                   columns: [:text, author: :unindexed],
                   tokenize: {:porter, {:unicode61, remove_diacritics: 2, tokenchars: "'\"-"}},
                   prefix: [2, 3],
                   detail: :column,
                   columnsize: false
                 )
        end)

        assert sql_of("notes") ==
                 ~S|CREATE VIRTUAL TABLE "notes" USING fts5("text", "author" UNINDEXED, | <>
                   ~S|tokenize = '''porter'' ''unicode61'' ''remove_diacritics'' ''2'' | <>
                   ~S|''tokenchars'' ''''''"-''', prefix = '2 3', detail = 'column', columnsize = '0')|
      end

      test "say what cannot be indexed, and make nothing" do
        migrate(fn ->
          create table(:t, primary_key: false, options: "WITHOUT ROWID") do
            add :k, :string, primary_key: true
            add :a, :string
          end
        end)

        create = fn -> create fts_table(:t_fts, content: :t, columns: [:a]) end
        assert %ArgumentError{message: message} = migration_error(create)
        assert message =~ "create FTS5 table t_fts: "
        assert message =~ "WITHOUT ROWID"
        assert migration_error(fn -> create fts_table(:t_fts) end).message =~ "columns:"

        assert migration_error(fn -> create fts_table(:t_fts, colums: [:a]) end).message =~
                 ":colums"

        rename = fn -> rename fts_table(:t_fts, columns: [:a]), to: "other" end
        assert migration_error(rename).message =~ "drop it, and create it anew"
        assert objects("t_fts%") == []
      end

      test "that change the content keep the index", context do
        posts(context)

        migrate(fn ->
          alter table(:posts) do
            add :author, :string
            modify :slug, :text, null: true, default: "none"
          end
        end)

        migrate(fn -> create constraint(:posts, :title_there, check: "title <> ''") end)
        assert found("wine") == [1, 5]
        Repo.update!(Ecto.Changeset.change(Repo.get!(Post, 5), text: "ale"))
        Repo.insert!(%Post{title: "Port"})
        Repo.delete!(Repo.get!(Post, 7))
        assert {found("wine"), found("ale"), found("port"), found("water")} == {[1], [5], [8], []}
        assert FTS.integrity_check(Repo, :posts_fts) == :ok
      end

      test "that rename or remove what the index knows are refused", context do
        posts(context)

        for change <- [
              fn -> rename table(:posts), to: table(:articles) end,
              fn -> rename table(:posts_fts), to: table(:articles_fts) end,
              fn -> rename table(:posts), :title, to: :name end,
              fn -> alter(table(:posts), do: remove(:body)) end,
              fn -> alter(table(:posts), do: remove_if_exists(:id)) end
            ] do
          assert %ArgumentError{message: message} = migration_error(change)
          assert message =~ "the FTS5 table posts_fts knows the"
          assert message =~ "drop it before"
        end

        migrate(fn -> rename table(:posts), :slug, to: :path end)
        Repo.query!("REPLACE INTO posts (id, path, title) VALUES (20, 'a', 'Port')")
        assert {found("red"), found("port")} == {[], [20]}
        assert FTS.integrity_check(Repo, :posts_fts) == :ok
      end

      test "that make and drop unique indexes have the triggers go by them", context do
        posts(context)
        change = fn -> create unique_index(:posts, ["lower(title)"], name: :posts_title) end
        migrate(change)
        Repo.query!("REPLACE INTO posts (id, slug, title) VALUES (20, 'x', 'RED WINE')")
        assert found("wine") == [5, 20]
        assert FTS.integrity_check(Repo, :posts_fts) == :ok

        trigger = fn -> sql_of("posts_fts_before_insert") end
        assert trigger.() =~ "lower(title)"
        migrate(change, direction: :backward)
        refute trigger.() =~ "lower(title)"
        assert trigger.() =~ "slug"
        Repo.update_all(Post, set: [title: "Same"])
        assert length(found("same")) == 3
        assert FTS.integrity_check(Repo, :posts_fts) == :ok
      end

      test "of a content with a key that is no integer" do
        migrate(fn ->
          create table(:t, primary_key: false) do
            add :id, :binary_id, primary_key: true
            add :a, :string
          end

          create fts_table(:t_fts, content: :t, columns: [:a])
        end)

        ids = for _ <- 1..3, do: Ecto.UUID.generate()

        Repo.insert_all(
          "t",
          for({id, n} <- Enum.with_index(ids), do: %{id: id, a: "row #{n} even"})
        )

        query = from(t in "t", select: t.id)
        assert query |> search("t_fts", "row 1") |> Repo.all() == [Enum.at(ids, 1)]

        # Built anew, with the rowids that it had.
        Repo.query!("DELETE FROM t WHERE id = ?", [hd(ids)])
        migrate(fn -> create constraint(:t, :a_there, check: "a <> ''") end)
        assert query |> search("t_fts", "row 1") |> Repo.all() == [Enum.at(ids, 1)]
        assert query |> search("t_fts", "row") |> Repo.all() |> Enum.sort() == Enum.sort(tl(ids))
        assert FTS.integrity_check(Repo, :t_fts) == :ok
      end
    end

    describe "rows of a schema" do
      setup :posts

      test "are followed through inserts, updates, upserts and deletes" do
        Repo.insert!(%Post{id: 9, slug: "d", title: "Port"})
        assert found("port") == [9]
        opts = [on_conflict: {:replace, [:title]}, conflict_target: :slug]
        Repo.insert!(%Post{slug: "d", title: "Porto"}, opts)
        assert {found("port"), found("porto")} == {[], [9]}
        Repo.insert!(%Post{slug: "d", title: "Ignored"}, on_conflict: :nothing)

        Repo.insert!(%Post{id: 9, slug: "e", title: "All"},
          on_conflict: :replace_all,
          conflict_target: :id
        )

        assert {found("ignored"), found("porto"), found("all")} == {[], [], [9]}
        assert Repo.update_all(Post, set: [title: "Same"]) == {4, nil}
        assert found("same") == [1, 5, 7, 9]
        Repo.query!("REPLACE INTO posts (id, slug, title) VALUES (20, 'e', 'Raw')")
        assert {found("same"), found("raw")} == {[1, 5, 7], [20]}
        Repo.delete_all(from(p in Post, where: p.id < 7))
        assert found("same") == [7]
        assert FTS.integrity_check(Repo, "posts_fts") == :ok
      end

      test "know the rows they are inserted with" do
        assert %Post{id: id} = Repo.insert!(%Post{title: "Port"})
        assert Repo.get!(Post, id).title == "Port"
        assert found("port") == [id]
      end
    end

    describe "search/4" do
      setup :posts

      test "joins, filters, and orders by rank" do
        assert Post |> search(:posts_fts, "wine", weights: [10.0, 1.0]) |> ids() == [1, 5]
        assert Post |> search("posts_fts", "wine", weights: [0.1, 10]) |> ids() == [5, 1]

        assert Post |> search(PostIndex, "wine", weights: [title: 0.1, body: 10]) |> ids() == [
                 5,
                 1
               ]

        assert Post |> search(PostIndex, "wine", weights: [title: 10]) |> ids() == [1, 5]
        assert Post |> where([p], p.id > 1) |> search(:posts_fts, "wine") |> ids() == [5]
        assert Post |> search(:posts_fts, "") |> ids() == []

        assert Post
               |> search(:posts_fts, "wine", key: :id)
               |> where([fts: f], f.rowid > 1)
               |> ids() == [5]

        assert Post |> order_by(desc: :id) |> search(:posts_fts, "wine", order: false) |> ids() ==
                 [5, 1]
      end

      test "reads what people type, or takes an expression" do
        assert Post |> search(PostIndex, "title:wine") |> ids() == [1]
        assert Post |> search(:posts_fts, "title:wine") |> ids() == []
        assert Post |> search(:posts_fts, "body:wine", columns: [:body]) |> ids() == [5]
        assert Post |> search(:posts_fts, "burg", words: :last) |> ids() == [1]
        assert Post |> search(:posts_fts, Expression.prefix("burg")) |> ids() == [1]

        assert Post |> search(:posts_fts, Expression.raw("beer OR red")) |> ids() |> Enum.sort() ==
                 [1, 5]
      end

      test "gives its binding to what follows" do
        [post] =
          Post
          |> search(:posts_fts, "river")
          |> select_merge([p, fts: f], %{
            excerpt: snippet(f, :body, "<b>", "</b>", "…", 2),
            score: bm25(f)
          })
          |> Repo.all()

        assert %Post{id: 1, text: "of Burgundy" <> _, excerpt: "…the <b>river</b>", score: score} =
                 post

        assert score < 0

        query = search(Post, :posts_fts, "wine", as: :found)
        both = query |> search(:posts_fts, "beer", as: :other) |> ids()
        assert both == [5]

        assert query
               |> limit(1)
               |> select([p, found: f], {p.id, rank(f) == bm25(f)})
               |> Repo.all()
               |> length() == 1

        assert Repo.aggregate(query, :count) == 2
      end

      test "refuses options that it has not" do
        assert_raise ArgumentError, ~r/:limit/, fn -> search(Post, :posts_fts, "x", limit: 1) end

        assert_raise ArgumentError, ~r/list of numbers/, fn ->
          search(Post, :posts_fts, "x", weights: ["1); DROP"])
        end

        assert_raise ArgumentError, ~r/by name need a schema/, fn ->
          search(Post, :posts_fts, "x", weights: [title: 1])
        end

        assert_raise ArgumentError, ~r/:nope/, fn ->
          search(Post, PostIndex, "x", weights: [nope: 1])
        end

        assert_raise ArgumentError, ~r/:order/, fn ->
          search(Post, :posts_fts, "x", order: :desc)
        end

        assert_raise ArgumentError, ~r/what is searched for/, fn ->
          search(Post, :posts_fts, nil)
        end
      end
    end

    describe "macros" do
      setup :posts

      test "match a table, or a column, by its name or schema" do
        assert Repo.all(from(f in "posts_fts", where: match(f, "burgundy"), select: f.title)) == [
                 "Red wine"
               ]

        assert [%PostIndex{rowid: 1, text: "of" <> _}] =
                 Repo.all(from(f in PostIndex, where: match(f, ^"burgundy")))

        assert Repo.all(from(f in PostIndex, where: match(f.text, ^"wine"), select: f.rowid)) == [
                 5
               ]

        assert Repo.all(
                 from(f in "posts_fts", where: match(field(f, ^:body), ^"wine"), select: f.rowid)
               ) == [5]

        text = ~S(" OR 1=1 --)
        assert Repo.all(from(f in PostIndex, where: match(f, ^text), select: f.rowid)) == []

        joined =
          from(p in Post,
            join: f in PostIndex,
            on: f.rowid == p.id,
            where: match(f, ^Expression.but_not("wine", "beer")) and p.id < 10,
            select: {p.slug, f.title}
          )

        assert Repo.all(joined) == [{"a", "Red wine"}]
        condition = dynamic([f], match(f, ^"beer"))
        assert [%{rowid: 5}] = Repo.all(from(f in PostIndex, where: ^condition))
      end

      test "rank, with weights" do
        by = fn weights ->
          Repo.all(
            from(f in "posts_fts",
              where: match(f, "wine"),
              order_by: bm25(f, ^weights),
              select: f.rowid
            )
          )
        end

        assert by.([10.0, 1.0]) == [1, 5]
        assert by.([0.1, 10]) == [5, 1]

        literal =
          from(f in "posts_fts",
            where: match(f, "wine"),
            order_by: [desc: bm25(f, [10.0, -1])],
            select: f.rowid
          )

        assert Repo.all(literal) == [5, 1]

        ranks =
          from(f in PostIndex,
            where: match(f, "wine"),
            order_by: rank(f),
            select: {rank(f), bm25(f), bm25(f, [1.0])}
          )

        assert [{rank, rank, rank}, {other, other, other}] = Repo.all(ranks)
        assert rank < other and other < 0
        assert_raise ArgumentError, ~r/list of numbers/, fn -> by.(["1"]) end
      end

      test "highlight and excerpt" do
        close = "'\"]"

        query =
          from(f in PostIndex,
            where: match(f, "wine burgundy"),
            select: %{
              name: highlight(f, :title, "['", ^close),
              position: highlight(f, 1, "<", ">"),
              source: highlight(f, :text, "<", ">"),
              snippet: snippet(f, :text, "<", ">", "…", 2),
              any: snippet(f, -1, "<", ">", "…", ^64)
            }
          )

        assert Repo.all(query) == [
                 %{
                   name: "Red ['wine'\"]",
                   position: "of <Burgundy>, near the river",
                   source: "of <Burgundy>, near the river",
                   snippet: "of <Burgundy>…",
                   any: "Red <wine>"
                 }
               ]

        unknown =
          from(f in "posts_fts", where: match(f, "wine"), select: highlight(f, :titel, "", ""))

        assert_raise EctoLibSql.Error, ~r/no such column: .*titel/, fn -> Repo.all(unknown) end

        unmarked =
          from(f in "posts_fts", where: f.rowid == 7, select: highlight(f, :title, "<", ">"))

        assert Repo.all(unmarked) == ["Water"]
      end

      test "take what they say, when they are compiled" do
        for {code, message} <- [
              {~S|match(f, f.title)|, "interpolate what is searched for"},
              {~S|match(f, text)|, "interpolate what is searched for"},
              {~S|match("posts", "x")|, "takes a binding"},
              {~S|bm25(f, ["1"]) > 0|, "list of numbers"},
              {~S|bm25(f, []) > 0|, "list of numbers"},
              {~S|bm25(f, weights) > 0|, "interpolate the weights"},
              {~S|bm25(f.title) > 0|, "takes a binding"},
              {~S|rank("f") > 0|, "takes a binding"},
              {~S|highlight(f, "title", "", "") == ""|, "a column is an atom"},
              {~S|snippet(f, :title, "", "", "", 65) == ""|, "1 to 64 tokens"}
            ] do
          code = """
          import Ecto.Query
          import EctoLibSql.FTS
          from f in "posts_fts", where: #{code}
          """

          assert_raise ArgumentError, ~r/#{Regex.escape(message)}/, fn ->
            Code.eval_string(code)
          end
        end
      end

      test "need a table" do
        query =
          from(f in subquery(from(p in Post, select: %{title: p.title})),
            where: match(f, "wine"),
            select: f.title
          )

        assert_raise Ecto.QueryError, ~r/only a table can be searched/, fn -> Repo.all(query) end
      end

      test "leave other functions of such names to the database" do
        query = from(f in "posts_fts", select: fragment("fts5_mine(?)", f.title))
        assert_raise EctoLibSql.Error, ~r/no such function: fts5_mine/, fn -> Repo.all(query) end
      end

      test "raise for a raw expression that is malformed" do
        query = from(f in PostIndex, where: match(f, ^Expression.raw("AND")))

        assert_raise EctoLibSql.Error, ~r/fts5: syntax error near "AND"/, fn ->
          Repo.all(query)
        end
      end
    end

    @tag repo: [pool_size: 1]
    test "an FTS5 table of an attached database, by its prefix" do
      Repo.query!("ATTACH ':memory:' AS other")

      change = fn ->
        create table(:posts, prefix: "other") do
          add :title, :string
          add :slug, :string
        end

        create fts_table(:posts_fts, content: :posts, columns: [:slug, :title], database: :other)
        create unique_index(:posts, [:slug], prefix: "other")
      end

      migrate(change)
      rows = [%{title: "Red wine", slug: "a"}, %{title: "Beer", slug: "b"}]
      Repo.insert_all("posts", rows, prefix: "other")
      Repo.query!("REPLACE INTO other.posts (title, slug) VALUES ('Ale', 'b')")

      query = fn text ->
        from(p in "posts", prefix: "other")
        |> search(:posts_fts, text, prefix: "other")
        |> select([p, fts: f], {p.title, highlight(f, :title, "<", ">")})
        |> Repo.all()
      end

      assert {query.("wine"), query.("beer")} == {[{"Red wine", "Red <wine>"}], []}
      rename = fn -> rename table(:posts, prefix: "other"), :title, to: :name end
      assert migration_error(rename).message =~ "posts_fts knows the column title"
      migrate(change, direction: :backward)
      assert rows("SELECT name FROM other.sqlite_schema WHERE name <> 'sqlite_sequence'") == []
    end

    test "a schema writes a table with rows of its own" do
      migrate(fn -> create fts_table(:posts_fts, columns: [:title, :body]) end)
      Repo.insert!(%PostIndex{rowid: 3, title: "Wine"})
      Repo.insert_all(PostIndex, [%{rowid: 4, title: "Beer"}])
      assert found("wine") == [3]
      Repo.update!(Ecto.Changeset.change(Repo.get!(PostIndex, 3), title: "Port"))
      assert {found("wine"), found("port")} == {[], [3]}
      Repo.delete!(Repo.get!(PostIndex, 3))
      Repo.update_all(PostIndex, set: [text: "cold"])
      assert {found("port"), found("cold")} == {[], [4]}

      assert Repo.update_all(from(f in PostIndex, where: match(f, ^"cold")), set: [title: "Ale"]) ==
               {1, nil}

      assert Repo.delete_all(from(f in PostIndex, where: match(f.title, ^"ale"))) == {1, nil}
      assert Repo.all(PostIndex) == []
    end

    test "a repo runs commands", context do
      posts(context)
      assert FTS.rebuild(Repo, :posts_fts) == :ok
      assert FTS.optimize(Repo, :posts_fts) == :ok
      assert FTS.merge(Repo, :posts_fts, 10) == :ok
      assert FTS.set(Repo, :posts_fts, :automerge, 2) == :ok
      assert {:ok, %{"automerge" => 2}} = FTS.config(Repo, :posts_fts)
      Repo.query!("DROP TRIGGER posts_fts_after_update")
      Repo.update_all(Post, set: [title: "Cider"])
      assert {:error, %EctoLibSql.Error{}} = FTS.integrity_check(Repo, :posts_fts)
      assert {:error, %EctoLibSql.Error{}} = FTS.rebuild(Repo, :nope)
    end
  end
end
