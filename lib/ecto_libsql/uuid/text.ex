defmodule EctoLibSql.UUID.Text do
  @moduledoc false
  # The text of a UUID, 8-4-4-4-12 hexadecimal digits (RFC 9562, section 4), and its 16 bytes.

  @length 36
  # Where hyphens stand, counted from 0.
  @hyphens [8, 13, 18, 23]
  @form "; a UUID is 32 hexadecimal digits with hyphens, 8-4-4-4-12"

  # 32 variables for the digits, and what stands for them in the text, with its hyphens.
  digits = Macro.generate_arguments(32, __MODULE__)

  hyphenated = fn parts ->
    [8, 4, 4, 4, 12]
    |> Enum.map_reduce(parts, &Enum.split(&2, &1))
    |> elem(0)
    |> Enum.intersperse([?-])
    |> Enum.concat()
  end

  @doc "The bytes of a text in capital or small letters; else what is wrong with it."
  @spec parse(term()) :: {:ok, <<_::128>>} | {:error, String.t()}
  def parse(<<unquote_splicing(hyphenated.(digits))>> = text) do
    {:ok, <<unquote_splicing(for digit <- digits, do: quote(do: value(unquote(digit)) :: 4))>>}
  catch
    :no_digit -> {:error, wrong(text)}
  end

  def parse(other), do: {:error, wrong(other)}

  @doc "The text of 16 bytes, in small letters."
  @spec format(<<_::128>>) :: String.t()
  def format(<<unquote_splicing(for digit <- digits, do: quote(do: unquote(digit) :: 4))>>) do
    <<unquote_splicing(hyphenated.(for digit <- digits, do: quote(do: letter(unquote(digit)))))>>
  end

  @compile inline: [value: 1, letter: 1]

  defp value(letter) when letter in ?0..?9, do: letter - ?0
  defp value(letter) when letter in ?a..?f, do: letter - ?a + 10
  defp value(letter) when letter in ?A..?F, do: letter - ?A + 10
  defp value(_letter), do: throw(:no_digit)

  defp letter(value) when value < 10, do: ?0 + value
  defp letter(value), do: ?a + value - 10

  @doc "What keeps a value from being the text of a UUID."
  @spec wrong(term()) :: String.t()
  def wrong(text) when is_binary(text) do
    cond do
      text =~ ~r/\A\{.*\}\z/s -> "is no UUID: it is in braces" <> @form
      text =~ ~r/\Aurn:uuid:/i -> "is no UUID: it begins with urn:uuid:" <> @form
      text =~ ~r/\A[0-9a-f]{32}\z/i -> "is no UUID: it has no hyphens" <> @form
      byte_size(text) != @length -> "is no UUID: it has #{size(text)} instead of #{@length}"
      true -> "is no UUID: " <> wrong_character(text)
    end
  end

  def wrong(_value), do: "is no UUID: it is no text"

  # 36 characters can be more bytes.
  defp size(text) do
    characters = if String.valid?(text), do: String.length(text)

    if characters in [nil, @length],
      do: "#{byte_size(text)} bytes",
      else: "#{characters} characters"
  end

  defp wrong_character(text) do
    {at, wanted} =
      text
      |> :binary.bin_to_list()
      |> Enum.with_index()
      |> Enum.find_value(fn {byte, at} -> if wanted = wanted(byte, at), do: {at, wanted} end)

    "character #{at + 1} is no #{wanted}"
  end

  defp wanted(byte, at) when at in @hyphens, do: if(byte != ?-, do: "hyphen")

  defp wanted(byte, _at) when byte in ?0..?9 or byte in ?a..?f or byte in ?A..?F, do: nil
  defp wanted(_byte, _at), do: "hexadecimal digit"
end
