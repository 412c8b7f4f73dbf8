if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.DDL.Default do
    @moduledoc false
    # A column's default as the literal of what the adapter would store for it.

    alias Ecto.Adapters.LibSql.DDL.Columns

    import EctoLibSql.Identifier, only: [quote_text: 1]

    @max_integer 0x7FFF_FFFF_FFFF_FFFF
    @units ~w(year month week day hour minute second)

    @doc """
    The DEFAULT clause, with a space before it; nothing without a default.
    """
    @spec clause(keyword(), term()) :: iodata()
    def clause(opts, type) do
      case Keyword.fetch(opts, :default) do
        {:ok, default} -> [" DEFAULT ", literal(default, type)]
        :error -> []
      end
    end

    @doc """
    The default's value, for statements that set it; NULL without a default.
    """
    @spec value(keyword(), term()) :: iodata()
    def value(opts, type), do: literal(opts[:default], Columns.storage_type(type))

    @doc """
    The literal of a default.
    """
    @spec literal(term(), term()) :: iodata()
    def literal(nil, _type), do: "NULL"

    def literal({:fragment, expression}, _type) when is_binary(expression),
      do: [?(, expression, ?)]

    def literal(true, _type), do: "1"
    def literal(false, _type), do: "0"

    def literal(number, type) when is_number(number) do
      cond do
        type in [:decimal, :numeric] -> number |> decimal_text() |> quote_text()
        is_float(number) -> Float.to_string(number)
        abs(number) <= @max_integer -> Integer.to_string(number)
        true -> unknown!(number, type, "it does not fit into 64 bits")
      end
    end

    if Code.ensure_loaded?(Decimal) do
      def literal(%Decimal{coef: coef} = decimal, type) when is_integer(coef) do
        text = Decimal.to_string(decimal, :normal)
        if type in [:decimal, :numeric, :string, :text], do: quote_text(text), else: text
      end
    end

    def literal(%Date{} = date, _type), do: date |> Date.to_iso8601() |> quote_text()
    def literal(%Time{} = time, type), do: time |> precise(type) |> iso(Time)
    def literal(%NaiveDateTime{} = time, type), do: time |> precise(type) |> iso(NaiveDateTime)

    def literal(%DateTime{} = time, type) do
      time |> DateTime.shift_zone!("Etc/UTC") |> DateTime.to_naive() |> literal(type)
    end

    if Code.ensure_loaded?(Duration) do
      def literal(%Duration{} = duration, _type),
        do: duration |> Duration.to_iso8601() |> quote_text()

      def literal(text, :duration) when is_binary(text) do
        case Duration.from_iso8601(text) do
          {:ok, duration} -> literal(duration, :duration)
          {:error, _reason} -> text |> interval() |> literal(:duration)
        end
      end
    end

    def literal(value, :bitstring) when is_bitstring(value), do: dumped(value, :bitstring)

    def literal(binary, type) when is_binary(binary) and type in [:binary, :blob],
      do: blob(binary)

    def literal(text, type) when is_binary(text) do
      cond do
        not String.valid?(text) ->
          unknown!(text, type, "text is UTF-8; bytes take the type :binary")

        # SQLite would stop reading at a NUL.
        String.contains?(text, <<0>>) ->
          ["(CAST(", blob(text), " AS TEXT))"]

        true ->
          quote_text(text)
      end
    end

    def literal(%module{} = value, type) do
      unknown!(value, type, "there is no literal for a #{inspect(module)}")
    end

    def literal(value, :map) when is_map(value), do: json(value)
    def literal(value, {:map, _}) when is_map(value), do: json(value)
    def literal(value, {:array, _}) when is_list(value), do: json(value)

    def literal(value, type) do
      unknown!(
        value,
        type,
        "it takes a string, a number, a boolean, nil, a Decimal, a date or time, a map for :map, " <>
          "a list for {:array, _}, or fragment(\"...\")"
      )
    end

    defp unknown!(value, type, reason) do
      raise ArgumentError,
            "default: #{inspect(value)} for the type #{inspect(type)}: #{reason}"
    end

    defp blob(binary), do: ["X'", Base.encode16(binary), ?']

    defp json(value), do: value |> Ecto.Adapters.LibSql.Types.encode_json!() |> quote_text()

    defp decimal_text(number) when is_integer(number), do: Integer.to_string(number)
    defp decimal_text(number), do: number |> Decimal.from_float() |> Decimal.to_string(:normal)

    defp dumped(value, type) do
      case Ecto.Adapters.LibSql.Types.dump_literal(type, value) do
        {:ok, {:blob, binary}} -> blob(binary)
        :error -> unknown!(value, type, "it cannot be stored")
      end
    end

    ## Date and time

    defp iso(time, module), do: time |> module.to_iso8601() |> quote_text()

    # Every value of a type is stored in one width.
    defp precise(%module{microsecond: {microsecond, _}} = time, type) do
      if type in [:time_usec, :naive_datetime_usec, :utc_datetime_usec],
        do: %{time | microsecond: {microsecond, 6}},
        else: module.truncate(time, :second)
    end

    # An interval as other databases write it, such as "10 MONTH".
    defp interval(text) do
      with [_, count, unit] <- Regex.run(~r/\A\s*(-?\d+)\s+(\w+?)S?\s*\z/i, text),
           unit = String.downcase(unit),
           true <- unit in @units do
        Duration.new!([{String.to_existing_atom(unit), String.to_integer(count)}])
      else
        _ -> unknown!(text, :duration, "it takes an ISO 8601 duration, such as \"P10M\"")
      end
    end
  end
end
