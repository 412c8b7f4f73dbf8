defmodule EctoLibSql.Remote.Functions do
  @moduledoc false
  # A server does not have the functions that this library gives to its own connections, and the
  # adapter writes into queries. Those that plain SQL can say are written in plain SQL: dates and times
  # that are added to, decimals that are compared and sorted, distances. The others, which calculate
  # decimals, stay as they are, and the server's error says what they are.

  alias EctoLibSql.Geo
  alias EctoLibSql.Remote.Functions.{DatetimeAdd, DecimalKey}
  alias EctoLibSql.SqlTokens

  @mentions ["ecto_date", "ecto_decimal_cmp", "ECTO_DECIMAL", "ecto_geo_distance"]

  # After one of these, a list of what is sorted or grouped by has ended.
  @after_by ~w(HAVING WINDOW LIMIT OFFSET ROWS RANGE GROUPS UNION EXCEPT INTERSECT SELECT FROM WHERE
               ON SET RETURNING)

  @functions ~w(ecto_datetime_add ecto_date_add ecto_decimal_cmp ecto_geo_distance)
  @aggregates ~w(COUNT SUM TOTAL AVG MIN MAX GROUP_CONCAT)

  @doc """
  The statement without them.
  """
  @spec translate(term()) :: term()
  def translate(sql) when is_binary(sql) do
    case :binary.match(sql, @mentions) do
      :nomatch -> sql
      _found -> sql |> SqlTokens.tokenize() |> expand(:value, []) |> IO.iodata_to_binary()
    end
  end

  def translate(other), do: other

  # `use` is what becomes of a value: it is a result (`:value`), or only sorted or told apart by
  # (`:key`). `done` is what was translated, the last first: a token, or an operand as SQL.
  defp expand([], _use, done), do: written(done)

  defp expand([{:word, name, lead}, {:punctuation, "(", ""} = open | rest] = tokens, use, done) do
    case SqlTokens.split_group([open | rest]) do
      {group, rest} -> expand(rest, use, [{:operand, lead, call(name, group)} | done])
      :error -> written(done) ++ as_written(tokens)
    end
  end

  defp expand([{:punctuation, "(", lead} | _] = tokens, use, done) do
    case SqlTokens.split_group(tokens) do
      {group, rest} -> expand(rest, use, [{:operand, lead, call("", group)} | done])
      :error -> written(done) ++ as_written(tokens)
    end
  end

  defp expand([{:word, "COLLATE", _}, {:word, "ECTO_DECIMAL", _} | rest], use, done) do
    {lead, operand, done} = operand(done)

    case {use, elements(rest)} do
      {_use, {elements, rest}} ->
        expand(rest, use, [{:operand, lead, DecimalKey.member(operand, elements)} | done])

      {:key, :none} ->
        expand(rest, use, [{:operand, lead, DecimalKey.key(operand)} | done])

      {:value, :none} ->
        expand(rest, use, [{:operand, lead, operand} | done])
    end
  end

  defp expand([{:word, word, _} = token | rest], use, done) do
    use =
      case keyword(word) do
        "BY" -> :key
        keyword when keyword in @after_by -> :value
        _other -> use
      end

    expand(rest, use, [token | done])
  end

  defp expand([token | rest], use, done), do: expand(rest, use, [token | done])

  ## Calls and groups

  defp call(name, group) when name in @functions do
    parts = group |> inner() |> arguments()
    movable? = Enum.all?(parts, &movable?/1) and Enum.all?(Enum.drop(parts, 2), &literal?/1)

    case {name, Enum.map(parts, &argument/1)} do
      {"ecto_datetime_add", [value, count, unit, precision]} when movable? ->
        DatetimeAdd.datetime(value, count, unit, precision)

      {"ecto_date_add", [value, count, unit]} when movable? ->
        DatetimeAdd.date(value, count, unit)

      {"ecto_decimal_cmp", [left, right]} when movable? ->
        DecimalKey.compare(left, right)

      {"ecto_geo_distance", [from, to]} when movable? ->
        Geo.SQL.distance(from, to)

      {name, arguments} ->
        [name, ?(, Enum.intersperse(arguments, ","), ?)]
    end
  end

  defp call(name, group), do: [name, ?(, group |> inner() |> distinct(), ?)]

  # The unit and the precision, by which the SQL is chosen.
  defp literal?([{:string, _text, _lead}]), do: true
  defp literal?([{:word, number, _lead}]), do: number in ["0", "6"]
  defp literal?(_tokens), do: false

  # The arguments end up in a subquery, where a window's function, and an aggregate that names no column
  # of the query outside, would be the subquery's own.
  defp movable?([{:word, name, _}, {:punctuation, "(", _} = open | rest]) do
    case SqlTokens.split_group([open | rest]) do
      {group, rest} ->
        (keyword(name) not in @aggregates or names?(group)) and keyword(name) != "OVER" and
          movable?(inner(group)) and movable?(rest)

      :error ->
        false
    end
  end

  defp movable?([{:word, name, _} | rest]), do: keyword(name) != "OVER" and movable?(rest)
  defp movable?([_token | rest]), do: movable?(rest)
  defp movable?([]), do: true

  defp names?(group), do: Enum.any?(group, &match?({:name, _, _}, &1))

  defp keyword(word), do: String.upcase(word, :ascii)

  defp inner(group), do: group |> tl() |> Enum.drop(-1)

  # `count(DISTINCT price)` tells values apart.
  defp distinct([{:word, "DISTINCT", _} = word | rest]), do: expand(rest, :key, [word])
  defp distinct(tokens), do: expand(tokens, :value, [])

  defp argument(tokens), do: expand(tokens, :value, [])

  # What stands between the commas.
  defp arguments(tokens), do: arguments(tokens, [], [])
  defp arguments([], part, parts), do: Enum.reverse([Enum.reverse(part) | parts])

  defp arguments([{:punctuation, ",", _} | rest], part, parts),
    do: arguments(rest, [], [Enum.reverse(part) | parts])

  defp arguments([{:punctuation, "(", _} | _] = tokens, part, parts) do
    case SqlTokens.split_group(tokens) do
      {group, rest} -> arguments(rest, Enum.reverse(group, part), parts)
      :error -> arguments([], Enum.reverse(tokens, part), parts)
    end
  end

  defp arguments([token | rest], part, parts), do: arguments(rest, [token | part], parts)

  ## Collations

  # `IN (…)` compares by the collation of its left side: the elements of a list, or a subquery's rows.
  defp elements([{:word, "IN", _}, {:punctuation, "(", _} = open | rest]) do
    with {group, rest} <- SqlTokens.split_group([open | rest]) do
      case inner(group) do
        [] ->
          {[], rest}

        [{_kind, word, _} | _] = subquery when word in ["SELECT", "WITH"] ->
          {{:subquery, argument(subquery)}, rest}

        list ->
          {list |> arguments() |> Enum.map(&argument/1), rest}
      end
    else
      :error -> :none
    end
  end

  defp elements(_tokens), do: :none

  # The operand that a collation belongs to: a call or group, or a name with what qualifies it, or a
  # parameter.
  defp operand([{:operand, lead, sql} | done]), do: {lead, sql, done}

  defp operand([{_, name, lead}, {:punctuation, mark, mark_lead} | done])
       when mark in ["?", ":", "@"] and lead == "",
       do: {mark_lead, [mark, name], done}

  defp operand([{_, name, ""}, {:punctuation, ".", ""} = dot | done]) do
    {lead, qualifier, done} = operand(done)
    {lead, [qualifier, elem(dot, 1), name], done}
  end

  defp operand([{_kind, text, lead} | done]), do: {lead, text, done}
  defp operand([]), do: {"", "", []}

  ## Text

  defp written(done) do
    Enum.reduce(done, [], fn
      {:operand, lead, sql}, rest -> [[lead, sql] | rest]
      {_kind, text, lead}, rest -> [[lead, text] | rest]
    end)
  end

  defp as_written(tokens), do: for({_kind, text, lead} <- tokens, do: [lead, text])
end
