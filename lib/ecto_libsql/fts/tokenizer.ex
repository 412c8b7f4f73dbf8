defmodule EctoLibSql.FTS.Tokenizer do
  @moduledoc false
  # The option `:tokenize` of an FTS5 table, as FTS5's words.

  @unicode61 [:remove_diacritics, :categories, :tokenchars, :separators]
  @ascii [:tokenchars, :separators]
  @trigram [:case_sensitive, :remove_diacritics]

  @takes "takes :unicode61, :ascii, :trigram or :porter, with options {:unicode61, remove_diacritics: 2}; " <>
           "{:porter, tokenizer} of another tokenizer; or a list of texts, the name of a tokenizer of " <>
           "an extension and its arguments"

  @doc """
  The words of a tokenizer. Raises `ArgumentError` for what is none.

      iex> EctoLibSql.FTS.Tokenizer.words!({:porter, {:unicode61, tokenchars: "'-"}})
      ["porter", "unicode61", "tokenchars", "'-"]
  """
  @spec words!(term()) :: [String.t()]
  def words!(name) when name in [:unicode61, :ascii, :trigram, :porter], do: [to_string(name)]
  def words!({:porter, {:porter, _}}), do: refuse!({:porter, :porter})

  def words!({:porter, wrapped}) when wrapped not in [:porter],
    do: ["porter" | words!(wrapped)]

  def words!({:unicode61, opts}), do: ["unicode61" | options!(:unicode61, opts, @unicode61)]
  def words!({:ascii, opts}), do: ["ascii" | options!(:ascii, opts, @ascii)]

  def words!({:trigram, opts}) do
    words = options!(:trigram, opts, @trigram)

    if opts[:case_sensitive] && opts[:remove_diacritics] do
      raise ArgumentError,
            ":tokenize: trigram takes one of :case_sensitive and :remove_diacritics"
    end

    ["trigram" | words]
  end

  def words!([_ | _] = words) do
    if not Enum.all?(words, &text?/1), do: refuse!(words)
    words
  end

  def words!(other), do: refuse!(other)

  @spec refuse!(term()) :: no_return()
  defp refuse!(other),
    do: raise(ArgumentError, ":tokenize #{@takes}; got: #{inspect(other)}")

  defp options!(tokenizer, opts, allowed) do
    if not Keyword.keyword?(opts), do: refuse!({tokenizer, opts})

    for {option, value} <- opts,
        word <- [to_string(option), value!(tokenizer, option, value, allowed)],
        do: word
  end

  defp value!(:unicode61, :remove_diacritics, value, _) when value in [0, 1, 2],
    do: to_string(value)

  defp value!(:trigram, flag, value, _)
       when flag in [:case_sensitive, :remove_diacritics] and is_boolean(value),
       do: if(value, do: "1", else: "0")

  defp value!(:unicode61, :categories, categories, _) do
    categories = if is_binary(categories), do: String.split(categories), else: categories

    if categories == [] or not is_list(categories) or
         not Enum.all?(categories, &(is_binary(&1) and &1 =~ ~r/\A[A-Z][a-z*]\z/)) do
      raise ArgumentError,
            ":tokenize: categories of unicode61 takes general categories of Unicode, as " <>
              ~s(["L*", "N*", "Co"]; got: #{inspect(categories)})
    end

    Enum.join(categories, " ")
  end

  defp value!(tokenizer, option, value, allowed) do
    cond do
      option not in allowed ->
        raise ArgumentError,
              ":tokenize: #{tokenizer} has no option #{inspect(option)}; it has #{inspect(allowed)}"

      option in [:tokenchars, :separators] and text?(value) ->
        value

      true ->
        raise ArgumentError,
              ":tokenize: #{option} of #{tokenizer} takes #{takes(tokenizer, option)}, got: " <>
                inspect(value)
    end
  end

  defp takes(:unicode61, :remove_diacritics), do: "0, 1 or 2"
  defp takes(:trigram, _flag), do: "true or false"
  defp takes(_tokenizer, _characters), do: "a text of the characters"

  defp text?(text),
    do:
      is_binary(text) and text != "" and String.valid?(text) and not String.contains?(text, <<0>>)
end
