defmodule EctoLibSql.Remote.Breaker do
  @moduledoc false
  # The option :breaker: when a server that does not answer is not asked for a while.

  @defaults [failures: 5, open_for: 5_000, max_open_for: 15_000]

  # A longer pause than a day is no pause.
  @longest 86_400_000

  @doc """
  Nil where the value is fine, else what the option takes.
  """
  @spec takes(term()) :: String.t() | nil
  def takes(false), do: nil

  def takes(options) do
    fine? =
      Keyword.keyword?(options) and
        Enum.all?(options, fn {name, value} ->
          Keyword.has_key?(@defaults, name) and is_integer(value) and value in 1..@longest
        end)

    unless fine? do
      "false, or a keyword list of failures (how many in a row open it, 1 or more), open_for and " <>
        "max_open_for (for how long, in milliseconds, at first and at most)"
    end
  end

  @doc """
  `{failures, open_for, max_open_for}`; nil for none.
  """
  @spec native(keyword() | false) :: {pos_integer(), pos_integer(), pos_integer()} | nil
  def native(false), do: nil

  def native(options) do
    options = Keyword.merge(@defaults, options)
    {options[:failures], options[:open_for], max(options[:max_open_for], options[:open_for])}
  end
end
