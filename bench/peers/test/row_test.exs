defmodule Peers.RowTest do
  use ExUnit.Case, async: true

  alias Peers.Row

  defp cells(fields) do
    fields = [title: "work", write: &to_string/1] ++ fields
    Row |> struct!(fields) |> Row.cells() |> then(&Enum.zip(Row.header(), &1)) |> Map.new()
  end

  test "times: the ratio is theirs by ours, the floor's share the floor by ours" do
    cells = cells(goal: {:times, 2}, ours: [10, 12, 8], theirs: [25, 25, 24], floor: [5, 5, 6])

    assert %{
             "ecto_libsql" => "10 (8 to 12)",
             "ratio" => "2.50 (2.08 to 3.00)",
             "goal" => "2×",
             "met" => "yes",
             "floor" => "5",
             "of the floor" => "50.0 %"
           } = cells
  end

  test "rates: more is better" do
    cells = cells(goal: {:times, 50}, better: :more, ours: [400], theirs: [10], floor: [800])
    assert %{"ratio" => "40.0" <> _, "met" => "no", "of the floor" => "50.0 %"} = cells
  end

  test "an error fails a goal that allows none" do
    figures = [goal: {:times_without_error, 2}, ours: [1], theirs: [3]]
    assert cells(figures)["met"] == "yes"
    assert cells([errors: 1] ++ figures)["met"] == "no"
  end

  test "without a goal and a floor" do
    assert %{"goal" => "–", "met" => "–", "floor" => "–", "of the floor" => "–"} =
             cells(ours: [1], theirs: [3])
  end

  test "less than so many bytes is our figure alone" do
    assert cells(goal: {:below, 10}, ours: [9], theirs: [1])["met"] == "yes"
    assert cells(goal: {:below, 10}, ours: [10], theirs: [90])["met"] == "no"
  end
end
