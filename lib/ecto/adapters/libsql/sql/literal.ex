if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.SQL.Literal do
    @moduledoc false
    # Values that stand in the query itself.

    alias Ecto.Adapters.LibSql.SQL.{QueryError, Scope}

    @spec expr(term(), Scope.t()) :: iodata()
    def expr(nil, _scope), do: "NULL"
    def expr(true, _scope), do: "TRUE"
    def expr(false, _scope), do: "FALSE"
    def expr(text, _scope) when is_binary(text), do: text(text)

    def expr(integer, scope) when is_integer(integer) do
      # SQLite takes a longer one for a float.
      if integer not in -0x8000000000000000..0x7FFFFFFFFFFFFFFF do
        QueryError.raise_error(scope, "the integer #{integer} does not fit into 64 bits")
      end

      Integer.to_string(integer)
    end

    def expr(float, _scope) when is_float(float), do: Float.to_string(float)
    def expr(:inf, _scope), do: "9e999"
    def expr(:"-inf", _scope), do: "-9e999"
    def expr({:blob, bytes}, _scope), do: blob(bytes)
    def expr({:json, json}, _scope), do: text(json)
    def expr({:jsonb, json}, _scope), do: ["jsonb(", text(json), ?)]

    def expr({:uuid, _}, scope) do
      QueryError.raise_error(
        scope,
        "a literal UUID cannot stand in a query, as its form is the repo's choice: " <>
          "interpolate it with ^"
      )
    end

    def expr(%{__struct__: Decimal} = decimal, _scope), do: decimal |> decimal() |> text()
    def expr(%Date{} = date, _scope), do: date |> Date.to_iso8601() |> text()
    def expr(%Time{} = time, _scope), do: time |> one_width() |> Time.to_iso8601() |> text()

    def expr(%NaiveDateTime{} = naive, _scope),
      do: naive |> one_width() |> NaiveDateTime.to_iso8601() |> text()

    def expr(%DateTime{} = datetime, scope),
      do: datetime |> DateTime.shift_zone!("Etc/UTC") |> DateTime.to_naive() |> expr(scope)

    def expr(bits, scope) when is_bitstring(bits),
      do: QueryError.raise_error(scope, "unsupported literal: #{inspect(bits)}")

    def expr(other, scope),
      do: QueryError.raise_error(scope, "unsupported expression: #{inspect(other)}")

    @doc "Text, in quotes. Backslashes mean nothing in SQL."
    @spec text(String.t()) :: iodata()
    def text(text) do
      # A NUL would end the statement.
      if String.contains?(text, <<0>>) or not String.valid?(text),
        do: ["CAST(", blob(text), " AS TEXT)"],
        else: [?', String.replace(text, "'", "''"), ?']
    end

    @spec blob(binary()) :: iodata()
    def blob(bytes), do: ["x'", Base.encode16(bytes, case: :lower), ?']

    @doc "A number as a decimal is stored: as text."
    @spec decimal(struct() | number()) :: String.t()
    def decimal(integer) when is_integer(integer), do: Integer.to_string(integer)
    def decimal(float) when is_float(float), do: float |> Decimal.from_float() |> decimal()
    def decimal(decimal), do: Decimal.to_string(decimal, :normal)

    defp one_width(%{microsecond: {_, 0}} = time), do: time

    defp one_width(%{microsecond: {microsecond, _}} = time),
      do: %{time | microsecond: {microsecond, 6}}
  end
end
