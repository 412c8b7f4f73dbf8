if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.Types.Calendar do
    @moduledoc false
    # Dates and times as text: ISO 8601, one width per type, so that text order is time order.
    #
    # Read is more than is written: a space for the `T`, a `Z` or an offset, any number of
    # fractional digits, since SQLite's own functions and other programs write such. The stored
    # format itself is read and written by hand, in about 0.2 µs instead of the 1 to 3 µs that
    # NaiveDateTime and DateTime take: two timestamps come with most rows.

    # Four digits: with a sign or a fifth one text order would not be time order.
    @years 0..9999

    ## Dates

    @spec dump_date(Date.t() | nil) :: {:ok, String.t() | nil} | :error
    def dump_date(%Date{calendar: Calendar.ISO, year: year} = date) when year in @years,
      do: {:ok, date_text(date)}

    def dump_date(nil), do: {:ok, nil}
    def dump_date(_), do: :error

    @spec load_date(term()) :: {:ok, Date.t() | nil} | :error
    def load_date(<<date::10-bytes>>), do: ok(Date.from_iso8601(date))

    def load_date(<<date::10-bytes, separator, _::binary>>) when separator in ~c"T ",
      do: ok(Date.from_iso8601(date))

    def load_date(nil), do: {:ok, nil}
    def load_date(%Date{} = date), do: {:ok, date}
    def load_date(_), do: :error

    ## Times

    @spec dump_time(Time.t() | nil) :: {:ok, String.t() | nil} | :error
    def dump_time(%Time{calendar: Calendar.ISO} = time), do: {:ok, time_text(time)}
    def dump_time(nil), do: {:ok, nil}
    def dump_time(_), do: :error

    @spec load_time(term()) :: {:ok, Time.t() | nil} | :error
    def load_time(text) when is_binary(text), do: ok(Time.from_iso8601(text))
    def load_time(nil), do: {:ok, nil}
    def load_time(%Time{} = time), do: {:ok, time}
    def load_time(_), do: :error

    ## Dates with times

    @spec dump_datetime(NaiveDateTime.t() | DateTime.t() | nil) ::
            {:ok, String.t() | nil} | :error
    def dump_datetime(%DateTime{utc_offset: 0, std_offset: 0} = utc), do: datetime_text(utc)
    def dump_datetime(%NaiveDateTime{} = naive), do: datetime_text(naive)

    def dump_datetime(%DateTime{} = datetime),
      do: datetime |> DateTime.shift_zone!("Etc/UTC") |> datetime_text()

    def dump_datetime(nil), do: {:ok, nil}
    def dump_datetime(_), do: :error

    defp datetime_text(%{calendar: Calendar.ISO, year: year} = datetime) when year in @years,
      do: {:ok, <<date_text(datetime)::binary, ?T, time_text(datetime)::binary>>}

    defp datetime_text(_), do: :error

    @spec load_datetime(term()) :: {:ok, NaiveDateTime.t() | DateTime.t() | nil} | :error
    def load_datetime(text) when is_binary(text) do
      with :other <- load_stored(text), do: load_other(text)
    end

    def load_datetime(nil), do: {:ok, nil}

    def load_datetime(%struct{} = value) when struct in [NaiveDateTime, DateTime],
      do: {:ok, value}

    def load_datetime(_), do: :error

    @doc """
    The same for Ecto's own types, which need no further step.
    """
    @spec load_datetime(term(), atom()) :: {:ok, NaiveDateTime.t() | DateTime.t() | nil} | :error
    def load_datetime(<<_::19-bytes>> = text, type) when type in [:naive_datetime, :utc_datetime],
      do: load_own(text, type)

    def load_datetime(<<_::26-bytes>> = text, type)
        when type in [:naive_datetime_usec, :utc_datetime_usec],
        do: load_own(text, type)

    def load_datetime(value, type) do
      with {:ok, datetime} <- load_datetime(value), do: Ecto.Type.load(type, datetime)
    end

    defp load_own(text, type) do
      case fields(text) do
        {year, month, day, hour, minute, second, microsecond} ->
          if type in [:utc_datetime, :utc_datetime_usec],
            do: {:ok, utc(year, month, day, hour, minute, second, microsecond)},
            else: {:ok, naive(year, month, day, hour, minute, second, microsecond)}

        :other ->
          with {:ok, datetime} <- load_other(text), do: Ecto.Type.load(type, datetime)
      end
    end

    defp utc(year, month, day, hour, minute, second, microsecond) do
      %DateTime{
        year: year,
        month: month,
        day: day,
        hour: hour,
        minute: minute,
        second: second,
        microsecond: microsecond,
        time_zone: "Etc/UTC",
        zone_abbr: "UTC",
        utc_offset: 0,
        std_offset: 0
      }
    end

    defp naive(year, month, day, hour, minute, second, microsecond) do
      %NaiveDateTime{
        year: year,
        month: month,
        day: day,
        hour: hour,
        minute: minute,
        second: second,
        microsecond: microsecond
      }
    end

    defp load_stored(text) do
      case fields(text) do
        {year, month, day, hour, minute, second, microsecond} ->
          {:ok, naive(year, month, day, hour, minute, second, microsecond)}

        :other ->
          :other
      end
    end

    defguardp digit(a) when a in ?0..?9
    defguardp digits(a, b) when digit(a) and digit(b)
    defguardp digits(a, b, c, d) when digits(a, b) and digits(c, d)

    # The stored format's fields.
    defp fields(
           <<y1, y2, y3, y4, ?-, m1, m2, ?-, d1, d2, separator, h1, h2, ?:, n1, n2, ?:, s1, s2,
             fraction::binary>>
         )
         when separator in ~c"T " and digits(y1, y2, y3, y4) and digits(m1, m2, d1, d2) and
                digits(h1, h2, n1, n2) and digits(s1, s2) do
      {month, day, hour} = {number(m1, m2), number(d1, d2), number(h1, h2)}
      {minute, second} = {number(n1, n2), number(s1, s2)}
      year = number(y1, y2) * 100 + number(y3, y4)

      if hour < 24 and minute < 60 and second < 60 and month >= 1 and month <= 12 and day >= 1 and
           (day <= 28 or day <= last_day(year, month)),
         do: fields(year, month, day, hour, minute, second, fraction),
         else: :other
    end

    defp fields(_text), do: :other

    defp fields(year, month, day, hour, minute, second, ""),
      do: {year, month, day, hour, minute, second, {0, 0}}

    defp fields(year, month, day, hour, minute, second, <<?., a, b, c, d, e, f>>)
         when digits(a, b, c, d) and digits(e, f) do
      part = number(a, b) * 10_000 + number(c, d) * 100 + number(e, f)
      {year, month, day, hour, minute, second, {part, 6}}
    end

    defp fields(_year, _month, _day, _hour, _minute, _second, _fraction), do: :other

    # Not `day in 1..last_day`: a range that is no literal is a call of a protocol.
    defp last_day(year, 2), do: if(:calendar.is_leap_year(year), do: 29, else: 28)
    defp last_day(_year, month) when month in [4, 6, 9, 11], do: 30
    defp last_day(_year, _month), do: 31

    # A date alone is its midnight, as SQLite's functions take it.
    defp load_other(<<date::10-bytes>>), do: load_other(date <> "T00:00:00")

    defp load_other(text) do
      case DateTime.from_iso8601(text) do
        {:ok, datetime, _offset} -> {:ok, datetime}
        {:error, :missing_offset} -> ok(NaiveDateTime.from_iso8601(text))
        {:error, _} -> :error
      end
    end

    ## Durations, which Elixir has since 1.17

    if Code.ensure_loaded?(Duration) do
      @spec dump_duration(Duration.t() | nil) :: {:ok, String.t() | nil} | :error
      def dump_duration(nil), do: {:ok, nil}
      def dump_duration(%Duration{} = duration), do: {:ok, Duration.to_iso8601(duration)}
      def dump_duration(_), do: :error

      @spec load_duration(term()) :: {:ok, Duration.t() | nil} | :error
      def load_duration(nil), do: {:ok, nil}
      def load_duration(text) when is_binary(text), do: ok(Duration.from_iso8601(text))
      def load_duration(%Duration{} = duration), do: {:ok, duration}
      def load_duration(_), do: :error
    else
      @spec dump_duration(term()) :: {:ok, nil} | :error
      def dump_duration(nil), do: {:ok, nil}
      def dump_duration(_), do: :error

      @spec load_duration(term()) :: {:ok, nil} | :error
      def load_duration(nil), do: {:ok, nil}
      def load_duration(_), do: :error
    end

    ## Text

    defp date_text(%{year: year, month: month, day: day}) do
      {century, year} = {div(year, 100), rem(year, 100)}

      <<tens(century), ones(century), tens(year), ones(year), ?-, tens(month), ones(month), ?-,
        tens(day), ones(day)>>
    end

    defp time_text(%{hour: hour, minute: minute, second: second, microsecond: {part, precision}}) do
      time =
        <<tens(hour), ones(hour), ?:, tens(minute), ones(minute), ?:, tens(second), ones(second)>>

      if precision == 0, do: time, else: <<time::binary, ?., fraction(part)::binary>>
    end

    defp fraction(microsecond) do
      {high, low} = {div(microsecond, 1000), rem(microsecond, 1000)}

      <<hundreds(high), tens(rem(high, 100)), ones(high), hundreds(low), tens(rem(low, 100)),
        ones(low)>>
    end

    @compile {:inline, hundreds: 1, tens: 1, ones: 1, number: 2}
    defp hundreds(number), do: div(number, 100) + ?0
    defp tens(number), do: div(number, 10) + ?0
    defp ones(number), do: rem(number, 10) + ?0

    defp number(tens, ones), do: (tens - ?0) * 10 + ones - ?0

    defp ok({:ok, _} = ok), do: ok
    defp ok({:error, _}), do: :error
  end
end
