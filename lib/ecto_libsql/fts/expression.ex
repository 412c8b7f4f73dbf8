defmodule EctoLibSql.FTS.Expression do
  @moduledoc """
  What to search for, built from Elixir: no text in it is ever read as FTS5's query syntax.

      iex> alias EctoLibSql.FTS.Expression, as: Find
      iex> to_string(Find.all(["sailing", Find.prefix("boat")]))
      ~S|("sailing") AND ("boat" *)|
      iex> to_string(Find.but_not(~S|a "quoted" word|, "NEAR("))
      ~S|("a ""quoted"" word") NOT ("NEAR(")|

  Each function takes expressions, and texts where an expression is meant: a text stands for `term/1`
  of it. An expression is given to `EctoLibSql.FTS.match/2`, `EctoLibSql.FTS.search/4` and
  `EctoLibSql.FTS.query/4`; `to_string/1` is its text for MATCH.

  A text is cut into tokens by the table's tokenizer, as the documents were. A text without any, such
  as `"!"` for most tokenizers, is found nowhere: `all/1` with it finds nothing, `any/1` goes by the
  others, and `but_not/2` takes nothing away. (`EctoLibSql.FTS.websearch/2`, for what people type, passes over
  it instead.) NUL bytes separate words; text has to be valid UTF-8.

  FTS5's own syntax: <https://sqlite.org/fts5.html#full_text_query_syntax>. Its parser takes some forty
  expressions within each other.
  """

  @enforce_keys [:node]
  defstruct [:node]

  @typedoc "An expression. What is in it is not public."
  @type t :: %__MODULE__{node: tuple() | :nothing}

  @typedoc "An expression, or the text of a `term/1`."
  @type like :: t() | String.t()

  @typedoc "A column's name."
  @type column :: atom() | String.t()

  @doc """
  Rows with the text's tokens, one after the other: a word, or several as a phrase.
  """
  @spec term(String.t()) :: t()
  def term(text) when is_binary(text), do: phrase([text])

  @doc """
  Rows with the tokens of all texts, one after the other.

      iex> to_string(EctoLibSql.FTS.Expression.phrase(["red", "wine"]))
      ~S|"red" + "wine"|
  """
  @spec phrase([String.t(), ...]) :: t()
  def phrase([_ | _] = texts), do: new({:phrase, Enum.map(texts, &text!/1), []})

  @doc """
  Rows with the text's tokens, of which the last one may go on: `prefix("wat")` finds "water".
  """
  @spec prefix(String.t()) :: t()
  def prefix(text) when is_binary(text), do: new({:phrase, [text!(text)], [:prefix]})

  @doc """
  Rows where a term, phrase or prefix is the beginning of a column.

      iex> to_string(EctoLibSql.FTS.Expression.first("once upon"))
      ~S|^ "once upon"|
  """
  @spec first(like()) :: t()
  def first(expression) do
    case node!(expression) do
      {:phrase, texts, marks} ->
        new({:phrase, texts, Enum.uniq([:first | marks])})

      _other ->
        raise ArgumentError,
              "first/1 takes a term, a phrase or a prefix, got: #{inspect(expression)}"
    end
  end

  @doc """
  Rows where the terms, phrases and prefixes stand near each other in a column, in any order: with at
  most `distance` tokens between the end of the first and the beginning of the last.

      iex> to_string(EctoLibSql.FTS.Expression.near(["wine", "cheese"], 5))
      ~S|NEAR("wine" "cheese", 5)|
  """
  @spec near([like(), ...], non_neg_integer()) :: t()
  def near([_ | _] = expressions, distance \\ 10) when is_integer(distance) and distance >= 0 do
    phrases =
      for expression <- expressions do
        with {:phrase, _texts, marks} = phrase <- node!(expression), false <- :first in marks do
          phrase
        else
          _other ->
            raise ArgumentError,
                  "near/2 takes terms, phrases and prefixes, got: #{inspect(expression)}"
        end
      end

    new({:near, phrases, distance})
  end

  @doc "Rows that all of them find."
  @spec all([like(), ...]) :: t()
  def all([_ | _] = expressions), do: new({:and, Enum.map(expressions, &node!/1)})

  @doc "Rows that at least one of them finds."
  @spec any([like(), ...]) :: t()
  def any([_ | _] = expressions), do: new({:or, Enum.map(expressions, &node!/1)})

  @doc "Rows that the first one finds, without those that the second one finds."
  @spec but_not(like(), like()) :: t()
  def but_not(expression, without), do: new({:not, node!(expression), node!(without)})

  @doc """
  What the expression finds in these columns alone.

      iex> to_string(EctoLibSql.FTS.Expression.columns("wine", [:title, :body]))
      ~S|{"title" "body"} : "wine"|
  """
  @spec columns(like(), [column(), ...]) :: t()
  def columns(expression, [_ | _] = columns),
    do: new({:columns, :only, Enum.map(columns, &column!/1), node!(expression)})

  @doc "What the expression finds in all other columns."
  @spec except_columns(like(), [column(), ...]) :: t()
  def except_columns(expression, [_ | _] = columns),
    do: new({:columns, :except, Enum.map(columns, &column!/1), node!(expression)})

  @doc "No row at all."
  @spec nothing() :: t()
  def nothing, do: new(:nothing)

  @doc """
  Whether it is `nothing/0`: what `EctoLibSql.FTS.websearch/2` gives for an empty search, where an
  application may want to show everything instead.
  """
  @spec nothing?(t()) :: boolean()
  def nothing?(%__MODULE__{node: node}), do: node == :nothing

  @doc """
  Text in FTS5's query syntax, as it is: not for what people type. An error in it is the database's.
  """
  @spec raw(String.t()) :: t()
  def raw(text) when is_binary(text) do
    if String.contains?(text, <<0>>) or not String.valid?(text) do
      raise ArgumentError,
            "a MATCH expression is UTF-8 without NUL bytes, got: #{inspect(text)}"
    end

    new({:raw, text})
  end

  @doc false
  # The terms of a web search: FTS5 passes over those without a token where it joins them by itself.
  @spec each([t(), ...]) :: t()
  def each(expressions), do: new({:each, Enum.map(expressions, &node!/1)})

  @doc false
  @spec new(tuple() | :nothing) :: t()
  def new(node), do: %__MODULE__{node: node}

  @doc false
  @spec node!(like()) :: tuple() | :nothing
  def node!(%__MODULE__{node: node}), do: node
  def node!(text) when is_binary(text), do: term(text).node

  def node!(other) do
    raise ArgumentError,
          "expected an EctoLibSql.FTS.Expression or a text, got: #{inspect(other)}"
  end

  defp text!(text) when is_binary(text) do
    if not String.valid?(text),
      do: raise(ArgumentError, "text to search for is UTF-8, got: #{inspect(text)}")

    String.replace(text, <<0>>, " ")
  end

  defp text!(other),
    do: raise(ArgumentError, "expected a text to search for, got: #{inspect(other)}")

  defp column!(column) when is_atom(column) and column not in [nil, true, false],
    do: Atom.to_string(column)

  defp column!(column) when is_binary(column) do
    if String.contains?(column, <<0>>) or not String.valid?(column),
      do: raise(ArgumentError, "a column's name is UTF-8 without NUL, got: #{inspect(column)}")

    column
  end

  defp column!(other),
    do: raise(ArgumentError, "expected a column's name, got: #{inspect(other)}")

  defimpl String.Chars do
    alias EctoLibSql.FTS.Expression

    def to_string(%Expression{node: node}), do: node |> text() |> IO.iodata_to_binary()

    # FTS5 refuses an empty expression; one of no tokens finds nothing.
    defp text(:nothing), do: ~S("")
    defp text({:raw, text}), do: text

    defp text({:phrase, texts, marks}) do
      [
        if(:first in marks, do: "^ ", else: []),
        Enum.map_intersperse(texts, " + ", &quoted/1),
        if(:prefix in marks, do: " *", else: [])
      ]
    end

    defp text({:near, phrases, distance}) do
      ["NEAR(", Enum.map_intersperse(phrases, " ", &text/1), ", #{distance})"]
    end

    defp text({:each, nodes}), do: Enum.map_intersperse(nodes, " ", &text/1)
    defp text({:and, nodes}), do: Enum.map_intersperse(nodes, " AND ", &group/1)
    defp text({:or, nodes}), do: Enum.map_intersperse(nodes, " OR ", &group/1)
    defp text({:not, node, without}), do: [group(node), " NOT ", group(without)]

    # Between terms that FTS5 joins by itself, it takes no parentheses.
    defp text({:columns, :only, columns, {:phrase, _, _} = node}),
      do: [names(columns), " : ", text(node)]

    defp text({:columns, :only, columns, node}), do: [names(columns), " : ", group(node)]
    defp text({:columns, :except, columns, node}), do: ["- ", names(columns), " : ", group(node)]

    defp group(node), do: [?(, text(node), ?)]
    defp names(columns), do: [?{, Enum.map_intersperse(columns, " ", &quoted/1), ?}]
    defp quoted(text), do: [?", String.replace(text, ~S("), ~S("")), ?"]
  end
end
