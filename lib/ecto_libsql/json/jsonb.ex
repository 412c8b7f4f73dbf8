defmodule EctoLibSql.JSON.Jsonb do
  @moduledoc false
  # SQLite's JSONB (<https://sqlite.org/jsonb.html>) back to JSON text.
  #
  # An element is a header (four bits of type, then the size of the payload) and a payload:
  # numbers and strings in it are text, arrays and objects are their elements in a row.

  @spec to_json(binary()) :: {:ok, String.t()} | :error
  def to_json(blob) do
    case element(blob) do
      {json, ""} -> {:ok, IO.iodata_to_binary(json)}
      _ -> :error
    end
  end

  @doc "A number or string, of its type and payload."
  @spec scalar(3..10, binary()) :: iodata() | :error
  def scalar(type, payload), do: value(type, payload)

  # One element as iodata, and what follows it.
  defp element(<<size::4, type::4, rest::binary>>) do
    with {:ok, size, rest} <- payload_size(size, rest),
         <<payload::binary-size(size), rest::binary>> <- rest,
         json when json != :error <- value(type, payload) do
      {json, rest}
    else
      _ -> :error
    end
  end

  defp element(_), do: :error

  defp payload_size(size, rest) when size < 12, do: {:ok, size, rest}
  defp payload_size(12, <<size::8, rest::binary>>), do: {:ok, size, rest}
  defp payload_size(13, <<size::16, rest::binary>>), do: {:ok, size, rest}
  defp payload_size(14, <<size::32, rest::binary>>), do: {:ok, size, rest}
  defp payload_size(15, <<size::64, rest::binary>>), do: {:ok, size, rest}
  defp payload_size(_, _), do: :error

  defp value(0, ""), do: "null"
  defp value(1, ""), do: "true"
  defp value(2, ""), do: "false"
  # A number or string of plain JSON: the payload is its text.
  defp value(type, number) when type in [3, 5] and number != "", do: number

  defp value(7, text) do
    if :binary.match(text, ["\"", "\\"]) == :nomatch, do: [?", text, ?"], else: :error
  end

  defp value(8, text), do: if(closed?(text), do: [?", text, ?"], else: :error)
  defp value(4, number), do: hexadecimal(number)
  defp value(6, number), do: json5_float(number)
  defp value(9, text), do: json5_text(text)
  defp value(10, text), do: raw_text(text)
  defp value(11, payload), do: array(payload, [])
  defp value(12, payload), do: object(payload, [])
  defp value(_, _), do: :error

  # Whether no quotation mark in it would end the string.
  defp closed?(text) do
    case :binary.match(text, ["\"", "\\"]) do
      :nomatch ->
        true

      {at, 1} ->
        case text do
          <<_::binary-size(at), ?\\, _, rest::binary>> -> closed?(rest)
          _ -> false
        end
    end
  end

  defp array("", acc), do: [?[, acc |> Enum.reverse() |> Enum.intersperse(?,), ?]]

  defp array(payload, acc) do
    with {json, rest} <- element(payload), do: array(rest, [json | acc])
  end

  defp object("", acc), do: [?{, acc |> Enum.reverse() |> Enum.intersperse(?,), ?}]

  defp object(payload, acc) do
    with {[?" | _] = key, rest} <- element(payload),
         {json, rest} <- element(rest) do
      object(rest, [[key, ?:, json] | acc])
    else
      _ -> :error
    end
  end

  # JSON5's spellings, which `jsonb()` keeps as they were written.

  defp hexadecimal("-" <> number), do: negative(hexadecimal(number))
  defp hexadecimal("+" <> number), do: hexadecimal(number)

  defp hexadecimal(<<?0, x, digits::binary>>) when x in ~c"xX" do
    case Integer.parse(digits, 16) do
      {integer, ""} -> Integer.to_string(integer)
      _ -> :error
    end
  end

  defp hexadecimal(_), do: :error

  defp json5_float("-" <> number), do: negative(json5_float(number))
  defp json5_float("+" <> number), do: json5_float(number)
  defp json5_float("." <> _ = number), do: json5_float("0" <> number)

  defp json5_float(number),
    do: Regex.replace(~r/\.(?=$|[eE])/, number, ".0")

  defp negative(:error), do: :error
  defp negative(number), do: [?-, number]

  defp json5_text(text), do: json5_text(text, [?"])

  defp json5_text("", acc), do: Enum.reverse([?" | acc])
  defp json5_text(<<?", rest::binary>>, acc), do: json5_text(rest, ["\\\"" | acc])
  defp json5_text(<<"\\'", rest::binary>>, acc), do: json5_text(rest, [?' | acc])
  defp json5_text(<<"\\v", rest::binary>>, acc), do: json5_text(rest, ["\\u000b" | acc])
  defp json5_text(<<"\\0", rest::binary>>, acc), do: json5_text(rest, ["\\u0000" | acc])

  defp json5_text(<<"\\x", hex::2-bytes, rest::binary>>, acc),
    do: json5_text(rest, ["\\u00" <> hex | acc])

  # A line that goes on.
  defp json5_text(<<"\\\r\n", rest::binary>>, acc), do: json5_text(rest, acc)
  defp json5_text(<<"\\\n", rest::binary>>, acc), do: json5_text(rest, acc)
  defp json5_text(<<"\\\r", rest::binary>>, acc), do: json5_text(rest, acc)
  defp json5_text(<<"\\\u2028", rest::binary>>, acc), do: json5_text(rest, acc)
  defp json5_text(<<"\\\u2029", rest::binary>>, acc), do: json5_text(rest, acc)
  defp json5_text(<<?\\, next, rest::binary>>, acc), do: json5_text(rest, [<<?\\, next>> | acc])
  defp json5_text(<<byte, rest::binary>>, acc), do: json5_text(rest, [escape(byte) | acc])

  defp raw_text(text), do: [?", for(<<byte <- text>>, do: escape(byte)), ?"]

  defp escape(?"), do: "\\\""
  defp escape(?\\), do: "\\\\"
  defp escape(byte) when byte < 0x20, do: ["\\u", :io_lib.format("~4.16.0b", [byte])]
  defp escape(byte), do: byte
end
