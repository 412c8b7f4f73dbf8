defmodule EctoLibSql.SqlTokens do
  @moduledoc false
  # SQL as tokens, each with the white space and comments before it, so that any stretch of them
  # gives back its text as it was written.

  @type kind :: :word | :name | :string | :punctuation
  @type token :: {kind(), text :: String.t(), lead :: String.t()}

  @doc """
  The tokens of a statement, and the white space that is left at its end.

  A word is anything unquoted: a keyword, a name, a number; a name is one in `"`, `[]` or backticks.

      iex> EctoLibSql.SqlTokens.tokenize("a /* x */ >= 'b''c'")
      [{:word, "a", ""}, {:punctuation, ">", " /* x */ "}, {:punctuation, "=", ""}, {:string, "'b''c'", " "}]
  """
  @spec tokenize(String.t()) :: [token()]
  def tokenize(sql), do: tokenize(sql, [])

  defp tokenize(sql, tokens) do
    {lead, rest} = lead(sql, 0, sql)

    case token(rest) do
      :end -> Enum.reverse(tokens)
      {kind, size} -> take(kind, size, lead, rest, tokens)
    end
  end

  defp take(kind, size, lead, rest, tokens) do
    <<text::binary-size(size), rest::binary>> = rest
    tokenize(rest, [{kind, text, lead} | tokens])
  end

  @doc "The text of tokens, without what stands before the first."
  @spec text([token()]) :: String.t()
  def text([]), do: ""

  def text([{_kind, text, _lead} | rest]) do
    IO.iodata_to_binary([text | Enum.map(rest, fn {_kind, text, lead} -> [lead, text] end)])
  end

  @doc """
  Splits after the closing parenthesis that belongs to the opening one at the head.
  """
  @spec split_group([token()]) :: {group :: [token()], rest :: [token()]} | :error
  def split_group([{:punctuation, "(", _} = open | rest]), do: split_group(rest, 1, [open])
  def split_group(_tokens), do: :error

  defp split_group(rest, 0, group), do: {Enum.reverse(group), rest}
  defp split_group([], _depth, _group), do: :error

  defp split_group([token | rest], depth, group) do
    case token do
      {:punctuation, "(", _} -> split_group(rest, depth + 1, [token | group])
      {:punctuation, ")", _} -> split_group(rest, depth - 1, [token | group])
      _ -> split_group(rest, depth, [token | group])
    end
  end

  ## White space and comments

  defp lead(<<space, rest::binary>>, size, sql) when space in ~c" \t\n\f\r",
    do: lead(rest, size + 1, sql)

  defp lead("--" <> rest, size, sql) do
    length = until(rest, "\n")
    lead(binary_slice(rest, length..-1//1), size + 2 + length, sql)
  end

  defp lead("/*" <> rest, size, sql) do
    length = until(rest, "*/")
    lead(binary_slice(rest, length..-1//1), size + 2 + length, sql)
  end

  defp lead(rest, size, sql), do: {binary_part(sql, 0, size), rest}

  # Up to and with the end; all, where it is missing.
  defp until(text, ending) do
    case :binary.match(text, ending) do
      {at, length} -> at + length
      :nomatch -> byte_size(text)
    end
  end

  ## Tokens

  defp token(""), do: :end
  defp token(<<?', rest::binary>>), do: {:string, 1 + quoted(rest, ?', 0)}
  defp token(<<x, ?', rest::binary>>) when x in ~c"xX", do: {:string, 2 + quoted(rest, ?', 0)}

  defp token(<<quote, rest::binary>>) when quote in ~c(`"),
    do: {:name, 1 + quoted(rest, quote, 0)}

  defp token(<<?[, rest::binary>>), do: {:name, 1 + until(rest, "]")}

  defp token(sql) do
    case word(sql, 0) do
      0 -> {:punctuation, 1}
      size -> {:word, size}
    end
  end

  defp quoted(<<quote, quote, rest::binary>>, quote, size), do: quoted(rest, quote, size + 2)
  defp quoted(<<quote, _::binary>>, quote, size), do: size + 1
  defp quoted(<<_, rest::binary>>, quote, size), do: quoted(rest, quote, size + 1)
  defp quoted("", _quote, size), do: size

  # Every byte that is not ASCII may be part of a name. A dot inside of a number does no harm: it
  # is a token of its own.
  defp word(<<char, rest::binary>>, size)
       when char in ?a..?z or char in ?A..?Z or char in ?0..?9 or char in ~c"_$" or char > 127,
       do: word(rest, size + 1)

  defp word(_rest, size), do: size
end
