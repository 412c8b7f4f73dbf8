if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.SQL.DeleteTest do
    use EctoLibSql.SQLCase, async: true

    alias Ecto.Adapters.LibSql.Connection

    defmodule Lying do
      use Ecto.Schema

      # Neither column is unique alone.
      @primary_key {:name, :string, []}
      schema "labels" do
        field(:post_id, :integer)
        field(:weight, :integer)
      end
    end

    setup do
      insert_all!(Post, [
        %{title: "a", visits: 1},
        %{title: "b", visits: 2},
        %{title: "c", visits: 3}
      ])

      insert_all!(Comment, [
        %{text: "one", post_id: 1},
        %{text: "two", post_id: 1},
        %{text: "three", post_id: 9}
      ])

      Repo.insert_all(Label, [
        %{post_id: 1, name: "a", weight: 1},
        %{post_id: 1, name: "b", weight: 2},
        %{post_id: 2, name: "a", weight: 3}
      ])

      :ok
    end

    defp ids, do: Repo.all(from(p in Post, order_by: p.id, select: p.id))
    defp weights, do: Repo.all(from(l in Label, order_by: [l.post_id, l.name], select: l.weight))
    defp delete_sql(query), do: sql(query, :delete_all)

    test "one row, with filters that are nil" do
      sql = Connection.delete(nil, "t", [id: 1, c: nil], [:d]) |> IO.iodata_to_binary()
      assert sql == ~s[DELETE FROM "t" WHERE "id" = ?1 AND "c" IS ?2 RETURNING "d"]

      assert {:ok, _} = Repo.delete(Repo.get!(Post, 1))
      assert ids() == [2, 3]
      changeset = Ecto.Changeset.change(Repo.get!(Post, 2))

      assert_raise Ecto.StaleEntryError, fn ->
        Repo.delete(%{changeset | filters: %{title: nil}})
      end

      assert {:ok, _} = Repo.delete(%{changeset | filters: %{subtitle: nil}})
      assert ids() == [3]
    end

    test "all, and with a condition, a hint and a select" do
      query = from(p in Post, hints: "NOT INDEXED", where: p.visits > ^1, select: {p.id, p.title})

      assert delete_sql(query) ==
               ~s[DELETE FROM "posts" AS p0 NOT INDEXED WHERE (p0."visits" > ?1) RETURNING "posts"."id", "posts"."title"]

      assert Repo.delete_all(query) == {2, [{2, "b"}, {3, "c"}]}
      assert Repo.delete_all(Post) == {1, nil}
    end

    test "joins find the rows: inner" do
      query =
        from(p in Post,
          join: c in Comment,
          on: c.post_id == p.id,
          where: c.text != ^"x",
          select: p.title
        )

      assert delete_sql(query) ==
               ~s[DELETE FROM "posts" AS p0 WHERE p0._rowid_ IN (SELECT p0._rowid_ FROM "posts" AS p0 ] <>
                 ~s[INNER JOIN "comments" AS c1 ON c1."post_id" = p0."id" WHERE (c1."text" != ?1)) ] <>
                 ~s[RETURNING "posts"."title"]

      assert Repo.delete_all(query) == {1, ["a"]}
      assert ids() == [2, 3]
    end

    test "joins find the rows: left, right, full, cross" do
      query =
        from(p in Post,
          left_join: c in Comment,
          on: c.post_id == p.id,
          where: is_nil(c.id) and p.id > ^2
        )

      assert Repo.delete_all(query) == {1, nil}
      assert ids() == [1, 2]

      query = from(p in Post, right_join: c in Comment, on: c.post_id == p.id)
      assert Repo.delete_all(query) == {1, nil}
      assert ids() == [2]

      assert Repo.delete_all(from(p in Post, cross_join: c in Comment, where: c.id == 77)) ==
               {0, nil}

      assert Repo.delete_all(from(p in Post, full_join: c in Comment, on: c.post_id == p.id)) ==
               {1, nil}

      assert ids() == []
    end

    test "joins of values, subqueries and functions, with parameters in order" do
      values = [%{id: 1, keep: false}, %{id: 2, keep: true}]

      query =
        from(p in Post,
          join: v in values(values, %{id: :integer, keep: :boolean}),
          on: v.id == p.id,
          join: s in subquery(from(q in Post, where: q.id < ^3, select: %{id: q.id})),
          on: s.id == p.id,
          where: v.keep == ^false
        )

      assert Repo.delete_all(query) == {1, nil}
      assert ids() == [2, 3]
    end

    test "joins of a table without a rowid" do
      query =
        from(l in Label,
          join: p in Post,
          on: p.id == l.post_id and p.title == l.name,
          where: l.weight < ^9,
          select: l.weight
        )

      assert delete_sql(query) ==
               ~s[DELETE FROM "labels" AS l0 WHERE (l0."post_id", l0."name") IN (SELECT l0."post_id", l0."name" ] <>
                 ~s[FROM "labels" AS l0 INNER JOIN "posts" AS p1 ON (p1."id" = l0."post_id") AND (p1."title" = l0."name") ] <>
                 ~s[WHERE (l0."weight" < ?1)) AND EXISTS (SELECT 1 FROM (SELECT 1 AS "row") AS "self" ] <>
                 ~s[INNER JOIN "posts" AS p1 ON (p1."id" = l0."post_id") AND (p1."title" = l0."name") ] <>
                 ~s[WHERE ("self"."row" = 1) AND ((l0."weight" < ?1))) RETURNING "labels"."weight"]

      assert Repo.delete_all(query) == {1, [1]}
      assert weights() == [2, 3]

      query =
        from(l in Label,
          left_join: p in Post,
          on: p.title == l.name and p.id == l.post_id,
          where: is_nil(p.id) and l.post_id == 2
        )

      assert Repo.delete_all(query) == {1, nil}
      assert weights() == [2]

      assert Repo.delete_all(from(l in Label, right_join: p in Post, on: p.id == l.post_id)) ==
               {1, nil}

      assert weights() == []
    end

    test "a primary key that is not unique does not take other rows along" do
      query = from(l in Lying, join: p in Post, on: p.id == l.post_id, where: p.id == 1)
      assert Repo.delete_all(query) == {2, nil}
      assert weights() == [3]
    end

    test "columns of a join cannot be returned" do
      query = from(p in Post, join: c in Comment, on: c.post_id == p.id, select: {p.id, c.id})

      assert_raise Ecto.QueryError,
                   ~r/can only return columns of the table that is changed/,
                   fn ->
                     Repo.delete_all(query)
                   end

      assert ids() == [1, 2, 3]
    end

    test "a limit, an order or a subquery as source is Ecto's error" do
      assert_raise Ecto.QueryError, fn -> Repo.delete_all(from(p in Post, limit: 1)) end
      assert_raise Ecto.QueryError, fn -> Repo.delete_all(subquery(Post)) end
      assert ids() == [1, 2, 3]
    end
  end
end
