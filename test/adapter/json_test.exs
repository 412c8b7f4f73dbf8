if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule EctoLibSql.Adapter.JsonTest do
    use ExUnit.Case, async: true

    import Ecto.Query
    import EctoLibSql.JSON.Query

    alias EctoLibSql.Test.Mode

    defmodule Repo do
      use Ecto.Repo, otp_app: :ecto_libsql, adapter: Ecto.Adapters.LibSql
    end

    # The same JSON, as text and as JSONB.
    defmodule Doc do
      use Ecto.Schema

      schema "docs" do
        field(:name, :string)
        field(:text, :map)
        field(:jsonb, EctoLibSql.JSON.Binary)
        field(:tags, EctoLibSql.JSON.Binary, of: {:array, :string})
        field(:on, EctoLibSql.JSON.Binary, of: :date)
      end
    end

    @columns [:text, :jsonb]

    @data %{
      "title" => "it's",
      "n" => 3,
      "half" => 0.5,
      "on" => true,
      "none" => nil,
      "quo\"te" => %{"a.b" => [1, 2, %{"c" => "deep"}]},
      "tags" => ["red", "green"]
    }

    setup do
      opts = Mode.repo(name: nil, database: ":memory:", pool_size: 1, log: false)
      repo = start_supervised!({Repo, opts})
      Repo.put_dynamic_repo(repo)

      Repo.query!("""
      CREATE TABLE docs (id INTEGER PRIMARY KEY, name TEXT, text JSON_TEXT, jsonb JSON_BLOB,
        tags JSON_BLOB, "on" JSON_BLOB)
      """)

      Repo.insert!(%Doc{name: "a", text: @data, jsonb: @data, tags: ["x", "y"]})
      Repo.insert!(%Doc{name: "empty"})
      :ok
    end

    defp one(query), do: Repo.one(where(query, [d], d.name == "a"))
    defp ids(query), do: Repo.all(from(d in query, order_by: d.id, select: d.id))

    defp stored(column),
      do: Repo.query!("SELECT typeof(#{column}) FROM docs WHERE name = 'a'").rows

    describe "reading" do
      test "json_extract, with paths that are written out and interpolated" do
        key = "quo\"te"
        path = [key, "a.b", -1, "c"]

        for column <- @columns do
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
        for column <- @columns do
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
                 ) == Enum.sort(Map.keys(@data))

          assert one(from(d in Doc, select: json_keys(field(d, ^column), ["tags"]))) == nil

          assert ids(from(d in Doc, where: is_nil(json_depth(field(d, ^column))))) == [2]
          assert ids(from(d in Doc, where: is_nil(json_valid(field(d, ^column))))) == [2]
          assert ids(from(d in Doc, where: json_length(field(d, ^column), ^["tags"]) > ^1)) == [1]
        end
      end

      test "json_each and json_tree are sources" do
        for column <- @columns do
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

        for column <- @columns do
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

          assert data.() == Map.put(@data, "votes", votes)

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
                   @data
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
        assert returned == Map.delete(@data, "n")

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

        for column <- @columns do
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

        assert one(from(d in Doc, select: d.text)) == @data
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

    describe "EctoLibSql.JSON.Binary" do
      test "is stored as JSONB, whatever the term" do
        for value <- [
              %{"a" => [1, nil]},
              [],
              [1],
              "text",
              "123",
              123,
              1.5,
              true,
              false,
              12_345_678_901_234_567_890
            ] do
          %{id: id} = Repo.insert!(%Doc{jsonb: value})
          assert Repo.get!(Doc, id).jsonb === value

          assert Repo.query!("SELECT typeof(jsonb), json(jsonb) FROM docs WHERE id = ?", [id]).rows ==
                   [["blob", JSON.encode!(value)]]

          assert Repo.query!("SELECT jsonb(json(jsonb)) = jsonb FROM docs WHERE id = ?", [id]).rows ==
                   [[1]]
        end
      end

      test "by insert_all, updates, upserts, and in parameters" do
        assert {2, nil} =
                 Repo.insert_all(Doc, [[id: 10, jsonb: %{"a" => 1}], [id: 11, jsonb: nil]])

        assert Repo.get!(Doc, 10).jsonb == %{"a" => 1}
        assert Repo.get!(Doc, 11).jsonb == nil

        Doc |> Repo.get!(10) |> Ecto.Changeset.change(jsonb: [1]) |> Repo.update!()
        assert ids(from(d in Doc, where: d.jsonb == ^[1])) == [10]
        assert ids(from(d in Doc, where: d.jsonb == type(^@data, d.jsonb))) == [1]
        assert ids(from(d in Doc, where: d.jsonb == d.text)) == [1]

        Repo.update_all(from(d in Doc, where: d.id == 10), set: [jsonb: %{"b" => 2}, tags: ["z"]])
        assert %{jsonb: %{"b" => 2}, tags: ["z"]} = Repo.get!(Doc, 10)

        Repo.insert!(%Doc{id: 10, jsonb: "new"},
          on_conflict: {:replace, [:jsonb]},
          conflict_target: :id
        )

        assert %{jsonb: "new"} = Repo.get!(Doc, 10)
        assert Repo.query!("SELECT typeof(jsonb) FROM docs WHERE id = 10").rows == [["blob"]]
      end

      test "with a type of what it holds" do
        doc = Repo.insert!(%Doc{tags: ["a", "b"], on: ~D[2026-11-22]})
        assert %{tags: ["a", "b"], on: ~D[2026-11-22]} = Repo.get!(Doc, doc.id)

        assert Repo.query!("SELECT json(\"on\") FROM docs WHERE id = ?", [doc.id]).rows == [
                 [~s("2026-11-22")]
               ]

        assert_raise Ecto.ChangeError, fn -> Repo.insert!(%Doc{tags: [1]}) end

        assert_raise ArgumentError, ~r/of: takes an Ecto type, got: :nonsense/, fn ->
          Ecto.ParameterizedType.init(EctoLibSql.JSON.Binary, of: :nonsense)
        end
      end

      test "Ecto's own paths go into it" do
        assert one(from(d in Doc, select: d.jsonb["quo\"te"]["a.b"][2])) == %{"c" => "deep"}
        assert one(from(d in Doc, select: json_extract_path(d.jsonb, ["on"]))) == true
        assert ids(from(d in Doc, where: d.jsonb["on"] == true and d.jsonb["n"] == 3)) == [1]
      end

      test "in a changeset" do
        cast = &Ecto.Changeset.cast(%Doc{}, &1, [:jsonb, :tags, :on])

        assert %{valid?: true, changes: %{jsonb: %{"a" => 1}, tags: ["a"], on: ~D[2026-01-01]}} =
                 cast.(%{"jsonb" => %{"a" => 1}, "tags" => ["a"], "on" => "2026-01-01"})

        assert [jsonb: {"is no JSON: " <> _, _}] = cast.(%{jsonb: {1, 2}}).errors
        assert [jsonb: {"is no JSON: " <> _, _}] = cast.(%{jsonb: %{"a" => "\xFF"}}).errors
        assert [tags: {"is invalid", _}] = cast.(%{tags: "a"}).errors
        assert [on: {"is invalid", _}] = cast.(%{on: "yesterday"}).errors
        doc = Repo.get!(Doc, 1)
        assert Ecto.Changeset.cast(doc, %{jsonb: @data}, [:jsonb]).changes == %{}
      end

      test "text in the column is read, and what is neither is an error that names the field" do
        Repo.query!("UPDATE docs SET jsonb = '{\"a\": [1]}' WHERE id = 1")
        assert Repo.get!(Doc, 1).jsonb == %{"a" => [1]}

        for bytes <- ["x''", "x'2b23'", "x'ff'", "'{'"] do
          Repo.query!("UPDATE docs SET jsonb = #{bytes} WHERE id = 1")

          assert_raise ArgumentError, ~r/cannot load .* for field :jsonb in .*Doc/, fn ->
            Repo.get!(Doc, 1)
          end
        end
      end

      test "what is nested too deeply is not stored" do
        deep = Enum.reduce(1..1000, [], fn _, inner -> [inner] end)

        assert_raise EctoLibSql.Error, ~r/{:jsonb, _} takes JSON/, fn ->
          Repo.insert!(%Doc{jsonb: deep})
        end

        assert Repo.aggregate(Doc, :count) == 2
      end
    end

    test "without a schema, {:jsonb, text} is stored as JSONB, and the column is decoded" do
      Repo.insert_all("docs", [[id: 20, jsonb: {:jsonb, ~s({"a": 1})}]])

      assert Repo.all(from(d in "docs", where: d.id == 20, select: {d.jsonb, d.text})) == [
               {%{"a" => 1}, nil}
             ]
    end
  end
end
