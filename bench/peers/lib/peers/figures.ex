defmodule Peers.Figures do
  @moduledoc """
  Medians, percentiles, and how numbers are written.
  """

  @spec median([number()]) :: number() | nil
  def median(numbers), do: percentile(numbers, 50)

  @doc """
  The number that `percent` of the numbers do not exceed; nil of none.
  """
  @spec percentile([number()], number()) :: number() | nil
  def percentile([], _percent), do: nil

  def percentile(numbers, percent) do
    rank = ceil(length(numbers) * percent / 100)
    numbers |> Enum.sort() |> Enum.at(max(rank, 1) - 1)
  end

  @doc """
  Nanoseconds in the unit in which they have few digits.
  """
  @spec time(number() | nil) :: String.t()
  def time(nil), do: "-"
  def time(ns) when ns < 1_000_000, do: "#{decimals(ns / 1_000)} µs"
  def time(ns) when ns < 1_000_000_000, do: "#{decimals(ns / 1_000_000)} ms"
  def time(ns), do: "#{decimals(ns / 1_000_000_000)} s"

  @spec decimals(number()) :: String.t()
  def decimals(number) when is_integer(number) or number >= 100,
    do: number |> round() |> grouped()

  def decimals(number) when number >= 10, do: :erlang.float_to_binary(number / 1, decimals: 1)
  def decimals(number), do: :erlang.float_to_binary(number / 1, decimals: 2)

  @spec ratio(number(), number()) :: String.t()
  def ratio(_a, b) when b == 0, do: "∞"
  def ratio(a, b), do: decimals(a / b)

  defp grouped(integer),
    do: integer |> Integer.to_string() |> String.replace(~r/\B(?=(\d{3})+$)/, ",")
end
