defmodule EctoLibSql.JSON.JsonbTerm do
  @moduledoc false
  # JSONB as an Elixir term, and not by way of JSON text, which took a movie of 350 bytes 48 µs; so it
  # takes 6, where its JSON text takes 5. What SQLite would find malformed is, and what Elixir has no
  # term for.

  import Bitwise, only: [&&&: 2, >>>: 2]

  alias EctoLibSql.JSON.{Jsonb, Term}

  @spec decode(binary()) :: {:ok, term()} | :error
  def decode(jsonb) do
    case element(jsonb) do
      {term, ""} -> {:ok, term}
      _ -> :error
    end
  end

  # One element, and what follows it.
  defp element(<<header, rest::binary>>), do: sized(header >>> 4, header &&& 15, rest)
  defp element(""), do: :error

  defp sized(size, type, rest) when size < 12, do: payload(type, size, rest)
  defp sized(12, type, <<size::8, rest::binary>>), do: payload(type, size, rest)
  defp sized(13, type, <<size::16, rest::binary>>), do: payload(type, size, rest)
  defp sized(14, type, <<size::32, rest::binary>>), do: payload(type, size, rest)
  defp sized(15, type, <<size::64, rest::binary>>), do: payload(type, size, rest)
  defp sized(_size, _type, _rest), do: :error

  defp payload(0, 0, rest), do: {nil, rest}
  defp payload(1, 0, rest), do: {true, rest}
  defp payload(2, 0, rest), do: {false, rest}

  defp payload(type, size, rest) when type > 2 do
    case rest do
      <<payload::binary-size(size), rest::binary>> ->
        case value(type, payload) do
          {:ok, term} -> {term, rest}
          :error -> :error
        end

      _ ->
        :error
    end
  end

  defp payload(_type, _size, _rest), do: :error

  defp value(3, <<?-, digits::binary>> = number), do: integer(digits, number)
  defp value(3, number), do: integer(number, number)
  defp value(5, number), do: float(number)
  defp value(7, text), do: if(plain?(text), do: {:ok, text}, else: :error)
  defp value(10, text), do: if(String.valid?(text), do: {:ok, text}, else: :error)
  defp value(11, payload), do: array(payload, [])
  defp value(12, payload), do: object(payload, [])

  # Escapes, and JSON5's spellings.
  defp value(type, payload) when type in [4, 6, 8, 9] do
    case Jsonb.scalar(type, payload) do
      :error -> :error
      json -> json |> IO.iodata_to_binary() |> Term.decode_text() |> scalar(type)
    end
  end

  defp value(_type, _payload), do: :error

  defp scalar({:ok, text}, type) when is_binary(text) and type in [8, 9], do: {:ok, text}
  defp scalar({:ok, number}, type) when is_number(number) and type in [4, 6], do: {:ok, number}
  defp scalar(_decoded, _type), do: :error

  defp integer(<<?0, _, _::binary>>, _number), do: :error

  defp integer(digits, number),
    do: if(digits?(digits), do: {:ok, :erlang.binary_to_integer(number)}, else: :error)

  defp digits?(<<digit>>) when digit in ?0..?9, do: true
  defp digits?(<<digit, rest::binary>>) when digit in ?0..?9, do: digits?(rest)
  defp digits?(_), do: false

  defp float(<<first, _::binary>> = number) when first in ?0..?9 or first == ?- do
    with {:ok, float} when is_float(float) <- Term.decode_text(number),
         last when last in ?0..?9 <- :binary.last(number) do
      {:ok, float}
    else
      _ -> :error
    end
  end

  defp float(_number), do: :error

  # Nothing that JSON would escape.
  defp plain?(<<byte, rest::binary>>) when byte in 0x20..0x7F and byte not in [?", ?\\],
    do: plain?(rest)

  defp plain?(<<char::utf8, rest::binary>>) when char > 0x7F, do: plain?(rest)
  defp plain?(rest), do: rest == ""

  defp array("", elements), do: {:ok, Enum.reverse(elements)}

  defp array(payload, elements) do
    case element(payload) do
      {element, rest} -> array(rest, [element | elements])
      :error -> :error
    end
  end

  # Of members with the same key, the first is the last of the list, and stays.
  defp object("", members), do: {:ok, :maps.from_list(members)}

  defp object(payload, members) do
    with {key, rest} when is_binary(key) <- element(payload),
         {value, rest} <- element(rest) do
      object(rest, [{key, value} | members])
    else
      _ -> :error
    end
  end
end
