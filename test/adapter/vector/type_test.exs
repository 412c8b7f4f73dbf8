if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule EctoLibSql.Adapter.Vector.TypeTest do
    # Vectors through all of Ecto: changesets, inserts, queries' parameters, embeds, and tensors.
    use EctoLibSql.MigrationCase, async: true

    import Ecto.Changeset
    import Ecto.Query
    import EctoLibSql.Vector

    alias EctoLibSql.Vector

    defmodule Part do
      use Ecto.Schema

      @primary_key false
      embedded_schema do
        field(:at, Vector.F32, size: 2)
      end
    end

    defmodule Item do
      use Ecto.Schema

      schema "items" do
        field(:f64, Vector.F64, size: 3)
        field(:f32, Vector.F32, size: 3)
        field(:f16, Vector.F16, size: 3)
        field(:fb16, Vector.FB16, size: 3)
        field(:f8, Vector.F8, size: 3)
        field(:f1bit, Vector.F1Bit, size: 3)
        embeds_one(:part, Part)
      end
    end

    setup do
      migrate(fn ->
        create table(:items) do
          for kind <- Vector.kinds(), do: add(kind, :vector, size: 3, type: kind)
          add :part, :map
        end
      end)
    end

    test "every kind is stored, and read as lists" do
      vector = [1, -0.5, 2.0]
      values = for kind <- Vector.kinds(), do: {kind, vector}
      item = Repo.insert!(struct!(Item, values))
      read = Repo.get!(Item, item.id)

      for kind <- [:f64, :f32, :f16, :fb16],
          do: assert(Map.fetch!(read, kind) == [1.0, -0.5, 2.0])

      assert Enum.zip_with(read.f8, vector, &abs(&1 - &2)) |> Enum.max() <= 2.5 / 255
      assert read.f1bit == [1.0, -1.0, 1.0]

      for kind <- Vector.kinds() do
        [[type, blob]] = rows("SELECT typeof(#{kind}), #{kind} FROM items")
        assert type == "blob"
        assert {:ok, ^kind, numbers} = Vector.decode(blob)
        assert numbers == Map.fetch!(read, kind)
      end
    end

    test "nil, insert_all, update_all, and blobs of the kind's own format" do
      blob = Vector.encode!([1, 2, 3], :f16)
      assert {2, _} = Repo.insert_all(Item, [[f16: blob, f32: nil], [f16: [4, 5, 6]]])

      assert Repo.all(from(i in Item, order_by: i.id, select: {i.f16, i.f32})) == [
               {[1.0, 2.0, 3.0], nil},
               {[4.0, 5.0, 6.0], nil}
             ]

      Repo.update_all(Item, set: [f32: [7, 8, 9]])
      vector = [7, 8, 9]
      assert Repo.aggregate(from(i in Item, where: i.f32 == ^vector), :count) == 2

      assert Repo.all(from(i in Item, select: type(^[1, 2, 3], i.f64))) ==
               List.duplicate([1.0, 2.0, 3.0], 2)

      Repo.update_all(Item, set: [f32: nil])
      assert Repo.aggregate(from(i in Item, where: is_nil(i.f32)), :count) == 2
    end

    test "a changeset says what is wrong, and nothing is stored" do
      for {value, message} <- [
            {[1, 2], "has 2 numbers, expected 3"},
            {[1, 2, :nan], "has :nan at index 2, expected finite numbers"},
            {[1, 2, 1.0e39], "has 1.0e39 at index 2, which is beyond what f32 can store"},
            {"abc", "is no blob of a vector of kind f32 with finite numbers"},
            {%{}, "is no vector: expected a list of numbers, a tensor or a blob"}
          ] do
        changeset = cast(%Item{}, %{f32: value}, [:f32])
        assert [f32: {^message, [type: _, validation: :cast]}] = changeset.errors
        assert {:error, %Ecto.Changeset{}} = Repo.insert(changeset)

        assert_raise Ecto.ChangeError, fn -> Repo.insert!(%Item{f32: value}) end
        assert_raise Ecto.ChangeError, fn -> Repo.insert_all(Item, [[f32: value]]) end

        assert_raise Ecto.Query.CastError, ~r/F32<3>/, fn ->
          Repo.all(from(i in Item, where: i.f32 == ^value))
        end
      end

      assert Repo.aggregate(Item, :count) == 0
      assert cast(%Item{}, %{f32: [1, 2, 3]}, [:f32]).valid?
      assert cast(%Item{f32: [1.0, 2.0, 3.0]}, %{f32: nil}, [:f32]).changes == %{f32: nil}
    end

    test "what is stored alike is no change" do
      item = Repo.insert!(%Item{f32: [0.1, 0.2, 0.3], f1bit: [5, -5, 5]})
      read = Repo.get!(Item, item.id)
      assert read.f32 != [0.1, 0.2, 0.3]

      assert change(read, f32: [0.1, 0.2, 0.3], f1bit: [1, -1, 1]).changes == %{}
      assert change(read, f32: [0.1, 0.2, 0.4]).changes == %{f32: [0.1, 0.2, 0.4]}
      assert change(read, f32: nil).changes == %{f32: nil}
    end

    test "in an embed, it is a JSON list" do
      item = Repo.insert!(%Item{part: %Part{at: [1, 0.5]}})
      assert Repo.get!(Item, item.id).part.at == [1.0, 0.5]
      # Of a field's value no dump is made into JSON, but of what was cast.
      changeset = cast(%Part{}, %{"at" => [1, 2, 3]}, [:at])
      assert [at: {"has 3 numbers, expected 2", _}] = changeset.errors
    end

    test "a blob of another kind or dimension in the database is an error, not another vector" do
      other = {:blob, Vector.encode!([1, 2], :f32)}
      rows("INSERT INTO items (f32) VALUES (?)", [other])
      assert_raise ArgumentError, ~r/cannot load/, fn -> Repo.all(Item) end
    end

    test "a field takes its size" do
      assert_raise ArgumentError, ~r/takes size:, its dimension/, fn ->
        Ecto.ParameterizedType.init(Vector.F32, [])
      end

      for size <- [0, "3", 65_537] do
        assert_raise ArgumentError, ~r/from 1 to 65536, got: /, fn ->
          Ecto.ParameterizedType.init(Vector.F32, size: size)
        end
      end
    end

    if Code.ensure_loaded?(Nx) do
      test "tensors" do
        Repo.insert!(%Item{f32: Nx.tensor([1, 2, 3]), f64: Nx.tensor([0.5, 1.5, -2], type: :f64)})
        assert [%{f32: [1.0, 2.0, 3.0], f64: [0.5, 1.5, -2.0]}] = Repo.all(Item)

        near = Nx.tensor([1.0, 2.0, 3.5])
        assert [distance] = Repo.all(from(i in Item, select: l2_distance(i.f32, ^near)))
        assert_in_delta distance, 0.5, 1.0e-6
        assert [%Item{}] = Item |> nearest(:f32, near, 1) |> Repo.all()

        for {tensor, message} <- [
              {Nx.tensor([1, 2]), "has 2 numbers, expected 3"},
              {Nx.tensor([[1, 2, 3]]), "is a tensor of shape {1, 3}, expected one dimension"},
              {Nx.tensor(1), "is a tensor of shape {}, expected one dimension"},
              {Nx.tensor([1.0, :nan, 3.0]), "has :nan at index 1, expected finite numbers"},
              {Nx.tensor([:neg_infinity, 1.0, 3.0]),
               "has :neg_infinity at index 0, expected finite numbers"}
            ] do
          assert Vector.to_list(tensor, :f32, 3) == {:error, message}
          assert [f32: {^message, _}] = cast(%Item{}, %{f32: tensor}, [:f32]).errors
        end

        assert {:error, "has " <> _} = Vector.to_list(Nx.tensor([Complex.new(1, 2)]), :f32)
      end
    end

    test "distances as macros: fields, values, NULL" do
      Repo.insert!(%Item{f32: [1, 0, 0], f64: [0, 3, 4], f1bit: [1, -1, 1]})
      Repo.insert!(%Item{f64: [0, 3, 4]})

      query =
        from(i in Item,
          order_by: i.id,
          select: {cosine_distance(i.f32, ^[0, 1, 0]), l2_distance(^[0, 0, 0], i.f64)}
        )

      assert Repo.all(query) == [{1.0, 5.0}, {nil, 5.0}]

      assert Repo.all(from(i in Item, where: l2_distance(i.f32, ^[1, 0, 0]) < 0.1, select: i.f32)) ==
               [[1.0, 0.0, 0.0]]

      query =
        from(i in Item,
          join: j in Item,
          on: true,
          order_by: [i.id, j.id],
          select: cosine_distance(i.f32, j.f32)
        )

      assert Repo.all(query) == [0.0, nil, nil, nil]

      assert Repo.all(
               from(i in Item, where: i.id == 1, select: cosine_distance(i.f1bit, ^[-1, -1, -1]))
             ) == [2.0]

      field = :f64

      assert Repo.all(
               from(i in Item, limit: 1, select: l2_distance(field(i, ^field), ^[0, 3, 0]))
             ) == [4.0]

      # Without a schema, the value says what it is.
      type = Ecto.ParameterizedType.init(Vector.F64, size: 3)
      query = from(i in "items", limit: 1, select: l2_distance(i.f64, type(^[0, 0, 4], ^type)))
      assert Repo.all(query) == [3.0]
      blob = {:blob, Vector.encode!([0, 0, 4], :f64)}
      assert Repo.all(from(i in "items", limit: 1, select: l2_distance(i.f64, ^blob))) == [3.0]

      assert_raise Ecto.Query.CastError, fn ->
        Repo.all(from(i in Item, select: cosine_distance(i.f32, ^[1, 2])))
      end

      assert_raise ArgumentError, ~r/one of the vectors has to be a field/, fn ->
        Code.eval_string("""
        import Ecto.Query
        import EctoLibSql.Vector
        a = [1]
        from i in "items", select: cosine_distance(^a, ^a)
        """)
      end
    end
  end
end
