if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.Types.Calendar do
    @moduledoc false
    # Dates and times as text: ISO 8601, one width per type, so that text order is time order.
    #
    # Read is more than is written: a space for the `T`, a `Z` or an offset, any number of
    # fractional digits, since SQLite's own functions and other programs write such.

    # Four digits: with a sign or a fifth one text order would not be time order.
    @years 0..9999

    @spec dump_date(Date.t() | nil) :: {:ok, String.t() | nil} | :error
    def dump_date(nil), do: {:ok, nil}

    def dump_date(%Date{calendar: Calendar.ISO, year: year} = date) when year in @years,
      do: {:ok, Date.to_iso8601(date)}

    def dump_date(_), do: :error

    @spec load_date(term()) :: {:ok, Date.t() | nil} | :error
    def load_date(nil), do: {:ok, nil}
    def load_date(%Date{} = date), do: {:ok, date}
    def load_date(<<date::10-bytes>>), do: ok(Date.from_iso8601(date))

    def load_date(<<date::10-bytes, separator, _::binary>>) when separator in ~c"T ",
      do: ok(Date.from_iso8601(date))

    def load_date(_), do: :error

    @spec dump_time(Time.t() | nil) :: {:ok, String.t() | nil} | :error
    def dump_time(nil), do: {:ok, nil}

    def dump_time(%Time{calendar: Calendar.ISO} = time),
      do: {:ok, time |> one_width() |> Time.to_iso8601()}

    def dump_time(_), do: :error

    @spec load_time(term()) :: {:ok, Time.t() | nil} | :error
    def load_time(nil), do: {:ok, nil}
    def load_time(%Time{} = time), do: {:ok, time}
    def load_time(text) when is_binary(text), do: ok(Time.from_iso8601(text))
    def load_time(_), do: :error

    @spec dump_datetime(NaiveDateTime.t() | DateTime.t() | nil) ::
            {:ok, String.t() | nil} | :error
    def dump_datetime(nil), do: {:ok, nil}

    def dump_datetime(%DateTime{utc_offset: 0, std_offset: 0} = datetime),
      do: datetime |> DateTime.to_naive() |> dump_datetime()

    def dump_datetime(%DateTime{} = datetime),
      do: datetime |> DateTime.shift_zone!("Etc/UTC") |> dump_datetime()

    def dump_datetime(%NaiveDateTime{calendar: Calendar.ISO, year: year} = naive)
        when year in @years,
        do: {:ok, naive |> one_width() |> NaiveDateTime.to_iso8601()}

    def dump_datetime(_), do: :error

    @spec load_datetime(term()) :: {:ok, NaiveDateTime.t() | DateTime.t() | nil} | :error
    def load_datetime(nil), do: {:ok, nil}

    def load_datetime(%struct{} = value) when struct in [NaiveDateTime, DateTime],
      do: {:ok, value}

    # A date alone is its midnight, as SQLite's functions take it.
    def load_datetime(<<date::10-bytes>>), do: load_datetime(date <> "T00:00:00")

    def load_datetime(text) when is_binary(text) do
      case DateTime.from_iso8601(text) do
        {:ok, datetime, _offset} -> {:ok, datetime}
        {:error, :missing_offset} -> ok(NaiveDateTime.from_iso8601(text))
        {:error, _} -> :error
      end
    end

    def load_datetime(_), do: :error

    defp one_width(%{microsecond: {_, 0}} = time), do: time

    defp one_width(%{microsecond: {microsecond, _}} = time),
      do: %{time | microsecond: {microsecond, 6}}

    # Elixir has durations since 1.17.
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

    defp ok({:ok, _} = ok), do: ok
    defp ok({:error, _}), do: :error
  end
end
