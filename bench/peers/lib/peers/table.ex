defmodule Peers.Table do
  @moduledoc """
  Markdown tables.
  """

  @spec markdown([String.t()], [[String.t() | number()]]) :: iodata()
  def markdown(header, rows) do
    rule = for _ <- header, do: "---"

    for row <- [header, rule | rows],
        do: ["| ", Enum.map_intersperse(row, " | ", &to_string/1), " |\n"]
  end
end
