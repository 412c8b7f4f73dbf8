defmodule EctoLibSql.JSON.Nodes do
  @moduledoc false
  # What json_each() and json_tree() find, with paths as lists.

  alias EctoLibSql.{Error, JSON, State}
  alias EctoLibSql.JSON.{Argument, Call}

  @type answer :: {:ok, [JSON.node_in_json()]} | {:error, Error.t()}

  # The rows of json_each() have no parent: each is right below the path, but for a scalar.
  @spec each(State.t(), JSON.json(), JSON.path()) :: answer()
  def each(s, json, path),
    do: nodes(s, json, path, "json_each", fn key -> path ++ List.wrap(key) end)

  # Of json_tree()'s, the first has none.
  @spec tree(State.t(), JSON.json(), JSON.path()) :: answer()
  def tree(s, json, path), do: nodes(s, json, path, "json_tree", fn _key -> path end)

  defp nodes(s, json, path, function, top) do
    with {:ok, json} <- Argument.json("json", json),
         {:ok, path} <- Call.path(path),
         sql =
           "SELECT id, parent, key, type, value FROM #{function}(#{Argument.sql(json, 1)}, ?2)",
         {:ok, rows} <- Call.rows(s, sql, [json.param, path], [json]),
         do: to_nodes(rows, top, %{}, [])
  end

  defp to_nodes([], _top, _paths, nodes), do: {:ok, Enum.reverse(nodes)}

  defp to_nodes([[id, parent, key, type, value] | rows], top, paths, nodes) do
    path =
      case paths do
        %{^parent => above} -> above ++ [key]
        %{} -> top.(key)
      end

    with {:ok, value} <- value(type, value) do
      node = %{key: key, value: value, type: type, path: path}
      to_nodes(rows, top, Map.put(paths, id, path), [node | nodes])
    end
  end

  defp value("true", _value), do: {:ok, true}
  defp value("false", _value), do: {:ok, false}
  defp value(type, text) when type in ["object", "array"], do: Argument.decode(text)
  defp value(_type, value), do: {:ok, value}
end
