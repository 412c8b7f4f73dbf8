defmodule EctoLibSql.Identifier do
  @moduledoc false
  # Names and text literals in SQL, quoted and unquoted.

  @doc """
  A name in double quotes, of a table that may have a schema.

      iex> IO.iodata_to_binary(EctoLibSql.Identifier.quote_name("other", "us\\"ers"))
      ~S("other"."us""ers")
  """
  @spec quote_name(String.t() | atom() | nil, String.t() | atom()) :: iodata()
  def quote_name(nil, name), do: quote_name(name)
  def quote_name(schema, name), do: [quote_name(schema), ?., quote_name(name)]

  @doc "A name in double quotes."
  @spec quote_name(String.t() | atom()) :: iodata()
  def quote_name(name) when is_atom(name) and name not in [nil, true, false],
    do: name |> Atom.to_string() |> quote_name()

  def quote_name(name) when is_binary(name) do
    if String.contains?(name, <<0>>) do
      raise ArgumentError, "a name in SQL cannot hold a NUL byte: #{inspect(name)}"
    end

    [?", String.replace(name, "\"", "\"\""), ?"]
  end

  @doc "Names, quoted, with commas."
  @spec quote_names([String.t() | atom()]) :: iodata()
  def quote_names(names), do: Enum.map_intersperse(names, ", ", &quote_name/1)

  @doc "A text literal."
  @spec quote_text(String.t()) :: iodata()
  def quote_text(text) when is_binary(text), do: [?', String.replace(text, "'", "''"), ?']

  @doc """
  The name that a token stands for, in whichever of SQLite's four ways it is quoted.

      iex> EctoLibSql.Identifier.unquote_name("[a]b")
      "[a]b"
      iex> Enum.map([~S("a""b"), "[a]", "`a`", "'a'", "a"], &EctoLibSql.Identifier.unquote_name/1)
      [~S(a"b), "a", "a", "a", "a"]
  """
  @spec unquote_name(String.t()) :: String.t()
  def unquote_name(<<quote, rest::binary>> = token) when quote in [?", ?`, ?'] do
    close = <<quote>>

    if String.ends_with?(rest, close),
      do: rest |> binary_slice(0..-2//1) |> String.replace(close <> close, close),
      else: token
  end

  def unquote_name("[" <> rest = token) do
    if String.ends_with?(rest, "]"), do: binary_slice(rest, 0..-2//1), else: token
  end

  def unquote_name(token), do: token

  @doc "Whether two names are one to SQLite, which folds the case of ASCII letters only."
  @spec same?(String.t(), String.t()) :: boolean()
  def same?(a, b), do: fold(a) == fold(b)

  @doc "A name with its ASCII letters in lower case."
  @spec fold(String.t()) :: String.t()
  def fold(name), do: String.downcase(name, :ascii)
end
