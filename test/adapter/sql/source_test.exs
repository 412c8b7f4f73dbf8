if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.SQL.SourceTest do
    use EctoLibSql.SQLCase, async: true

    setup do
      insert_all!(Author, [%{name: "Ada", age: 36}, %{name: "Joe", age: 20}])

      insert_all!(Post, [
        %{title: "a", author_id: 1, tags: ["x", "y"]},
        %{title: "b", author_id: 1, tags: []},
        %{title: "c", tags: nil}
      ])

      insert_all!(Comment, [
        %{text: "one", post_id: 1},
        %{text: "two", post_id: 1},
        %{text: "three", post_id: 9}
      ])

      :ok
    end

    defp pairs(query), do: query |> Repo.all() |> Enum.sort()

    test "inner join" do
      query =
        from(p in Post, join: c in Comment, on: c.post_id == p.id, select: {p.title, c.text})

      assert sql(query) ==
               ~s[SELECT p0."title", c1."text" FROM "posts" AS p0 ] <>
                 ~s[INNER JOIN "comments" AS c1 ON c1."post_id" = p0."id"]

      assert pairs(query) == [{"a", "one"}, {"a", "two"}]
    end

    test "left join" do
      query =
        from(p in Post, left_join: c in assoc(p, :comments), select: {p.title, c.text})

      assert sql(query) =~ ~s[LEFT JOIN "comments" AS c1 ON c1."post_id" = p0."id"]
      assert pairs(query) == [{"a", "one"}, {"a", "two"}, {"b", nil}, {"c", nil}]
    end

    test "right join" do
      query =
        from(p in Post,
          right_join: c in Comment,
          on: c.post_id == p.id,
          select: {p.title, c.text}
        )

      assert sql(query) =~ ~s[RIGHT JOIN "comments" AS c1 ON]
      assert pairs(query) == [{nil, "three"}, {"a", "one"}, {"a", "two"}]
    end

    test "full join" do
      query =
        from(p in Post, full_join: c in Comment, on: c.post_id == p.id, select: {p.title, c.text})

      assert sql(query) =~ ~s[FULL JOIN "comments" AS c1 ON]

      assert pairs(query) ==
               [{nil, "three"}, {"a", "one"}, {"a", "two"}, {"b", nil}, {"c", nil}]
    end

    test "cross join" do
      query = from(a in Author, cross_join: p in Post, select: {a.name, p.title})
      assert sql(query) =~ ~s[CROSS JOIN "posts" AS p1]
      assert length(Repo.all(query)) == 6
    end

    test "several joins, with parameters in each" do
      query =
        from(p in Post,
          join: a in Author,
          on: a.id == p.author_id and a.age > ^30,
          left_join: c in Comment,
          on: c.post_id == p.id and c.text != ^"two",
          where: p.title in ^["a", "b"],
          select: {p.title, a.name, c.text, ^1 + p.id}
        )

      assert sql(query) ==
               ~s[SELECT p0."title", a1."name", c2."text", ?1 + p0."id" FROM "posts" AS p0 ] <>
                 ~s[INNER JOIN "authors" AS a1 ON (a1."id" = p0."author_id") AND (a1."age" > ?2) ] <>
                 ~s[LEFT JOIN "comments" AS c2 ON (c2."post_id" = p0."id") AND (c2."text" != ?3) ] <>
                 ~s[WHERE (p0."title" IN (?4,?5))]

      assert pairs(query) == [{"a", "Ada", "one", 2}, {"b", "Ada", nil, 3}]
    end

    test "a lateral join of a table-valued function, of each kind" do
      query =
        from(p in Post,
          inner_lateral_join: t in fragment("json_each(?)", p.tags),
          on: true,
          select: {p.title, t.value}
        )

      assert sql(query) ==
               ~s[SELECT p0."title", f1."value" FROM "posts" AS p0 ] <>
                 ~s[INNER JOIN json_each(p0."tags") AS f1 ON TRUE]

      assert pairs(query) == [{"a", "x"}, {"a", "y"}]

      query =
        from(p in Post,
          left_lateral_join: t in fragment("json_each(?)", p.tags),
          on: t.value != "x",
          select: {p.title, t.value}
        )

      assert pairs(query) == [{"a", "y"}, {"b", nil}, {"c", nil}]

      query =
        from(p in Post,
          cross_lateral_join: t in fragment("json_each(?)", p.tags),
          select: {p.title, t.value}
        )

      assert sql(query) =~ ~s[CROSS JOIN json_each(p0."tags") AS f1]
      assert pairs(query) == [{"a", "x"}, {"a", "y"}]
    end

    test "a lateral join of a subquery that refers to its parent cannot be said" do
      newest = from(c in Comment, where: c.post_id == parent_as(:post).id, limit: 1)

      assert_raise Ecto.QueryError, ~r/no lateral join of a subquery.*:inner_lateral/s, fn ->
        Repo.all(
          from(p in Post,
            as: :post,
            inner_lateral_join: c in subquery(newest),
            on: true,
            select: c.text
          )
        )
      end

      all = from(c in Comment, where: c.text == "one")

      assert Repo.all(
               from(p in Post,
                 as: :post,
                 inner_lateral_join: c in subquery(all),
                 on: c.post_id == p.id,
                 select: {p.title, c.text}
               )
             ) == [{"a", "one"}]
    end

    test "a subquery as source and in a join" do
      query =
        from(s in subquery(from(p in Post, where: p.id > ^1, select: %{name: p.title, id: p.id})),
          join: t in subquery(from(p in Post, where: p.id < ^3, select: %{key: p.id})),
          on: t.key == s.id,
          where: s.name != ^"z",
          select: s.name
        )

      assert sql(query) ==
               ~s[SELECT s0."name" FROM (SELECT sp0."title" AS "name", sp0."id" AS "id" ] <>
                 ~s[FROM "posts" AS sp0 WHERE (sp0."id" > ?1)) AS s0 INNER JOIN ] <>
                 ~s[(SELECT sp0."id" AS "key" FROM "posts" AS sp0 WHERE (sp0."id" < ?2)) AS s1 ] <>
                 ~s[ON s1."key" = s0."id" WHERE (s0."name" != ?3)]

      assert Repo.all(query) == ["b"]
    end

    test "a fragment as source: a function, a SELECT, a VALUES" do
      query = from(f in fragment("json_each(?)", ^"[1,2]"), select: f.value)
      assert sql(query) == ~s[SELECT f0."value" FROM json_each(?1) AS f0]
      assert Repo.all(query) == [1, 2]

      query = from(f in fragment("SELECT ? AS x", ^7), select: f.x)
      assert sql(query) == ~s[SELECT f0."x" FROM (SELECT ?1 AS x) AS f0]
      assert Repo.all(query) == [7]

      assert Repo.all(from(f in fragment("VALUES (1), (2)"), select: f.column1)) == [1, 2]
    end

    test "a list of values as source and in a join" do
      values = [%{id: 1, label: "first"}, %{id: 2, label: nil}]
      types = %{id: :integer, label: :string}

      query = from(v in values(values, types), select: {v.id, v.label}, order_by: v.id)

      assert sql(query) ==
               ~s[SELECT v0."id", v0."label" FROM (SELECT column1 AS "id", column2 AS "label" ] <>
                 ~s[FROM (VALUES (?1,?2),(?3,?4))) AS v0 ORDER BY v0."id"]

      assert Repo.all(query) == [{1, "first"}, {2, nil}]
      assert Repo.all(from(v in values(values, types))) == values

      query =
        from(p in Post,
          where: p.title != ^"x",
          join: v in values(values, types),
          on: v.id == p.id and v.label == ^"first",
          select: {p.title, v.label}
        )

      assert Repo.all(query) == [{"a", "first"}]

      decimals = [%{n: Decimal.new("10")}, %{n: Decimal.new("9")}]

      assert Repo.all(from(v in values(decimals, %{n: :decimal}), order_by: v.n, select: v.n)) ==
               [Decimal.new("9"), Decimal.new("10")]
    end

    test "a prefix is an attached database" do
      Repo.query!("ATTACH ':memory:' AS archive")
      Repo.query!("CREATE TABLE archive.posts (id INTEGER PRIMARY KEY, title TEXT)")
      Repo.query!("INSERT INTO archive.posts VALUES (5, 'old')")

      query = from(p in "posts", select: p.title)

      assert sql(put_query_prefix(query, "archive")) ==
               ~s[SELECT p0."title" FROM "archive"."posts" AS p0]

      assert Repo.all(query, prefix: "archive") == ["old"]

      query =
        from(p in Post,
          join: o in "posts",
          prefix: "archive",
          on: o.id == p.id + 4,
          select: {p.title, o.title}
        )

      assert sql(query) =~ ~s[INNER JOIN "archive"."posts" AS p1]
      assert Repo.all(query) == [{"a", "old"}]

      assert_raise EctoLibSql.Error, ~r/no such table: nowhere.posts/, fn ->
        Repo.all(from(p in "posts", select: p.id), prefix: "nowhere")
      end
    end

    test "names with quotes in them" do
      Repo.query!(~s[CREATE TABLE "we""ird" ("se""lect" TEXT)])
      Repo.query!(~s[INSERT INTO "we""ird" VALUES ('x')])
      query = from(w in ~s(we"ird), select: field(w, ^:"se\"lect"))
      assert sql(query) == ~s[SELECT w0."se""lect" FROM "we""ird" AS w0]
      assert Repo.all(query) == ["x"]
    end

    test "hints name an index, and nothing else" do
      query =
        from(p in Post, hints: ["INDEXED BY posts_visits"], where: p.visits > 0, select: p.id)

      assert sql(query) ==
               ~s[SELECT p0."id" FROM "posts" AS p0 INDEXED BY posts_visits WHERE (p0."visits" > 0)]

      plan = Repo.query!("EXPLAIN QUERY PLAN " <> sql(query)).rows
      assert inspect(plan) =~ "posts_visits"

      query =
        from(c in Comment,
          join: p in Post,
          hints: "NOT INDEXED",
          on: p.visits == c.id,
          select: c.id
        )

      assert sql(query) =~ ~s[INNER JOIN "posts" AS p1 NOT INDEXED ON]
      assert Repo.all(query) == []

      assert_raise Ecto.QueryError, ~r/no hint "USE INDEX FOR JOIN"/, fn ->
        Repo.all(from(p in Post, hints: ["USE INDEX FOR JOIN"]))
      end

      assert_raise Ecto.QueryError, ~r/only a table takes a hint/, fn ->
        Repo.all(from(s in subquery(Post), hints: ["NOT INDEXED"]))
      end

      assert_raise Ecto.QueryError, ~r/takes one hint/, fn ->
        Repo.all(from(p in Post, hints: ["NOT INDEXED", "INDEXED BY x"]))
      end

      assert_raise Ecto.QueryError, ~r/no hint/, fn ->
        Repo.all(from(p in Post, hints: ["INDEXED BY x, authors AS a"]))
      end
    end

    test "locks that a transaction holds are accepted, others are not" do
      for lock <- ["FOR UPDATE", "FOR SHARE", "FOR NO KEY UPDATE", "for update skip locked"] do
        query = %{from(p in Post, select: p.id) | lock: lock}
        assert sql(query) == ~s(SELECT p0."id" FROM "posts" AS p0)
        assert length(Repo.all(query)) == 3
      end

      assert Repo.all(from(p in Post, lock: fragment("FOR UPDATE OF ?", p), select: p.id)) == [
               1,
               2,
               3
             ]

      assert_raise Ecto.QueryError, ~r/no lock "LOCK IN EXCLUSIVE MODE"/, fn ->
        Repo.all(from(p in Post, lock: "LOCK IN EXCLUSIVE MODE"))
      end

      assert_raise Ecto.QueryError, ~r/no lock/, fn ->
        Repo.all(from(s in subquery(from(p in Post, lock: "WITH (NOLOCK)"))))
      end
    end
  end

  # ecto 3.14 and later
  if :ecto |> Application.spec(:vsn) |> to_string() |> Version.match?("~> 3.14") do
    defmodule Ecto.Adapters.LibSql.SQL.FragmentSchemaTest do
      use EctoLibSql.SQLCase, async: true

      test "a fragment with a schema as source" do
        insert_all!(Author, [%{name: "Ada", age: 36}, %{name: "Joe", age: 20}])
        query = from(a in {fragment("SELECT * FROM authors WHERE age > ?", ^30), Author})
        assert [%Author{name: "Ada", age: 36}] = Repo.all(query)
      end
    end
  end
end
