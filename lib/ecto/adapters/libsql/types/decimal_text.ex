if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.Types.DecimalText do
    @moduledoc false
    # Decimals as exact text. Decimal's own parser takes no more than 34 digits.

    # Past this many places an exponent is written: a short literal must not become gigabytes.
    @most_places 1_000

    @spec dump(Decimal.t() | nil) :: {:ok, String.t() | nil} | :error
    def dump(nil), do: {:ok, nil}

    def dump(%Decimal{coef: coef, exp: exp} = decimal) when is_integer(coef) do
      format = if exp in -@most_places..@most_places, do: :normal, else: :scientific
      {:ok, Decimal.to_string(decimal, format)}
    end

    def dump(_), do: :error

    @doc """
    Reads text, and the numbers that others wrote into a column of another affinity.
    """
    @spec load(term()) :: {:ok, Decimal.t() | nil} | :error
    def load("-" <> text), do: parse(text, -1)
    def load("+" <> text), do: parse(text, 1)
    def load(text) when is_binary(text), do: parse(text, 1)
    def load(nil), do: {:ok, nil}
    def load(number) when is_integer(number), do: {:ok, Decimal.new(number)}
    def load(number) when is_float(number), do: {:ok, Decimal.from_float(number)}
    def load(%Decimal{} = decimal), do: {:ok, decimal}
    def load(_), do: :error

    defp parse(text, sign) do
      {coef, integer_digits, rest} = digits(text, 0, 0)
      {coef, places, rest} = fraction(rest, coef)

      case exponent(rest) do
        {exponent, ""} when integer_digits + places > 0 ->
          {:ok, %Decimal{sign: sign, coef: coef, exp: exponent - places}}

        _ ->
          :error
      end
    end

    defp fraction("." <> rest, coef), do: digits(rest, coef, 0)
    defp fraction(rest, coef), do: {coef, 0, rest}

    defp digits(<<digit, rest::binary>>, coef, count) when digit in ?0..?9,
      do: digits(rest, coef * 10 + digit - ?0, count + 1)

    defp digits(rest, coef, count), do: {coef, count, rest}

    defp exponent(<<e, rest::binary>>) when e in ~c"eE", do: Integer.parse(rest)
    defp exponent(rest), do: {0, rest}
  end
end
