if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.SQL.InsertTest do
    use EctoLibSql.SQLCase, async: true

    alias Ecto.Adapters.LibSql.Connection

    defp insert(
           table,
           header,
           rows,
           on_conflict \\ {:raise, [], []},
           returning \\ [],
           placeholders \\ []
         ) do
      nil
      |> Connection.insert(table, header, rows, on_conflict, returning, placeholders, [])
      |> IO.iodata_to_binary()
    end

    describe "the statement" do
      test "of rows" do
        assert insert("t", [:a, :b], [[:a, :b]]) == ~s[INSERT INTO "t" ("a","b") VALUES (?1,?2)]

        assert insert("t", [:a, :b], [[:a, :b], [:a, :b]], {:raise, [], []}, [:id]) ==
                 ~s[INSERT INTO "t" ("a","b") VALUES (?,?),(?,?) RETURNING "id"]
      end

      test "with a prefix, and without options, as ecto_sql 3.13 calls it" do
        sql = Connection.insert("db", "t", [:a], [[:a]], {:raise, [], []}, [], [])
        assert IO.iodata_to_binary(sql) == ~s[INSERT INTO "db"."t" ("a") VALUES (?1)]
      end

      test "of no values" do
        assert insert("t", [], [[]]) == ~s[INSERT INTO "t" DEFAULT VALUES]

        assert insert("t", [], [[]], {:raise, [], []}, [:id]) ==
                 ~s[INSERT INTO "t" DEFAULT VALUES RETURNING "id"]

        assert insert("t", [], [[], []]) == ~s[INSERT INTO "t" (_rowid_) VALUES (NULL),(NULL)]

        assert insert("t", [], [[]], {:nothing, [], []}) ==
                 ~s[INSERT INTO "t" (_rowid_) VALUES (NULL) ON CONFLICT DO NOTHING]
      end

      test "with placeholders before the values" do
        rows = [[:a, {:placeholder, "1"}], [{:placeholder, "2"}, :b]]

        assert insert("t", [:a, :b], rows, {:raise, [], []}, [], [1, 2]) ==
                 ~s[INSERT INTO "t" ("a","b") VALUES (?3,?1),(?2,?4)]
      end

      test "of a cell without a value is none: SQLite has no DEFAULT for it" do
        assert_raise ArgumentError, ~r/a row has no value for :a/, fn ->
          insert("t", [:a, :b], [[:a, :b], [nil, :b]])
        end
      end

      test "with RETURNING as a fragment" do
        assert insert("t", [:a], [[:a]], {:raise, [], []}, {:unsafe_fragment, "a || 'x' AS b"}) ==
                 ~s[INSERT INTO "t" ("a") VALUES (?1) RETURNING a || 'x' AS b]
      end

      test "with every ON CONFLICT" do
        clause = fn on_conflict ->
          String.replace_prefix(
            insert("t", [:a], [[:a]], on_conflict),
            ~s[INSERT INTO "t" ("a") VALUES (?1)],
            ""
          )
        end

        assert clause.({:nothing, [], []}) == ~s[ ON CONFLICT DO NOTHING]
        assert clause.({:nothing, [], [:a, :b]}) == ~s[ ON CONFLICT ("a","b") DO NOTHING]

        assert clause.({[:a, :b], [], [:id]}) ==
                 ~s[ ON CONFLICT ("id") DO UPDATE SET "a" = excluded."a", "b" = excluded."b"]

        assert clause.({[:a], [], []}) == ~s[ ON CONFLICT DO UPDATE SET "a" = excluded."a"]

        assert clause.({[:a], [], {:unsafe_fragment, "(lower(a)) WHERE b"}}) ==
                 ~s[ ON CONFLICT (lower(a)) WHERE b DO UPDATE SET "a" = excluded."a"]

        assert_raise ArgumentError, ~r/no ON CONFLICT ON CONSTRAINT/, fn ->
          clause.({:nothing, [], {:unsafe_fragment, "ON CONSTRAINT t_pkey"}})
        end
      end
    end

    describe "insert" do
      test "answers the id, defaults and what is read after" do
        assert %Comment{id: 1} = Repo.insert!(%Comment{text: "a"})
        assert %Comment{id: 2, votes: 7} = Repo.insert!(%Comment{}, returning: true)

        assert {:ok, %Comment{id: 2, votes: 7}} =
                 Repo.insert(%Comment{id: 2},
                   on_conflict: {:replace, [:text]},
                   conflict_target: :id,
                   returning: true
                 )
      end

      test "into a table without a rowid" do
        assert Repo.insert!(%Label{post_id: 1, name: "x", weight: 2})
        assert %Label{weight: 2} = Repo.get_by!(Label, post_id: 1, name: "x")
      end

      test "with every on_conflict" do
        Repo.query!("CREATE UNIQUE INDEX posts_title ON posts (title)")
        Repo.insert!(%Post{id: 1, title: "a", visits: 1, subtitle: "s"})
        post = %Post{title: "a", visits: 5, subtitle: "t"}

        get = fn ->
          Repo.one(from(p in Post, where: p.title == "a", select: {p.id, p.visits, p.subtitle}))
        end

        assert {:ok, %{id: nil}} = Repo.insert(post, on_conflict: :nothing)
        assert get.() == {1, 1, "s"}

        assert {:ok, %{id: 1}} =
                 Repo.insert(post, on_conflict: {:replace, [:visits]}, conflict_target: :title)

        assert get.() == {1, 5, "s"}

        assert {:ok, _} =
                 Repo.insert(%{post | visits: 6},
                   on_conflict: {:replace_all_except, [:id, :subtitle]},
                   conflict_target: [:title]
                 )

        assert get.() == {1, 6, "s"}

        assert {:ok, _} =
                 Repo.insert(%{post | id: 9, visits: 7},
                   on_conflict: :replace_all,
                   conflict_target: :title
                 )

        assert get.() == {9, 7, "t"}

        assert {:ok, _} =
                 Repo.insert(post,
                   on_conflict: [set: [subtitle: "k"], inc: [visits: 10]],
                   conflict_target: :title
                 )

        assert get.() == {9, 17, "k"}

        query =
          from(p in Post,
            update: [
              set: [subtitle: fragment("excluded.sub_title || ?", ^"!"), visits: p.visits + ^2]
            ],
            where: p.visits < ^100
          )

        assert {:ok, _} = Repo.insert(post, on_conflict: query, conflict_target: :title)
        assert get.() == {9, 19, "t!"}
      end

      test "an on_conflict query with a condition leaves the row that does not meet it" do
        Repo.query!("CREATE UNIQUE INDEX posts_title ON posts (title)")
        Repo.insert!(%Post{id: 1, title: "a", visits: 1})

        query =
          from(p in Post, where: p.visits > ^10 and p.title != ^"z", update: [set: [visits: ^2]])

        assert Repo.insert_all(Post, [[title: "a"]], on_conflict: query, conflict_target: :title) ==
                 {0, nil}

        assert Repo.get!(Post, 1).visits == 1

        assert_raise Ecto.StaleEntryError, fn ->
          Repo.insert(%Post{title: "a"}, on_conflict: query, conflict_target: :title)
        end
      end

      test "an on_conflict query with a join cannot be said" do
        query =
          from(p in Post, join: c in Comment, on: c.post_id == p.id, update: [set: [visits: 1]])

        assert_raise Ecto.QueryError, ~r/takes neither joins nor CTEs/, fn ->
          Repo.insert(%Post{title: "a"}, on_conflict: query, conflict_target: :title)
        end
      end

      test "a partial and an expression index as the conflict's target" do
        Repo.insert_all(Setting, [%{key: "a", value: "1", active: true, count: 1}])
        row = %{key: "a", value: "2", active: true, count: 2}
        count = fn -> Repo.all(from(s in Setting, select: s.count)) end

        assert {1, nil} =
                 Repo.insert_all(Setting, [row],
                   on_conflict: {:replace, [:count]},
                   conflict_target: {:unsafe_fragment, "(key) WHERE active"}
                 )

        assert count.() == [2]

        assert {1, nil} =
                 Repo.insert_all(
                   Setting,
                   [%{row | key: "A", value: "1", active: false, count: 3}],
                   on_conflict: {:replace, [:count]},
                   conflict_target: {:unsafe_fragment, "(lower(key), value)"}
                 )

        assert count.() == [3]
      end
    end

    describe "insert_all" do
      test "answers counts and rows" do
        assert Repo.insert_all("comments", [[text: "a"], [text: "b"]]) == {2, nil}

        assert Repo.insert_all("comments", [%{text: "c"}], returning: [:id, :text, :votes]) ==
                 {1, [%{id: 3, text: "c", votes: 7}]}

        assert {1, [%Comment{id: 4, votes: 7}]} =
                 Repo.insert_all(Comment, [%{text: "d"}], returning: true)

        assert Repo.insert_all(Comment, []) == {0, nil}
      end

      test "an explicit nil is NULL, a missing field its default, and nothing shifts" do
        rows = [
          %{key: "a", value: nil, count: 1},
          %{key: "b", count: 2},
          %{key: "c", value: "x"},
          %{count: 4, key: "d", value: "y"}
        ]

        assert {4, returned} = Repo.insert_all(Setting, rows, returning: [:key, :value, :count])

        assert Enum.map(returned, &{&1.key, &1.value, &1.count}) ==
                 [{"a", nil, 1}, {"b", "none", 2}, {"c", "x", 5}, {"d", "y", 4}]

        assert Repo.all(from(s in Setting, order_by: s.key, select: {s.key, s.value, s.count})) ==
                 [{"a", nil, 1}, {"b", "none", 2}, {"c", "x", 5}, {"d", "y", 4}]
      end

      test "empty rows" do
        assert {2, [%{id: 1, votes: 7}, %{id: 2, votes: 7}]} =
                 Repo.insert_all(Comment, [[], []], returning: [:id, :votes])

        assert {1, nil} = Repo.insert_all(Comment, [[]], on_conflict: :nothing)
      end

      test "placeholders" do
        rows = [
          %{text: {:placeholder, :t}, votes: 1},
          %{text: "own", votes: {:placeholder, :v}},
          %{text: {:placeholder, :t}, votes: {:placeholder, :v}}
        ]

        Repo.insert_all(Comment, rows, placeholders: %{t: "shared", v: 9})

        assert Repo.all(from(c in Comment, order_by: c.id, select: {c.text, c.votes})) == [
                 {"shared", 1},
                 {"own", 9},
                 {"shared", 9}
               ]
      end

      test "placeholders in rows of different fields, with an on_conflict query" do
        Repo.query!("CREATE UNIQUE INDEX comments_text ON comments (text)")
        Repo.insert!(%Comment{text: "a", votes: 1})

        query =
          from(c in Comment,
            update: [set: [votes: c.votes + ^100, post_id: ^5]],
            where: c.votes < ^50
          )

        rows = [
          %{text: "a", votes: {:placeholder, :v}},
          %{text: {:placeholder, :t}},
          %{text: "c", post_id: 3, votes: {:placeholder, :v}}
        ]

        assert {3, nil} =
                 Repo.insert_all(Comment, rows,
                   placeholders: %{v: 2, t: "b"},
                   on_conflict: query,
                   conflict_target: :text
                 )

        assert Repo.all(
                 from(c in Comment, order_by: c.text, select: {c.text, c.votes, c.post_id})
               ) ==
                 [{"a", 101, 5}, {"b", 7, nil}, {"c", 2, 3}]
      end

      test "queries as values, also in rows of different fields" do
        Repo.insert_all(Post, [%{id: 1, visits: 10}, %{id: 2, visits: 20}])
        visits = fn id -> from(p in Post, where: p.id == ^id, select: p.visits) end

        rows = [
          %{text: "a", votes: visits.(1)},
          %{text: "b", votes: visits.(2), post_id: 2},
          %{text: "c", votes: 3, post_id: visits.(1)}
        ]

        assert {3, nil} = Repo.insert_all(Comment, rows)

        assert Repo.all(
                 from(c in Comment, order_by: c.text, select: {c.text, c.votes, c.post_id})
               ) ==
                 [{"a", 10, nil}, {"b", 20, 2}, {"c", 3, 10}]
      end

      test "a query as source" do
        Repo.insert_all(Post, [%{id: 1, title: "a", visits: 1}, %{id: 2, title: "b", visits: 2}])

        query =
          from(p in Post,
            where: p.visits > ^1,
            select: %{text: p.title, votes: ^5 + p.visits, post_id: p.id}
          )

        assert {1, [%{id: 1}]} = Repo.insert_all(Comment, query, returning: [:id])
        assert [%{text: "b", votes: 7, post_id: 2}] = Repo.all(Comment)

        literal =
          from(p in Post, where: p.id == 1, select: %{text: "lit", votes: 3, post_id: nil})

        assert {1, nil} = Repo.insert_all(Comment, literal)
        assert [%{votes: 3, post_id: nil}] = Repo.all(from(c in Comment, where: c.text == "lit"))
      end

      test "what a query gives is written in the format of its columns" do
        at = ~U[2024-01-01 10:00:00Z]

        Repo.insert_all(Post, [
          %{
            id: 1,
            inserted_at: at,
            meta: %{"k" => "text", "l" => [true]},
            price: Decimal.new("0.1")
          }
        ])

        stored = fn id ->
          Repo.one(
            from(p in "posts",
              where: p.id == ^id,
              select:
                {p.inserted_at, p.updated_at, p.day, fragment("json(?)", p.meta),
                 fragment("json(?)", p.tags)}
            )
          )
        end

        rows =
          from(p in Post,
            where: p.id == 1,
            select: %{
              updated_at: p.inserted_at,
              inserted_at: datetime_add(^~U[2024-01-01 10:00:00.5Z], 1, "day"),
              day: p.inserted_at,
              meta: p.meta["k"],
              tags: p.meta["l"],
              price: p.price * 3,
              id: ^2
            }
          )

        assert {1, nil} = Repo.insert_all(Post, rows)

        assert stored.(2) ==
                 {"2024-01-02T10:00:00", "2024-01-01T10:00:00.000000", "2024-01-01", ~s("text"),
                  "[true]"}

        assert Repo.get!(Post, 2).price == Decimal.new("0.3")

        both = from(p in Post, where: p.id == 1, select: %{updated_at: p.inserted_at, id: ^3})

        assert {2, nil} =
                 Repo.insert_all(
                   Post,
                   union_all(
                     both,
                     ^from(p in Post,
                       where: p.id == 1,
                       select: %{updated_at: p.inserted_at, id: ^4}
                     )
                   )
                 )

        assert {nil, "2024-01-01T10:00:00.000000", nil, nil, nil} = stored.(4)

        inserted_at = from(p in Post, where: p.id == 1, select: p.inserted_at)
        assert {1, nil} = Repo.insert_all(Post, [%{id: 5, updated_at: inserted_at}])
        assert {nil, "2024-01-01T10:00:00.000000", nil, nil, nil} = stored.(5)
      end

      test "a query as source, with ON CONFLICT" do
        Repo.insert_all(Post, [%{id: 1, title: "a"}, %{id: 2, title: "b"}])
        Repo.insert_all(Comment, [%{id: 1, text: "old"}])

        update =
          from(c in Comment,
            update: [set: [text: fragment("? || excluded.text || ?", c.text, ^"!")]]
          )

        for query <- [
              from(p in Post, select: %{id: p.id, text: p.title}),
              from(p in Post,
                join: q in Post,
                on: q.id == p.id,
                select: %{id: p.id, text: q.title}
              ),
              from(p in Post,
                where: p.id > ^0,
                order_by: p.id,
                limit: ^5,
                select: %{id: p.id, text: p.title}
              ),
              from(p in Post,
                where: p.id == 1,
                select: %{id: p.id, text: p.title},
                union_all: ^from(p in Post, where: p.id == 2, select: %{id: p.id, text: p.title})
              )
            ] do
          Repo.update_all(from(c in Comment, where: c.id == 1), set: [text: "old"])
          Repo.delete_all(from(c in Comment, where: c.id == 2))
          assert Repo.insert_all(Comment, query, on_conflict: :nothing) == {1, nil}
          Repo.delete_all(from(c in Comment, where: c.id == 2))

          assert Repo.insert_all(Comment, query, on_conflict: update, conflict_target: :id) ==
                   {2, nil}

          assert Repo.all(from(c in Comment, order_by: c.id, select: c.text)) == ["olda!", "b"]
        end
      end

      test "more rows than SQLite has parameters" do
        rows = for n <- 1..12_000, do: %{text: "t#{n}", votes: n, post_id: n}
        assert Repo.insert_all(Comment, rows) == {12_000, nil}

        assert Repo.one(from(c in Comment, select: {count(), sum(c.votes), max(c.id)})) ==
                 {12_000, 72_006_000, 12_000}
      end

      test "all of many rows or none" do
        rows = for n <- 1..12_000, do: %{id: n, text: "t", votes: n}
        rows = rows ++ [%{id: 1, text: "again", votes: 1}]
        assert_raise EctoLibSql.Error, fn -> Repo.insert_all("comments", rows) end
        assert Repo.aggregate(Comment, :count) == 0
      end

      test "with a prefix" do
        Repo.query!("ATTACH ':memory:' AS archive")
        Repo.query!("CREATE TABLE archive.comments (id INTEGER PRIMARY KEY, text TEXT)")

        assert {1, [%{id: 1}]} =
                 Repo.insert_all("comments", [%{text: "x"}], prefix: "archive", returning: [:id])

        assert {1, nil} =
                 Repo.insert_all("comments", [%{id: 1, text: "y"}],
                   prefix: "archive",
                   on_conflict: [set: [text: "z"]],
                   conflict_target: :id
                 )

        assert Repo.all(from(c in "comments", select: c.text), prefix: "archive") == ["z"]
        assert Repo.aggregate(Comment, :count) == 0
      end
    end
  end
end
