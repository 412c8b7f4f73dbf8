defmodule EctoLibSql.CreateTable.Constraint do
  @moduledoc false
  # A constraint of a column or a table: <https://sqlite.org/syntax/column-constraint.html>,
  # <https://sqlite.org/syntax/table-constraint.html>. `text` is the constraint as it was written,
  # its name included. What SQLite takes for a constraint of its own in a column (DEFERRABLE after
  # REFERENCES) is part of the one that it belongs to.

  alias EctoLibSql.{Identifier, SqlTokens}

  @enforce_keys [:kind, :text]
  defstruct [:kind, :text, :name, :references, :expression, columns: []]

  @type kind ::
          :primary_key
          | :not_null
          | :null
          | :unique
          | :check
          | :default
          | :collate
          | :foreign_key
          | :generated

  @type t :: %__MODULE__{
          kind: kind(),
          text: String.t(),
          name: String.t() | nil,
          columns: [String.t()],
          expression: String.t() | nil,
          references: %{table: String.t(), columns: [String.t()], deferred?: boolean()} | nil
        }

  @starts ~w(CONSTRAINT PRIMARY UNIQUE CHECK FOREIGN)
  @column_starts ~w(CONSTRAINT PRIMARY NOT NULL UNIQUE CHECK DEFAULT COLLATE REFERENCES GENERATED AS)

  @doc "Whether tokens begin a table's constraint."
  @spec starts?([SqlTokens.token()]) :: boolean()
  def starts?([{:word, word, _} | _]), do: upcase(word) in @starts
  def starts?(_tokens), do: false

  @doc "Whether tokens begin a column's constraint."
  @spec starts_in_column?([SqlTokens.token()]) :: boolean()
  def starts_in_column?([{:word, word, _} | _]), do: upcase(word) in @column_starts
  def starts_in_column?(_tokens), do: false

  @doc """
  The constraints that tokens consist of.
  """
  @spec parse_all([SqlTokens.token()]) :: {:ok, [t()]} | :error
  def parse_all(tokens), do: parse_all(tokens, [])

  defp parse_all([], parsed), do: {:ok, Enum.reverse(parsed)}

  defp parse_all(tokens, parsed) do
    with {:ok, constraint, rest} <- parse(tokens) do
      taken = Enum.take(tokens, length(tokens) - length(rest))
      parse_all(rest, [%{constraint | text: SqlTokens.text(taken)} | parsed])
    end
  end

  defp parse([{:word, word, _} | rest] = tokens) do
    case upcase(word) do
      "CONSTRAINT" -> named(rest)
      keyword -> parse(keyword, rest, tokens)
    end
  end

  defp parse(_tokens), do: :error

  defp named([{_kind, name, _} | rest]) do
    with {:ok, constraint, rest} <- parse(rest),
         do: {:ok, %{constraint | name: Identifier.unquote_name(name)}, rest}
  end

  defp named([]), do: :error

  defp parse("PRIMARY", [_key | rest], _tokens) do
    {columns, rest} = column_list(rest)

    new(:primary_key, rest |> skip(~w(ASC DESC)) |> conflict() |> skip(~w(AUTOINCREMENT)),
      columns: columns
    )
  end

  defp parse("UNIQUE", rest, _tokens) do
    {columns, rest} = column_list(rest)
    new(:unique, conflict(rest), columns: columns)
  end

  defp parse("NOT", [_null | rest], _tokens), do: new(:not_null, conflict(rest))
  defp parse("NULL", rest, _tokens), do: new(:null, conflict(rest))

  defp parse("CHECK", rest, _tokens) do
    with {group, rest} <- SqlTokens.split_group(rest) do
      new(:check, conflict(rest), expression: expression(group))
    end
  end

  defp parse("DEFAULT", rest, _tokens) do
    with {:ok, rest} <- default(rest), do: new(:default, rest)
  end

  defp parse("COLLATE", [_name | rest], _tokens), do: new(:collate, rest)

  defp parse(keyword, rest, tokens) when keyword in ["GENERATED", "AS"] do
    rest = if keyword == "GENERATED", do: skip(rest, ~w(ALWAYS)), else: tokens

    with [_as | rest] <- rest,
         {group, rest} <- SqlTokens.split_group(rest),
         do: new(:generated, skip(rest, ~w(STORED VIRTUAL)), expression: expression(group))
  end

  defp parse("FOREIGN", [_key | rest], _tokens) do
    {columns, rest} = column_list(rest)

    with [{:word, _references, _} | rest] <- rest,
         do: references(rest, columns)
  end

  defp parse("REFERENCES", rest, _tokens), do: references(rest, [])
  defp parse(_keyword, _rest, _tokens), do: :error

  defp new(kind, rest, fields \\ []),
    do: {:ok, struct!(%__MODULE__{kind: kind, text: ""}, fields), rest}

  @doc """
  Whether this is a foreign key that changes or deletes its table's rows when the rows that they
  refer to are deleted.
  """
  @spec acts_on_delete?(t()) :: boolean()
  def acts_on_delete?(%__MODULE__{kind: :foreign_key, text: text}),
    do: text |> SqlTokens.tokenize() |> Enum.map(&word/1) |> acts?()

  def acts_on_delete?(%__MODULE__{}), do: false

  defp acts?(["ON", "DELETE", action | _]), do: action in ["CASCADE", "SET"]
  defp acts?([_word | rest]), do: acts?(rest)
  defp acts?([]), do: false

  ## Parts

  defp expression(group), do: group |> tl() |> Enum.drop(-1) |> SqlTokens.text()

  defp default([{:punctuation, "(", _} | _] = tokens) do
    with {_group, rest} <- SqlTokens.split_group(tokens), do: {:ok, rest}
  end

  defp default([{:punctuation, sign, _} | rest]) when sign in ["+", "-"], do: default(rest)

  # A number with its fraction and exponent comes in several tokens without space between them.
  defp default([_first | rest]), do: {:ok, Enum.drop_while(rest, &joined?/1)}
  defp default([]), do: :error

  defp joined?({kind, text, ""}), do: kind == :word or text in [".", "+", "-"]
  defp joined?(_token), do: false

  defp references([{_kind, table, _} | rest], columns) do
    {parent_columns, rest} = column_list(rest)
    {rest, deferred?} = reference_actions(rest, false)

    references = %{
      table: Identifier.unquote_name(table),
      columns: parent_columns,
      deferred?: deferred?
    }

    new(:foreign_key, rest, columns: columns, references: references)
  end

  defp references([], _columns), do: :error

  defp reference_actions(tokens, deferred?) do
    case Enum.map(Enum.take(tokens, 4), &word/1) do
      ["ON", _event, "SET", _value] -> tokens |> Enum.drop(4) |> reference_actions(deferred?)
      ["ON", _event, "NO", "ACTION"] -> tokens |> Enum.drop(4) |> reference_actions(deferred?)
      ["ON", _event, _action | _] -> tokens |> Enum.drop(3) |> reference_actions(deferred?)
      ["MATCH", _name | _] -> tokens |> Enum.drop(2) |> reference_actions(deferred?)
      ["NOT", "DEFERRABLE" | _] -> tokens |> Enum.drop(2) |> initially() |> not_deferred()
      ["DEFERRABLE" | _] -> tokens |> Enum.drop(1) |> initially()
      _ -> {tokens, deferred?}
    end
  end

  defp initially(tokens) do
    case Enum.map(Enum.take(tokens, 2), &word/1) do
      ["INITIALLY", "DEFERRED"] -> tokens |> Enum.drop(2) |> reference_actions(true)
      ["INITIALLY", "IMMEDIATE"] -> tokens |> Enum.drop(2) |> reference_actions(false)
      _ -> reference_actions(tokens, false)
    end
  end

  defp not_deferred({rest, _deferred?}), do: {rest, false}

  # `(a, "b" COLLATE nocase DESC)`: the names; nothing where there is no list.
  defp column_list(tokens) do
    case SqlTokens.split_group(tokens) do
      {group, rest} -> {group |> tl() |> Enum.drop(-1) |> names(true), rest}
      :error -> {[], tokens}
    end
  end

  defp names([], _first?), do: []
  defp names([{:punctuation, ",", _} | rest], _first?), do: names(rest, true)

  defp names([{_, text, _} | rest], true),
    do: [Identifier.unquote_name(text) | names(rest, false)]

  defp names([_token | rest], false), do: names(rest, false)

  defp conflict(tokens) do
    case Enum.map(Enum.take(tokens, 2), &word/1) do
      ["ON", "CONFLICT"] -> Enum.drop(tokens, 3)
      _ -> tokens
    end
  end

  defp skip([token | rest] = tokens, words), do: if(word(token) in words, do: rest, else: tokens)
  defp skip([], _words), do: []

  defp word({:word, text, _lead}), do: upcase(text)
  defp word(_token), do: nil

  defp upcase(word), do: String.upcase(word, :ascii)
end
