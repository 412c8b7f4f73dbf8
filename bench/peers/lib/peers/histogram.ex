defmodule Peers.Histogram do
  @moduledoc """
  How long something took, for so many times that a list of them would show in the memory. Shared
  by processes; a time is known to 5 %.
  """

  @base :math.log(1.05)
  @buckets 500

  @opaque t :: :counters.counters_ref()

  @spec new() :: t()
  def new, do: :counters.new(@buckets, [:write_concurrency])

  @doc """
  Calls `fun`, and notes how long it took.
  """
  @spec time(t(), (-> result)) :: result when result: term()
  def time(histogram, fun) do
    started = System.monotonic_time(:nanosecond)
    result = fun.()
    bucket = ceil(:math.log(max(System.monotonic_time(:nanosecond) - started, 1)) / @base)
    :counters.add(histogram, bucket |> max(1) |> min(@buckets), 1)
    result
  end

  @spec count(t()) :: non_neg_integer()
  def count(histogram),
    do: Enum.sum(for bucket <- 1..@buckets, do: :counters.get(histogram, bucket))

  @doc """
  The nanoseconds that `percent` of the times do not exceed; nil where there are none.
  """
  @spec percentile(t(), number()) :: float() | nil
  def percentile(histogram, percent) do
    wanted = max(ceil(count(histogram) * percent / 100), 1)

    1..@buckets
    |> Enum.map(&{&1, :counters.get(histogram, &1)})
    |> Enum.reduce_while(0, fn {bucket, count}, before ->
      if before + count >= wanted,
        do: {:halt, {:found, :math.exp(bucket * @base)}},
        else: {:cont, before + count}
    end)
    |> case do
      {:found, nanoseconds} -> nanoseconds
      _none -> nil
    end
  end
end
