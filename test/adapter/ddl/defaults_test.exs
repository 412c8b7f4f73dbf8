if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.DDL.DefaultsTest do
    use EctoLibSql.MigrationCase, async: true

    alias Ecto.Adapters.LibSql.DDL.Default

    # The value that a row gets, as SQLite has it.
    defp stored(type, default) do
      migrate(fn ->
        drop_if_exists table(:t)

        create table(:t) do
          add :value, type, default: default
        end
      end)

      rows("INSERT INTO t DEFAULT VALUES")
      [[value, type]] = rows("SELECT value, typeof(value) FROM t")
      {value, String.to_atom(type)}
    end

    test "numbers and booleans" do
      assert stored(:integer, -7) == {-7, :integer}
      assert stored(:integer, 0x7FFF_FFFF_FFFF_FFFF) == {0x7FFF_FFFF_FFFF_FFFF, :integer}
      assert stored(:float, 1.5e20) == {1.5e20, :real}
      assert stored(:boolean, true) == {1, :integer}
      assert stored(:boolean, false) == {0, :integer}
      assert stored(:integer, nil) == {nil, :null}
    end

    test "decimals are exact" do
      assert stored(:decimal, Decimal.new("12345678901234567.890")) ==
               {"12345678901234567.890", :text}

      assert stored(:decimal, 0) == {"0", :text}
      assert stored(:decimal, 0.1) == {"0.1", :text}
      assert stored(:decimal, "1.10") == {"1.10", :text}
    end

    test "strings, whatever is in them" do
      for text <- [
            "it's",
            ~S(back\slash \n),
            "üñí",
            "",
            ~s("double"),
            "a\nb",
            "semi;--colon",
            "a\0b"
          ] do
        assert stored(:string, text) == {text, :text}
      end

      assert stored(:text, "007") == {"007", :text}
    end

    test "binaries are blobs" do
      assert stored(:binary, "text") == {"text", :blob}
      assert stored(:binary, <<0, 255>>) == {<<0, 255>>, :blob}
      assert stored(:bitstring, <<42::6>>) == {<<42::6, 0::2, 2>>, :blob}
    end

    test "dates and times, in the width of their type" do
      assert stored(:date, ~D[2026-11-21]) == {"2026-11-21", :text}
      assert stored(:time, ~T[13:05:00.123]) == {"13:05:00", :text}
      assert stored(:time_usec, ~T[13:05:00]) == {"13:05:00.000000", :text}
      assert stored(:naive_datetime, ~N[2026-11-21 13:05:00]) == {"2026-11-21T13:05:00", :text}

      assert stored(:utc_datetime_usec, ~U[2026-11-21 13:05:00.1Z]) ==
               {"2026-11-21T13:05:00.100000", :text}
    end

    test "maps and arrays" do
      assert stored(:map, %{"a" => "it's"}) == {~s({"a":"it's"}), :text}
      assert stored({:array, :integer}, [1, 2]) == {"[1,2]", :text}
      assert stored({:array, :string}, []) == {"[]", :text}
      assert stored(:map, "{}") == {"{}", :text}
    end

    if Code.ensure_loaded?(Duration) do
      test "durations" do
        assert stored(:duration, Duration.new!(month: 10)) == {"P10M", :text}
        assert stored(:duration, "P10M") == {"P10M", :text}
        assert stored(:duration, "10 MONTH") == {"P10M", :text}
      end
    end

    test "expressions" do
      assert stored(:integer, {:fragment, "1 + 2"}) == {3, :integer}
      assert {<<_::10-bytes>>, :text} = stored(:date, {:fragment, "date()"})
    end

    test "what has no literal is refused" do
      for {default, type} <- [
            {0x8000_0000_0000_0000, :integer},
            {<<255>>, :string},
            {:atom, :string},
            {%{}, :string},
            {[1], :map},
            {"no interval", :duration},
            {1..2, :integer}
          ] do
        error = assert_raise ArgumentError, fn -> Default.literal(default, type) end
        assert error.message =~ "default: #{inspect(default)} for the type #{inspect(type)}: "
      end
    end
  end
end
