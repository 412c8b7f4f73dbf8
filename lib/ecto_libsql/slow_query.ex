defmodule EctoLibSql.SlowQuery do
  @moduledoc false
  # The connect option `slow_query`.

  alias EctoLibSql.Redact
  alias EctoLibSql.Trace.Relay

  @milliseconds "milliseconds, an integer of 0 or more"

  @doc "Nil where the option's value is fine, else what it takes."
  @spec takes(term()) :: String.t() | nil
  def takes(nil), do: nil

  def takes(threshold) when is_integer(threshold),
    do: unless(milliseconds?(threshold), do: @milliseconds)

  def takes(options) do
    if Keyword.keyword?(options),
      do: takes_options(Map.new(options)),
      else: "#{@milliseconds}, or a keyword list of threshold, expanded_sql and redact"
  end

  defp takes_options(options) do
    expanded = Map.get(options, :expanded_sql, false)

    cond do
      Map.keys(options) -- [:threshold, :expanded_sql, :redact] != [] ->
        "threshold, expanded_sql and redact, and nothing else"

      not milliseconds?(options[:threshold]) ->
        "threshold: #{@milliseconds}"

      not is_boolean(expanded) ->
        "expanded_sql: true or false"

      expanded != Map.has_key?(options, :redact) ->
        "redact with expanded_sql: true: true, false, or a list of the parameters that are not to " <>
          "be in it"

      expanded and match?({:error, _}, Redact.names(options.redact)) ->
        "redact: true, false, or a list of parameters' names and positions"

      true ->
        nil
    end
  end

  defp milliseconds?(value), do: is_integer(value) and value in 0..0xFFFFFFFF

  @doc "The option as the NIF takes it."
  @spec native(term()) :: {non_neg_integer(), Redact.t() | nil} | nil
  def native(nil), do: nil
  def native(threshold) when is_integer(threshold), do: {threshold, nil}

  def native(options) do
    {:ok, redact} = options |> Keyword.get(:redact, false) |> Redact.names()
    {options[:threshold], if(options[:expanded_sql], do: redact)}
  end

  @doc "Has the slow queries of connections that are opened from now on told, where that is asked for."
  @spec listen(keyword()) :: :ok
  def listen(options) do
    if options[:slow_query], do: Relay.listen()
    :ok
  end
end
