defmodule EctoLibSql.Vector.Distance do
  @moduledoc false
  # Distances in Elixir, of lists of floats of one length.

  @spec between([float()], [float()], :cosine | :l2 | :hamming) :: float() | nil
  def between(a, b, :cosine) do
    {dot, norm_a, norm_b} =
      Enum.zip_reduce(a, b, {0.0, 0.0, 0.0}, fn x, y, {dot, norm_a, norm_b} ->
        {dot + x * y, norm_a + x * x, norm_b + y * y}
      end)

    if norm_a * norm_b > 0, do: 1 - dot / :math.sqrt(norm_a * norm_b)
  end

  def between(a, b, :l2) do
    :math.sqrt(Enum.zip_reduce(a, b, 0.0, fn x, y, sum -> sum + (x - y) * (x - y) end))
  end

  def between(a, b, :hamming),
    do: Enum.zip_reduce(a, b, 0.0, fn x, y, sum -> if x == y, do: sum, else: sum + 1 end)
end
