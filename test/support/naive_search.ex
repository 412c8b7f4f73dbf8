defmodule EctoLibSql.Test.NaiveSearch do
  @moduledoc false
  # Full-text search as one would write it in Elixir, to hold FTS5 against: it looks through every
  # document. Documents are maps of columns and texts; queries are terms:
  #
  #   * `{:phrase, texts, marks}`, marks of `:prefix` and `:first`
  #   * `{:near, phrases, distance}`
  #   * `{:all | :any, queries}`, `{:but_not, query, query}`
  #   * `{:columns | :except_columns, query, columns}`

  alias EctoLibSql.FTS.Expression

  @doc "Whether a document has what is searched for."
  @spec match?(map(), term()) :: boolean()
  def match?(document, query), do: matches?(query, document, Map.keys(document))

  defp matches?({:phrase, _, _} = phrase, document, columns),
    do: Enum.any?(columns, &(positions(phrase, document[&1]) != []))

  defp matches?({:near, phrases, distance}, document, columns) do
    # FTS5 passes over phrases without a token.
    phrases = Enum.reject(phrases, &(words(&1) == []))
    phrases != [] and Enum.any?(columns, &near?(phrases, document[&1], distance))
  end

  defp matches?({:all, queries}, document, columns),
    do: Enum.all?(queries, &matches?(&1, document, columns))

  defp matches?({:any, queries}, document, columns),
    do: Enum.any?(queries, &matches?(&1, document, columns))

  defp matches?({:but_not, query, without}, document, columns),
    do: matches?(query, document, columns) and not matches?(without, document, columns)

  defp matches?({:columns, query, only}, document, columns),
    do: matches?(query, document, Enum.filter(columns, &(&1 in only)))

  defp matches?({:except_columns, query, except}, document, columns),
    do: matches?(query, document, columns -- except)

  @doc "The tokens of a text: runs of ASCII letters and digits, in lower case."
  @spec tokens(String.t() | nil) :: [String.t()]
  def tokens(nil), do: []
  def tokens(text), do: ~r/[a-z0-9]+/ |> Regex.scan(String.downcase(text)) |> List.flatten()

  defp words({:phrase, texts, _marks}), do: Enum.flat_map(texts, &tokens/1)

  # Where the phrase begins.
  defp positions({:phrase, _texts, marks} = phrase, text) do
    words = words(phrase)
    tokens = tokens(text)
    last = length(tokens) - length(words)

    for at <- 0..last//1,
        words != [],
        at == 0 or :first not in marks,
        same?(words, Enum.drop(tokens, at), :prefix in marks),
        do: at
  end

  defp same?([word], [token | _], true), do: String.starts_with?(token, word)
  defp same?([], _tokens, _prefix?), do: true
  defp same?([word | words], [word | tokens], prefix?), do: same?(words, tokens, prefix?)
  defp same?(_words, _tokens, _prefix?), do: false

  # One place for each phrase, such that few enough tokens are between the first one's end and the
  # last one's beginning.
  defp near?(phrases, text, distance) do
    phrases
    |> Enum.map(fn phrase ->
      for at <- positions(phrase, text), do: {at, at + length(words(phrase))}
    end)
    |> combinations()
    |> Enum.any?(fn places ->
      {_first, first_end} = Enum.min(places)
      {last, _last_end} = Enum.max(places)
      last - first_end <= distance
    end)
  end

  defp combinations([]), do: [[]]

  defp combinations([places | rest]),
    do: for(place <- places, others <- combinations(rest), do: [place | others])

  @doc "The query as an expression."
  @spec expression(term()) :: Expression.t()
  def expression({:phrase, texts, marks}) do
    expression =
      if :prefix in marks,
        do: Expression.prefix(Enum.join(texts, " ")),
        else: Expression.phrase(texts)

    if :first in marks, do: Expression.first(expression), else: expression
  end

  def expression({:near, phrases, distance}),
    do: phrases |> Enum.map(&expression/1) |> Expression.near(distance)

  def expression({:all, queries}), do: queries |> Enum.map(&expression/1) |> Expression.all()
  def expression({:any, queries}), do: queries |> Enum.map(&expression/1) |> Expression.any()

  def expression({:but_not, query, without}),
    do: Expression.but_not(expression(query), expression(without))

  def expression({:columns, query, columns}),
    do: query |> expression() |> Expression.columns(columns)

  def expression({:except_columns, query, columns}),
    do: query |> expression() |> Expression.except_columns(columns)
end
