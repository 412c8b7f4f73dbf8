if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.SQL.WindowTest do
    use EctoLibSql.SQLCase, async: true

    setup do
      insert_all!(
        Post,
        for(
          {title, visits, price} <- [
            {"a", 1, "10"},
            {"a", 2, "9.5"},
            {"b", 3, "1"},
            {"b", 3, "2"}
          ],
          do: %{title: title, visits: visits, price: Decimal.new(price)}
        )
      )

      :ok
    end

    test "a named window, with partition and order" do
      query =
        from(p in Post,
          windows: [w: [partition_by: p.title, order_by: [desc: p.visits, asc: p.id]]],
          select: {p.id, row_number() |> over(:w), sum(p.visits) |> over(:w)},
          order_by: p.id
        )

      assert sql(query) ==
               ~s[SELECT p0."id", row_number() OVER "w", sum(p0."visits") OVER "w" FROM "posts" AS p0 ] <>
                 ~s[WINDOW "w" AS (PARTITION BY p0."title" ORDER BY p0."visits" DESC, p0."id") ] <>
                 ~s[ORDER BY p0."id"]

      assert Repo.all(query) == [{1, 2, 3}, {2, 1, 2}, {3, 1, 3}, {4, 2, 6}]
    end

    test "a window in place, and an empty one" do
      query =
        from(p in Post, select: {p.id, count() |> over(partition_by: p.title)}, order_by: p.id)

      assert sql(query) =~ ~s[count(*) OVER (PARTITION BY p0."title")]
      assert Repo.all(query) == [{1, 2}, {2, 2}, {3, 2}, {4, 2}]

      query = from(p in Post, select: max(p.visits) |> over(), limit: 1)
      assert sql(query) =~ ~s[max(p0."visits") OVER ()]
      assert Repo.all(query) == [3]
    end

    test "frames" do
      query =
        from(p in Post,
          windows: [
            w: [order_by: p.id, frame: fragment("ROWS BETWEEN ? PRECEDING AND CURRENT ROW", ^1)]
          ],
          select: sum(p.visits) |> over(:w),
          order_by: p.id
        )

      assert sql(query) =~ ~s[(ORDER BY p0."id" ROWS BETWEEN ?2 PRECEDING AND CURRENT ROW)] or
               sql(query) =~ ~s[(ORDER BY p0."id" ROWS BETWEEN ?1 PRECEDING AND CURRENT ROW)]

      assert Repo.all(query) == [1, 3, 5, 6]
    end

    test "every window function" do
      query =
        from(p in Post,
          windows: [w: [order_by: p.visits], r: [order_by: p.id]],
          where: p.id < 5,
          order_by: p.id,
          select: %{
            row_number: row_number() |> over(:r),
            rank: rank() |> over(:w),
            dense_rank: dense_rank() |> over(:w),
            percent_rank: percent_rank() |> over(:w),
            cume_dist: cume_dist() |> over(:w),
            ntile: ntile(2) |> over(:r),
            first: first_value(p.visits) |> over(:r),
            last: last_value(p.visits) |> over(:r),
            nth: nth_value(p.visits, 2) |> over(:r),
            lag: lag(p.visits) |> over(:r),
            lead: lead(p.visits, 1, ^0) |> over(:r)
          }
        )

      rows = Repo.all(query)
      column = fn name -> Enum.map(rows, & &1[name]) end
      assert column.(:row_number) == [1, 2, 3, 4]
      assert column.(:rank) == [1, 2, 3, 3]
      assert column.(:dense_rank) == [1, 2, 3, 3]
      assert column.(:percent_rank) == [0.0, 1 / 3, 2 / 3, 2 / 3]
      assert column.(:cume_dist) == [0.25, 0.5, 1.0, 1.0]
      assert column.(:ntile) == [1, 1, 2, 2]
      assert column.(:first) == [1, 1, 1, 1]
      assert column.(:last) == [1, 2, 3, 3]
      assert column.(:nth) == [nil, 2, 2, 2]
      assert column.(:lag) == [nil, 1, 2, 3]
      assert column.(:lead) == [2, 3, 3, 0]
    end

    test "filter in a window" do
      query =
        from(p in Post,
          select: count(p.id) |> filter(p.title == ^"a") |> over(order_by: p.id),
          order_by: p.id
        )

      assert sql(query) =~
               ~s[count(p0."id") FILTER (WHERE p0."title" = ?1) OVER (ORDER BY p0."id")]

      assert Repo.all(query) == [1, 2, 2, 2]
    end

    test "decimals are added and ordered as numbers" do
      query =
        from(p in Post,
          windows: [w: [partition_by: p.title, order_by: p.price]],
          select: {p.id, sum(p.price) |> over(:w), max(p.price) |> over(:w)},
          order_by: p.id
        )

      assert sql(query) =~ ~s[ORDER BY p0."price" COLLATE ECTO_DECIMAL)]

      assert Repo.all(query) == [
               {1, Decimal.new("19.5"), Decimal.new("10")},
               {2, Decimal.new("9.5"), Decimal.new("9.5")},
               {3, Decimal.new("1"), Decimal.new("1")},
               {4, Decimal.new("3"), Decimal.new("2")}
             ]
    end
  end
end
