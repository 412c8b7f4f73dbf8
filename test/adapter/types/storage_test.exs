defmodule Ecto.Adapters.LibSql.Types.StorageTest do
  use EctoLibSql.TypesCase

  alias Ecto.Adapters.LibSql.Types.DecimalText

  # What other programs find in the file.

  @uuid "601d74e4-a8d3-4b6e-8365-eddb4c893327"
  @raw_uuid <<0x601D74E4A8D34B6E8365EDDB4C893327::128>>

  defp stored(field, value) do
    Repo.delete_all(Thing)
    Repo.insert!(struct!(Thing, [{field, value}]))
    stored(field)
  end

  test "numbers and booleans" do
    assert stored(:integer, 7) == {"integer", 7}
    assert stored(:boolean, true) == {"integer", 1}
    assert stored(:boolean, false) == {"integer", 0}
    assert stored(:float, 1.0) == {"real", 1.0}
    assert stored(:float, :inf) == {"real", :inf}
  end

  test "a decimal is text, exact and without an exponent" do
    for {decimal, text} <- [
          {"1.0", "1.0"},
          {"-0.00", "-0.00"},
          {"12345678901234567.89", "12345678901234567.89"},
          {"1E+3", "1000"},
          {"1.5E-10", "0.00000000015"},
          {String.duplicate("9", 60) <> ".5", String.duplicate("9", 60) <> ".5"}
        ] do
      {:ok, decimal} = DecimalText.load(decimal)
      assert stored(:decimal, decimal) == {"text", text}
    end
  end

  test "a decimal of very many places keeps its exponent" do
    assert stored(:decimal, %Decimal{sign: 1, coef: 25, exp: 5000}) == {"text", "2.5E+5001"}
  end

  test "a binary is a blob, also one of valid UTF-8, and text is text, NUL bytes included" do
    assert stored(:binary, "hello") == {"blob", "hello"}
    assert stored(:binary, "") == {"blob", ""}
    assert stored(:binary, <<0, 255, 0>>) == {"blob", <<0, 255, 0>>}
    assert stored(:string, "a\0b") == {"text", "a\0b"}
  end

  test "a bitstring is its bits, padded, and the number of bits of padding" do
    assert stored(:bitstring, <<2::3>>) == {"blob", <<0b01000000, 5>>}
    assert stored(:bitstring, <<1, 2>>) == {"blob", <<1, 2, 0>>}
    assert stored(:bitstring, <<>>) == {"blob", <<0>>}
  end

  test "dates and times have one width each, and no Z" do
    assert stored(:date, ~D[0007-01-02]) == {"text", "0007-01-02"}
    assert stored(:time, ~T[13:05:00]) == {"text", "13:05:00"}
    assert stored(:time_usec, ~T[13:05:00.100000]) == {"text", "13:05:00.100000"}
    assert stored(:naive, ~N[2026-11-21 13:05:00]) == {"text", "2026-11-21T13:05:00"}

    assert stored(:naive_usec, ~N[2026-11-21 13:05:00.000000]) ==
             {"text", "2026-11-21T13:05:00.000000"}

    assert stored(:utc, ~U[2026-11-21 13:05:00Z]) == {"text", "2026-11-21T13:05:00"}

    assert stored(:utc_usec, ~U[2026-11-21 13:05:00.000001Z]) ==
             {"text", "2026-11-21T13:05:00.000001"}
  end

  test "ids are text by default, in lower case" do
    assert stored(:uuid, String.upcase(@uuid)) == {"text", @uuid}
    assert stored(:binary_id, @uuid) == {"text", @uuid}
    assert stored(:raw_uuid, {"raw", @raw_uuid}) == {"text", @uuid}
  end

  test "maps and arrays are JSON text by default" do
    assert stored(:map, %{"a" => [1, nil]}) == {"text", ~s({"a":[1,null]})}
    assert stored(:integers, [1, nil, 3]) == {"text", "[1,null,3]"}
    assert stored(:part, %Part{id: @uuid, parts: []}) |> elem(0) == "text"
  end

  test "the keys of a map are sorted, so that equal maps are found" do
    map = Map.new(40..1//-1, &{:"key#{&1}", %{b: &1, a: [%{d: 1, c: 2}]}})
    assert {"text", ~s({"key1":{"a":[{"c":2,"d":1}],"b":1},"key10":) <> _} = stored(:map, map)

    for value <- [map, Map.new(map, fn {key, value} -> {to_string(key), value} end)],
        do: assert(Repo.exists?(from(t in Thing, where: t.map == ^value)))
  end

  test "the elements of an array are what columns of their type store" do
    assert stored(:times, [~U[2026-11-21 13:05:00.100000Z]]) ==
             {"text", ~s(["2026-11-21T13:05:00.100000"])}

    assert stored(:decimals, [Decimal.new("1.10")]) == {"text", ~s(["1.10"])}
    assert stored(:uuids, [String.upcase(@uuid)]) == {"text", ~s(["#{@uuid}"])}
    assert stored(:binaries, [<<255>>]) == {"text", ~s(["FF"])}
  end

  if Code.ensure_loaded?(Duration) do
    test "a duration is an ISO 8601 duration" do
      assert stored(:duration, %Duration{month: 13, second: 1, microsecond: {100, 6}}) ==
               {"text", "P13MT1.000100S"}
    end
  end

  @tag repo: [uuid_type: :binary]
  test "ids are blobs where the repo says so, both kinds" do
    assert stored(:uuid, @uuid) == {"blob", @raw_uuid}
    assert stored(:binary_id, @uuid) == {"blob", @raw_uuid}
    assert stored(:raw_uuid, {"raw", @raw_uuid}) == {"blob", @raw_uuid}
  end

  @tag repo: [binary_id_type: :binary]
  test "the option has its other name, too" do
    assert stored(:uuid, @uuid) == {"blob", @raw_uuid}
  end

  @tag repo: [map_type: :binary]
  test "maps are SQLite's JSONB where the repo says so" do
    assert {"blob", jsonb} = stored(:map, %{"a" => [1, "é\n"]})
    assert %{rows: [[^jsonb]]} = Repo.query!(~S|SELECT jsonb('{"a":[1,"é\n"]}')|)
    assert %{rows: [[~s({"a":[1,"é\\n"]})]]} = Repo.query!("SELECT json(map) FROM things")
    assert {"text", "[1]"} = stored(:integers, [1])
  end

  @tag repo: [array_type: :binary]
  test "arrays are SQLite's JSONB where the repo says so" do
    assert {"blob", _} = stored(:integers, [1])
    assert {"text", _} = stored(:map, %{})
  end

  test "what is stored in the other form is read all the same" do
    Repo.query!(
      "INSERT INTO things (id, uuid, binary_id, raw_uuid, map, integers) VALUES (1, ?, ?, ?, jsonb('{\"a\":1}'), jsonb('[1,2]'))",
      List.duplicate({:blob, @raw_uuid}, 3)
    )

    assert %{
             uuid: @uuid,
             binary_id: @uuid,
             raw_uuid: {"raw", @raw_uuid},
             map: %{"a" => 1},
             integers: [1, 2]
           } =
             Repo.get!(Thing, 1)
  end

  test "what cannot be stored is an error of the field" do
    for {field, value} <- [
          date: ~D[-0001-01-01],
          date: ~D[9999-12-31] |> Map.put(:year, 10_000),
          naive: ~N[-0001-01-01 00:00:00],
          uuid: "no uuid",
          boolean: 1,
          integers: [1, "2"],
          binaries: [1]
        ] do
      assert_raise Ecto.ChangeError, ~r/#{field}/, fn ->
        Repo.insert!(struct!(Thing, [{field, value}]))
      end
    end
  end

  test "a decimal that is no number is refused" do
    for coef <- [:inf, :NaN] do
      assert_raise ArgumentError, fn -> Repo.insert!(%Thing{decimal: %Decimal{coef: coef}}) end
    end
  end

  test "what cannot be read is an error of the field" do
    for {field, value} <- [
          date: "yesterday",
          utc: "2026",
          decimal: "abc",
          uuid: "x",
          map: "{",
          boolean: 2
        ] do
      Repo.delete_all(Thing)
      Repo.query!("INSERT INTO things (#{field}) VALUES (?)", [value])

      assert_raise ArgumentError, ~r/cannot load .* for field :#{field}/, fn ->
        Repo.all(Thing)
      end
    end
  end

  test "dates and times that others wrote are read" do
    Repo.query!("""
    INSERT INTO things (utc, utc_usec, naive, naive_usec, date, time, time_usec)
    VALUES ('2026-11-21 13:05:00', '2026-11-21T13:05:00Z', '2026-11-21T13:05:00.5',
            '2026-11-21T14:05:00+01:00', '2026-11-21 10:00:00', '13:05:00.9', '13:05:00')
    """)

    assert %{
             utc: ~U[2026-11-21 13:05:00Z],
             utc_usec: ~U[2026-11-21 13:05:00.000000Z],
             naive: ~N[2026-11-21 13:05:00],
             naive_usec: ~N[2026-11-21 13:05:00.000000],
             date: ~D[2026-11-21],
             time: ~T[13:05:00],
             time_usec: ~T[13:05:00.000000]
           } = Repo.one!(Thing)
  end

  test "numbers that others wrote are read as decimals" do
    Repo.query!("CREATE TABLE other (id INTEGER PRIMARY KEY, decimal NUMERIC)")
    Repo.query!("INSERT INTO other (decimal) VALUES (7), (1.5)")

    query = from(o in "other", select: type(o.decimal, :decimal), order_by: o.id)
    assert Repo.all(query) == [Decimal.new("7"), Decimal.new("1.5")]
  end

  test "an id is made in the form of the others" do
    assert {:uuid, <<_::36-bytes>>} = Types.autogenerate(:binary_id)
    assert <<_::36-bytes>> = Types.autogenerate(:embed_id)
    assert Types.autogenerate(:id) == nil
  end
end
