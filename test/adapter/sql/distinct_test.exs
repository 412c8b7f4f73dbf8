if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.SQL.DistinctTest do
    use EctoLibSql.SQLCase, async: true

    setup do
      insert_all!(Post, [
        %{title: "a", visits: 1, price: Decimal.new("1.0")},
        %{title: "b", visits: 2, price: Decimal.new("1.00")},
        %{title: "a", visits: 3, price: Decimal.new("2")},
        %{title: "b", visits: 4, price: Decimal.new("10")},
        %{title: nil, visits: 5}
      ])

      :ok
    end

    test "distinct: true and false" do
      query = from(p in Post, distinct: true, select: p.title)
      assert sql(query) == ~s[SELECT DISTINCT p0."title" FROM "posts" AS p0]
      assert Enum.sort(Repo.all(query)) == [nil, "a", "b"]
      assert length(Repo.all(from(p in Post, distinct: false, select: p.title))) == 5
    end

    test "decimals that are the same number" do
      query = from(p in Post, distinct: true, select: p.price)
      assert sql(query) == ~s[SELECT DISTINCT p0."price" COLLATE ECTO_DECIMAL FROM "posts" AS p0]
      assert length(Repo.all(query)) == 4
      assert Repo.one(from(p in Post, select: count(p.price, :distinct))) == 3
      assert length(Repo.all(from(p in Post, group_by: p.price, select: count()))) == 4
    end

    test "the first row of each group, in the order given" do
      query =
        from(p in Post,
          distinct: p.title,
          order_by: [desc: p.visits],
          select: {p.title, p.visits}
        )

      assert sql(query) ==
               ~s[SELECT "c0" AS "title", "c1" AS "visits" FROM (SELECT p0."title" AS "c0", ] <>
                 ~s[p0."visits" AS "c1", row_number() OVER (PARTITION BY p0."title" ORDER BY p0."title", ] <>
                 ~s[p0."visits" DESC) AS "pick", row_number() OVER (ORDER BY p0."title", ] <>
                 ~s[p0."visits" DESC) AS "place" FROM "posts" AS p0) WHERE "pick" = 1 ORDER BY "place"]

      assert Repo.all(query) == [{nil, 5}, {"a", 3}, {"b", 4}]
    end

    test "a direction of the distinct columns, limit and offset" do
      query =
        from(p in Post,
          distinct: [desc: p.title],
          order_by: p.visits,
          limit: ^1,
          offset: ^1,
          select: p.visits
        )

      assert Repo.all(query) == [1]
      assert Repo.all(exclude(query, :limit) |> exclude(:offset)) == [2, 1, 5]
    end

    test "several columns, expressions, and no order" do
      query = from(p in Post, distinct: [p.title, p.visits > 2], select: p.id)
      assert length(Repo.all(query)) == 5

      query = from(p in Post, distinct: [coalesce(p.title, ^"a")], select: coalesce(p.title, "a"))
      assert Enum.sort(Repo.all(query)) == ["a", "b"]
    end

    test "whole structs, and in a subquery" do
      query = from(p in Post, distinct: p.title, order_by: p.visits)
      assert [%Post{id: 5}, %Post{id: 1, price: price}, %Post{id: 2}] = Repo.all(query)
      assert Decimal.eq?(price, 1)

      query = from(s in subquery(query), where: s.visits < 5, select: sum(s.visits))
      assert Repo.one(query) == 3
      assert Repo.aggregate(from(p in Post, distinct: p.title), :count) == 3
    end

    test "with groups and aliases" do
      query =
        from(p in Post,
          group_by: [p.title, p.visits > 2],
          distinct: p.title,
          order_by: [desc: selected_as(:sum)],
          select: %{title: p.title, sum: selected_as(sum(p.visits), :sum)}
        )

      assert Repo.all(query) == [
               %{title: nil, sum: 5},
               %{title: "a", sum: 3},
               %{title: "b", sum: 4}
             ]
    end

    test "limit with_ties" do
      Repo.insert!(%Post{id: 6, visits: 2})
      query = from(p in Post, order_by: p.visits, select: p.id)

      assert sql(from(query, limit: ^2)) |> is_binary()
      query = query |> limit(2) |> with_ties(true)

      assert sql(query) ==
               ~s[SELECT "c0" AS "id" FROM (SELECT p0."id" AS "c0", rank() OVER (ORDER BY p0."visits") ] <>
                 ~s[AS "rank", row_number() OVER (ORDER BY p0."visits") AS "place" FROM "posts" AS p0) ] <>
                 ~s[WHERE "rank" <= 2 ORDER BY "place"]

      assert Enum.sort(Repo.all(query)) == [1, 2, 6]
      assert length(Repo.all(offset(query, 1))) == 2
      assert length(Repo.all(query |> exclude(:limit) |> limit(^1) |> with_ties(true))) == 1

      assert_raise Ecto.QueryError, ~r/with_ties needs an order_by/, fn ->
        Repo.all(Post |> limit(2) |> with_ties(true))
      end

      assert_raise Ecto.QueryError, ~r/with_ties of a combination or a distinct query/, fn ->
        Repo.all(query |> distinct(true))
      end
    end
  end
end
