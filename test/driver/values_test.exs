defmodule EctoLibSql.ValuesTest do
  use ExUnit.Case, async: true

  import EctoLibSql.Test.Database

  alias EctoLibSql.Error
  alias EctoLibSql.Test.Values

  setup do
    s = connect!()
    :ok = EctoLibSql.run(s, "CREATE TABLE t (v)")
    %{s: s}
  end

  defp round_trip(s, value) do
    EctoLibSql.query!(s, "DELETE FROM t")
    EctoLibSql.query!(s, "INSERT INTO t VALUES (?)", [value])
    [[back, type]] = rows(s, "SELECT v, typeof(v) FROM t")
    {back, type}
  end

  test "every storage class comes back as it went in", %{s: s} do
    for {value, back, type} <- [
          {nil, nil, "null"},
          {0, 0, "integer"},
          {9_223_372_036_854_775_807, 9_223_372_036_854_775_807, "integer"},
          {-9_223_372_036_854_775_808, -9_223_372_036_854_775_808, "integer"},
          {true, 1, "integer"},
          {false, 0, "integer"},
          {1.5, 1.5, "real"},
          {-0.0, -0.0, "real"},
          {1.7976931348623157e308, 1.7976931348623157e308, "real"},
          {5.0e-324, 5.0e-324, "real"},
          {:inf, :inf, "real"},
          {:"-inf", :"-inf", "real"},
          {"", "", "text"},
          {"text", "text", "text"},
          {"naïve ☃ 🎉", "naïve ☃ 🎉", "text"},
          {"a\0b\0", "a\0b\0", "text"},
          {<<255, 254, 0, 1>>, <<255, 254, 0, 1>>, "text"},
          {{:blob, ""}, "", "blob"},
          {{:blob, "utf-8"}, "utf-8", "blob"},
          {{:blob, <<0, 255>>}, <<0, 255>>, "blob"}
        ] do
      assert round_trip(s, value) === {back, type}
    end
  end

  test "dates, times and decimals have one form each", %{s: s} do
    for {value, text} <- [
          {~D[2026-11-21], "2026-11-21"},
          {~D[0007-01-02], "0007-01-02"},
          {~T[13:05:00], "13:05:00"},
          {~T[13:05:00.5], "13:05:00.500000"},
          {~T[13:05:00.123456], "13:05:00.123456"},
          {~N[2026-11-21 13:05:00], "2026-11-21T13:05:00"},
          {~N[2026-11-21 13:05:00.120], "2026-11-21T13:05:00.120000"},
          {~U[2026-11-21 13:05:00Z], "2026-11-21T13:05:00"},
          {~U[2026-11-21 13:05:00.000001Z], "2026-11-21T13:05:00.000001"}
        ] do
      assert round_trip(s, value) == {text, "text"}
    end
  end

  test "a DateTime of another zone is stored in UTC", %{s: s} do
    berlin = %DateTime{
      ~U[2026-07-01 00:30:00Z]
      | time_zone: "Europe/Berlin",
        zone_abbr: "CEST",
        utc_offset: 3600,
        std_offset: 3600
    }

    assert round_trip(s, berlin) == {"2026-06-30T22:30:00", "text"}
  end

  if Code.ensure_loaded?(Decimal) do
    test "a Decimal is stored exactly, without exponent", %{s: s} do
      for {decimal, text} <- [
            {"12345678901234567.89", "12345678901234567.89"},
            {"1E+3", "1000"},
            {"-0.000000000000000000001", "-0.000000000000000000001"}
          ] do
        assert round_trip(s, Decimal.new(decimal)) == {text, "text"}
      end

      for {decimal, part} <- [
            {Decimal.new("NaN"), "no number"},
            {Decimal.new(1, 1, 9_999_999), "exponent beyond 100000"}
          ] do
        assert {:error, %Error{code: :unsupported_parameter, message: message}} =
                 EctoLibSql.query(s, "SELECT ?", [decimal])

        assert message =~ "parameter 1: "
        assert message =~ part
      end
    end
  end

  test "what cannot be stored is an error that names parameter and kind", %{s: s} do
    for {value, part} <- [
          {9_223_372_036_854_775_808, "64 bits"},
          {-9_223_372_036_854_775_809, "64 bits"},
          {:some_atom, "the atom some_atom"},
          {{1, 2}, "a tuple"},
          {{:blob, 1}, "{:blob, _} takes a binary"},
          {[1], "a list"},
          {self(), "a pid"},
          {make_ref(), "a reference"},
          {fn -> 1 end, "a function"},
          {<<1::3>>, "whole number of bytes"},
          {%{a: 1}, "a map"},
          {1..2, "a %Range{}"},
          {%{~D[2026-01-01] | calendar: Some.Calendar}, "Some.Calendar"}
        ] do
      assert {:error, %Error{code: :unsupported_parameter, message: message}} =
               EctoLibSql.query(s, "INSERT INTO t VALUES (?1 + ?2)", [1, value])

      assert message =~ "parameter 2: "
      assert message =~ part

      assert {:error, %Error{code: :unsupported_parameter, message: "parameter thing: " <> _}} =
               EctoLibSql.query(s, "INSERT INTO t VALUES (:thing)", %{thing: value})
    end

    assert rows(s, "SELECT * FROM t") == []
  end

  test "what is no set of parameters is an error", %{s: s} do
    assert {:error, %Error{code: :invalid_argument}} = EctoLibSql.query(s, "SELECT ?", [1 | 2])
    assert {:error, %Error{code: :invalid_argument}} = EctoLibSql.query(s, "SELECT :a", %{1 => 2})

    assert {:error, %Error{code: :invalid_argument}} =
             EctoLibSql.query(s, "SELECT :a, :b", [{:a, 1}, 2])

    assert {:error, %Error{code: :invalid_argument}} =
             EctoLibSql.query(s, "SELECT ?", ~D[2026-01-01])
  end

  test "an infinity that SQL computes arrives as an atom", %{s: s} do
    assert rows(s, "SELECT 9e999, -9e999, 9e999 - 9e999") == [[:inf, :"-inf", nil]]
  end

  test "values that SQLite converts are read by their storage class", %{s: s} do
    :ok = EctoLibSql.run(s, "CREATE TABLE typed (i INTEGER, r REAL, n NUMERIC, b BLOB, x TEXT)")
    EctoLibSql.query!(s, "INSERT INTO typed VALUES ('12', 3, '4.50', 'text', 5)")
    assert rows(s, "SELECT * FROM typed") == [[12, 3.0, 4.5, "text", "5"]]
  end

  test "a UTF-16 database reads and writes text the same" do
    s = connect!(custom_pragmas: [encoding: "UTF-16le"])
    :ok = EctoLibSql.run(s, "CREATE TABLE t (v)")
    assert {:ok, "UTF-16le"} = EctoLibSql.Pragma.get_encoding(s)
    assert round_trip(s, "naïve ☃ 🎉") == {"naïve ☃ 🎉", "text"}
  end

  test "any row of any values comes back equal", %{s: s} do
    seed = ExUnit.configuration()[:seed]
    :rand.seed(:exsss, {seed, 7, 11})

    for _ <- 1..300 do
      values = Values.random_row()
      Values.assert_row_returns(s, values)
    end
  end
end
