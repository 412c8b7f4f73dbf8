defmodule EctoLibSql.Test.Values do
  @moduledoc false
  # Random values that SQLite can store, for where StreamData is not at hand.

  import EctoLibSql.Test.Database
  import ExUnit.Assertions

  @doc "A row of 1 to 30 random values, drawn from the process's `:rand` state."
  def random_row, do: for(_ <- 1..:rand.uniform(30), do: random_value())

  @doc "What a bound value comes back as."
  def returned({:blob, blob}), do: blob
  def returned(true), do: 1
  def returned(false), do: 0
  def returned(value), do: value

  @doc """
  Asserts that a row of values comes back equal: bound as literals of the result, and through the
  table `t`, which has the column `v`.
  """
  def assert_row_returns(s, values) do
    expected = Enum.map(values, &returned/1)
    marks = Enum.map_join(values, ", ", fn _ -> "?" end)
    assert rows(s, "SELECT #{marks}", values) === [expected]

    EctoLibSql.query!(s, "DELETE FROM t")
    {:ok, id} = EctoLibSql.prepare(s, "INSERT INTO t VALUES (?)")
    for value <- values, do: {:ok, 1} = EctoLibSql.execute_stmt(s, id, [value])
    :ok = EctoLibSql.finalize_stmt(s, id)
    assert rows(s, "SELECT v FROM t ORDER BY rowid") === Enum.map(expected, &[&1])
  end

  defp random_value do
    case :rand.uniform(9) do
      1 -> nil
      2 -> :rand.uniform(2) == 1
      3 -> :rand.uniform(1000) - 500
      4 -> random_integer()
      5 -> random_float()
      6 -> random_text()
      7 -> :rand.bytes(:rand.uniform(100) - 1)
      8 -> {:blob, :rand.bytes(:rand.uniform(100) - 1)}
      9 -> Enum.random([:inf, :"-inf", "", "\0", {:blob, ""}])
    end
  end

  defp random_integer do
    <<integer::signed-64>> = :rand.bytes(8)
    integer
  end

  # Any finite double, by its bits.
  defp random_float do
    case :rand.bytes(8) do
      <<float::float-64>> -> float
      _not_finite -> random_float()
    end
  end

  defp random_text do
    for _ <- 1..:rand.uniform(40), into: "", do: <<random_codepoint()::utf8>>
  end

  defp random_codepoint do
    Enum.random([
      0,
      Enum.random(0x20..0x7E),
      Enum.random(0x80..0x7FF),
      Enum.random(0xE000..0xFFFD),
      Enum.random(0x10000..0x10FFFF)
    ])
  end
end
