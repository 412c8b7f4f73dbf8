defmodule EctoLibSql.Params do
  @moduledoc false
  # Turns structs among parameters into what SQLite stores. The NIF takes every other value as it
  # is, so that this runs only where there is a struct.
  #
  # Dates and times become ISO 8601 text of one width per type, so that text order is time order:
  # a precision other than 0 is written with six digits, and a DateTime is shifted to UTC and
  # written without its `Z`.

  alias EctoLibSql.Error

  # Without an exponent, a decimal is as long as that is large.
  @most_zeros 100_000

  @type t :: [term()] | keyword() | %{optional(atom() | String.t()) => term()}

  @spec encode(t()) :: {:ok, t()} | {:error, Error.t()}
  def encode(params) when is_list(params) do
    params
    |> Enum.with_index(1)
    |> Enum.map(fn {param, position} -> encode_element(param, position) end)
    |> collect()
  end

  def encode(params) when is_map(params) do
    with {:ok, pairs} <- params |> Enum.map(&encode_pair/1) |> collect(),
         do: {:ok, Map.new(pairs)}
  end

  defp encode_element({:blob, _} = blob, _position), do: {:ok, blob}
  defp encode_element({_name, _value} = pair, _position), do: encode_pair(pair)
  defp encode_element(value, position), do: encode_value(value, Integer.to_string(position))

  defp encode_pair({name, value}) do
    with {:ok, value} <- encode_value(value, to_string(name)), do: {:ok, {name, value}}
  end

  defp encode_value(%Date{calendar: Calendar.ISO} = date, _parameter),
    do: {:ok, Date.to_iso8601(date)}

  defp encode_value(%Time{calendar: Calendar.ISO} = time, _parameter),
    do: {:ok, Time.to_iso8601(one_width(time))}

  defp encode_value(%NaiveDateTime{calendar: Calendar.ISO} = naive, _parameter),
    do: {:ok, NaiveDateTime.to_iso8601(one_width(naive))}

  defp encode_value(%DateTime{calendar: Calendar.ISO} = datetime, _parameter) do
    utc = datetime |> DateTime.to_gregorian_seconds() |> gregorian_to_naive(datetime)
    {:ok, NaiveDateTime.to_iso8601(utc)}
  end

  defp encode_value(%{__struct__: Decimal, coef: coef, exp: exp} = decimal, parameter) do
    cond do
      not is_integer(coef) ->
        {:error, unsupported(parameter, "a decimal that is no number")}

      abs(exp) > @most_zeros ->
        {:error, unsupported(parameter, "a decimal with an exponent beyond #{@most_zeros}")}

      true ->
        # Decimal is an optional dependency: where a struct of it is, the module is too.
        {:ok, apply(Decimal, :to_string, [decimal, :normal])}
    end
  end

  defp encode_value(value, parameter) when is_map(value),
    do: {:error, unsupported(parameter, kind(value))}

  defp encode_value(value, _parameter), do: {:ok, value}

  defp one_width(%{microsecond: {_microsecond, 0}} = time), do: time

  defp one_width(%{microsecond: {microsecond, _}} = time),
    do: %{time | microsecond: {microsecond, 6}}

  defp gregorian_to_naive({seconds, microsecond}, %DateTime{microsecond: {_, precision}}) do
    precision = if precision == 0, do: 0, else: 6
    NaiveDateTime.from_gregorian_seconds(seconds, {microsecond, precision})
  end

  defp collect(results) do
    case Enum.find(results, &match?({:error, _}, &1)) do
      nil -> {:ok, Enum.map(results, &elem(&1, 1))}
      error -> error
    end
  end

  defp unsupported(parameter, kind) do
    %Error{
      code: :unsupported_parameter,
      message: "parameter #{parameter}: #{kind} cannot be stored"
    }
  end

  defp kind(%{calendar: calendar, __struct__: module}),
    do: "a %#{inspect(module)}{} of the calendar #{inspect(calendar)}"

  defp kind(%module{}), do: "a %#{inspect(module)}{}"
  defp kind(%{}), do: "a map"
end
