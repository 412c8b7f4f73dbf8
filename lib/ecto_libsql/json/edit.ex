defmodule EctoLibSql.JSON.Edit do
  @moduledoc false
  # Changes of JSON, each in one call of SQLite's function for them, in the form that the JSON has.

  alias EctoLibSql.{Error, JSON, State}
  alias EctoLibSql.JSON.{Argument, Call}

  @type answer :: {:ok, JSON.json() | nil} | {:error, Error.t()}

  @doc "`json_set()`, `json_insert()` or `json_replace()`, for all changes."
  @spec change(State.t(), String.t(), JSON.json(), [{JSON.path(), JSON.value()}]) :: answer()
  def change(s, function, json, changes) when is_list(changes) do
    with {:ok, json} <- Argument.json("json", json),
         {:ok, changes} <- Argument.map_ok(changes, &path_and_value/1) do
      pairs =
        for {{_path, value}, index} <- Enum.with_index(changes) do
          ", ?#{2 * index + 2}, json(#{Argument.sql(value, 2 * index + 3)})"
        end

      params = Enum.flat_map(changes, fn {path, value} -> [path, value.param] end)
      answer(s, json, "_#{function}", pairs, params, Enum.map(changes, &elem(&1, 1)))
    end
  end

  defp path_and_value({path, value}) do
    with {:ok, text} <- Call.path(path),
         {:ok, value} <- Argument.value("the value for #{inspect(path)}", value),
         do: {:ok, {text, value}}
  end

  defp path_and_value(other),
    do: Argument.error("a change is {path, value}, got: #{inspect(other)}", :invalid_argument)

  @spec patch(State.t(), JSON.json(), JSON.json()) :: answer()
  def patch(s, json, patch) do
    with {:ok, json} <- Argument.json("json", json),
         {:ok, patch} <- Argument.json("patch", patch),
         do: answer(s, json, "_patch", [", ", Argument.sql(patch, 2)], [patch.param], [patch])
  end

  @spec remove(State.t(), JSON.json(), [JSON.path()]) :: answer()
  def remove(s, json, paths) do
    with {:ok, json} <- Argument.json("json", json),
         {:ok, paths} <- Argument.map_ok(paths, &Call.path/1) do
      places = for number <- 2..(length(paths) + 1), do: ", ?#{number}"
      answer(s, json, "_remove", places, paths, [])
    end
  end

  # `params` are those after the JSON itself, `others` the arguments that may be malformed, too.
  defp answer(s, json, function, places, params, others) do
    call = [Argument.function(json, function), ?(, Argument.sql(json, 1), places, ?)]
    sql = IO.iodata_to_binary(["SELECT " | call])

    with {:ok, value} <- Call.value(s, sql, [json.param | params], [json | others]),
         do: Argument.answer(json, value)
  end
end
