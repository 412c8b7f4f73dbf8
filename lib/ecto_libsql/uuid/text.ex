defmodule EctoLibSql.UUID.Text do
  @moduledoc false
  # The text of a UUID, 8-4-4-4-12 hexadecimal digits (RFC 9562, section 4), and its 16 bytes.

  @length 36
  # Where hyphens stand, counted from 0.
  @hyphens [8, 13, 18, 23]
  @form "; a UUID is 32 hexadecimal digits with hyphens, 8-4-4-4-12"

  @doc "The bytes of a text in capital or small letters; else what is wrong with it."
  @spec parse(term()) :: {:ok, <<_::128>>} | {:error, String.t()}
  def parse(
        <<a::binary-8, ?-, b::binary-4, ?-, c::binary-4, ?-, d::binary-4, ?-, e::binary-12>> =
          text
      ) do
    case Base.decode16(<<a::binary, b::binary, c::binary, d::binary, e::binary>>, case: :mixed) do
      {:ok, bytes} -> {:ok, bytes}
      :error -> {:error, wrong(text)}
    end
  end

  def parse(other), do: {:error, wrong(other)}

  @doc "The text of 16 bytes, in small letters."
  @spec format(<<_::128>>) :: String.t()
  def format(<<bytes::16-bytes>>) do
    <<a::binary-8, b::binary-4, c::binary-4, d::binary-4, e::binary-12>> =
      Base.encode16(bytes, case: :lower)

    <<a::binary, ?-, b::binary, ?-, c::binary, ?-, d::binary, ?-, e::binary>>
  end

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

  defp size(text) do
    if String.valid?(text),
      do: "#{String.length(text)} characters",
      else: "#{byte_size(text)} bytes"
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
