if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.DDL.Default do
    @moduledoc false
    # A column's default as the literal of what the adapter would store for it.

    alias Ecto.Adapters.LibSql.DDL.Columns
    alias Ecto.Adapters.LibSql.Types
    alias EctoLibSql.JSON.Term

    import EctoLibSql.Identifier, only: [quote_text: 1]

    @max_integer 0x7FFF_FFFF_FFFF_FFFF

    @doc """
    The DEFAULT clause, with a space before it; nothing without a default.
    """
    @spec clause(keyword(), term()) :: iodata()
    def clause(opts, type) do
      case Keyword.fetch(opts, :default) do
        {:ok, default} -> [" DEFAULT ", literal(default, form(type, opts))]
        :error -> []
      end
    end

    @doc """
    The default's value, for statements that set it; NULL without a default.
    """
    @spec value(keyword(), term()) :: iodata()
    def value(opts, type), do: literal(opts[:default], form(Columns.storage_type(type), opts))

    # Types of which a repo chooses the form in which they are stored.
    defp form(type, opts) do
      case type do
        uuid when uuid in [:uuid, :binary_id] ->
          if opts[:uuid_type] == :binary, do: :raw_uuid, else: :uuid

        {:array, _} ->
          {opts[:array_type] || :string, :array}

        map when map in [:map, :json] ->
          {opts[:map_type] || :string, :map}

        {:map, _} ->
          {opts[:map_type] || :string, :map}

        :jsonb ->
          {:binary, :jsonb}

        type ->
          type
      end
    end

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

    def literal(bits, :bitstring) when is_bitstring(bits),
      do: bits |> Types.encode_bitstring() |> blob()

    def literal(text, :raw_uuid) when is_binary(text) do
      case Ecto.UUID.dump(text) do
        {:ok, raw} -> blob(raw)
        :error -> unknown!(text, :binary_id, "it is no UUID")
      end
    end

    def literal(binary, type) when is_binary(binary) and type in [:binary, :blob],
      do: blob(binary)

    # JSON as it is to be stored.
    def literal(text, {:binary, _}) when is_binary(text), do: ["(jsonb(", quote_text(text), "))"]

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

    def literal(value, {form, :map}) when is_map(value), do: json(value, form)
    def literal(value, {form, :array}) when is_list(value), do: json(value, form)

    def literal(value, {form, :jsonb}) when is_map(value) or is_list(value),
      do: json(value, form)

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

    defp json(value, form), do: value |> Term.encode!() |> literal({form, :json})

    defp decimal_text(number) when is_integer(number), do: Integer.to_string(number)
    defp decimal_text(number), do: number |> Decimal.from_float() |> Decimal.to_string(:normal)

    ## Date and time

    defp iso(time, module), do: time |> module.to_iso8601() |> quote_text()

    # Every value of a type is stored in one width.
    defp precise(%module{microsecond: {microsecond, _}} = time, type) do
      if type in [:time_usec, :naive_datetime_usec, :utc_datetime_usec],
        do: %{time | microsecond: {microsecond, 6}},
        else: module.truncate(time, :second)
    end

    if Code.ensure_loaded?(Duration) do
      # An interval as other databases write it, such as "10 MONTH".
      defp interval(text) do
        with [_, count, unit] <- Regex.run(~r/\A\s*(-?\d+)\s+(\w+?)S?\s*\z/i, text),
             unit = String.downcase(unit),
             true <- unit in ~w(year month week day hour minute second) do
          Duration.new!([{String.to_existing_atom(unit), String.to_integer(count)}])
        else
          _ -> unknown!(text, :duration, "it takes an ISO 8601 duration, such as \"P10M\"")
        end
      end
    end
  end
end
