if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.SQL.DecimalTest do
    use EctoLibSql.SQLCase, async: true

    @long Decimal.new("12345678901234567890123.1234567")

    setup do
      insert_all!(Post, [
        %{price: Decimal.new("10"), visits: 3},
        %{price: Decimal.new("9.50"), visits: 10},
        %{price: Decimal.new("-1"), visits: 0},
        %{price: @long, visits: 1},
        %{price: nil, visits: nil}
      ])

      :ok
    end

    defp ids(query), do: Repo.all(from(p in query, select: p.id, order_by: p.id))

    test "come back digit by digit" do
      assert Repo.get!(Post, 4).price == @long
      assert Repo.all(from(p in Post, where: p.price == ^@long, select: p.price)) == [@long]
    end

    test "compare as numbers with parameters, literals, columns and aggregates" do
      query = from(p in Post, where: p.price > ^Decimal.new("9.5"))
      assert sql(select(query, [p], p.id)) =~ ~s[(ecto_decimal_cmp(p0."price", ?1) > 0)]
      assert ids(query) == [1, 4]

      assert ids(from(p in Post, where: p.price == ^"9.5")) == [2]
      assert ids(from(p in Post, where: p.price == 9.5)) == [2]
      assert ids(from(p in Post, where: p.price != 10 and p.price < 100)) == [2, 3]
      assert ids(from(p in Post, where: ^10 <= p.price)) == [1, 4]
      assert ids(from(p in Post, where: p.price > p.visits)) == [1, 4]
      assert ids(from(p in Post, where: coalesce(p.price, 0) == 0)) == [5]
      assert ids(from(p in Post, where: type(p.visits, :decimal) > p.price)) == [2, 3]

      assert Repo.all(
               from(p in Post, group_by: p.visits, having: sum(p.price) > 9, select: p.visits)
             ) == [1, 3, 10]
    end

    test "literals keep every digit" do
      [where] = from(p in Post, where: p.price == 0.1).wheres
      assert where

      assert sql(from(p in Post, where: p.price == 0.1, select: p.id)) =~
               ~s[ecto_decimal_cmp(p0."price", '0.1') = 0]

      assert sql(from(p in Post, where: p.price == 10, select: p.id)) =~
               ~s[ecto_decimal_cmp(p0."price", '10') = 0]
    end

    test "in" do
      assert ids(from(p in Post, where: p.price in ^[Decimal.new("9.5"), Decimal.new("10.0")])) ==
               [1, 2]

      assert ids(from(p in Post, where: p.price in [9.5, 10])) == [1, 2]
      assert ids(from(p in Post, where: p.price in [^Decimal.new("9.5"), p.visits])) == [2]

      assert ids(
               from(p in Post,
                 where: p.price in subquery(from(q in Post, where: q.id < 3, select: q.price))
               )
             ) ==
               [1, 2]

      assert sql(from(p in Post, where: p.price in ^[Decimal.new(1)], select: p.id)) =~
               ~s[p0."price" COLLATE ECTO_DECIMAL IN (?1)]
    end

    test "sort as numbers" do
      assert Repo.all(from(p in Post, order_by: p.price, select: p.id)) == [5, 3, 2, 1, 4]

      assert Repo.all(from(p in Post, order_by: [desc_nulls_last: p.price], select: p.id)) == [
               4,
               1,
               2,
               3,
               5
             ]

      assert Repo.all(from(p in Post, order_by: p.price * -1, select: p.id)) == [5, 4, 1, 2, 3]

      query =
        from(p in Post,
          select: %{id: p.id, cost: selected_as(p.price, :cost)},
          order_by: selected_as(:cost)
        )

      assert sql(query) =~ ~s[ORDER BY "cost" COLLATE ECTO_DECIMAL]
      assert Enum.map(Repo.all(query), & &1.id) == [5, 3, 2, 1, 4]

      query =
        from(s in subquery(from(p in Post, select: %{id: p.id, double: p.price * 2})),
          order_by: s.double,
          select: s.id
        )

      assert Repo.all(query) == [5, 3, 2, 1, 4]
    end

    test "arithmetic is exact" do
      query = from(p in Post, where: p.id == 4, select: type(p.price + 1, :decimal))
      assert sql(query) =~ ~s[ecto_decimal_add(p0."price", '1')]
      assert Repo.one(query) == Decimal.add(@long, 1)

      calculate = fn query -> Decimal.normalize(Repo.one(from(p in query, where: p.id == 2))) end

      assert calculate.(from(p in Post, select: type(p.price * p.visits - 0.1, :decimal))) ==
               Decimal.new("94.9")

      assert calculate.(from(p in Post, select: type(p.price / 4, :decimal))) ==
               Decimal.new("2.375")

      assert ids(from(p in Post, where: -p.price == 1)) == [3]
      assert Repo.one(from(p in Post, where: p.id == 5, select: p.price + 1)) == nil
    end

    test "aggregates are exact" do
      query =
        from(p in Post,
          select: {sum(p.price), min(p.price), max(p.price), avg(p.price), count(p.price)}
        )

      assert sql(query) ==
               ~s[SELECT ecto_decimal_sum(p0."price"), ecto_decimal_min(p0."price"), ] <>
                 ~s[ecto_decimal_max(p0."price"), ecto_decimal_avg(p0."price"), count(p0."price") FROM "posts" AS p0]

      {sum, min, max, avg, count} = Repo.one(query)
      assert Decimal.eq?(sum, Decimal.add(@long, "18.5"))
      assert Decimal.eq?(min, -1)
      assert Decimal.eq?(max, @long)
      assert Decimal.eq?(avg, Decimal.new("3086419725308641972535.405864175"))
      assert count == 4

      assert Repo.one(from(p in Post, where: p.id == 5, select: sum(p.price))) == nil
      assert Repo.aggregate(Post, :sum, :price) |> Decimal.eq?(sum)

      assert Repo.one(from(p in Post, select: filter(max(p.price), p.price < 100)))
             |> Decimal.eq?(10)
    end

    test "incremented and set" do
      Repo.update_all(from(p in Post, where: p.id == 4), inc: [price: Decimal.new("0.0000001")])
      assert Repo.get!(Post, 4).price == Decimal.add(@long, "0.0000001")

      Repo.update_all(from(p in Post, where: p.id == 1, update: [set: [price: p.price / 8]]), [])
      assert Decimal.eq?(Repo.get!(Post, 1).price, "1.25")
    end

    test "also where the field is named by a string" do
      assert Repo.all(
               from(p in Post,
                 where: field(p, ^"price") > ^"9.6",
                 order_by: field(p, ^"price"),
                 select: p.id
               )
             ) == [1, 4]
    end

    test "of a source without a schema and of fragments, where type/2 says what they are" do
      query =
        from(p in "posts",
          where: type(p.price, :decimal) > ^9,
          order_by: [desc: type(p.price, :decimal)],
          select: p.id
        )

      assert Repo.all(query) == [4, 1, 2]

      assert ids(from(p in Post, where: fragment("abs(?)", p.price) < type(^"9.75", :decimal))) ==
               [2, 3]

      assert ids(from(p in Post, where: type(fragment("'9.' || ?", 50), :decimal) == p.price)) ==
               [2]

      assert Repo.one(from(p in "posts", select: sum(type(p.price, :decimal))))
             |> Decimal.eq?(Decimal.add(@long, "18.5"))
    end

    test "in tuples they have to be compared one by one" do
      assert_raise Ecto.QueryError, ~r/decimals in a comparison of tuples/, fn ->
        Repo.all(from(p in Post, where: {p.price, p.id} > {^Decimal.new(1), ^1}))
      end
    end
  end
end
