if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.SQL.ArrayTest do
    use EctoLibSql.SQLCase, async: true

    setup do
      insert_all!(Post, [
        %{
          title: "x",
          tags: ["x", "it's", "\"q\""],
          scores: [0.5, 0.1],
          flags: [true, false],
          costs: [Decimal.new("1.0")],
          parts: [%{"a" => 1}],
          public: true
        },
        %{title: "y", tags: [], scores: [], flags: [], costs: [], parts: []},
        %{title: "z", tags: nil, scores: nil, flags: nil, costs: nil, parts: nil}
      ])

      :ok
    end

    defp ids(query), do: Repo.all(from(p in query, select: p.id, order_by: p.id))
    defp get(field), do: Repo.one(from(p in Post, where: p.id == 1, select: field(p, ^field)))

    test "an element in an array, where NULL stays open" do
      query = from(p in Post, where: "x" in p.tags)

      assert sql(select(query, [p], p.id)) =~
               ~s{(('x' IN (SELECT value FROM json_each(p0."tags")) OR (p0."tags" IS NULL AND NULL)))}

      assert ids(query) == [1]
      assert ids(from(p in Post, where: ^"it's" in p.tags)) == [1]
      assert ids(from(p in Post, where: p.title in p.tags)) == [1]
      assert ids(from(p in Post, where: p.title not in p.tags)) == [2]
      assert ids(from(p in Post, where: "x" not in p.tags)) == [2]
      assert ids(from(p in Post, where: ^true in p.flags)) == [1]
      assert ids(from(p in Post, where: ^0.1 in p.scores)) == [1]
      assert ids(from(p in Post, where: ^Decimal.new("1.00") in p.costs)) == [1]
    end

    test "literal arrays" do
      assert sql(from(p in Post, where: p.tags == ["a"], select: p.id)) =~
               ~s{(json(p0."tags") = json('["a"]'))}

      assert ids(from(p in Post, where: p.tags == ["x", "it's", "\"q\""])) == [1]
      assert ids(from(p in Post, where: p.tags == ^[])) == [2]
      assert ids(from(p in Post, where: p.tags == [])) == [2]

      assert Repo.one(
               from(p in Post,
                 where: p.id == 1,
                 select: type(fragment("?", [p.title, ^"b"]), {:array, :string})
               )
             ) ==
               ["x", "b"]

      Repo.update_all(from(p in Post, where: p.id == 1), set: [tags: ["n"]])
      assert get(:tags) == ["n"]

      Repo.update_all(
        from(p in Post, where: p.id == 1, update: [set: [tags: [^"o", p.title]]]),
        []
      )

      assert get(:tags) == ["o", "x"]

      Repo.update_all(
        from(p in Post, where: p.id == 1, update: [set: [flags: [p.public, false]]]),
        []
      )

      assert get(:flags) == [true, false]
    end

    test "equal arrays and maps are equal as text and as JSONB" do
      Repo.query!(
        "UPDATE posts SET tags = jsonb(tags), parts = jsonb(parts), meta = jsonb('{\"k\":1}')"
      )

      assert ids(from(p in Post, where: p.tags == ["x", "it's", "\"q\""])) == [1]
      assert ids(from(p in Post, where: p.tags == ^["x", "it's", "\"q\""])) == [1]
      assert ids(from(p in Post, where: p.meta == ^%{"k" => 1})) == [1, 2, 3]
      assert ids(from(p in Post, where: "x" in p.tags)) == [1]

      Repo.update_all(Post, push: [tags: "n"], pull: [parts: %{"a" => 1}])
      assert ids(from(p in Post, where: p.tags == ^["n"])) == [2, 3]
      assert get(:parts) == []
    end

    test "on the right of `in` a fragment of a SELECT is a query, another one an array" do
      assert ids(
               from(p in Post, where: p.id in fragment("SELECT id FROM posts WHERE id > ?", ^1))
             ) == [2, 3]

      assert ids(from(p in Post, where: p.id in fragment("json_array(?, 3)", ^1))) == [1, 3]
    end

    test "push" do
      assert sql(from(p in Post, update: [push: [tags: ^"n"]]), :update_all) ==
               ~s{UPDATE "posts" AS p0 SET "tags" = iif(typeof(p0."tags") = 'blob', } <>
                 ~s{jsonb(json_insert(coalesce(p0."tags", '[]'), '$[#]', ?1)), } <>
                 ~s{json_insert(coalesce(p0."tags", '[]'), '$[#]', ?1))}

      push = fn values -> Repo.update_all(Post, push: values) end

      push.(
        tags: "n\"",
        scores: 0.1 + 0.2,
        flags: false,
        costs: Decimal.new("2.50"),
        parts: %{"b" => true}
      )

      assert Repo.all(from(p in Post, order_by: p.id, select: p.tags)) ==
               [["x", "it's", "\"q\"", "n\""], ["n\""], ["n\""]]

      assert get(:scores) == [0.5, 0.1, 0.1 + 0.2]
      assert get(:flags) == [true, false, false]
      assert get(:costs) == [Decimal.new("1.0"), Decimal.new("2.50")]
      assert get(:parts) == [%{"a" => 1}, %{"b" => true}]
      assert Repo.all(from(p in Post, where: p.scores == ^[0.1 + 0.2], select: p.id)) == [2, 3]

      push.(flags: nil)
      assert get(:flags) == [true, false, false, nil]
    end

    test "pull" do
      pull = fn values -> Repo.update_all(Post, pull: values) end

      pull.(
        tags: "it's",
        scores: 0.5,
        flags: true,
        costs: Decimal.new("1.00"),
        parts: %{"a" => 1}
      )

      assert Repo.all(from(p in Post, order_by: p.id, select: p.tags)) == [
               ["x", "\"q\""],
               [],
               nil
             ]

      assert get(:scores) == [0.1]
      assert get(:flags) == [false]
      assert get(:costs) == []
      assert get(:parts) == []
    end

    test "pull leaves the other elements as they are" do
      Repo.query!(
        ~s(UPDATE posts SET parts = '[{"a":1},{"b":[1,true,null]}]', scores = '[0.30000000000000004, 1]' WHERE id = 1)
      )

      Repo.update_all(Post, pull: [parts: %{"a" => 1}, scores: 1.0])
      assert get(:parts) == [%{"b" => [1, true, nil]}]
      assert get(:scores) == [0.1 + 0.2]
    end
  end
end
