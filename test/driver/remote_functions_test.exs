if Code.ensure_loaded?(ExUnitProperties) do
  defmodule EctoLibSql.RemoteFunctionsTest do
    # What servers get in the place of this library's functions, compared with those functions.
    use ExUnit.Case, async: true
    use ExUnitProperties

    import EctoLibSql.Test.Database

    alias EctoLibSql.Remote.Functions

    setup do
      %{s: connect!()}
    end

    defp both(s, sql, params) do
      translated = Functions.translate(sql)
      refute translated =~ ~r/ecto_|ECTO_/
      {EctoLibSql.query(s, sql, params), EctoLibSql.query(s, translated, params)}
    end

    defp assert_same(s, sql, params) do
      case both(s, sql, params) do
        {{:ok, own}, {:ok, plain}} -> assert plain.rows == own.rows
        {{:error, _own}, {:error, _plain}} -> :ok
        {own, plain} -> flunk("#{sql} #{inspect(params)}: #{inspect(own)}, #{inspect(plain)}")
      end
    end

    defp two(number), do: number |> Integer.to_string() |> String.pad_leading(2, "0")

    defp datetime do
      gen all(
            year <- one_of([integer(0..9999), integer(1960..2030)]),
            month <- integer(1..12),
            day <- integer(1..31),
            day = min(day, Date.days_in_month(Date.new!(year, month, 1))),
            [hour, minute, second] <-
              fixed_list([integer(0..23), integer(0..59), integer(0..59)]),
            fraction <- one_of([constant(""), map(integer(0..999_999), &micro/1)]),
            form <- member_of([:date, :time])
          ) do
        date = Date.to_iso8601(Date.new!(year, month, day))

        if form == :date,
          do: date,
          else: "#{date}T#{two(hour)}:#{two(minute)}:#{two(second)}#{fraction}"
      end
    end

    defp micro(number), do: "." <> String.pad_leading(Integer.to_string(number), 6, "0")

    defp count do
      one_of([
        integer(-50..50),
        integer(-5_000_000..5_000_000),
        map(integer(-400..400), &(&1 / 4)),
        map(integer(-400..400), &Float.to_string(&1 / 4)),
        constant(nil),
        constant("x")
      ])
    end

    # What a number in a point may be written as.
    defp point do
      coordinate =
        one_of([
          map(integer(-200_000..200_000), &(&1 / 1000)),
          member_of([0, -90, 90, -180, 180, 1.0e-9, nil])
        ])

      one_of([
        map({coordinate, coordinate}, fn {a, b} -> "[#{a || "null"}, #{b || "null"}]" end),
        member_of([nil, "[1,2,3]", "here", ""])
      ])
    end

    property "distances are those here", %{s: s} do
      sql = "SELECT ecto_geo_distance(?1, ?2)"
      refute Functions.translate(sql) =~ "ecto_"

      check all(from <- point(), to <- point(), max_runs: 1_000) do
        case both(s, sql, [from, to]) do
          {{:ok, %{rows: [[nil]]}}, {:ok, plain}} -> assert plain.rows == [[nil]]
          {{:ok, own}, {:ok, plain}} -> assert_close(plain.rows, own.rows)
          {{:error, _own}, {:error, _plain}} -> :ok
          {own, plain} -> flunk("#{inspect([from, to])}: #{inspect(own)}, #{inspect(plain)}")
        end
      end
    end

    # Opposite each other, an error of the last bit is 0.1 m.
    defp assert_close([[plain]], [[own]]),
      do: assert_in_delta(plain, own, if(own > 19_900_000, do: 0.2, else: 0.001))

    property "dates and times are added to as they are here", %{s: s} do
      units = ~w(year month week day hour minute second millisecond microsecond)

      check all(
              value <- one_of([datetime(), constant(nil), constant("yesterday")]),
              count <- count(),
              unit <- member_of(units),
              precision <- member_of([0, 6]),
              max_runs: 1_000
            ) do
        assert_same(
          s,
          "SELECT ecto_datetime_add(?1, ?2, '#{unit}', #{precision}), ecto_date_add(?1, ?2, '#{unit}')",
          [value, count]
        )
      end
    end

    defp decimal do
      gen all(
            sign <- member_of(["", "-", "+"]),
            whole <- string(?0..?9, min_length: 1, max_length: 25),
            point <- member_of(["", "."]),
            fraction <- string(?0..?9, max_length: 25)
          ) do
        sign <> whole <> if(point == "", do: "", else: "." <> fraction)
      end
    end

    defp number do
      one_of([
        decimal(),
        member_of(~w(0 -0 0.00 1 1.0 -1 10 9 9.99 -9.99 -10)),
        integer(),
        constant(nil)
      ])
    end

    property "decimals compare and sort as they do here", %{s: s} do
      check all(numbers <- list_of(number(), min_length: 2, max_length: 6), max_runs: 300) do
        [left, right | _] = numbers
        # The collation is for text, as which decimals are stored.
        texts = Enum.map(numbers, &(&1 && to_string(&1)))
        assert_same(s, "SELECT ecto_decimal_cmp(?1, ?2), ecto_decimal_cmp(?2, ?1)", [left, right])
        values = Enum.map_join(1..length(numbers), ", ", &"(#{&1}, ?#{&1})")
        with_values = "WITH t(i, a) AS (VALUES #{values}) "

        for sql <- [
              "SELECT i FROM t ORDER BY t.a COLLATE ECTO_DECIMAL DESC, i",
              ~s|SELECT min(i), count(*) FROM t AS "t" GROUP BY "t"."a" COLLATE ECTO_DECIMAL ORDER BY 1|,
              "SELECT count(DISTINCT a COLLATE ECTO_DECIMAL) FROM t",
              "SELECT i, a COLLATE ECTO_DECIMAL IN (?1, ?2) FROM t ORDER BY i",
              "SELECT i, a COLLATE ECTO_DECIMAL IN () FROM t ORDER BY i",
              "SELECT i FROM t WHERE a COLLATE ECTO_DECIMAL IN (SELECT b.a FROM t AS b WHERE b.i <> t.i) ORDER BY i",
              "SELECT i FROM t WHERE (a COLLATE ECTO_DECIMAL IN (SELECT value FROM json_each('[\"1\", \"9.9\"]'))) ORDER BY i",
              "SELECT i, rank() OVER (PARTITION BY i > 2 ORDER BY a COLLATE ECTO_DECIMAL) FROM t ORDER BY i"
            ] do
          assert_same(s, with_values <> sql, texts)
        end
      end
    end

    test "what is calls within calls, in aggregates and beside names that look alike", %{s: s} do
      EctoLibSql.run(s, "CREATE TABLE t (at TEXT, price TEXT, ecto_date TEXT)")
      row = ["2026-01-31T10:00:00", "1.50", "it's"]
      EctoLibSql.run(s, "INSERT INTO t VALUES (?, ?, ?), ('2026-03-31T10:00:00', '10', 'x')", row)

      for sql <- [
            "SELECT ecto_date, 'ecto_date_add(1, ''COLLATE ECTO_DECIMAL' FROM t",
            "SELECT max(ecto_datetime_add(at, 1, 'month', 0)) FROM t",
            ~s|SELECT ecto_datetime_add(max("at"), 1, 'month', 0) FROM t|,
            "SELECT ecto_datetime_add(ecto_datetime_add(at, 1, 'month', 0), -1, 'day', 6) FROM t ORDER BY at",
            "SELECT DISTINCT price COLLATE ECTO_DECIMAL AS p FROM t WHERE ecto_decimal_cmp(price, '9.5') < 0",
            ~s|SELECT max(at) FROM t HAVING ecto_decimal_cmp(count("at"), 1) > 0|,
            "SELECT price FROM t ORDER BY (SELECT price) COLLATE ECTO_DECIMAL DESC LIMIT 1"
          ] do
        {own, plain} = {EctoLibSql.query!(s, sql), EctoLibSql.query!(s, Functions.translate(sql))}
        assert plain.rows == own.rows
      end
    end

    test "what a subquery would change is left to the server's error" do
      for sql <- [
            "SELECT ecto_decimal_cmp(count(*), 1) FROM t",
            "SELECT ecto_decimal_cmp(lag(a) OVER (ORDER BY a), 1) FROM t",
            "SELECT ecto_date_add(max(?1), 1, 'day') FROM t"
          ],
          do: assert(Functions.translate(sql) =~ ~r/ecto_/)
    end

    test "statements that mention none are left as they are" do
      sql = "SELECT 'a'  -- b\n FROM t WHERE decimal > 1"
      assert Functions.translate(sql) == sql
    end
  end
end
