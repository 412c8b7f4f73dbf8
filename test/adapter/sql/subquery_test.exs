if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.SQL.SubqueryTest do
    use EctoLibSql.SQLCase, async: true

    setup do
      insert_all!(Post, [
        %{title: "a", visits: 1, price: Decimal.new("10")},
        %{title: "b", visits: 2, price: Decimal.new("9.50")},
        %{title: "c", visits: 3, price: nil}
      ])

      insert_all!(Comment, [
        %{text: "one", post_id: 1, votes: 1},
        %{text: "two", post_id: 1, votes: 3},
        %{text: "three", post_id: 2, votes: nil}
      ])

      :ok
    end

    defp ids(query), do: Repo.all(from(p in query, select: p.id, order_by: p.id))

    test "in a condition, an `in`, a select" do
      most = from(p in Post, select: max(p.visits))
      assert ids(from(p in Post, where: p.visits == subquery(most))) == [3]

      assert sql(from(p in Post, where: p.visits == subquery(most), select: p.id)) =~
               ~s[(p0."visits" = (SELECT max(sp0."visits") FROM "posts" AS sp0))]

      commented = from(c in Comment, where: c.text != ^"three", select: c.post_id)
      assert ids(from(p in Post, where: p.title != ^"x" and p.id in subquery(commented))) == [1]

      counts = from(c in Comment, where: c.post_id == parent_as(:post).id, select: count())

      query = from(p in Post, as: :post, select: {p.id, subquery(counts)}, order_by: p.id)

      assert sql(query) ==
               ~s[SELECT p0."id", (SELECT count(*) AS "result" FROM "comments" AS sc0 ] <>
                 ~s[WHERE (sc0."post_id" = p0."id")) FROM "posts" AS p0 ORDER BY p0."id"]

      assert Repo.all(query) == [{1, 2}, {2, 1}, {3, 0}]
    end

    test "in order_by and group_by" do
      counts = from(c in Comment, where: c.post_id == parent_as(:post).id, select: count())

      assert Repo.all(
               from(p in Post, as: :post, order_by: [subquery(counts), p.id], select: p.id)
             ) == [3, 2, 1]

      assert Repo.all(
               from(p in Post,
                 as: :post,
                 group_by: subquery(counts),
                 select: count(),
                 order_by: count()
               )
             ) == [1, 1, 1]
    end

    test "exists" do
      comments = from(c in Comment, where: c.post_id == parent_as(:post).id, select: 1)
      query = from(p in Post, as: :post, where: exists(comments))

      assert sql(select(query, [p], p.id)) =~
               ~s[WHERE (EXISTS (SELECT 1 FROM "comments" AS sc0 WHERE (sc0."post_id" = p0."id")))]

      assert ids(query) == [1, 2]
      assert ids(from(p in Post, as: :post, where: not exists(comments))) == [3]
    end

    test "parent_as over two levels" do
      inner = from(c in Comment, where: c.post_id == parent_as(:post).id, select: c.id)
      outer = from(c in Comment, where: c.id in subquery(inner) and c.votes > 2, select: 1)
      query = from(p in Post, as: :post, where: exists(outer))

      assert sql(select(query, [p], p.id)) =~ ~s[(ssc0."post_id" = p0."id")]
      assert ids(query) == [1]
    end

    test "parent_as within a combination of a subquery" do
      first = from(c in Comment, where: c.post_id == parent_as(:post).id, select: c.id)
      second = from(q in Post, where: q.id == parent_as(:post).id and q.id == 3, select: q.id)
      query = from(p in Post, as: :post, where: exists(union(first, ^second)))
      assert ids(query) == [1, 2, 3]
    end

    test "any and all, with what NULL leaves open" do
      votes = from(c in Comment, select: c.votes)
      some = from(c in Comment, where: not is_nil(c.votes), select: c.votes)
      none = from(c in Comment, where: false, select: c.votes)

      # 1, 3 and NULL
      assert ids(from(p in Post, where: p.visits == any(votes))) == [1, 3]
      assert ids(from(p in Post, where: p.visits > any(votes))) == [2, 3]
      assert ids(from(p in Post, where: not (p.visits > any(votes)))) == []
      assert ids(from(p in Post, where: p.visits >= all(votes))) == []
      assert ids(from(p in Post, where: not (p.visits >= all(votes)))) == [1, 2]

      # 1 and 3
      assert ids(from(p in Post, where: p.visits != all(some))) == [2]
      assert ids(from(p in Post, where: p.visits != any(some))) == [1, 2, 3]
      assert ids(from(p in Post, where: p.visits == all(some))) == []
      assert ids(from(p in Post, where: p.visits >= all(some))) == [3]
      assert ids(from(p in Post, where: not (p.visits < any(some)))) == [3]
      assert ids(from(p in Post, where: p.visits + ^1 <= any(some))) == [1, 2]

      # no rows
      assert ids(from(p in Post, where: p.visits > all(none))) == [1, 2, 3]
      assert ids(from(p in Post, where: p.visits > any(none))) == []
      assert ids(from(p in Post, where: not (p.visits > any(none)))) == [1, 2, 3]

      assert sql(from(p in Post, where: p.visits == any(some), select: p.id)) =~
               ~s[p0."visits" IN (SELECT sc0."votes" FROM]
    end

    test "any and all of decimals" do
      prices = from(p in Post, where: not is_nil(p.price), select: p.price)
      assert ids(from(p in Post, where: p.price >= all(prices))) == [1]
      assert ids(from(p in Post, where: p.price < any(prices))) == [2]
      assert ids(from(p in Post, where: ^Decimal.new("9.5") == any(prices))) == [1, 2, 3]
    end

    test "any with a set operation and a limit in it" do
      low = from(c in Comment, where: c.votes == 1, select: c.votes)
      both = from(c in Comment, where: c.votes == 3, select: c.votes, union_all: ^low)
      assert ids(from(p in Post, where: p.visits < any(both))) == [1, 2]

      limited =
        from(c in Comment,
          where: not is_nil(c.votes),
          order_by: c.votes,
          limit: ^1,
          select: c.votes
        )

      assert ids(from(p in Post, where: p.visits > any(limited))) == [2, 3]
    end

    test "any has no meaning elsewhere" do
      votes = from(c in Comment, select: c.votes)

      assert_raise Ecto.QueryError, ~r"any/1 can only stand on the right of a comparison", fn ->
        Repo.all(from(p in Post, where: any(votes) == p.visits))
      end
    end
  end
end
