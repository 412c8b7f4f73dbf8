if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.SQL.CTETest do
    use EctoLibSql.SQLCase, async: true

    setup do
      insert_all!(Post, for(visits <- 1..4, do: %{visits: visits, title: "t#{visits}"}))
      insert_all!(Comment, [%{post_id: 1, text: "x"}, %{post_id: 2, text: "y"}])
      :ok
    end

    test "a query, in from and in a join, with parameters in the right order" do
      many = from(p in Post, where: p.visits > ^2, select: %{id: p.id, n: p.visits})

      query =
        "many"
        |> with_cte("many", as: ^many)
        |> join(:inner, [m], p in Post, on: p.id == m.id and p.title != ^"t3")
        |> where([m], m.n < ^100)
        |> select([m, p], {p.title, m.n})

      assert sql(query) ==
               ~s[WITH "many" AS (SELECT sp0."id" AS "id", sp0."visits" AS "n" FROM "posts" AS sp0 ] <>
                 ~s[WHERE (sp0."visits" > ?1)) SELECT p1."title", m0."n" FROM "many" AS m0 ] <>
                 ~s[INNER JOIN "posts" AS p1 ON (p1."id" = m0."id") AND (p1."title" != ?2) ] <>
                 ~s[WHERE (m0."n" < ?3)]

      assert Repo.all(query) == [{"t4", 4}]

      query =
        Post
        |> with_cte("many", as: ^many)
        |> join(:left, [p], m in "many", on: m.id == p.id)
        |> select([p, m], {p.id, m.n})
        |> order_by([p], p.id)

      assert Repo.all(query) == [{1, nil}, {2, nil}, {3, 3}, {4, 4}]
    end

    test "materialized and not" do
      cte = from(p in Post, select: %{id: p.id})

      query = "c" |> with_cte("c", as: ^cte, materialized: true) |> select([c], c.id)
      assert sql(query) =~ ~s[WITH "c" AS MATERIALIZED (SELECT]
      assert Repo.all(query) == [1, 2, 3, 4]

      query = "c" |> with_cte("c", as: ^cte, materialized: false) |> select([c], c.id)
      assert sql(query) =~ ~s[WITH "c" AS NOT MATERIALIZED (SELECT]
      assert Repo.all(query) == [1, 2, 3, 4]
    end

    test "recursive, with an order and a limit" do
      first = from(p in fragment("SELECT ? AS n", ^1), select: %{n: p.n})

      next =
        from(n in "numbers", where: n.n < ^10, select: %{n: n.n + ^2})

      query =
        "numbers"
        |> recursive_ctes(true)
        |> with_cte("numbers", as: ^union_all(first, ^next))
        |> select([n], n.n)

      assert sql(query) =~ ~s[WITH RECURSIVE "numbers" AS (SELECT sf0."n" AS "n" FROM]
      assert sql(query) =~ ~s[ UNION ALL SELECT]
      assert Repo.all(query) == [1, 3, 5, 7, 9, 11]
      assert Repo.all(query |> order_by([n], desc: n.n) |> limit(2)) == [11, 9]
    end

    test "a fragment" do
      query =
        "x"
        |> with_cte("x", as: fragment("SELECT id AS key FROM posts WHERE visits > ?", ^2))
        |> select([x], x.key)

      assert sql(query) ==
               ~s[WITH "x" AS (SELECT id AS key FROM posts WHERE visits > ?1) SELECT x0."key" FROM "x" AS x0]

      assert Repo.all(query) == [3, 4]

      query = "v" |> with_cte("v", as: fragment("VALUES (1), (?)", ^7)) |> select([v], v.column1)
      assert Repo.all(query) == [1, 7]
    end

    test "several, which refer to each other" do
      one = from(p in Post, where: p.id > 1, select: %{id: p.id})
      two = from(o in "one", where: o.id < 4, select: %{id: o.id})

      query =
        "two" |> with_cte("one", as: ^one) |> with_cte("two", as: ^two) |> select([t], t.id)

      assert Repo.all(query) == [2, 3]
    end

    test "in a subquery, and in a query of a combination" do
      cte = from(p in Post, where: p.id == ^2, select: %{id: p.id})
      inner = "c" |> with_cte("c", as: ^cte) |> select([c], %{id: c.id})

      assert Repo.all(from(s in subquery(inner), select: s.id)) == [2]

      query = from(p in Post, where: p.id == ^1, select: %{id: p.id})
      assert Enum.sort(Repo.all(union_all(query, ^inner))) == [%{id: 1}, %{id: 2}]
    end

    test "in update_all and delete_all" do
      cte = from(p in Post, where: p.visits > ^2, select: %{id: p.id})

      query =
        Post
        |> with_cte("many", as: ^cte)
        |> join(:inner, [p], m in "many", on: m.id == p.id)
        |> update([p], set: [title: ^"many"])

      assert sql(query, :update_all) ==
               ~s[WITH "many" AS (SELECT sp0."id" AS "id" FROM "posts" AS sp0 WHERE (sp0."visits" > ?1)) ] <>
                 ~s[UPDATE "posts" AS p0 SET "title" = ?2 FROM "many" AS m1 WHERE (m1."id" = p0."id")]

      assert Repo.update_all(query, []) == {2, nil}
      assert Repo.all(from(p in Post, where: p.title == "many", select: p.id)) == [3, 4]

      query =
        Post
        |> with_cte("many", as: ^cte)
        |> join(:inner, [p], m in "many", on: m.id == p.id)
        |> where([p], p.id != ^4)

      assert Repo.delete_all(query) == {1, nil}
      assert Repo.all(from(p in Post, select: p.id)) == [1, 2, 4]
    end

    test "as the source of insert_all" do
      cte = from(p in Post, where: p.id > ^3, select: %{id: p.id})
      query = "c" |> with_cte("c", as: ^cte) |> select([c], %{post_id: c.id, text: ^"new"})
      assert Repo.insert_all(Comment, query) == {1, nil}
      assert [%{post_id: 4, text: "new"}] = Repo.all(from(c in Comment, where: c.text == "new"))
    end

    test "a decimal stays one" do
      Repo.insert!(%Post{price: Decimal.new("10")})
      Repo.insert!(%Post{price: Decimal.new("9")})
      cte = from(p in Post, where: not is_nil(p.price), select: %{double: p.price * 2})

      query =
        "c" |> with_cte("c", as: ^cte) |> where([c], c.double > 18) |> select([c], c.double)

      assert Repo.all(query) == [Decimal.new("20")]
    end

    test "data-modifying ones cannot be said" do
      update = from(p in Post, update: [set: [title: "x"]], select: %{id: p.id})
      query = "u" |> with_cte("u", as: ^update, operation: :update_all) |> select([u], u.id)

      assert_raise Ecto.QueryError, ~r/no data-modifying CTE \(operation: :update_all\)/, fn ->
        Repo.all(query)
      end

      delete = from(p in Post, select: %{id: p.id})
      query = "d" |> with_cte("d", as: ^delete, operation: :delete_all) |> select([d], d.id)

      assert_raise Ecto.QueryError, ~r/no data-modifying CTE \(operation: :delete_all\)/, fn ->
        Repo.all(query)
      end

      assert Repo.aggregate(Post, :count) == 4
    end
  end
end
