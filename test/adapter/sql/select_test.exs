if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.SQL.SelectTest do
    use EctoLibSql.SQLCase, async: true

    setup do
      insert_all!(Post, [
        %{title: "a", visits: 1, public: true, rating: 1.5},
        %{title: "b", visits: 2, public: false, rating: 2.5},
        %{title: "c", visits: nil, public: nil, rating: nil}
      ])

      :ok
    end

    test "fields, expressions, and what needs no column" do
      query = from(p in Post, select: {p.title, p.visits + 1}, order_by: p.id)

      assert sql(query) ==
               ~s(SELECT p0."title", p0."visits" + 1 FROM "posts" AS p0 ORDER BY p0."id")

      assert Repo.all(query) == [{"a", 2}, {"b", 3}, {"c", nil}]

      query = from(p in Post, select: 1, where: p.id == 1)
      assert sql(query) == ~s[SELECT 1 FROM "posts" AS p0 WHERE (p0."id" = 1)]
      assert Repo.all(query) == [1]
    end

    test "a schema's struct, with the columns that its fields have" do
      Repo.update_all(Post, set: [subtitle: "under"])
      assert %Post{title: "a", subtitle: "under", public: true} = Repo.get!(Post, 1)

      assert sql(from(p in Post, select: [:subtitle])) ==
               ~s(SELECT p0."sub_title" FROM "posts" AS p0)
    end

    test "a source without a schema" do
      query = from(p in "posts", select: {p.title, p.public}, where: p.visits > ^1)

      assert sql(query) ==
               ~s[SELECT p0."title", p0."public" FROM "posts" AS p0 WHERE (p0."visits" > ?1)]

      assert Repo.all(query) == [{"b", 0}]
    end

    test "all columns of a source without a schema are not known" do
      assert_raise Ecto.QueryError, ~r/the columns of "posts" are not known/, fn ->
        Repo.all(from(p in "posts", select: p))
      end

      assert_raise Ecto.QueryError, ~r/the columns of a fragment are not known/, fn ->
        Repo.all(from(f in fragment("json_each('[]')"), select: f))
      end
    end

    test "conditions that are added with and and or" do
      query =
        from(p in Post,
          where: p.visits == 1,
          where: p.public,
          or_where: p.title == "c",
          order_by: p.id,
          select: p.id
        )

      assert sql(query) ==
               ~s[SELECT p0."id" FROM "posts" AS p0 WHERE ((p0."visits" = 1) AND (p0."public")) ] <>
                 ~s[OR (p0."title" = 'c') ORDER BY p0."id"]

      assert Repo.all(query) == [1, 3]

      query =
        from(p in Post, where: p.title == "b", or_where: p.title == "c", where: is_nil(p.visits))

      assert sql(select(query, [p], p.id)) ==
               ~s[SELECT p0."id" FROM "posts" AS p0 WHERE (((p0."title" = 'b')) ] <>
                 ~s[OR (p0."title" = 'c')) AND (p0."visits" IS NULL)]

      assert [%{id: 3}] = Repo.all(query)
    end

    test "operators keep their order" do
      query =
        from(p in Post,
          where: p.id == 1,
          select: {(p.visits + 2) * 3, p.visits + 2 * 3, -p.visits}
        )

      assert sql(query) ==
               ~s[SELECT (p0."visits" + 2) * 3, p0."visits" + (2 * 3), -(p0."visits") ] <>
                 ~s[FROM "posts" AS p0 WHERE (p0."id" = 1)]

      assert Repo.all(query) == [{9, 7, -1}]

      query = from(p in Post, where: not (p.id == 1 or p.id == 2) and p.id != 9, select: p.id)

      assert sql(query) ==
               ~s[SELECT p0."id" FROM "posts" AS p0 WHERE ((NOT ((p0."id" = 1) OR (p0."id" = 2))) ] <>
                 ~s[AND (p0."id" != 9))]

      assert Repo.all(query) == [3]

      query = from(p in Post, where: p.id == 1 == true, select: p.id)
      assert sql(query) == ~s[SELECT p0."id" FROM "posts" AS p0 WHERE ((p0."id" = 1) = TRUE)]
      assert Repo.all(query) == [1]
    end

    test "more conditions than SQLite's trees are deep" do
      either =
        Enum.reduce(1..2000, dynamic(false), fn n, any ->
          dynamic([p], p.id == ^(n * 2) or ^any)
        end)

      assert Repo.all(from(p in Post, where: ^either, select: p.id)) == [2]

      other =
        Enum.reduce(1..2000, dynamic(true), fn n, all ->
          dynamic([p], ^all and p.id != ^(n * 2))
        end)

      assert Repo.all(from(p in Post, where: ^other, select: p.id, order_by: p.id)) == [1, 3]

      all = Enum.reduce(1..2000, Post, fn n, query -> where(query, [p], p.id != ^(n * 3)) end)
      assert Repo.all(from(p in all, select: p.id, order_by: p.id)) == [1, 2]

      any =
        Enum.reduce(1..2000, where(Post, false), fn n, query ->
          or_where(query, [p], p.id == ^(n * 3))
        end)

      assert Repo.all(from(p in any, select: p.id)) == [3]
    end

    test "is_nil" do
      query =
        from(p in Post,
          where: is_nil(p.visits) or not is_nil(p.public),
          select: p.id,
          order_by: p.id
        )

      assert sql(query) ==
               ~s[SELECT p0."id" FROM "posts" AS p0 WHERE ((p0."visits" IS NULL) OR ] <>
                 ~s[(NOT (p0."public" IS NULL))) ORDER BY p0."id"]

      assert Repo.all(query) == [1, 2, 3]
    end

    test "booleans in conditions and results" do
      query =
        from(p in Post,
          where: p.public == true or p.public == ^false,
          select: {p.id, p.visits > 1}
        )

      assert sql(query) ==
               ~s[SELECT p0."id", p0."visits" > 1 FROM "posts" AS p0 ] <>
                 ~s[WHERE ((p0."public" = TRUE) OR (p0."public" = ?1))]

      assert Enum.sort(Repo.all(query)) == [{1, false}, {2, true}]
    end

    test "coalesce, count, count distinct, sum, avg, min, max and filter" do
      Repo.insert!(%Post{visits: 2})

      query =
        from(p in Post,
          select: %{
            rows: count(),
            visited: count(p.visits),
            different: count(p.visits, :distinct),
            sum: sum(coalesce(p.visits, 10)),
            avg: avg(p.visits),
            min: min(p.visits),
            max: max(p.rating),
            public: filter(count(p.id), p.public == true),
            least: p.visits |> min() |> coalesce(0)
          }
        )

      assert [result] = Repo.all(query)

      assert result == %{
               rows: 4,
               visited: 3,
               different: 2,
               sum: 15,
               avg: 5 / 3,
               min: 1,
               max: 2.5,
               public: 1,
               least: 1
             }

      assert sql(from(p in Post, select: filter(count(p.visits, :distinct), p.public))) ==
               ~s[SELECT count(DISTINCT p0."visits") FILTER (WHERE p0."public") FROM "posts" AS p0]

      assert sql(from(p in Post, select: coalesce(p.visits, ^0))) ==
               ~s[SELECT coalesce(p0."visits", ?1) FROM "posts" AS p0]
    end

    test "group_by and having" do
      Repo.insert!(%Post{visits: 2, title: "d"})

      query =
        from(p in Post,
          group_by: [p.visits, p.public == true],
          having: count(p.id) > ^0,
          having: not is_nil(p.visits),
          select: {p.visits, count(p.id)},
          order_by: [p.visits, count(p.id)]
        )

      assert sql(query) ==
               ~s[SELECT p0."visits", count(p0."id") FROM "posts" AS p0 ] <>
                 ~s[GROUP BY p0."visits", (p0."public" = TRUE) HAVING (count(p0."id") > ?1) AND ] <>
                 ~s[(NOT (p0."visits" IS NULL)) ORDER BY p0."visits", count(p0."id")]

      assert Repo.all(query) == [{1, 1}, {2, 1}, {2, 1}]
    end

    test "selected_as: an alias stands before a column of its name" do
      query =
        from(p in Post,
          select: %{visits: selected_as(coalesce(p.visits, 1), :visits), n: count()},
          group_by: selected_as(:visits),
          having: selected_as(:visits) > 0,
          order_by: [desc: selected_as(:visits)]
        )

      assert sql(query) ==
               ~s[SELECT coalesce(p0."visits", 1) AS "visits", count(*) FROM "posts" AS p0 ] <>
                 ~s[GROUP BY (coalesce(p0."visits", 1)) HAVING ((coalesce(p0."visits", 1)) > 0) ] <>
                 ~s[ORDER BY "visits" DESC]

      # By the column, NULL would be a group of its own.
      assert Repo.all(query) == [%{visits: 2, n: 1}, %{visits: 1, n: 2}]

      query =
        from(p in Post,
          select: %{visits: selected_as(coalesce(p.visits, 5), :visits)},
          order_by: [desc: selected_as(:visits) + ^1]
        )

      assert sql(query) ==
               ~s[SELECT coalesce(p0."visits", 5) AS "visits" FROM "posts" AS p0 ] <>
                 ~s[ORDER BY ((coalesce(p0."visits", 5)) + ?1) DESC]

      assert Repo.all(query) == [%{visits: 5}, %{visits: 2}, %{visits: 1}]
    end

    test "order_by in every direction" do
      order = fn order -> Repo.all(from(p in Post, order_by: ^order, select: p.visits)) end

      assert order.(asc: :visits) == [nil, 1, 2]
      assert order.(desc: :visits) == [2, 1, nil]
      assert order.(asc_nulls_first: :visits) == [nil, 1, 2]
      assert order.(asc_nulls_last: :visits) == [1, 2, nil]
      assert order.(desc_nulls_first: :visits) == [nil, 2, 1]
      assert order.(desc_nulls_last: :visits) == [2, 1, nil]

      assert sql(from(p in Post, order_by: [asc_nulls_last: p.visits, desc: p.id], select: p.id)) ==
               ~s(SELECT p0."id" FROM "posts" AS p0 ORDER BY p0."visits" ASC NULLS LAST, p0."id" DESC)
    end

    test "limit and offset, together and alone" do
      query = from(p in Post, order_by: p.id, select: p.id)

      assert sql(from(query, limit: 2, offset: ^1)) ==
               ~s(SELECT p0."id" FROM "posts" AS p0 ORDER BY p0."id" LIMIT 2 OFFSET ?1)

      assert Repo.all(from(query, limit: 2, offset: ^1)) == [2, 3]
      assert Repo.all(from(query, limit: ^1)) == [1]

      assert sql(from(query, offset: 1)) ==
               ~s(SELECT p0."id" FROM "posts" AS p0 ORDER BY p0."id" LIMIT -1 OFFSET 1)

      assert Repo.all(from(query, offset: 1)) == [2, 3]
    end

    test "literals: text with quotes and backslashes, floats, NUL, long integers" do
      text = "it's \"a\" \\ b\\\\ \\0"
      assert Repo.all(from(p in Post, where: p.id == 1, select: type(^text, :string))) == [text]

      query = from(p in Post, where: p.title == "it's \"a\" \\ b\\\\")
      assert sql(select(query, [p], p.id)) =~ ~S[WHERE (p0."title" = 'it''s "a" \ b\\')]
      Repo.insert!(%Post{title: "it's \"a\" \\ b\\\\"})
      assert [_] = Repo.all(query)

      Repo.insert!(%Post{title: "nul\0l"})
      assert [%{title: "nul\0l"}] = Repo.all(from(p in Post, where: p.title == "nul\0l"))

      assert sql(from(p in Post, where: p.rating > 1.0e-7, select: p.id)) =~
               ~s[(p0."rating" > 1.0e-7)]

      assert Repo.all(from(p in Post, where: p.rating > 1.0e-7, select: p.id)) == [1, 2]

      assert_raise Ecto.QueryError, ~r/9223372036854775808 does not fit into 64 bits/, fn ->
        Repo.all(from(p in Post, where: p.visits < 9_223_372_036_854_775_808))
      end
    end

    test "binaries, also those that are valid UTF-8, are blobs" do
      Repo.insert!(%Post{id: 10, hash: "abc"})
      assert Repo.all(from(p in Post, where: p.hash == "abc", select: p.id)) == [10]
      assert Repo.all(from(p in Post, where: p.hash == ^"abc", select: p.id)) == [10]

      assert sql(from(p in Post, where: p.hash == "abc", select: p.id)) =~
               ~s[(p0."hash" = x'616263')]

      assert Repo.all(from(p in Post, where: p.id == 10, select: fragment("typeof(?)", p.hash))) ==
               ["blob"]

      assert sql(from(p in Post, where: p.hash == <<0, 255>>, select: p.id)) =~ "x'00ff'"
    end

    test "a UUID has to be interpolated" do
      uuid = Ecto.UUID.generate()
      Repo.insert!(%Post{id: 10, uuid: uuid})
      assert Repo.all(from(p in Post, where: p.uuid == ^uuid, select: p.id)) == [10]
      assert Repo.all(from(p in Post, where: p.uuid in ^[uuid], select: p.id)) == [10]

      assert_raise Ecto.QueryError, ~r/interpolate it with \^/, fn ->
        Repo.all(from(p in Post, where: p.uuid == "00010203-0405-4607-8809-0a0b0c0d0e0f"))
      end

      assert_raise Ecto.QueryError, ~r/interpolate the list with \^/, fn ->
        Repo.all(from(p in Post, where: p.uuid in ["00010203-0405-4607-8809-0a0b0c0d0e0f"]))
      end
    end

    test "in: lists, interpolated lists, empty lists" do
      ids = fn query -> Repo.all(from(p in query, select: p.id, order_by: p.id)) end

      assert ids.(from(p in Post, where: p.id in [1, 3])) == [1, 3]
      assert sql(from(p in Post, where: p.id in [1, 3], select: p.id)) =~ ~s[p0."id" IN (1, 3)]
      assert ids.(from(p in Post, where: p.title in ["a", "it's"])) == [1]
      assert ids.(from(p in Post, where: p.title in ^["a", "c"])) == [1, 3]

      query =
        from(p in Post, where: p.visits == ^1, where: p.id in ^[1, 2], where: p.title == ^"a")

      assert sql(select(query, [p], p.id)) =~
               ~s[(p0."visits" = ?1) AND (p0."id" IN (?2,?3)) AND (p0."title" = ?4)]

      assert ids.(query) == [1]

      assert ids.(from(p in Post, where: p.id in ^[])) == []
      assert ids.(from(p in Post, where: p.visits not in ^[])) == [1, 2, 3]
      assert ids.(from(p in Post, where: ^5 in ^[] or p.id == ^2)) == [2]
      assert ids.(from(p in Post, where: p.id in [^2, p.visits])) == [1, 2]
    end

    test "tuples" do
      query = from(p in Post, where: {p.visits, p.id} > {1, ^1}, select: p.id)
      assert sql(query) =~ ~s[(p0."visits", p0."id") > (1, ?1)]
      assert Repo.all(query) == [2]
    end

    test "a function that Ecto's language does not have" do
      assert_raise Ecto.QueryError, ~r/unknown function frobnicate\/2/, fn ->
        query = from(p in Post, select: p.id, where: p.id == 1)
        where = put_in(hd(query.wheres).expr, {:frobnicate, [], [1, 2]})
        Repo.all(%{query | wheres: [where]})
      end
    end

    test "what is calculated has the type that the expression has" do
      price = Decimal.new("9.50")

      row = %{
        id: 20,
        price: price,
        visits: 2,
        tags: ["t"],
        public: true,
        inserted_at: ~U[2024-01-01 10:00:00Z],
        day: ~D[2024-01-01]
      }

      Repo.insert_all(Post, [row])
      post = from(p in Post, as: :post, where: p.id == 20)
      inner = from(p in Post, where: p.id == parent_as(:post).id)

      query =
        from(p in post,
          select: %{
            product: p.price * p.visits,
            or_zero: coalesce(p.price, 0),
            sum: sum(p.price * p.visits) |> over(),
            negative: -p.price,
            is_in: p.id in [20, 21],
            exists: exists(subquery(inner)),
            tags: coalesce(p.tags, type(^["x"], {:array, :string})),
            at: coalesce(p.inserted_at, ^nil),
            day: coalesce(p.day, fragment("NULL")),
            price: subquery(select(inner, [p], p.price)),
            flag: subquery(select(inner, [p], p.public)),
            number: p.visits * 2,
            text: coalesce(p.title, "none")
          }
        )

      assert Repo.one(query) == %{
               product: Decimal.new("19.00"),
               or_zero: price,
               sum: Decimal.new("19.00"),
               negative: Decimal.new("-9.50"),
               is_in: true,
               exists: true,
               tags: ["t"],
               at: ~N[2024-01-01 10:00:00],
               day: ~D[2024-01-01],
               price: price,
               flag: true,
               number: 4,
               text: "none"
             }

      assert sql(from(p in post, select: p.price * 2)) =~
               ~s[SELECT ecto_decimal_mul(p0."price", '2') AS "::decimal" FROM]

      named =
        from(p in post,
          select: %{cost: selected_as(p.price * 2, :cost)},
          order_by: selected_as(:cost)
        )

      assert sql(named) =~ ~s[AS "cost::decimal" FROM]
      assert sql(named) =~ ~s[ORDER BY "cost::decimal" COLLATE ECTO_DECIMAL]
      assert Repo.all(named) == [%{cost: Decimal.new("19.00")}]

      source =
        from(
          s in subquery(
            from(p in post,
              select: %{double: p.price * 2, tags: coalesce(p.tags, type(^[], {:array, :string}))}
            )
          )
        )

      assert Repo.all(source) == [%{double: Decimal.new("19.00"), tags: ["t"]}]

      assert Repo.all(from(s in source, select: {s.double, s.tags})) == [
               {Decimal.new("19.00"), ["t"]}
             ]

      assert Repo.update_all(from(p in post, select: p.price + 1), set: [visits: 1]) ==
               {1, [Decimal.new("10.50")]}

      assert {:ok, [%Decimal{}]} =
               Repo.transaction(fn ->
                 Enum.to_list(Repo.stream(from(p in post, select: p.price * 3)))
               end)
    end

    test "numbers sort with decimals, not before them" do
      Repo.insert_all(Post, [
        %{id: 20, price: Decimal.new("-1")},
        %{id: 21, price: Decimal.new("10")},
        %{id: 22, price: nil}
      ])

      query = from(p in Post, where: p.id >= 20, order_by: coalesce(p.price, ^0), select: p.id)
      assert Repo.all(query) == [20, 22, 21]
    end
  end
end
