defmodule EctoLibSql.UUID.SQL do
  @moduledoc false
  # UUIDs in plain SQL, for databases without the functions of the group :uuid: servers, and files
  # that other programs open. No subquery stands in what may be a column's default or check.

  @type storage :: :text | :binary

  # `julianday` is a whole number of milliseconds to SQLite. 'now' is one time for a row, and for all that a
  # statement writes.
  @now "CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER)"

  # One of 8, 9, A, B: the variant's two bits, and two random ones.
  @variant "substr('89AB', (random() & 3) + 1, 1)"
  @three_digits "substr(hex(randomblob(2)), 2)"

  @v4_text "lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || #{@three_digits} || '-' || " <>
             "#{@variant} || #{@three_digits} || '-' || hex(randomblob(6)))"

  @v7_text "lower(substr(printf('%012x', #{@now}), 1, 8) || '-' || substr(printf('%012x', #{@now}), 9) || " <>
             "'-7' || #{@three_digits} || '-' || #{@variant} || #{@three_digits} || '-' || " <>
             "hex(randomblob(6)))"

  # By way of digits: bytes that `||` joins are changed where the database's text is UTF-16.
  @v4_binary "unhex(hex(randomblob(6)) || '4' || #{@three_digits} || #{@variant} || " <>
               "substr(hex(randomblob(8)), 2))"

  @v7_binary "unhex(printf('%012x', #{@now}) || '7' || #{@three_digits} || #{@variant} || " <>
               "substr(hex(randomblob(8)), 2))"

  @doc "An expression that is another UUID of this version for each row."
  @spec generate(4 | 7, storage()) :: String.t()
  def generate(4, :text), do: @v4_text
  def generate(4, :binary), do: @v4_binary
  def generate(7, :text), do: @v7_text
  def generate(7, :binary), do: @v7_binary

  @doc "The call that has the engine make one of version 7."
  @spec engine(storage()) :: String.t()
  def engine(:text), do: "uuid7()"
  def engine(:binary), do: "uuid7_blob()"

  @doc "A column's check that it holds UUIDs in this form, or NULL."
  @spec check(String.t(), storage()) :: String.t()
  def check(column, storage), do: "#{column} IS NULL OR (#{stored?(column, storage)})"

  @small List.duplicate("[0-9a-f]", 32)
  @mixed List.duplicate("[0-9a-fA-F]", 32)

  pattern = fn digits ->
    [8, 4, 4, 4, 12]
    |> Enum.map_reduce(digits, &Enum.split(&2, &1))
    |> elem(0)
    |> Enum.map_join("-", &Enum.join/1)
  end

  @stored_pattern pattern.(@small)
  @any_pattern pattern.(@mixed)

  @doc "Whether an expression's value is a UUID as it is stored: text in small letters, or 16 bytes."
  @spec stored?(iodata(), storage()) :: String.t()
  def stored?(x, :text), do: text?(x, @stored_pattern)
  def stored?(x, :binary), do: "typeof(#{x}) = 'blob' AND length(#{x}) = 16"

  defp text?(x), do: text?(x, @any_pattern)

  # GLOB reads no further than a NUL.
  defp text?(x, pattern),
    do: "typeof(#{x}) = 'text' AND #{x} GLOB '#{pattern}' AND instr(#{x}, char(0)) = 0"

  @doc "A UUID in either form in this one, NULL for what is none. The expression is repeated."
  @spec convert(iodata(), storage()) :: String.t()
  def convert(x, :text),
    do:
      "CASE WHEN #{stored?(x, :binary)} THEN #{hyphenated("hex(#{x})")} WHEN #{text?(x)} THEN lower(#{x}) END"

  def convert(x, :binary),
    do:
      "CASE WHEN #{stored?(x, :binary)} THEN #{x} WHEN #{text?(x)} THEN unhex(replace(#{x}, '-', '')) END"

  defp hyphenated(hex) do
    parts =
      for {from, length} <- [{1, 8}, {9, 4}, {13, 4}, {17, 4}, {21, 12}],
          do: "substr(#{hex}, #{from}, #{length})"

    "lower(#{Enum.join(parts, " || '-' || ")})"
  end

  @doc """
  The time in a UUID of version 7 of either form, as Ecto stores a `:utc_datetime_usec`. NULL for any
  other, and for years after 9999. `->>` reads a hexadecimal number as JSON5 has it: SQLite from 3.42 on.
  """
  @spec timestamp(iodata()) :: String.t()
  def timestamp(x) do
    hex =
      "CASE WHEN #{stored?("u", :binary)} THEN hex(u) WHEN #{text?("u")} THEN replace(u, '-', '') END"

    "(SELECT CASE WHEN substr(h, 13, 1) = '7' AND substr(h, 17, 1) GLOB '[89abAB]' THEN " <>
      "strftime('%Y-%m-%dT%H:%M:%f000', (('0x' || substr(h, 1, 12)) ->> '$') / 1000.0, 'unixepoch') END " <>
      "FROM (SELECT #{hex} AS h FROM (SELECT #{x} AS u)))"
  end
end
