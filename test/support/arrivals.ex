defmodule EctoLibSql.Test.Arrivals do
  @moduledoc false
  # Whether those who came first are served first: each takes a number when it arrives, and
  # another one when it is served.

  def new, do: :atomics.new(2, [])

  # The process gives up its turn on the scheduler first, so that it is not put aside between
  # taking its number and asking for what it waits for.
  def arrive(arrivals) do
    :erlang.yield()
    take(arrivals, 1)
  end

  def serve(arrivals), do: take(arrivals, 2)

  defp take(arrivals, index), do: :atomics.add_get(arrivals, index, 1)

  @doc """
  How often each was passed: of `{arrived, served}`, how many came later and were served earlier.
  """
  def passed(served) do
    for {arrived, at} <- served,
        do: Enum.count(served, fn {a, s} -> a > arrived and s < at end)
  end
end
