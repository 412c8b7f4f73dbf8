if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule EctoLibSql.Adapter.JSON.QueryTest do
    use EctoLibSql.JsonCase, async: true
    use ExUnitProperties

    alias EctoLibSql.Test.{JsonGenerators, Mode, NaiveJson}

    describe "reading" do
      test "json_extract, with paths that are written out and interpolated" do
        key = "quo\"te"
        path = [key, "a.b", -1, "c"]

        for column <- columns() do
          assert one(from(d in Doc, select: json_extract(field(d, ^column), ["n"]))) == 3
          assert one(from(d in Doc, select: json_extract(field(d, ^column), ["half"]))) == 0.5
          assert one(from(d in Doc, select: json_extract(field(d, ^column), ["on"]))) == 1
          assert one(from(d in Doc, select: json_extract(field(d, ^column), ["none"]))) == nil

          assert one(from(d in Doc, select: json_extract(field(d, ^column), ["tags"]))) ==
                   ~s(["red","green"])

          assert one(from(d in Doc, select: json_extract(field(d, ^column), ~w(tags)))) ==
                   ~s(["red","green"])

          assert one(from(d in Doc, select: json_extract(field(d, ^column), ["tags", -1]))) ==
                   "green"

          assert one(from(d in Doc, select: json_extract(field(d, ^column), ^path))) == "deep"

          assert one(
                   from(d in Doc, select: json_extract(field(d, ^column), [^key, "a.b", 2, "c"]))
                 ) == "deep"

          assert one(
                   from(d in Doc,
                     select: json_extract(field(d, ^column), ["quo\"te", "a.b", 2, "c"])
                   )
                 ) == "deep"

          assert one(from(d in Doc, select: json_extract(field(d, ^column), ^["x' OR 1 --"]))) ==
                   nil

          assert ids(from(d in Doc, where: json_extract(field(d, ^column), ["title"]) == "it's")) ==
                   [1]

          assert ids(from(d in Doc, where: json_extract(field(d, ^column), ["on"]) == true)) == [
                   1
                 ]

          assert ids(from(d in Doc, where: json_extract(field(d, ^column), ["n"]) > ^3)) == []

          assert Repo.all(
                   from(d in Doc,
                     order_by: [desc: json_extract(field(d, ^column), ["n"])],
                     select: d.id
                   )
                 ) == [1, 2]
        end
      end

      test "what type/2 says of what is selected" do
        assert one(from(d in Doc, select: type(json_extract(d.jsonb, ["on"]), :boolean))) == true

        assert one(
                 from(d in Doc, select: type(json_extract(d.jsonb, ["tags"]), {:array, :string}))
               ) == ["red", "green"]

        assert one(from(d in Doc, select: type(json_set(d.jsonb, ["n"], 4), :map)))["n"] == 4
        assert one(from(d in Doc, select: type(json_set(d.text, ["n"], 4), :map)))["n"] == 4
      end

      test "type, length, keys, depth, valid" do
        for column <- columns() do
          assert one(from(d in Doc, select: json_type(field(d, ^column)))) == "object"
          assert one(from(d in Doc, select: json_type(field(d, ^column), ["none"]))) == "null"
          assert one(from(d in Doc, select: json_type(field(d, ^column), ["nothing"]))) == nil
          assert one(from(d in Doc, select: json_length(field(d, ^column)))) == 7
          assert one(from(d in Doc, select: json_length(field(d, ^column), ["tags"]))) == 2
          assert one(from(d in Doc, select: json_length(field(d, ^column), ["n"]))) == nil
          assert one(from(d in Doc, select: json_depth(field(d, ^column)))) == 5
          assert one(from(d in Doc, select: json_depth(field(d, ^column), ["n"]))) == 1
          assert one(from(d in Doc, select: json_valid(field(d, ^column)))) == 1

          assert one(
                   from(d in Doc, select: type(json_keys(field(d, ^column)), {:array, :string}))
                 ) == Enum.sort(Map.keys(data()))

          assert one(from(d in Doc, select: json_keys(field(d, ^column), ["tags"]))) == nil

          assert ids(from(d in Doc, where: is_nil(json_depth(field(d, ^column))))) == [2]
          assert ids(from(d in Doc, where: is_nil(json_valid(field(d, ^column))))) == [2]
          assert ids(from(d in Doc, where: json_length(field(d, ^column), ^["tags"]) > ^1)) == [1]
        end
      end

      test "json_each and json_tree are sources" do
        for column <- columns() do
          query =
            from(d in Doc,
              join: t in json_each(field(d, ^column), ["tags"]),
              on: true,
              select: {d.id, t.key, t.value}
            )

          assert Repo.all(query) == [{1, 0, "red"}, {1, 1, "green"}]

          query =
            from(d in Doc,
              join: t in json_each(field(d, ^column), ^["tags"]),
              on: t.value == ^"green",
              select: d.id
            )

          assert Repo.all(query) == [1]

          query =
            from(d in Doc,
              left_join: t in json_each(field(d, ^column), ["tags"]),
              on: true,
              group_by: d.id,
              select: {d.id, count(t.key)}
            )

          assert Repo.all(query) == [{1, 2}, {2, 0}]

          query =
            from(d in Doc,
              join: t in json_tree(field(d, ^column)),
              on: t.type == "text",
              order_by: t.value,
              select: t.value
            )

          assert Repo.all(query) == ["deep", "green", "it's", "red"]

          query =
            from(d in Doc,
              as: :doc,
              where:
                exists(
                  from(t in json_each(field(parent_as(:doc), ^column), ["tags"]),
                    where: t.value == "red",
                    select: 1
                  )
                )
            )

          assert ids(query) == [1]
        end

        assert Repo.all(from(e in json_each(^[1, %{"a" => 2}]), select: {e.key, e.type})) == [
                 {0, "integer"},
                 {1, "object"}
               ]

        assert Repo.all(from(e in json_each(^~s({"k": "v"})), select: {e.key, e.value})) == [
                 {"k", "v"}
               ]
      end
    end

    property "paths that are interpolated find and change what a naive implementation does" do
      check all(
              {term, path} <- JsonGenerators.json_and_path(),
              value <- JsonGenerators.json(),
              max_runs: Mode.runs(100)
            ) do
        term = %{"root" => term}
        path = ["root" | path]
        %{id: id} = Repo.insert!(%Doc{text: term, jsonb: term})

        query =
          from(d in Doc,
            where: d.id == ^id,
            select: %{
              types: [json_type(d.text, ^path), json_type(d.jsonb, ^path)],
              counts: [json_length(d.text, ^path), json_length(d.jsonb, ^path)],
              depths: [json_depth(d.text, ^path), json_depth(d.jsonb, ^path)],
              found: [json_extract_path(d.text, ^path), json_extract_path(d.jsonb, ^path)],
              set: [
                type(json_set(d.text, ^path, ^value), :map),
                type(json_set(d.jsonb, ^path, ^value), :map)
              ],
              removed: [
                type(json_remove(d.text, ^path), :map),
                type(json_remove(d.jsonb, ^path), :map)
              ]
            }
          )

        found = NaiveJson.get(term, path)
        twice = &[&1, &1]

        assert Repo.one(query) == %{
                 types: twice.(NaiveJson.type(found)),
                 counts: twice.(NaiveJson.count(found)),
                 depths: twice.(NaiveJson.depth(found)),
                 found: twice.(if(found == :none, do: nil, else: found)),
                 set: twice.(NaiveJson.set(term, path, value)),
                 removed: twice.(NaiveJson.remove(term, path))
               }
      end
    end

    describe "making" do
      test "arrays and objects of columns, terms and JSON" do
        tags = ["ä", nil, 1.5, true]
        big = 123_456_789_012_345_678_901

        assert one(
                 from(d in Doc,
                   select: json_array([d.id, d.name, ^tags, "x", 1, nil, false, [1]])
                 )
               ) ==
                 ~s([1,"a",["ä",null,1.5,true],"x",1,null,false,[1]])

        assert one(from(d in Doc, select: json_object(id: d.id, tags: json(d.tags), big: ^big))) ==
                 ~s({"id":1,"tags":["x","y"],"big":#{big}})

        assert one(
                 from(d in Doc,
                   select: json_object(%{"a b" => json_array([d.id]), "m" => %{"x" => 1}})
                 )
               ) ==
                 ~s({"a b":[1],"m":{"x":1}})

        assert one(from(d in Doc, select: json_array([json_set(d.text, ["n"], 1), 2]))) =~
                 ~s([{"half":)

        # SQL's text is a string.
        assert one(from(d in Doc, select: json_array([d.text]))) =~ ~S(["{\"half\")
        assert one(from(_ in Doc, select: json_array([]))) == "[]"
        assert one(from(_ in Doc, select: json_object([]))) == "{}"
      end

      test "json_quote, json and jsonb" do
        assert one(from(d in Doc, select: json_quote(d.name))) == ~s("a")
        assert one(from(d in Doc, select: json_quote(^%{"a" => "\"'"}))) == ~S({"a":"\"'"})
        assert one(from(d in Doc, select: json_quote(d.on))) == "null"
        assert one(from(d in Doc, select: json(d.tags))) == ~s(["x","y"])
        assert one(from(d in Doc, select: fragment("typeof(?)", jsonb(d.text)))) == "blob"
        assert one(from(d in Doc, where: jsonb(d.text) == d.jsonb, select: d.id)) == 1
      end
    end

    describe "changing" do
      test "in place, in the form that the column has" do
        votes = %{"up" => 1, "down" => [true, nil, 0.1]}

        for column <- columns() do
          type = stored(column)

          change = fn query ->
            assert {1, nil} = Repo.update_all(from(d in query, where: d.name == "a"), [])
          end

          data = fn -> Map.fetch!(Repo.get_by!(Doc, name: "a"), column) end

          change.(
            from(d in Doc,
              update: [set: [{^column, json_set(field(d, ^column), ["votes"], ^votes)}]]
            )
          )

          assert data.() == Map.put(data(), "votes", votes)

          change.(
            from(d in Doc,
              update: [set: [{^column, json_set(field(d, ^column), ["tags", :append], d.name)}]]
            )
          )

          assert data.()["tags"] == ["red", "green", "a"]

          change.(
            from(d in Doc, update: [set: [{^column, json_insert(field(d, ^column), ^["n"], 9)}]])
          )

          assert data.()["n"] == 3

          change.(
            from(d in Doc,
              update: [set: [{^column, json_replace(field(d, ^column), ["n"], "nine")}]]
            )
          )

          assert data.()["n"] == "nine"

          change.(
            from(d in Doc,
              update: [set: [{^column, json_remove(field(d, ^column), ["votes", "down", 0])}]]
            )
          )

          assert data.()["votes"]["down"] == [nil, 0.1]

          change.(
            from(d in Doc,
              update: [
                set: [
                  {^column,
                   json_patch(field(d, ^column), ^%{"votes" => nil, "new" => %{"a" => 1}})}
                ]
              ]
            )
          )

          assert data.() ==
                   data()
                   |> Map.put("n", "nine")
                   |> Map.put("tags", ["red", "green", "a"])
                   |> Map.put("new", %{"a" => 1})

          nested =
            from(d in Doc,
              update: [
                set: [
                  {^column,
                   json_remove(json_set(json_set(field(d, ^column), ["x"], 1), ["y"], nil), ["x"])}
                ]
              ]
            )

          change.(nested)
          assert %{"y" => nil} = data.()
          refute Map.has_key?(data.(), "x")
          assert stored(column) == type
        end
      end

      test "RETURNING, and where nothing is" do
        query =
          from(d in Doc, where: d.name == "a", select: type(json_remove(d.jsonb, ["n"]), :map))

        assert {1, [returned]} = Repo.update_all(query, set: [name: "b"])
        assert returned == Map.delete(data(), "n")

        query =
          from(d in Doc,
            where: d.name == "empty",
            update: [set: [jsonb: json_set(d.jsonb, ["a"], 1)]]
          )

        assert {1, nil} = Repo.update_all(query, [])
        assert %{jsonb: nil} = Repo.get_by!(Doc, name: "empty")
      end

      test "malformed JSON in a column is an error, and nothing is stored" do
        Repo.query!("UPDATE docs SET text = '{\"a\":' WHERE id = 1")
        Repo.query!("UPDATE docs SET jsonb = x'2b23' WHERE id = 1")

        for column <- columns() do
          update =
            from(d in Doc, update: [set: [{^column, json_set(field(d, ^column), ["a", 0], 1)}]])

          assert_raise EctoLibSql.Error, ~r/malformed JSON/, fn -> Repo.update_all(update, []) end
          assert one(from(d in Doc, select: json_valid(field(d, ^column)))) == 0
        end

        assert Repo.query!("SELECT text, hex(jsonb) FROM docs WHERE id = 1").rows == [
                 [~s({"a":), "2B23"]
               ]
      end
    end

    describe "wrong paths and values" do
      test "raise when they are interpolated" do
        for {path, message} <- [
              {"$.a", ~r/a path is a list/},
              {[:a], ~r/:a is no part of it/},
              {["a\0"], ~r/NUL/},
              {[1.0], ~r/1.0 is no part/}
            ] do
          assert_raise ArgumentError, message, fn ->
            Repo.all(from(d in Doc, select: json_extract(d.text, ^path)))
          end
        end

        assert_raise ArgumentError, ~r/:b is no part/, fn ->
          part = :b
          Repo.all(from(d in Doc, select: json_extract(d.text, ["a", ^part])))
        end

        assert_raise Protocol.UndefinedError, fn ->
          Repo.update_all(
            from(d in Doc, update: [set: [text: json_set(d.text, ["a"], ^{1, 2})]]),
            []
          )
        end

        assert one(from(d in Doc, select: d.text)) == data()
      end

      test "raise when the query is compiled" do
        for {code, message} <- [
              {~S|json_extract(d.text, "$.a")|,
               ~r/a path is a list of keys, indexes and :append.* got: "\$.a"/},
              {~S|json_extract(d.text, [:a])|, ~r/got: \[:a\]/},
              {~S|json_extract(d.text, ["a", d.name])|, ~r/got: \["a", d.name\]/},
              {~S|json_extract(d.text, [4294967296])|, ~r/beyond/},
              {~S|json_array(d.id)|, ~r/json_array\/1 takes a list/},
              {~S|json_object([d.id])|, ~r/json_object\/1 takes pairs/}
            ] do
          assert_raise ArgumentError, message, fn ->
            Code.eval_string(
              "import Ecto.Query; import EctoLibSql.JSON.Query; from(d in \"docs\", select: #{code})"
            )
          end
        end
      end
    end
  end
end
