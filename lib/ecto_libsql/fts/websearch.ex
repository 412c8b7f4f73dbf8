defmodule EctoLibSql.FTS.Websearch do
  @moduledoc false
  # What people type into a search field, read as web search engines read it: EctoLibSql.FTS.websearch/2.

  alias EctoLibSql.FTS.Expression

  @typep word :: %{
           text: String.t(),
           quoted: boolean(),
           excluded: boolean(),
           column: String.t() | nil,
           prefix: boolean()
         }

  # Unicode's white space, and NUL, at which SQLite's text would end.
  defguardp is_space(char)
            when char in [0, 0x20, 0x85, 0xA0, 0x1680, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000] or
                   char in 0x09..0x0D or char in 0x2000..0x200A

  defguardp is_quote(char) when char in ~c("“”„)

  @spec parse(String.t(), keyword()) :: Expression.t()
  def parse(text, opts) do
    opts = Keyword.validate!(opts, columns: [], prefix: :marked)
    prefix = prefix!(opts[:prefix])

    text
    |> readable()
    |> words(Enum.map(opts[:columns], &to_string/1), [])
    |> complete(prefix)
    |> alternatives()
  end

  defp prefix!(prefix) when prefix in [:marked, :last, :all], do: prefix

  defp prefix!(other) do
    raise ArgumentError, ":prefix takes :marked, :last or :all, got: #{inspect(other)}"
  end

  # Bytes that are no text separate words, as white space does.
  defp readable(text), do: if(String.valid?(text), do: text, else: readable(text, ""))

  defp readable("", good), do: good

  defp readable(<<char::utf8, rest::binary>>, good),
    do: readable(rest, <<good::binary, char::utf8>>)

  defp readable(<<_byte, rest::binary>>, good), do: readable(rest, <<good::binary, " ">>)

  ## Words

  @spec words(String.t(), [String.t()], [word() | :or]) :: [word() | :or]
  defp words("", _columns, found), do: Enum.reverse(found)

  defp words(<<char::utf8, rest::binary>>, columns, found) when is_space(char),
    do: words(rest, columns, found)

  defp words(text, columns, found) do
    {word, rest} = word(text, columns)
    words(rest, columns, [word | found])
  end

  defp word(<<?-, next::utf8, _::binary>> = text, columns)
       when next != ?- and not is_space(next),
       do: text |> binary_slice(1..-1//1) |> excluded(columns)

  defp word(text, columns), do: unsigned(text, columns)

  defp excluded(text, columns) do
    {word, rest} = unsigned(text, columns)
    {if(word == :or, do: plain("OR"), else: word) |> Map.put(:excluded, true), rest}
  end

  defp unsigned(text, columns) do
    case column(text, columns) do
      {column, rest} ->
        {word, rest} = bare(rest)
        {%{word | column: column}, rest}

      nil ->
        case bare(text) do
          {%{text: "OR", quoted: false, prefix: false}, rest} -> {:or, rest}
          found -> found
        end
    end
  end

  # A column's name that something follows.
  defp column(text, columns) do
    Enum.find_value(columns, fn column ->
      size = byte_size(column)

      with <<name::binary-size(size), ?:, rest::binary>> <- text,
           true <- EctoLibSql.Identifier.same?(name, column),
           <<next::utf8, _::binary>> when not is_space(next) <- rest do
        {column, rest}
      else
        _other -> nil
      end
    end)
  end

  defp bare(<<quote::utf8, text::binary>>) when is_quote(quote) do
    rest = after_phrase(text)
    word = %{plain(before(text, rest)) | quoted: true}

    case rest do
      <<_quote::utf8, ?*, rest::binary>> -> {%{word | prefix: true}, rest}
      <<_quote::utf8, rest::binary>> -> {word, rest}
      "" -> {word, ""}
    end
  end

  defp bare(text) do
    rest = after_word(text)
    word = before(text, rest)

    if String.ends_with?(word, "*"),
      do: {%{plain(String.trim_trailing(word, "*")) | prefix: true}, rest},
      else: {plain(word), rest}
  end

  defp plain(text),
    do: %{text: text, quoted: false, excluded: false, column: nil, prefix: false}

  defp after_phrase(<<char::utf8, rest::binary>>) when not is_quote(char), do: after_phrase(rest)
  defp after_phrase(rest), do: rest

  defp after_word(<<char::utf8, rest::binary>>) when not is_space(char) and not is_quote(char),
    do: after_word(rest)

  defp after_word(rest), do: rest

  defp before(text, rest), do: binary_part(text, 0, byte_size(text) - byte_size(rest))

  ## Prefixes

  defp complete(words, :marked), do: words
  defp complete(words, :all), do: Enum.map(words, &open/1)

  defp complete(words, :last) do
    case Enum.reverse(words) do
      [last | others] -> Enum.reverse([open(last) | others])
      [] -> []
    end
  end

  defp open(%{quoted: false} = word), do: %{word | prefix: true}
  defp open(other), do: other

  ## Expressions

  defp alternatives(words) do
    words
    |> Enum.reject(&(&1 != :or and String.trim(&1.text) == ""))
    |> Enum.chunk_by(&(&1 == :or))
    |> Enum.reject(&match?([:or | _], &1))
    |> Enum.flat_map(&conjunction/1)
    |> case do
      [] -> Expression.nothing()
      [expression] -> expression
      expressions -> Expression.any(expressions)
    end
  end

  # FTS5 cannot say "all but": words to exclude alone search for nothing.
  defp conjunction(words) do
    case Enum.split_with(words, & &1.excluded) do
      {_excluded, []} -> []
      {[], wanted} -> [each(wanted)]
      {excluded, wanted} -> [Expression.but_not(each(wanted), any(excluded))]
    end
  end

  defp each(words), do: words |> Enum.map(&term/1) |> Expression.each()

  defp any([word]), do: term(word)
  defp any(words), do: words |> Enum.map(&term/1) |> Expression.any()

  defp term(word) do
    term = if word.prefix, do: Expression.prefix(word.text), else: Expression.term(word.text)
    if word.column, do: Expression.columns(term, [word.column]), else: term
  end
end
