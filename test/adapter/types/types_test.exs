defmodule Ecto.Adapters.LibSql.TypesTest do
  use ExUnit.Case, async: true

  alias Ecto.Adapters.LibSql.Types
  alias EctoLibSql.Test.Mode

  doctest Ecto.Adapters.LibSql.Types, except: [:moduledoc]

  @types [
    :id,
    :integer,
    :bigint,
    :serial,
    :boolean,
    :float,
    :decimal,
    :numeric,
    :string,
    :text,
    :binary,
    :bitstring,
    :binary_id,
    :uuid,
    :date,
    :time,
    :time_usec,
    :naive_datetime,
    :naive_datetime_usec,
    :utc_datetime,
    :utc_datetime_usec,
    :duration,
    :map,
    :json,
    {:map, :string},
    {:array, :integer},
    {:array, :map},
    :any
  ]

  @forms [
    [],
    [uuid_type: :binary, map_type: :binary, array_type: :binary],
    [precision: 10, scale: 2],
    [size: 40]
  ]

  setup_all do
    {:ok, s} = EctoLibSql.connect(Mode.repo(database: ":memory:"))
    %{s: s}
  end

  describe "column types" do
    test "are legal in STRICT tables", %{s: s} do
      for type <- @types, form <- @forms do
        declared = Types.column_type(type, [strict: true] ++ form)
        assert :ok = EctoLibSql.run(s, "CREATE TABLE strict_t (a #{declared}) STRICT")
        assert :ok = EctoLibSql.run(s, "DROP TABLE strict_t")
      end
    end

    test "have an affinity that leaves the stored form alone", %{s: s} do
      for {type, text} <- [
            decimal: "12345678901234567.890",
            map: "1.50",
            string: "007",
            date: "2026",
            uuid: "601",
            any: "12"
          ] do
        assert :ok = EctoLibSql.run(s, "CREATE TABLE t (a #{Types.column_type(type, [])})")
        assert :ok = EctoLibSql.run(s, "INSERT INTO t VALUES (?)", [text])
        assert {:ok, ["text", ^text]} = EctoLibSql.query_one(s, "SELECT typeof(a), a FROM t")
        assert :ok = EctoLibSql.run(s, "DROP TABLE t")
      end
    end

    test "follow the repo's options" do
      assert Types.column_type(:uuid, []) == "TEXT"
      assert Types.column_type(:binary_id, uuid_type: :binary) == "BLOB"
      assert Types.column_type(:map, map_type: :binary) == "JSON_BLOB"
      assert Types.column_type({:array, :map}, array_type: :binary) == "JSON_BLOB"
      assert Types.column_type({:array, :map}, map_type: :binary) == "JSON_TEXT"
    end

    test "that Ecto does not know are SQL" do
      assert Types.column_type(:"F32_BLOB(3)", []) == "F32_BLOB(3)"
      assert Types.column_type(:citext, []) == "citext"
    end

    test "of parameterized types are those of their database type" do
      type = Ecto.ParameterizedType.init(Ecto.Enum, values: [a: 1])
      assert Types.column_type(type, []) == "INTEGER"
    end

    test "that are none are an error that shows them" do
      assert_raise ArgumentError, ~r/{:oops, 1}/, fn -> Types.column_type({:oops, 1}, []) end
    end
  end

  describe "casts" do
    test "leave alone what a CAST would change, or the repo chooses" do
      for type <- [:any, :map, {:array, :integer}, :uuid, :binary_id, :bitstring],
          do: assert(Types.cast_type(type) == nil)

      for {type, cast} <- [integer: "INTEGER", float: "REAL", string: "TEXT", decimal: "TEXT"],
          do: assert(Types.cast_type(type) == cast)
    end
  end

  describe "loaders" do
    test "of what is stored as Ecto has it are none" do
      for type <- [:integer, :id, :string, :binary, :any],
          do: assert(Types.loaders(type, type) == [])
    end

    test "of a custom type go on to it" do
      for primitive <- [
            :integer,
            :string,
            :binary,
            :boolean,
            :decimal,
            :date,
            :map,
            :utc_datetime
          ] do
        assert List.last(Types.loaders(primitive, SomeType)) == SomeType
      end
    end

    test "and dumpers take nil" do
      for type <- @types, Ecto.Type.primitive?(type) do
        assert Ecto.Type.adapter_load(Types, type, nil) == {:ok, nil}
        assert Ecto.Type.adapter_dump(Types, type, nil) == {:ok, nil}
      end
    end
  end

  describe "a bitstring" do
    test "that no bitstring is stored as is refused" do
      for blob <- ["", <<0, 8>>, <<1>>], blob != <<0>> do
        assert Ecto.Type.adapter_load(Types, :bitstring, blob) == :error
      end
    end
  end
end
