defmodule Demo.Table do
  @moduledoc false
  # A query's result as an aligned table.

  @spec format(EctoLibSql.Result.t()) :: iodata()
  def format(%{columns: columns, rows: rows}) do
    texts = Enum.map([columns | rows], fn row -> Enum.map(row, &to_string/1) end)
    widths = texts |> Enum.zip_with(& &1) |> Enum.map(&widest/1)
    numeric? = rows |> Enum.zip_with(& &1) |> Enum.map(&Enum.all?(&1, fn v -> is_number(v) end))

    [header | lines] =
      Enum.map(texts, fn row ->
        [row, widths, numeric? ++ List.duplicate(false, length(columns))]
        |> Enum.zip_with(fn [text, width, number?] -> pad(text, width, number?) end)
        |> line()
      end)

    rule = widths |> Enum.map(&String.duplicate("-", &1)) |> line()
    [header, rule | lines]
  end

  defp widest(texts), do: texts |> Enum.map(&String.length/1) |> Enum.max()

  defp pad(text, width, true), do: String.pad_leading(text, width)
  defp pad(text, width, false), do: String.pad_trailing(text, width)

  defp line(cells), do: ["  ", cells |> Enum.join("  ") |> String.trim_trailing(), "\n"]
end
