defmodule Ecto.Adapters.LibSql.Types.SchemalessTest do
  use EctoLibSql.TypesCase

  setup do
    Repo.insert!(%Thing{
      id: 1,
      map: %{"a" => [true, nil]},
      integers: [1, 2],
      decimal: Decimal.new("1.50"),
      string: "[1]",
      part: %Part{name: "bolt"}
    })

    :ok
  end

  test "JSON and decimals are decoded by their declared type" do
    query = from(t in "things", select: {t.map, t.integers, t.decimal, t.string})

    assert Repo.all(query) == [{%{"a" => [true, nil]}, [1, 2], Decimal.new("1.50"), "[1]"}]
    # And again, from the cache.
    assert Repo.all(query) == [{%{"a" => [true, nil]}, [1, 2], Decimal.new("1.50"), "[1]"}]
  end

  @tag repo: [map_type: :binary, array_type: :binary]
  test "so is JSONB" do
    assert Repo.all(from(t in "things", select: {t.map, t.integers})) ==
             [{%{"a" => [true, nil]}, [1, 2]}]
  end

  test "NULL stays nil" do
    Repo.update_all("things", set: [map: nil, decimal: nil])
    assert Repo.all(from(t in "things", select: {t.map, t.decimal})) == [{nil, nil}]
  end

  test "maps, lists and other shapes of select" do
    assert [%{map: %{"a" => _}, n: 1}] =
             Repo.all(from(t in "things", select: %{map: t.map, n: t.id}))

    assert [%{decimal: %Decimal{}, integers: [1, 2]}] =
             Repo.all(from(t in "things", select: map(t, [:decimal, :integers])))

    assert [[_, %Decimal{}]] = Repo.all(from(t in "things", select: [t.map, t.decimal]))
  end

  test "subqueries, CTEs, fragments and streams" do
    inner = from(t in "things", select: %{decimal: t.decimal})
    assert [%Decimal{}] = Repo.all(from(s in subquery(inner), select: s.decimal))

    cte = from(t in "things", select: %{map: t.map})

    assert [%{"a" => _}] =
             "named" |> with_cte("named", as: ^cte) |> select([n], n.map) |> Repo.all()

    assert [[1, 2]] =
             Repo.all(from(f in fragment("SELECT integers FROM things"), select: f.integers))

    assert {:ok, [%Decimal{}]} =
             Repo.transaction(fn ->
               Enum.to_list(Repo.stream(from(t in "things", select: t.decimal)))
             end)
  end

  test "beside a schema, whose types are its own" do
    query =
      from(t in Thing,
        join: o in "things",
        on: o.id == t.id,
        select: {t.part, t.decimal, o.id, t.string}
      )

    assert [{%Part{name: "bolt"}, %Decimal{}, 1, "[1]"}] = Repo.all(query)
  end

  test "a type in the query goes before the declared one" do
    assert Repo.all(from(t in "things", select: type(t.decimal, :float))) == [1.5]
    assert Repo.all(from(t in "things", select: type(t.map, :map))) == [%{"a" => [true, nil]}]
    assert Repo.all(from(t in "things", select: type(t.map, :string))) == [~s({"a":[true,null]})]

    assert Repo.all(from(t in "things", select: type(t.decimal, :decimal))) == [
             Decimal.new("1.50")
           ]
  end

  test "returned rows of a write" do
    query = from(t in "things", select: {t.map, t.decimal})
    assert {1, [{map, decimal}]} = Repo.update_all(query, set: [string: "x"])
    assert map in [%{"a" => [true, nil]}, ~s({"a":[true,null]})]
    assert decimal in [Decimal.new("1.50"), "1.50"]
  end

  test "what is no JSON is an error that shows it" do
    Repo.query!("UPDATE things SET map = '{'")

    assert_raise ArgumentError, ~r/cannot load `"{"` as type :map/, fn ->
      Repo.all(from(t in "things", select: t.map))
    end
  end

  for {form, opts} <- [text: [], binary: [uuid_type: :binary, map_type: :binary]] do
    @tag repo: opts
    test "what is written says what it is, in #{form} form" do
      uuid = Ecto.UUID.generate()
      row = [id: 2, uuid: {:uuid, uuid}, binary: {:blob, "bytes"}, map: {:json, ~s({"a":1})}]
      assert {1, nil} = Repo.insert_all("things", [row])
      assert %{uuid: ^uuid, binary: "bytes", map: %{"a" => 1}} = Repo.get!(Thing, 2)

      query = from(t in "things", where: t.uuid == ^{:uuid, uuid}, select: t.map)
      assert Repo.all(query) == [%{"a" => 1}]
      query = from(t in "things", where: t.uuid == type(^uuid, Ecto.UUID), select: t.id)
      assert Repo.all(query) == [2]
    end
  end

  test "plain SQL answers what is stored" do
    assert %{rows: [[~s({"a":[true,null]}), "1.50"]]} =
             Repo.query!("SELECT map, decimal FROM things")
  end
end
