if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.SQL.UpdateTest do
    use EctoLibSql.SQLCase, async: true

    alias Ecto.Adapters.LibSql.Connection

    setup do
      insert_all!(Post, [
        %{title: "a", visits: 1},
        %{title: "b", visits: 2},
        %{title: "c", visits: 3}
      ])

      insert_all!(Comment, [
        %{text: "one", post_id: 1, votes: 1},
        %{text: "two", post_id: 1, votes: 1},
        %{text: "three", post_id: 9, votes: 1}
      ])

      Repo.insert_all(Label, [
        %{post_id: 1, name: "a", weight: 1},
        %{post_id: 1, name: "b", weight: 2},
        %{post_id: 2, name: "a", weight: 3}
      ])

      :ok
    end

    defp visits, do: Repo.all(from(p in Post, order_by: p.id, select: p.visits))
    defp weights, do: Repo.all(from(l in Label, order_by: [l.post_id, l.name], select: l.weight))
    defp update_sql(query), do: sql(query, :update_all)

    test "one row, with filters that are nil" do
      sql = Connection.update("db", "t", [:a, :b], [id: 1, c: nil], [:d]) |> IO.iodata_to_binary()

      assert sql ==
               ~s[UPDATE "db"."t" SET "a" = ?1, "b" = ?2 WHERE "id" = ?3 AND "c" IS ?4 RETURNING "d"]

      post = Repo.get!(Post, 1)
      changeset = Ecto.Changeset.change(post, visits: 5)
      assert {:ok, _} = Repo.update(%{changeset | filters: %{subtitle: nil}})
      assert visits() == [5, 2, 3]

      changeset = Ecto.Changeset.change(post, visits: 6)

      assert_raise Ecto.StaleEntryError, fn ->
        Repo.update(%{changeset | filters: %{title: nil}})
      end

      assert visits() == [5, 2, 3]
    end

    test "set and inc, with a condition" do
      query =
        from(p in Post, where: p.visits > ^1, update: [set: [title: ^"x"], inc: [visits: ^10]])

      assert update_sql(query) ==
               ~s[UPDATE "posts" AS p0 SET "title" = ?1, "visits" = p0."visits" + ?2 WHERE (p0."visits" > ?3)]

      assert Repo.update_all(query, []) == {2, nil}
      assert visits() == [1, 12, 13]
      assert Repo.update_all(Post, set: [visits: nil]) == {3, nil}
    end

    test "expressions of other columns, and a column of another name than its field" do
      Repo.update_all(
        from(p in Post, update: [set: [visits: p.visits * 2, subtitle: p.title]]),
        []
      )

      assert visits() == [2, 4, 6]
      assert Repo.all(from(p in Post, select: p.subtitle, order_by: p.id)) == ["a", "b", "c"]
    end

    test "a select, with and without a schema" do
      query = from(p in Post, where: p.id < 3, select: p)

      assert update_sql(
               from(p in Post, where: p.id < 3, select: p.title, update: [set: [visits: 1]])
             ) ==
               ~s[UPDATE "posts" AS p0 SET "visits" = 1 WHERE (p0."id" < 3) RETURNING "posts"."title"]

      assert {2, [%Post{id: 1, visits: 7}, %Post{id: 2, visits: 7}]} =
               Repo.update_all(query, set: [visits: 7])

      assert Repo.update_all(from(p in "posts", where: p.id == 1, select: {p.id, p.visits + 1}),
               set: [visits: 8]
             ) ==
               {1, [{1, 9}]}

      counts = from(c in Comment, where: c.post_id == parent_as(:post).id, select: count())

      assert Repo.update_all(
               from(p in Post, as: :post, where: p.id == 1, select: {p.id, subquery(counts)}),
               set: [visits: 8]
             ) ==
               {1, [{1, 2}]}
    end

    test "inner joins touch the rows they find, once" do
      query =
        from(p in Post,
          join: c in Comment,
          on: c.post_id == p.id,
          where: c.text != ^"x",
          update: [set: [visits: p.visits + c.votes + ^100]]
        )

      assert update_sql(query) ==
               ~s[UPDATE "posts" AS p0 SET "visits" = (p0."visits" + c1."votes") + ?1 FROM "comments" AS c1 ] <>
                 ~s[WHERE (c1."post_id" = p0."id") AND ((c1."text" != ?2))]

      assert Repo.update_all(query, []) == {1, nil}
      assert visits() == [102, 2, 3]
    end

    test "several inner joins, a subquery and a cross join among them" do
      counts =
        from(c in Comment,
          where: c.votes < ^5,
          group_by: c.post_id,
          select: %{post_id: c.post_id, n: count()}
        )

      query =
        from(p in Post,
          join: s in subquery(counts),
          on: s.post_id == p.id,
          cross_join: l in Label,
          where: l.weight == ^3,
          update: [set: [visits: s.n + l.weight]]
        )

      assert Repo.update_all(query, []) == {1, nil}
      assert visits() == [5, 2, 3]
    end

    test "left, right and full joins" do
      update = fn query -> Repo.update_all(query, []) end

      left =
        from(p in Post,
          left_join: c in Comment,
          on: c.post_id == p.id and c.text == ^"one",
          update: [set: [visits: coalesce(c.id, ^0)]]
        )

      assert update_sql(left) ==
               ~s[UPDATE "posts" AS "target" SET "visits" = coalesce(c1."id", ?1) FROM "posts" AS p0 ] <>
                 ~s[LEFT JOIN "comments" AS c1 ON (c1."post_id" = p0."id") AND (c1."text" = ?2) ] <>
                 ~s[WHERE ("target"._rowid_ = p0._rowid_)]

      assert update.(left) == {3, nil}
      assert visits() == [1, 0, 0]

      assert update.(
               from(p in Post,
                 left_join: c in Comment,
                 on: c.post_id == p.id,
                 where: is_nil(c.id),
                 update: [set: [visits: 9]]
               )
             ) == {2, nil}

      assert visits() == [1, 9, 9]

      assert update.(
               from(p in Post,
                 right_join: c in Comment,
                 on: c.post_id == p.id,
                 update: [set: [visits: 4]]
               )
             ) == {1, nil}

      assert visits() == [4, 9, 9]

      assert update.(
               from(p in Post,
                 full_join: c in Comment,
                 on: c.post_id == p.id,
                 update: [inc: [visits: 1]]
               )
             ) == {3, nil}

      assert visits() == [5, 10, 10]

      query =
        from(p in Post,
          join: c in Comment,
          on: c.post_id == p.id,
          left_join: l in Label,
          on: l.post_id == p.id and l.weight > 1,
          update: [set: [visits: l.weight]],
          select: p.visits
        )

      assert update.(query) == {1, [2]}
    end

    test "a join with a table-valued function" do
      Repo.update_all(from(p in Post, where: p.id == 2), set: [tags: ["t"]])

      query =
        from(p in Post,
          join: t in fragment("json_each(?)", p.tags),
          on: true,
          update: [set: [title: t.value]]
        )

      assert Repo.update_all(query, []) == {1, nil}
      assert Repo.get!(Post, 2).title == "t"
    end

    test "joins of a table without a rowid" do
      inner =
        from(l in Label,
          join: p in Post,
          on: p.id == l.post_id and p.title == l.name,
          update: [set: [weight: 10]]
        )

      assert Repo.update_all(inner, []) == {1, nil}
      assert weights() == [10, 2, 3]

      left =
        from(l in Label,
          left_join: p in Post,
          on: p.title == l.name and p.id == l.post_id,
          where: is_nil(p.id),
          update: [inc: [weight: 1]]
        )

      assert update_sql(left) =~
               ~s[WHERE ("target"."post_id" = l0."post_id" AND "target"."name" = l0."name") AND]

      assert Repo.update_all(left, []) == {2, nil}
      assert weights() == [10, 3, 4]
    end

    test "columns of a join cannot be returned" do
      query = from(p in Post, join: c in Comment, on: c.post_id == p.id, select: c.text)

      assert_raise Ecto.QueryError,
                   ~r/can only return columns of the table that is changed/,
                   fn ->
                     Repo.update_all(query, set: [visits: 1])
                   end

      assert visits() == [1, 2, 3]
    end

    test "a select of the first binding, with a join" do
      query = from(p in Post, join: c in Comment, on: c.post_id == p.id, select: {p.id, p.visits})
      assert Repo.update_all(query, set: [visits: 5]) == {1, [{1, 5}]}

      query =
        from(p in Post,
          left_join: c in Comment,
          on: c.post_id == p.id,
          where: is_nil(c.id),
          select: {p.id, p.visits}
        )

      assert {2, rows} = Repo.update_all(query, set: [visits: 6])
      assert Enum.sort(rows) == [{2, 6}, {3, 6}]
    end

    test "hints and prefixes" do
      query =
        from(p in Post,
          hints: ["INDEXED BY posts_visits"],
          where: p.visits == 1,
          update: [set: [title: "h"]]
        )

      assert update_sql(query) ==
               ~s[UPDATE "posts" AS p0 INDEXED BY posts_visits SET "title" = 'h' WHERE (p0."visits" = 1)]

      assert Repo.update_all(query, []) == {1, nil}

      Repo.query!("ATTACH ':memory:' AS archive")
      Repo.query!("CREATE TABLE archive.posts (id INTEGER PRIMARY KEY, title TEXT)")
      Repo.query!("INSERT INTO archive.posts VALUES (1, 'old')")

      assert Repo.update_all(from(p in "posts", select: p.title), [set: [title: "new"]],
               prefix: "archive"
             ) == {1, ["new"]}

      assert Repo.get!(Post, 2).title == "b"
    end

    test "of a fragment or a list of values cannot be said" do
      assert_raise Ecto.QueryError, ~r/need a table/, fn ->
        Repo.update_all(from(f in fragment("json_each('[]')")), set: [value: 1])
      end
    end
  end
end
