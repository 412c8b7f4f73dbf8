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

  @quotes ~w(" “ ” „)

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

  # Bytes that are no text separate words, as NUL does.
  defp readable(text) do
    if String.valid?(text), do: text, else: for(part <- chunks(text), into: "", do: part)
  end

  defp chunks(text) do
    case :unicode.characters_to_binary(text) do
      readable when is_binary(readable) -> [readable]
      {_error, readable, <<_byte, rest::binary>>} -> [readable, " " | chunks(rest)]
    end
  end

  ## Words

  @spec words(String.t(), [String.t()], [word() | :or]) :: [word() | :or]
  defp words(text, columns, found) do
    case skip_space(text) do
      "" ->
        Enum.reverse(found)

      text ->
        {word, rest} = word(text, columns)
        words(rest, columns, [word | found])
    end
  end

  defp word("-" <> rest = text, columns) do
    case rest do
      <<next::utf8, _::binary>> when next not in [?-, 0] ->
        if space?(<<next::utf8>>), do: unsigned(text, columns), else: excluded(rest, columns)

      _nothing_to_exclude ->
        unsigned(text, columns)
    end
  end

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
           {next, _rest} <- String.next_codepoint(rest),
           false <- space?(next) do
        {column, rest}
      else
        _other -> nil
      end
    end)
  end

  for quote <- @quotes do
    defp bare(unquote(quote) <> rest) do
      {text, rest} = take(rest, &(&1 in @quotes), "")
      starred(%{plain(text) | quoted: true}, without_first(rest))
    end
  end

  defp bare(text) do
    {word, rest} = take(text, &(space?(&1) or &1 in @quotes), "")

    if String.ends_with?(word, "*"),
      do: {%{plain(String.trim_trailing(word, "*")) | prefix: true}, rest},
      else: {plain(word), rest}
  end

  defp starred(word, "*" <> rest), do: {%{word | prefix: true}, rest}
  defp starred(word, rest), do: {word, rest}

  defp plain(text),
    do: %{text: text, quoted: false, excluded: false, column: nil, prefix: false}

  defp take(text, end?, taken) do
    case String.next_codepoint(text) do
      nil -> {taken, ""}
      {char, rest} -> if end?.(char), do: {taken, text}, else: take(rest, end?, taken <> char)
    end
  end

  defp without_first(text) do
    case String.next_codepoint(text) do
      nil -> ""
      {_char, rest} -> rest
    end
  end

  defp skip_space(text) do
    case String.next_codepoint(text) do
      nil -> ""
      {char, rest} -> if space?(char), do: skip_space(rest), else: text
    end
  end

  defp space?(char), do: char == <<0>> or String.trim(char) == ""

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
