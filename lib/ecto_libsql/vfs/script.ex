defmodule EctoLibSql.Vfs.Script do
  @moduledoc false
  # Checks a script of faults, and makes of it the map that the NIF reads.

  alias EctoLibSql.Error

  @keys [:seed, :rules, :space, :sector_size]
  @rule_keys [:on, :file, :nth, :from, :every, :probability, :times, :do]
  @operations [
    :open,
    :read,
    :write,
    :sync,
    :truncate,
    :size,
    :delete,
    :access,
    :lock,
    :shm_map,
    :shm_lock
  ]
  @files [:main, :wal, :journal, :temporary]
  @largest 0xFFFF_FFFF_FFFF_FFFF
  @longest_delay 60_000

  @spec native(term()) :: {:ok, map()} | {:error, Error.t()}
  def native(script) do
    with {:ok, script} <- named("the script", script, @keys),
         {:ok, rules} <- rules(Map.get(script, :rules, [])),
         {:ok, seed} <- count("seed", Map.get(script, :seed, 0), 0),
         {:ok, space} <- optional("space", script[:space], 0),
         {:ok, size} <- sector_size(Map.get(script, :sector_size, 512)),
         do: {:ok, %{seed: seed, rules: rules, space: space, sector_size: size}}
  end

  defp named(what, pairs, keys) do
    cond do
      Keyword.keyword?(pairs) -> only(what, Map.new(pairs), keys)
      is_map(pairs) and not is_struct(pairs) -> only(what, pairs, keys)
      true -> invalid("#{what} is a keyword list or a map, got: #{inspect(pairs)}")
    end
  end

  defp only(what, map, keys) do
    case Map.keys(map) -- keys do
      [] ->
        {:ok, map}

      unknown ->
        invalid("#{what} has #{list(unknown)}, which is none of its keys: #{list(keys)}")
    end
  end

  defp rules(rules) do
    if proper_list?(rules),
      do: each_rule(rules),
      else: invalid("rules is a list of rules, got: #{inspect(rules)}")
  end

  defp each_rule(rules) do
    rules
    |> Enum.with_index(1)
    |> Enum.reduce_while({:ok, []}, fn {rule, number}, {:ok, done} ->
      case rule("rule #{number}", rule) do
        {:ok, rule} -> {:cont, {:ok, [rule | done]}}
        error -> {:halt, error}
      end
    end)
    |> then(&with({:ok, rules} <- &1, do: {:ok, Enum.reverse(rules)}))
  end

  defp rule(what, rule) do
    with {:ok, rule} <- named(what, rule, @rule_keys),
         {:ok, on} <- some("#{what}: on", rule[:on], @operations),
         {:ok, files} <- some("#{what}: file", rule[:file], @files),
         {:ok, nth} <- optional("#{what}: nth", rule[:nth], 1),
         {:ok, from} <- optional("#{what}: from", rule[:from], 1),
         {:ok, every} <- optional("#{what}: every", rule[:every], 1),
         {:ok, times} <- optional("#{what}: times", rule[:times], 1),
         {:ok, probability} <- probability("#{what}: probability", rule[:probability]),
         {:ok, action} <- action("#{what}: do", Map.get(rule, :do, :error)) do
      {:ok,
       %{
         on: on,
         files: files,
         nth: nth,
         from: from,
         every: every,
         times: times,
         probability: probability,
         action: action
       }}
    end
  end

  defp some(_what, nil, _allowed), do: {:ok, []}
  defp some(what, one, allowed) when is_atom(one), do: some(what, [one], allowed)

  defp some(what, several, allowed) do
    if proper_list?(several) and Enum.all?(several, &(&1 in allowed)),
      do: {:ok, several},
      else: invalid("#{what} takes one or a list of #{list(allowed)}, got: #{inspect(several)}")
  end

  defp proper_list?(list), do: is_list(list) and not List.improper?(list)

  defp optional(_what, nil, _least), do: {:ok, nil}
  defp optional(what, count, least), do: count(what, count, least)

  defp count(_what, count, least) when is_integer(count) and count >= least and count <= @largest,
    do: {:ok, count}

  defp count(what, other, least),
    do: invalid("#{what} takes an integer from #{least} to #{@largest}, got: #{inspect(other)}")

  defp probability(_what, nil), do: {:ok, nil}

  defp probability(_what, chance) when is_number(chance) and chance >= 0 and chance <= 1,
    do: {:ok, chance / 1}

  defp probability(what, other),
    do: invalid("#{what} takes a number from 0 to 1, got: #{inspect(other)}")

  @sector_sizes Enum.map(5..16, &Bitwise.bsl(1, &1))

  defp sector_size(size) when size in @sector_sizes, do: {:ok, size}

  defp sector_size(other),
    do: invalid("sector_size takes a power of two from 32 to 65536, got: #{inspect(other)}")

  # {kind, value, flag}
  defp action(_what, :error), do: {:ok, {:error, nil, false}}
  defp action(_what, {:error, code}) when is_atom(code), do: {:ok, {:error, code, false}}
  defp action(_what, :lie), do: {:ok, {:lie, nil, false}}
  defp action(_what, :power_loss), do: {:ok, {:power_loss, nil, false}}

  defp action(_what, {:delay, ms}) when is_integer(ms) and ms in 0..@longest_delay,
    do: {:ok, {:delay, ms, false}}

  defp action(_what, {:torn, keep}) when is_integer(keep) and keep in 0..@largest,
    do: {:ok, {:torn, keep, false}}

  defp action(_what, {:torn, keep, :silent}) when is_integer(keep) and keep in 0..@largest,
    do: {:ok, {:torn, keep, true}}

  defp action(_what, {:short, keep}) when is_integer(keep) and keep in 0..@largest,
    do: {:ok, {:short, keep, false}}

  defp action(what, other) do
    invalid(
      "#{what} takes :error, {:error, code}, {:torn, bytes}, {:torn, bytes, :silent}, {:short, bytes}, " <>
        ":lie, {:delay, milliseconds up to #{@longest_delay}} or :power_loss, got: #{inspect(other)}"
    )
  end

  defp list(values), do: Enum.map_join(values, ", ", &inspect/1)

  defp invalid(message), do: {:error, %Error{code: :invalid_argument, message: message}}
end
