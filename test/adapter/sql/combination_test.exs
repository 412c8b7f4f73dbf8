if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.SQL.CombinationTest do
    use EctoLibSql.SQLCase, async: true

    setup do
      insert_all!(
        Post,
        for(visits <- [1, 1, 2, 3], do: %{visits: visits, price: Decimal.new(visits)})
      )

      insert_all!(Comment, for(votes <- [1, 2, 4], do: %{votes: votes}))
      :ok
    end

    defp visits, do: from(p in Post, select: p.visits)
    defp votes, do: from(c in Comment, select: c.votes)

    test "union, union_all, except and intersect" do
      assert sql(union(visits(), ^votes())) ==
               ~s[SELECT p0."visits" FROM "posts" AS p0 UNION SELECT c0."votes" FROM "comments" AS c0]

      assert Enum.sort(Repo.all(union(visits(), ^votes()))) == [1, 2, 3, 4]
      assert Enum.sort(Repo.all(union_all(visits(), ^votes()))) == [1, 1, 1, 2, 2, 3, 4]
      assert Enum.sort(Repo.all(except(visits(), ^votes()))) == [3]
      assert Enum.sort(Repo.all(intersect(visits(), ^votes()))) == [1, 2]
    end

    test "except_all and intersect_all count the rows" do
      one = from(c in Comment, where: c.votes == ^1, select: c.votes)
      assert Enum.sort(Repo.all(except_all(visits(), ^one))) == [1, 2, 3]
      assert Enum.sort(Repo.all(intersect_all(visits(), ^visits()))) == [1, 1, 2, 3]
      assert Enum.sort(Repo.all(intersect_all(visits(), ^votes()))) == [1, 2]

      query =
        visits()
        |> except_all(^one)
        |> union_all(^one)
        |> order_by([p], desc: p.visits)
        |> limit(3)

      assert Repo.all(query) == [3, 2, 1]

      rows = from(p in Post, select: %{visits: p.visits, price: p.price})

      other =
        from(p in Post,
          where: p.id == 2,
          select: %{visits: p.visits, price: type(^"1.00", :decimal)}
        )

      assert length(Repo.all(except_all(rows, ^other))) == 3

      assert Repo.all(
               from(s in subquery(except_all(rows, ^other)), select: s.visits, order_by: s.visits)
             ) ==
               [1, 2, 3]
    end

    test "a query with an order, a limit or combinations of its own becomes a subselect" do
      first = from(c in Comment, order_by: c.votes, limit: ^1, select: c.votes)

      assert sql(union_all(visits(), ^first)) ==
               ~s[SELECT p0."visits" FROM "posts" AS p0 UNION ALL SELECT * FROM ] <>
                 ~s[(SELECT c0."votes" FROM "comments" AS c0 ORDER BY c0."votes" LIMIT ?1)]

      assert Enum.sort(Repo.all(union_all(visits(), ^first))) == [1, 1, 1, 2, 3]

      inner = votes() |> except(^visits())
      assert Enum.sort(Repo.all(union(visits(), ^inner))) == [1, 2, 3, 4]

      # One after the other: (visits except votes) union visits, not visits except (…).
      assert Enum.sort(Repo.all(visits() |> except(^votes()) |> union(^visits()))) == [1, 2, 3]
      assert Enum.sort(Repo.all(visits() |> except(^union(votes(), ^visits())))) == []
    end

    test "order, limit and offset of the whole" do
      query =
        visits()
        |> where([p], p.visits > ^1)
        |> union_all(^where(votes(), [c], c.votes > ^1))
        |> order_by([p], desc: p.visits)
        |> limit(^2)
        |> offset(^1)

      assert sql(query) ==
               ~s[SELECT p0."visits" FROM "posts" AS p0 WHERE (p0."visits" > ?1) UNION ALL ] <>
                 ~s[SELECT c0."votes" FROM "comments" AS c0 WHERE (c0."votes" > ?2) ] <>
                 ~s[ORDER BY p0."visits" DESC LIMIT ?3 OFFSET ?4]

      assert Repo.all(query) == [3, 2]

      query =
        from(p in Post,
          select: %{n: selected_as(p.visits, :n)},
          union: ^from(c in Comment, select: %{n: c.votes}),
          order_by: [desc: selected_as(:n)]
        )

      assert Repo.all(query) == [%{n: 4}, %{n: 3}, %{n: 2}, %{n: 1}]
    end

    test "in a subquery and in a CTE" do
      query = from(s in subquery(union(visits(), ^votes())), select: sum(s.visits))
      assert Repo.one(query) == 10

      query =
        "numbers"
        |> with_cte("numbers", as: ^union_all(visits(), ^votes()))
        |> select([n], count(n.visits))

      assert Repo.one(query) == 7
    end

    test "decimals are compared as numbers" do
      Repo.insert!(%Post{price: Decimal.new("1.00")})
      prices = from(p in Post, where: not is_nil(p.price), select: p.price)
      assert length(Repo.all(union(prices, ^prices))) == 3
      one = from(p in Post, where: p.id == 1, select: p.price)
      assert length(Repo.all(except(prices, ^one))) == 2
    end

    test "distinct in one of them" do
      assert Enum.sort(Repo.all(visits() |> distinct(true) |> union_all(^votes()))) == [
               1,
               1,
               2,
               2,
               3,
               4
             ]

      first = from(p in Post, distinct: p.visits, order_by: [desc: p.id], select: p.id)
      assert Enum.sort(Repo.all(union_all(votes(), ^first))) == [1, 2, 2, 3, 4, 4]
    end
  end
end
