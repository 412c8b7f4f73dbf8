defmodule Ecto.Adapters.LibSql.Types.DatetimeTest do
  use EctoLibSql.TypesCase
  use ExUnitProperties

  import EctoLibSql.TypeGenerators, only: [value: 1]

  alias EctoLibSql.Test.Mode

  @fields [:date, :time, :time_usec, :naive, :naive_usec, :utc, :utc_usec]

  for field <- @fields do
    property "#{field}: order in SQL is order in Elixir" do
      check all(values <- list_of(value(unquote(field)), max_length: 10), max_runs: Mode.runs(40)) do
        Repo.delete_all(Thing)
        Repo.insert_all(Thing, Enum.map(values, &%{unquote(field) => &1}))
        query = from(t in Thing, order_by: t.unquote(field), select: t.unquote(field))
        assert Repo.all(query) == Enum.sort(values, module(unquote(field)))

        if values != [] do
          [pivot | _] = values
          query = from(t in Thing, where: t.unquote(field) < ^pivot)

          assert Repo.aggregate(query, :count) ==
                   Enum.count(values, &(module(unquote(field)).compare(&1, pivot) == :lt))

          assert Repo.aggregate(Thing, :max, unquote(field)) ==
                   Enum.max(values, module(unquote(field)))
        end
      end
    end
  end

  defp module(:date), do: Date
  defp module(time) when time in [:time, :time_usec], do: Time
  defp module(naive) when naive in [:naive, :naive_usec], do: NaiveDateTime
  defp module(_), do: DateTime

  describe "ago and from_now" do
    @units ~w(year month week day hour minute second millisecond microsecond)

    setup do
      now = DateTime.utc_now()

      Repo.insert!(%Thing{
        utc: DateTime.truncate(now, :second),
        utc_usec: %{now | microsecond: {elem(now.microsecond, 0), 6}},
        naive: now |> DateTime.to_naive() |> NaiveDateTime.truncate(:second),
        naive_usec: DateTime.to_naive(%{now | microsecond: {elem(now.microsecond, 0), 6}}),
        date: DateTime.to_date(now)
      })

      :ok
    end

    for field <- [:utc, :utc_usec, :naive, :naive_usec] do
      test "compare rightly with #{field}" do
        for unit <- @units -- ~w(millisecond microsecond) do
          assert Repo.exists?(from(t in Thing, where: t.unquote(field) > ago(2, ^unit)))
          refute Repo.exists?(from(t in Thing, where: t.unquote(field) > from_now(2, ^unit)))
          assert Repo.exists?(from(t in Thing, where: t.unquote(field) < from_now(2, ^unit)))
        end
      end
    end

    test "compare rightly within the same second" do
      for unit <- ~w(millisecond microsecond) do
        # What was written a moment ago is before now, and not before long ago.
        assert Repo.exists?(from(t in Thing, where: t.utc_usec < from_now(1, ^unit)))
        assert Repo.exists?(from(t in Thing, where: t.utc_usec > ago(100_000_000_000, ^unit)))
      end
    end
  end

  describe "ecto_datetime_add" do
    defp add(text, count, unit, precision) do
      sql = "SELECT ecto_datetime_add(?, ?, '#{unit}', #{precision})"
      %{rows: [[value]]} = Repo.query!(sql, [text, count])
      value
    end

    # Elixir has it since 1.17.
    if Code.ensure_loaded?(NaiveDateTime) and function_exported?(NaiveDateTime, :shift, 2) do
      # The error of plain SQL, which a server is given, cannot say it.
      @out_of_range if Mode.mode() == :remote, do: ~r/malformed JSON/, else: ~r/years 0 to 9999/

      property "is Elixir's shift" do
        check all(
                naive <- value(:naive_usec),
                unit <- member_of(~w(year month week day hour minute second)a),
                count <- integer(-5000..5000)
              ) do
          expected = NaiveDateTime.shift(naive, [{unit, count}])
          text = NaiveDateTime.to_iso8601(naive)

          if expected.year in 0..9999 do
            assert add(text, count, Atom.to_string(unit), 6) == NaiveDateTime.to_iso8601(expected)
          else
            assert_raise EctoLibSql.Error, @out_of_range, fn ->
              add(text, count, Atom.to_string(unit), 6)
            end
          end
        end
      end
    end

    test "writes the stored format, whichever is read" do
      for text <- [
            "2026-11-21T13:05:00",
            "2026-11-21 13:05:00",
            "2026-11-21T13:05:00.000000",
            "2026-11-21T13:05:00Z",
            "2026-11-21T14:05:00+01:00"
          ] do
        assert add(text, 1, "second", 0) == "2026-11-21T13:05:01"
        assert add(text, 1, "microsecond", 6) == "2026-11-21T13:05:00.000001"
      end
    end

    test "a date stays a date, NULL stays NULL" do
      assert add("2024-01-31", 1, "month", 0) == "2024-02-29"
      assert add(nil, 1, "day", 0) == nil
      assert add("2024-01-31", nil, "day", 0) == nil
    end

    test "says what is wrong" do
      for {args, message} <- [
            {["x", 1, "day", 0], ~r/'x' is no date or time/},
            {["2024-02-30", 1, "day", 0], ~r/'2024-02-30' is no date or time/},
            {["2024-02-01", 1, "days", 0], ~r/'days' is no unit of time/},
            {["2024-02-01", "many", "day", 0], ~r/'many' is no decimal number/},
            {["2024-02-01", 1, "day", 3], ~r/precision/}
          ] do
        assert_raise EctoLibSql.Error, message, fn -> apply(&add/4, args) end
      end
    end
  end

  test "SQLite's own datetime() has another format, which fields read and comparisons do not" do
    Repo.insert!(%Thing{id: 1, utc: ~U[2026-11-21 13:05:00Z]})

    assert [~U[2026-11-21 13:05:00Z]] =
             Repo.all(
               from(t in Thing, select: type(fragment("datetime(?)", t.utc), :utc_datetime))
             )

    # In the stored format with strftime:
    query =
      from(t in Thing,
        where: t.utc == fragment("strftime('%Y-%m-%dT%H:%M:%S', ?)", ^"2026-11-21 13:05:00")
      )

    assert Repo.exists?(query)
  end
end
