defmodule EctoLibSql.Remote.Functions.DecimalKey do
  @moduledoc false
  # Decimals, which are stored as exact text, compared and sorted in plain SQL: a key for each number,
  # whose order as text is the numbers' own. `p`, the number of digits before the point, the digits; of
  # a negative number `n` and the same with the digits in reverse, so that what is longer sorts first.

  @digits Enum.zip(~w(0 1 2 3 4 5 6 7 8 9), ~w(j i h g f e d c b a))

  # Of the digits before the point (i) and after it (f), without zeros that say nothing.
  @magnitude "printf('%06d', length(i)) || i || '.' || f"

  @reversed Enum.reduce(@digits, @magnitude, fn {digit, letter}, sql ->
              "replace(#{sql}, '#{digit}', '#{letter}')"
            end)

  # Text with an exponent, and what is no number, have no key; json(t || '?') is an error.
  @key """
  CASE WHEN t IS NULL THEN NULL WHEN t NOT GLOB '*[0-9]*' OR ltrim(t, '+-') GLOB '*[^0-9.]*' \
  THEN json(t || '?') WHEN t GLOB '-*[1-9]*' THEN 'n' || #{@reversed} || '~' ELSE 'p' || #{@magnitude} END \
  FROM (SELECT t, ltrim(substr(u, 1, instr(u || '.', '.') - 1), '0') AS i, \
  rtrim(substr(u, instr(u || '.', '.') + 1), '0') AS f FROM (SELECT t, ltrim(t, '+-') AS u FROM \
  (SELECT iif(typeof(v) = 'real' AND CAST(v AS TEXT) LIKE '%e%', printf('%.30f', v), CAST(v AS TEXT)) \
  AS t FROM (SELECT \
  """

  @doc "The key of a number, NULL for NULL."
  @spec key(iodata()) :: iodata()
  def key(value), do: ["(SELECT ", @key, value, " AS v)))))"]

  @doc "-1, 0 or 1, or NULL."
  @spec compare(iodata(), iodata()) :: iodata()
  def compare(left, right) do
    ["(SELECT (l > r) - (l < r) FROM (SELECT ", key(left), " AS l, ", key(right), " AS r))"]
  end

  @doc "`IN` with a list, or with a subquery."
  @spec member(iodata(), [iodata()] | {:subquery, iodata()}) :: iodata()
  def member(value, {:subquery, rows}) do
    keys = [" IN (WITH decimals_to_compare (v) AS (", rows, ") SELECT ", key("v")]
    [key(value), keys, " FROM decimals_to_compare)"]
  end

  def member(value, elements),
    do: [key(value), " IN (", elements |> Enum.map(&key/1) |> Enum.intersperse(", "), ?)]
end
