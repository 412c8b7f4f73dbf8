if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.TypedColumn do
    @moduledoc false
    # Columns that a query calculates: Ecto does not know their type, and SQLite has no declared one
    # for them. The generator, which knows it, gives such a column a name that ends in the type.
    #
    # JSON paths come as JSON text, since SQL has neither booleans nor objects.

    alias Ecto.Adapters.LibSql.Types.{Calendar, DecimalText, Json}
    alias EctoLibSql.Result

    @json "->"
    @names [
      boolean: "::boolean",
      decimal: "::decimal",
      date: "::date",
      time: "::time",
      time_usec: "::time",
      naive_datetime: "::datetime",
      naive_datetime_usec: "::datetime",
      utc_datetime: "::datetime",
      utc_datetime_usec: "::datetime",
      map: @json
    ]

    @doc "What the name of a column of that type ends in, `nil` for a type that needs no decoding."
    @spec suffix(term()) :: String.t() | nil
    def suffix({kind, _}) when kind in [:array, :map], do: @json
    def suffix(type) when is_atom(type), do: @names[type]
    def suffix(_type), do: nil

    @doc """
    Whether SQL can have such a column: a text that is looked for once, not in every result.
    """
    @spec in?(String.t()) :: boolean()
    def in?(sql), do: :binary.match(sql, ["::", "->\""]) != :nomatch

    @doc "A result with such columns decoded."
    @spec decode(Result.t() | [Result.t()]) :: Result.t() | [Result.t()]
    def decode(%Result{columns: [_ | _] = columns, rows: [_ | _] = rows} = result) do
      decoders = Enum.map(columns, &decoder/1)

      if Enum.any?(decoders),
        do: %{result | rows: Enum.map(rows, &row(&1, decoders))},
        else: result
    end

    def decode(result), do: result

    # On the way of every result: the last byte says that most names are none of these.
    defp decoder(name) when is_binary(name) and name != "" do
      case :binary.last(name) do
        ?> -> if String.ends_with?(name, @json), do: &Json.decode/1
        last when last in ~c"nle" -> by_type(name)
        _ -> nil
      end
    end

    defp decoder(_name), do: nil

    defp by_type(name) do
      case :binary.split(name, "::") do
        [_, "boolean"] -> &boolean/1
        [_, "decimal"] -> &DecimalText.load/1
        [_, "date"] -> &Calendar.load_date/1
        [_, "time"] -> &Calendar.load_time/1
        [_, "datetime"] -> &datetime/1
        _ -> nil
      end
    end

    defp row([cell | cells], [nil | decoders]), do: [cell | row(cells, decoders)]

    defp row([cell | cells], [decoder | decoders]),
      do: [cell(cell, decoder) | row(cells, decoders)]

    defp row([], []), do: []

    defp cell(nil, _decoder), do: nil

    # A value of another type, which only SQL that the query brings along can give, stays.
    defp cell(cell, decoder) do
      case decoder.(cell) do
        {:ok, value} -> value
        :error -> cell
      end
    end

    defp boolean(0), do: {:ok, false}
    defp boolean(1), do: {:ok, true}
    defp boolean(_), do: :error

    # Without a zone, as other databases answer it.
    defp datetime(text) do
      case Calendar.load_datetime(text) do
        {:ok, %DateTime{} = datetime} -> {:ok, DateTime.to_naive(datetime)}
        other -> other
      end
    end
  end
end
