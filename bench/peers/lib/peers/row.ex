defmodule Peers.Row do
  @moduledoc """
  A row of the comparison: the rounds' figures of both contestants and of the floor, side by side.

  Public fields:

    * `:title`, `:goal` - what was done, and what is to be reached
    * `:ours`, `:theirs`, `:floor` - a figure for each round; no floor where there is none that means
      something
    * `:better` - whether `:less` or `:more` is better
    * `:errors` - how many we had
    * `:write` - how a figure is written
  """

  alias Peers.{Figures, Goal}

  @enforce_keys [:title, :ours, :theirs]
  defstruct [
    :title,
    :goal,
    :ours,
    :theirs,
    :floor,
    better: :less,
    errors: 0,
    write: &Figures.time/1
  ]

  @type t :: %__MODULE__{
          title: String.t(),
          goal: Goal.t() | nil,
          ours: [number()],
          theirs: [number()],
          floor: [number()] | nil,
          better: :less | :more,
          errors: non_neg_integer(),
          write: (number() -> String.t())
        }

  @spec header() :: [String.t()]
  def header do
    [
      "work",
      "goal",
      "met",
      "ecto_libsql",
      "ecto_sqlite3, exqlite",
      "ratio",
      "floor",
      "of the floor"
    ]
  end

  @spec cells(t()) :: [String.t()]
  def cells(%__MODULE__{} = row) do
    ours = Figures.median(row.ours)
    ratio = ratio(row.better, ours, Figures.median(row.theirs))
    ratios = Enum.zip_with(row.ours, row.theirs, &ratio(row.better, &1, &2))

    [
      row.title,
      Goal.write(row.goal),
      met(Goal.met?(row.goal, ratio, ours, row.errors)),
      spread(row.ours, row.write),
      spread(row.theirs, row.write),
      "#{Figures.decimals(ratio)} #{brackets(ratios, &Figures.decimals/1)}"
      | floor(row, ours)
    ]
  end

  defp floor(%{floor: nil}, _ours), do: ["–", "–"]

  defp floor(row, ours) do
    floor = Figures.median(row.floor)
    [row.write.(floor), "#{Figures.decimals(100 / ratio(row.better, floor, ours))} %"]
  end

  # How many times as good the first is. What takes nothing, or less, is taken for the least there is.
  defp ratio(:less, first, second), do: max(second, 1) / max(first, 1)
  defp ratio(:more, first, second), do: ratio(:less, second, first)

  defp met(nil), do: "–"
  defp met(true), do: "yes"
  defp met(false), do: "no"

  defp spread(figures, write),
    do: "#{write.(Figures.median(figures))} #{brackets(figures, write)}"

  defp brackets(figures, write),
    do: "(#{write.(Enum.min(figures))} to #{write.(Enum.max(figures))})"
end
