defmodule EctoLibSql.JSON.Path do
  @moduledoc false
  # Paths into JSON, from lists of keys and indexes to SQLite's text, in which no key can be anything
  # but a key. <https://sqlite.org/json1.html#path_arguments>
  #
  # Of the ways to write a key, this is the one that every SQLite with JSONB reads alike. 3.45, which
  # servers have, takes the first quotation mark for a key's end, escaped or not; 3.47 writes a key
  # that it adds as it stands in the path, so that what JSON escapes has to be escaped there.

  @typedoc "Keys, indexes from 0 on, indexes from the end, -1 the last, and what follows the last."
  @type t :: [String.t() | integer() | :append]

  # SQLite steps into a path by recursion, and makes what is missing on the way.
  @most_parts 1000
  # Its indexes wrap around beyond 32 bits.
  @most_index 0xFFFF_FFFF

  @spec to_text(t()) :: {:ok, String.t()} | {:error, String.t()}
  def to_text(path) do
    cond do
      not is_list(path) or List.improper?(path) ->
        {:error,
         "a path is a list of keys and indexes, such as [\"tags\", 0], got: #{inspect(path)}"}

      length(path) > @most_parts ->
        {:error, "a path has at most #{@most_parts} parts, got: #{length(path)}"}

      true ->
        parts_to_text(path)
    end
  end

  defp parts_to_text(path) do
    parts = Enum.map(path, &part/1)

    case List.keyfind(parts, :error, 0) do
      nil -> {:ok, IO.iodata_to_binary([?$ | parts])}
      {:error, reason} -> {:error, "the path #{inspect(path)}: #{reason}"}
    end
  end

  @spec to_text!(t()) :: String.t()
  def to_text!(path) do
    case to_text(path) do
      {:ok, text} -> text
      {:error, reason} -> raise ArgumentError, reason
    end
  end

  @doc "A part's text, which can follow that of any other."
  @spec part(term()) :: iodata() | {:error, String.t()}
  def part(part)
  def part(:append), do: "[#]"

  def part(index) when is_integer(index) and abs(index) > @most_index,
    do: {:error, "the index #{index} is beyond #{@most_index}"}

  def part(index) when is_integer(index) and index < 0, do: ["[#", Integer.to_string(index), ?]]
  def part(index) when is_integer(index), do: [?[, Integer.to_string(index), ?]]

  def part(key) when is_binary(key) do
    cond do
      not String.valid?(key) -> {:error, "the key #{inspect(key)} is no UTF-8"}
      # It would be taken for the key's end.
      String.contains?(key, <<0>>) -> {:error, "the key #{inspect(key)} has a NUL in it"}
      true -> [?., ?", escape(key), ?"]
    end
  end

  def part(other) do
    {:error,
     "#{inspect(other)} is no part of it: there are keys, which are strings, indexes, and :append"}
  end

  defp escape(key) do
    if String.match?(key, ~r/["\\\x01-\x1F]/),
      do: for(<<byte <- key>>, into: "", do: escape_byte(byte)),
      else: key
  end

  defp escape_byte(byte) when byte < 0x20 or byte in ~c("\\),
    do:
      "\\u" <> (byte |> Integer.to_string(16) |> String.downcase() |> String.pad_leading(4, "0"))

  defp escape_byte(byte), do: <<byte>>
end
