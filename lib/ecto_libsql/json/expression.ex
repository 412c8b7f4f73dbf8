defmodule EctoLibSql.JSON.Expression do
  @moduledoc false
  # What SQLite has no function for, as scalar subqueries over JSON and a path, each given as SQL
  # that stands in it once.

  @doc "How many elements an array has, or members an object; NULL for all else."
  @spec length(String.t(), String.t()) :: String.t()
  def length(json, path) do
    of(json, path, """
    CASE json_type(j, p) WHEN 'array' THEN json_array_length(j, p) \
    WHEN 'object' THEN (SELECT count(*) FROM json_each(j, p)) END\
    """)
  end

  @doc "The keys of an object as a JSON array, in their order; NULL for all else."
  @spec keys(String.t(), String.t()) :: String.t()
  def keys(json, path) do
    of(json, path, """
    CASE json_type(j, p) WHEN 'object' \
    THEN (SELECT json_group_array(key) FROM json_each(j, p)) END\
    """)
  end

  @doc """
  How deeply values are nested: 1 is a value that has none within. It goes down level by level, so
  that JSON with many levels is read that many times.
  """
  @spec depth(String.t(), String.t()) :: String.t()
  def depth(json, path) do
    of(json, path, """
    (WITH RECURSIVE level(depth, value) AS (\
    SELECT 1, iif(json_type(j, p) IN ('object', 'array'), j -> p, NULL) \
    WHERE json_type(j, p) IS NOT NULL UNION ALL \
    SELECT depth + 1, iif(each.type IN ('object', 'array'), each.value, NULL) \
    FROM level, json_each(level.value) AS each\
    ) SELECT max(depth) FROM level)\
    """)
  end

  @doc """
  A query for an object of an array of pairs, each a key and the text of a JSON value:
  json_group_object() would end a key at a NUL.
  """
  @spec object(String.t()) :: String.t()
  def object(pairs) do
    "SELECT json('{' || coalesce(group_concat((value -> 0) || ':' || json(value ->> 1), ','), '')" <>
      " || '}') FROM json_each(#{pairs})"
  end

  @doc """
  What an editing function makes of JSON, in the form that the JSON has: `json_set` of text,
  `jsonb_set` of JSONB.
  """
  @spec edit(String.t(), String.t(), String.t()) :: String.t()
  def edit(json, function, arguments) do
    "(SELECT iif(typeof(j) = 'blob', jsonb_#{function}(j#{arguments}), " <>
      "json_#{function}(j#{arguments})) FROM (SELECT #{json} AS j))"
  end

  defp of(json, path, expression),
    do: "(SELECT #{expression} FROM (SELECT #{json} AS j, #{path} AS p))"
end
