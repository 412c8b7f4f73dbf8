defmodule Peers.Goal do
  @moduledoc """
  What a row of the comparison is to reach.
  """

  alias Peers.{Figures, Memory}

  @typedoc """
  So many times as fast as the other, that without an error, less than so many bytes, or not more
  than the other.
  """
  @type t ::
          {:times, number()} | {:times_without_error, number()} | {:below, number()} | :not_more

  @spec write(t() | nil) :: String.t()
  def write(nil), do: "–"
  def write({:times, ratio}), do: "#{Figures.decimals(ratio)}×"
  def write({:times_without_error, ratio}), do: "#{Figures.decimals(ratio)}×, no error"
  def write({:below, bytes}), do: "< #{Memory.megabytes(bytes)}"
  def write(:not_more), do: "not more"

  @doc """
  Whether it is reached, given the ratio, our figure, and how many errors we had.
  """
  @spec met?(t() | nil, number(), number(), non_neg_integer()) :: boolean() | nil
  def met?(nil, _ratio, _ours, _errors), do: nil
  def met?({:times, goal}, ratio, _ours, _errors), do: ratio >= goal
  def met?({:times_without_error, goal}, ratio, _ours, errors), do: ratio >= goal and errors == 0
  def met?({:below, bytes}, _ratio, ours, _errors), do: ours < bytes
  def met?(:not_more, ratio, _ours, _errors), do: ratio >= 1
end
