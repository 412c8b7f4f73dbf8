defmodule EctoLibSql.FTS.Weights do
  @moduledoc false
  # How much a match in each column counts, for bm25.

  # What FTS5 reads in the text of a rank has no exponent.
  @most 1.0e12

  @doc "The weights, if they are numbers."
  @spec check!(term()) :: [number(), ...]
  def check!(weights) do
    if match?([_ | _], weights) and Enum.all?(weights, &weight?/1),
      do: weights,
      else:
        raise(
          ArgumentError,
          "weights are a list of numbers up to #{@most}, one for each column of the FTS5 table in its " <>
            "order, got: #{inspect(weights)}"
        )
  end

  defp weight?(weight), do: is_number(weight) and abs(weight) <= @most

  @doc """
  What FTS5's hidden column `rank` takes.

      iex> EctoLibSql.FTS.Weights.rank!([10, 0.5])
      "bm25(10.0, 0.5)"
  """
  @spec rank!(term()) :: String.t()
  def rank!(weights), do: "bm25(#{weights |> check!() |> Enum.map_join(", ", &decimal/1)})"

  defp decimal(weight), do: :erlang.float_to_binary(weight * 1.0, [:compact, decimals: 12])
end
