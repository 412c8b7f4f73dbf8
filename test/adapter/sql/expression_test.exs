if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.SQL.ExpressionTest do
    use EctoLibSql.SQLCase, async: true

    defp ids(query), do: Repo.all(from(p in query, select: p.id, order_by: p.id))

    describe "like" do
      setup do
        titles = ["50%", "500", "a_b", "aXb", "Back\\slash", "A_B"]
        insert_all!(Post, for(title <- titles, do: %{title: title}))
        :ok
      end

      test "with wildcards and escaped ones" do
        query = from(p in Post, where: like(p.title, "50\\%"))
        assert sql(select(query, [p], p.id)) =~ ~S[(p0."title" LIKE '50\%' ESCAPE '\')]
        assert ids(query) == [1]
        assert ids(from(p in Post, where: like(p.title, "50%"))) == [1, 2]
        assert ids(from(p in Post, where: like(p.title, ^"a\\_b"))) == [3, 6]
        assert ids(from(p in Post, where: like(p.title, "back\\\\%"))) == [5]
        assert ids(from(p in Post, where: not like(p.title, "%b"))) == [1, 2, 5]
      end

      test "ilike takes no notice of case, whatever the connection's setting" do
        query = from(p in Post, where: ilike(p.title, ^"A\\_b"))
        assert sql(select(query, [p], p.id)) =~ ~S[(lower(p0."title") LIKE lower(?1) ESCAPE '\')]
        assert ids(query) == [3, 6]

        Repo.query!("PRAGMA case_sensitive_like = on")
        assert ids(query) == [3, 6]
        assert ids(from(p in Post, where: like(p.title, "a\\_b"))) == [3]
      end
    end

    describe "fragments" do
      setup do
        insert_all!(Post, [%{title: "a", visits: 1}, %{title: "B", visits: 2}])
        :ok
      end

      test "with expressions, in every place" do
        query =
          from(p in Post,
            where: fragment("lower(?) = ?", p.title, ^"b"),
            order_by: fragment("? DESC", p.visits),
            select: fragment("upper(?) || ?", p.title, "!")
          )

        assert sql(query) ==
                 ~s[SELECT upper(p0."title") || '!' FROM "posts" AS p0 ] <>
                   ~s[WHERE (lower(p0."title") = ?1) ORDER BY (p0."visits" DESC)] or
                 Repo.all(query) == ["B!"]
      end

      test "next to an operator stand in parentheses" do
        query =
          from(p in Post,
            where: fragment("? = 1 OR ? = 2", p.visits, p.visits) and p.title == "a"
          )

        assert sql(select(query, [p], p.id)) =~
                 ~s[((p0."visits" = 1 OR p0."visits" = 2) AND (p0."title" = 'a'))]

        assert ids(query) == [1]
      end

      test "identifier, constant and splice" do
        query =
          from(p in Post,
            select: fragment("? + ?", identifier(^"visits"), constant(^2)),
            order_by: p.id
          )

        assert sql(query) == ~s[SELECT "visits" + 2 FROM "posts" AS p0 ORDER BY p0."id"]
        assert Repo.all(query) == [3, 4]

        assert Repo.all(
                 from(p in Post, where: p.id == 1, select: fragment("?", constant(^"it's")))
               ) == ["it's"]

        query =
          from(p in Post,
            where:
              p.visits > ^0 and fragment("? IN (?)", p.id, splice(^[1, 5, 7])) and p.title == ^"a"
          )

        assert sql(select(query, [p], p.id)) =~ ~s[p0."id" IN (?2,?3,?4)]
        assert ids(query) == [1]
      end

      test "of a SELECT stand in parentheses" do
        query = from(p in Post, where: p.visits == fragment("SELECT max(visits) FROM posts"))
        assert ids(query) == [2]

        assert ids(from(p in Post, where: fragment("? IN ?", p.id, fragment("values (1)")))) == [
                 1
               ]
      end

      test "with a literal question mark" do
        assert Repo.all(
                 from(p in Post, where: p.id == 1, select: fragment("'\\?' || ?", p.title))
               ) == ["?a"]
      end

      test "of keywords cannot be said" do
        assert_raise Ecto.QueryError, ~r/no keyword or interpolated fragments/, fn ->
          Repo.all(from(p in Post, where: fragment(title: "a")))
        end

        assert_raise Ecto.QueryError, ~r/no keyword or interpolated fragments/, fn ->
          Repo.all(from(p in Post, where: fragment(^[title: "a"])))
        end
      end
    end

    describe "type/2" do
      setup do
        insert_all!(Post, [%{title: "12", visits: 3, rating: 2.75, public: true}])
        :ok
      end

      test "of parameters is what Ecto made of them" do
        assert sql(from(p in Post, select: type(^"1", :integer))) ==
                 ~s[SELECT ?1 FROM "posts" AS p0]

        assert Repo.one(from(p in Post, select: type(^"1", :integer))) == 1
        assert Repo.one(from(p in Post, select: type(^"1.50", :decimal))) == Decimal.new("1.50")
        assert Repo.one(from(p in Post, select: type(^~D[2024-01-01], :date))) == ~D[2024-01-01]
        assert Repo.one(from(p in Post, select: type(^"abc", :binary))) == "abc"
        assert Repo.one(from(p in Post, select: type(^[1, 2], {:array, :integer}))) == [1, 2]
        uuid = Ecto.UUID.generate()
        assert Repo.one(from(p in Post, select: type(^uuid, Ecto.UUID))) == uuid
        assert Repo.one(from(p in Post, select: type(^"x", p.title))) == "x"
      end

      test "of expressions casts" do
        assert sql(from(p in Post, select: type(p.title, :integer))) ==
                 ~s[SELECT CAST(p0."title" AS INTEGER) FROM "posts" AS p0]

        assert Repo.one(from(p in Post, select: type(p.title, :integer))) == 12
        assert Repo.one(from(p in Post, select: type(p.visits, :string))) == "3"
        assert Repo.one(from(p in Post, select: type(p.visits, :float))) == 3.0
        assert Repo.one(from(p in Post, select: type(p.visits + 1, :decimal))) == Decimal.new("4")
        assert Repo.one(from(p in Post, select: type(fragment("'1'"), :boolean))) == true
        assert Repo.one(from(p in Post, select: type(sum(p.visits), :string))) == "3"
        assert Repo.one(from(p in Post, select: type(coalesce(p.subtitle, "7"), :integer))) == 7
        assert Repo.one(from(p in Post, select: type(p.title, :binary))) == "12"

        assert Repo.one(
                 from(p in Post,
                   select: type(fragment("datetime('2024-01-01 10:00')"), :naive_datetime)
                 )
               ) ==
                 ~N[2024-01-01 10:00:00]
      end
    end
  end

  # ecto 3.14 and later
  if :ecto |> Application.spec(:vsn) |> to_string() |> Version.match?("~> 3.14") do
    defmodule Ecto.Adapters.LibSql.SQL.SpliceTest do
      use EctoLibSql.SQLCase, async: true

      test "a list of expressions is spliced into a fragment" do
        insert_all!(Post, [%{visits: 1}, %{visits: 2}])

        assert Repo.all(
                 from(p in Post,
                   where: p.id == 2,
                   select: fragment("max(?)", splice([p.visits, ^7, 3]))
                 )
               ) == [7]
      end
    end
  end
end
