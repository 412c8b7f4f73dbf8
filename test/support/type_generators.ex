if Code.ensure_loaded?(StreamData) do
  defmodule EctoLibSql.TypeGenerators do
    @moduledoc false
    # Values of every Ecto type, with more than their share of edges.

    import ExUnitProperties, only: [gen: 2]
    import StreamData

    def value(:integer) do
      one_of([
        integer(),
        integer(-0x8000000000000000..0x7FFFFFFFFFFFFFFF),
        member_of([0, -1, 0x7FFFFFFFFFFFFFFF, -0x8000000000000000])
      ])
    end

    def value(:float) do
      one_of([
        float(),
        member_of([0.0, 0.1, 1.0e308, 5.0e-324, -1.5, 123_456_789.123456789, :inf, :"-inf"])
      ])
    end

    def value(:boolean), do: boolean()

    def value(:decimal) do
      gen all(
            digits <- integer(0..45),
            coefficient <- integer(0..Integer.pow(10, digits)),
            exponent <- integer(-25..0),
            sign <- member_of([1, -1])
          ) do
        %Decimal{sign: sign, coef: coefficient, exp: exponent}
      end
    end

    def value(:string), do: one_of([string(:printable), string([0..127]), string(:utf8)])
    def value(:binary), do: one_of([binary(), string(:ascii), string([0..3])])
    def value(:bitstring), do: bitstring()
    def value(:binary_id), do: value(:uuid)
    def value(:uuid), do: map(binary(length: 16), &elem(Ecto.UUID.load(&1), 1))
    def value(:raw_uuid), do: map(binary(length: 16), &{"raw", &1})

    def value(:date) do
      one_of([
        map(integer(0..3_652_424), &Date.from_gregorian_days/1),
        member_of([~D[0000-01-01], ~D[9999-12-31], ~D[2000-02-29], ~D[1970-01-01]])
      ])
    end

    def value(:time), do: map(integer(0..86_399), &Time.from_seconds_after_midnight/1)

    def value(:time_usec) do
      gen all(second <- integer(0..86_399), microsecond <- integer(0..999_999)) do
        Time.from_seconds_after_midnight(second, {microsecond, 6})
      end
    end

    def value(:naive), do: map(second(), &NaiveDateTime.from_gregorian_seconds/1)

    def value(:naive_usec) do
      gen all(second <- second(), microsecond <- microsecond()) do
        NaiveDateTime.from_gregorian_seconds(second, {microsecond, 6})
      end
    end

    def value(:utc), do: map(value(:naive), &DateTime.from_naive!(&1, "Etc/UTC"))
    def value(:utc_usec), do: map(value(:naive_usec), &DateTime.from_naive!(&1, "Etc/UTC"))

    def value(:duration) do
      gen all(
            units <-
              fixed_map(
                Map.new(~w(year month week day hour minute second)a, &{&1, integer(-100..100)})
              ),
            precision <- integer(0..6),
            part <- integer(0..999_999)
          ) do
        # Seconds and their fraction have one sign in ISO 8601, and digits past the precision
        # would be lost.
        step = Integer.pow(10, 6 - precision)
        part = if precision == 0, do: 0, else: div(part, step) * step
        part = if units.second < 0, do: -part, else: part
        struct!(Duration, Map.put(units, :microsecond, {part, precision}))
      end
    end

    def value(:map), do: map_of(string(:printable), json(), max_length: 4)
    def value(:floats), do: map_of(string(:alphanumeric), float(), max_length: 4)
    def value(:integers), do: list_of(or_nil(integer()), max_length: 6)
    def value(:nested), do: list_of(list_of(integer(), max_length: 3), max_length: 3)
    def value(:decimals), do: list_of(or_nil(value(:decimal)), max_length: 4)
    def value(:binaries), do: list_of(or_nil(binary()), max_length: 4)
    def value(:bitstrings), do: list_of(or_nil(bitstring()), max_length: 4)
    def value(:uuids), do: list_of(value(:uuid), max_length: 4)
    def value(:times), do: list_of(value(:utc_usec), max_length: 4)
    def value(:maps), do: list_of(value(:map), max_length: 3)

    def value(:shouts),
      do: list_of(map(string(?a..?z), &{"shout", &1}), max_length: 4)

    def value(:shout_map),
      do: map_of(string(?a..?z), map(string(?a..?z), &{"shout", &1}), max_length: 4)

    def value(:any_enum), do: member_of([:red, :green])
    def value(:int_enum), do: member_of([:low, :high])
    def value(:enums), do: list_of(member_of([:a, :b]), max_length: 4)

    @doc "What JSON can hold."
    def json do
      tree(
        one_of([integer(), float(), boolean(), constant(nil), string(:printable)]),
        &one_of([
          list_of(&1, max_length: 3),
          map_of(string(:printable), &1, max_length: 3)
        ])
      )
    end

    def or_nil(generator), do: frequency([{4, generator}, {1, constant(nil)}])

    defp second do
      one_of([
        integer(0..315_569_519_999),
        member_of([0, 315_569_519_999, 62_167_219_200, 63_886_363_199])
      ])
    end

    defp microsecond, do: one_of([integer(0..999_999), member_of([0, 1, 999_999, 100_000])])
  end
end
