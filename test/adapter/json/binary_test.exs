if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule EctoLibSql.Adapter.JSON.BinaryTest do
    use EctoLibSql.JsonCase, async: true

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
      assert ids(from(d in Doc, where: d.jsonb == type(^data(), d.jsonb))) == [1]
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

    test "that stand in the query" do
      update = from(d in Doc, where: d.name == "a", update: [set: [jsonb: "it's", tags: ["z"]]])
      assert {1, nil} = Repo.update_all(update, [])
      assert stored(:jsonb) == [["blob"]]
      assert %{jsonb: "it's", tags: ["z"]} = Repo.get!(Doc, 1)
      assert ids(from(d in Doc, where: d.jsonb == "it's")) == [1]
      assert ids(from(d in Doc, where: d.jsonb == "other")) == []
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
      assert Ecto.Changeset.cast(doc, %{jsonb: data()}, [:jsonb]).changes == %{}
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

    test "without a schema, {:jsonb, text} is stored as JSONB, and the column is decoded" do
      Repo.insert_all("docs", [[id: 20, jsonb: {:jsonb, ~s({"a": 1})}]])

      assert Repo.all(from(d in "docs", where: d.id == 20, select: {d.jsonb, d.text})) == [
               {%{"a" => 1}, nil}
             ]

      # Its bytes are those of the text 3123.
      Repo.insert_all("docs", [[id: 21, jsonb: {:jsonb, "123"}]])
      assert Repo.all(from(d in "docs", where: d.id == 21, select: d.jsonb)) == [123]
    end
  end
end
