if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.SQL.JsonTest do
    use EctoLibSql.SQLCase, async: true

    @meta %{
      "id" => 123,
      "name" => "it's",
      "price" => "12345678901234567.89",
      "on" => true,
      "off" => false,
      "one" => 1,
      "none" => nil,
      "a.b" => 1,
      "quo\"te" => 2,
      "back\\slash" => 3,
      "line\nbreak" => 4,
      "" => 5,
      "é" => 6,
      "$" => 7,
      "[0]" => 8,
      "tags" => [%{"name" => "red"}, %{"name" => "green"}]
    }

    setup do
      insert_all!(Post, [%{meta: @meta, title: "tags", visits: 1}, %{meta: nil}])
      :ok
    end

    defp one(query), do: Repo.one(from(p in query, where: p.id == 1))

    test "a path in a select is decoded as JSON" do
      query = from(p in Post, select: p.meta["id"])
      assert sql(query) == ~s[SELECT (p0."meta" -> '$."id"') AS "->" FROM "posts" AS p0]
      assert Repo.all(query) == [123, nil]

      assert one(from(p in Post, select: p.meta["on"])) == true
      assert one(from(p in Post, select: p.meta["off"])) == false
      assert one(from(p in Post, select: p.meta["none"])) == nil
      assert one(from(p in Post, select: p.meta["missing"]["deeper"])) == nil

      assert one(from(p in Post, select: p.meta["tags"])) == [
               %{"name" => "red"},
               %{"name" => "green"}
             ]

      assert one(from(p in Post, select: p.meta["tags"][1]["name"])) == "green"
      assert one(from(p in Post, select: p.meta["tags"][99]["name"])) == nil

      assert one(from(p in Post, select: {p.id, p.meta["on"], p.meta["name"]})) ==
               {1, true, "it's"}
    end

    test "keys of every kind" do
      for {key, value} <- @meta, key != "price" do
        assert one(from(p in Post, select: p.meta[^key])) == value
        assert one(from(p in Post, select: json_extract_path(p.meta, [^key]))) == value
      end

      assert one(from(p in Post, select: p.meta["';"])) == nil
    end

    test "in conditions" do
      ids = fn query -> Repo.all(from(p in query, select: p.id)) end

      query = from(p in Post, where: p.meta["id"] == 123, select: p.id)
      assert sql(query) =~ ~s[(json_extract(p0."meta", '$."id"') = 123)]
      assert Repo.all(query) == [1]

      assert ids.(from(p in Post, where: p.meta["id"] > ^100 and p.meta["name"] == "it's")) == [1]
      assert ids.(from(p in Post, where: p.meta["name"] in ["it's", "x"])) == [1]
      assert ids.(from(p in Post, where: is_nil(p.meta["missing"]))) == [1, 2]
      assert ids.(from(p in Post, where: p.meta["tags"][0]["name"] == "red")) == [1]
    end

    test "true is not 1" do
      ids = fn query -> Repo.all(from(p in query, select: p.id)) end

      assert sql(from(p in Post, where: p.meta["on"] == true, select: p.id)) =~
               ~s[(json_type(p0."meta", '$."on"') = 'true')]

      assert ids.(from(p in Post, where: p.meta["on"] == true)) == [1]
      assert ids.(from(p in Post, where: true == p.meta["on"])) == [1]
      assert ids.(from(p in Post, where: p.meta["off"] == false)) == [1]
      assert ids.(from(p in Post, where: p.meta["one"] == true)) == []
      assert ids.(from(p in Post, where: p.meta["one"] != true)) == [1]
      assert ids.(from(p in Post, where: p.meta["missing"] != true)) == []
      assert ids.(from(p in Post, where: p.meta["on"] == ^true)) == [1]
    end

    test "parts from other columns: keys and indexes" do
      assert one(from(p in Post, select: p.meta[p.title][p.visits]["name"])) == "green"
      assert one(from(p in Post, select: p.meta[p.title][0]["name"])) == "red"

      assert sql(from(p in Post, select: p.meta["tags"][p.visits]["name"])) ==
               ~s{SELECT (p0."meta" -> ('$."tags"' || (CASE typeof(p0."visits") WHEN 'integer' } <>
                 ~s{THEN '[' || p0."visits" || ']' ELSE '.' || } <>
                 ~S{replace(replace(json_quote(p0."visits"), '\\', '\u005c'), '\"', '\u0022') END) } <>
                 ~s{|| '."name"')) } <>
                 ~s{AS "->" FROM "posts" AS p0}

      Repo.update_all(Post, set: [title: "a.b", subtitle: "quo\"te"])
      assert one(from(p in Post, select: p.meta[p.title])) == 1
      assert one(from(p in Post, select: p.meta[p.subtitle])) == 2

      inner =
        from(q in Post, where: q.id == 1, select: q.meta["tags"][parent_as(:post).visits]["name"])

      assert Repo.all(from(p in Post, as: :post, where: subquery(inner) == "green", select: p.id)) ==
               [1]

      assert Repo.all(
               from(p in Post, as: :post, where: p.meta[as(:post).title] == 1, select: p.id)
             ) == [1]
    end

    test "types of what a path finds" do
      assert one(from(p in Post, select: type(p.meta["on"], :boolean))) == true
      assert one(from(p in Post, select: type(p.meta["id"], :string))) == "123"
      assert one(from(p in Post, select: type(p.meta["tags"], {:array, :map}))) == @meta["tags"]

      assert one(from(p in Post, select: type(p.meta["price"], :decimal))) ==
               Decimal.new("12345678901234567.89")

      assert one(from(p in Post, select: type(p.meta["none"], :decimal))) == nil

      Repo.query!(~s(UPDATE posts SET meta = '{"n": 12345678901234567.89}' WHERE id = 1))

      assert one(from(p in Post, select: type(p.meta["n"], :decimal))) ==
               Decimal.new("12345678901234567.89")
    end

    test "sorted and grouped by, in a subquery and a combination" do
      assert Repo.all(from(p in Post, order_by: [desc: p.meta["id"]], select: p.id)) == [1, 2]

      assert Repo.all(from(p in Post, group_by: p.meta["on"], select: count(), order_by: count())) ==
               [1, 1]

      query =
        from(s in subquery(from(p in Post, select: %{n: p.meta["id"]})),
          where: s.n > 1,
          select: s.n
        )

      assert Repo.all(query) == [123]

      ids = from(p in Post, where: p.id == 1, select: p.meta["id"])
      assert Repo.all(union_all(ids, ^ids)) == [123, 123]
    end

    test "written to a JSON column stays JSON" do
      for {key, value} <- [{"on", true}, {"name", "it's"}, {"tags", @meta["tags"]}] do
        Repo.insert_all(Post, [%{id: 9, meta: @meta}])

        Repo.update_all(
          from(p in Post,
            where: p.id == 9,
            update: [set: [meta: p.meta[^key], title: p.meta["name"]]]
          ),
          []
        )

        assert Repo.one(from(p in Post, where: p.id == 9, select: fragment("json(?)", p.meta))) ==
                 JSON.encode!(value)

        assert Repo.one(from(p in Post, where: p.id == 9, select: p.title)) == "it's"
        Repo.delete_all(from(p in Post, where: p.id == 9))
      end
    end

    test "in a stream and in RETURNING" do
      {:ok, streamed} =
        Repo.transaction(fn ->
          Enum.to_list(Repo.stream(from(p in Post, select: p.meta["on"])))
        end)

      assert streamed == [true, nil]

      assert Repo.update_all(from(p in Post, where: p.id == 1, select: p.meta["on"]),
               set: [visits: 9]
             ) ==
               {1, [true]}
    end
  end
end
