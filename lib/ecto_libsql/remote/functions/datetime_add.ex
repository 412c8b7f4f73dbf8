defmodule EctoLibSql.Remote.Functions.DatetimeAdd do
  @moduledoc false
  # `ecto_datetime_add` and `ecto_date_add` in plain SQL, as Postgres adds an interval: months first,
  # where a day that the month does not have becomes its last one, then the rest in microseconds.
  # Values are the texts that Ecto writes. json(v || '?') is an error: of what is no date or time, and of a
  # sum that is not within the years 0 to 9999.

  @units %{
    "week" => 604_800_000_000,
    "day" => 86_400_000_000,
    "hour" => 3_600_000_000,
    "minute" => 60_000_000,
    "second" => 1_000_000,
    "millisecond" => 1_000,
    "microsecond" => 1
  }
  @month 30 * 86_400_000_000

  @first_microsecond -62_167_219_200_000_000
  @last_microsecond 253_402_300_799_999_999

  @text "strftime('%Y-%m-%dT%H:%M:%S', (t - u) / 1000000, 'unixepoch')"

  @spec datetime(iodata(), iodata(), iodata(), iodata()) :: iodata()
  def datetime(value, count, unit, precision) do
    fraction = if text(precision) == "6", do: " || '.' || printf('%06d', u)", else: ""
    sum("iif(length(v) = 10, substr(#{@text}, 1, 10), #{@text}#{fraction})", value, count, unit)
  end

  @spec date(iodata(), iodata(), iodata()) :: iodata()
  def date(value, count, unit), do: sum("substr(#{@text}, 1, 10)", value, count, unit)

  # `v` is the value, `n` the count, `m` the value with the months, `d` the microseconds to add, `t` the
  # sum in microseconds since 1970, `u` those of its second.
  defp sum(answer, value, count, unit) do
    {months, microseconds} = unit |> text() |> String.trim("'") |> parts()

    [
      ["(SELECT CASE WHEN v IS NULL OR n IS NULL THEN NULL WHEN t BETWEEN "],
      [
        "#{@first_microsecond} AND #{@last_microsecond} THEN ",
        answer,
        " ELSE json(v || '?') END FROM "
      ],
      ["(SELECT v, n, t, (t % 1000000 + 1000000) % 1000000 AS u FROM "],
      ["(SELECT v, n, unixepoch(substr(m, 1, 19)) * 1000000 + "],
      ["CAST(substr(substr(m, 21) || '000000', 1, 6) AS INTEGER) + d AS t FROM "],
      ["(SELECT v, n, ", months, " AS m, ", microseconds, " AS d FROM "],
      ["(SELECT v, iif(CAST(n AS TEXT) GLOB '*[^0-9.eE+-]*', json(v || '?'), n) AS n FROM "],
      ["(SELECT rtrim(", value, ", 'Zz') AS v, ", count, " AS n) "],
      ["WHERE v IS NULL OR length(v) < 20 OR substr(v, 20, 1) = '.' OR json(v || '?'))))))"]
    ]
  end

  defp parts("year"), do: {months("CAST(round(n * 12) AS INTEGER)"), "0"}

  defp parts("month") do
    rest = "CAST(round((n - CAST(n AS INTEGER)) * #{@month}) AS INTEGER)"
    {months("CAST(n AS INTEGER)"), "iif(typeof(n) = 'integer', 0, #{rest})"}
  end

  defp parts(unit) do
    case Map.fetch(@units, unit) do
      {:ok, size} ->
        {"v", "iif(typeof(n) = 'integer', n * #{size}, CAST(round(n * #{size}) AS INTEGER))"}

      :error ->
        {"v", "json(v || '?')"}
    end
  end

  # The first of the month, and in it the value's day, or the last one.
  defp months(count) do
    first = "date(substr(v, 1, 10), 'start of month', #{count} || ' months')"
    last = "CAST(strftime('%d', #{first}, '+1 month', '-1 day') AS INTEGER)"
    day = "min(CAST(substr(v, 9, 2) AS INTEGER), #{last})"
    "(substr(#{first}, 1, 8) || printf('%02d', #{day}) || substr(v, 11))"
  end

  defp text(sql), do: sql |> IO.iodata_to_binary() |> String.trim()
end
