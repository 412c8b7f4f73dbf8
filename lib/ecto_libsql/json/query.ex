defmodule EctoLibSql.JSON.Query do
  @moduledoc ~S"""
  SQLite's JSON functions for Ecto's queries: `import EctoLibSql.JSON.Query`.

      from m in Movie,
        where: json_extract(m.data, ["Director"]) == ^name,
        order_by: json_length(m.data, ["genres"]),
        select: {m.id, json_extract(m.data, ["Title"])}

      from m in Movie, join: g in json_each(m.data, ["genres"]), on: true,
        group_by: g.value, select: {g.value, count()}

      from m in Movie, where: m.id == ^id,
        update: [set: [data: json_set(m.data, ["rating", "votes"], ^votes)]]

  They take columns of JSON text (`:map`, `{:map, _}`, embeds) and of JSONB (`EctoLibSql.JSON.Binary`,
  and `map_type: :binary`) alike, and run at a server as they do here. They expand to `fragment/1`: on
  their own they are of no use.

      iex> import Ecto.Query
      iex> import EctoLibSql.JSON.Query
      iex> inspect(where("movies", [m], json_extract(m.data, ["tags", 0]) == "a"))
      ~S|#Ecto.Query<from m0 in "movies", where: fragment("json_extract(?, ?)", m0.data, "$.\"tags\"[0]") == "a">|

  ## Paths

  As in `EctoLibSql.JSON`, a path is a list of keys and indexes. Parts of it, or all of it, can be
  interpolated:

      json_extract(m.data, ["genres", 0])
      json_extract(m.data, [^section, "votes"])
      json_extract(m.data, ^path)

  Only what is written out is found by an index on the path (`EctoLibSql.Migration.json_index/4`):
  SQLite looks for the very expression, before it knows the parameters. A path that is none raises
  `ArgumentError`: when the query is compiled where it is written out, else when it is run.

  ## Values

  What goes into JSON is encoded where it is interpolated or written out: `^%{"a" => [1.5, true]}`,
  `"text"`, `nil`. Of all else SQL's value is taken: a text is a string of JSON, unless it comes from
  one of these functions; a column that holds JSON wants `json(m.data)`, and booleans are 1 and 0.

  ## What comes out

  SQL's values: numbers and texts, 1 and 0 for JSON's booleans, `nil` for its `null`, JSON text for
  arrays and objects; integers beyond 64 bits are floats. `type(json_set(...), :map)` decodes JSON in
  a `select`, `type(..., :boolean)` a boolean. Ecto's own `m.data["genres"]` and
  `json_extract_path/2` decode by themselves in a `select`.

  Malformed JSON in a column is an error, "malformed JSON"; `json_valid/1` tells, and
  `EctoLibSql.Migration.json_check/2` keeps it out. That matters for JSONB that others have made:
  SQLite 3.47 looks at no more than its beginning, and goes down into it by recursion, so that bytes
  which are nested some thousand levels deep, which no JSON text can be, can end the VM.
  """

  alias EctoLibSql.JSON.{Expression, Path}

  @doc """
  The value at a path, NULL where there is none: `json_extract()`. Conditions and sortings with a
  path that is written out can use an index on it.
  """
  defmacro json_extract(json, path) do
    call("json_extract(?, ?)", [document(json), path(path, __CALLER__)])
  end

  @doc """
  The name of the type of the value at a path, as `EctoLibSql.JSON.type/3` has it.
  """
  defmacro json_type(json, path \\ []),
    do: call("json_type(?, ?)", [document(json), path(path, __CALLER__)])

  @doc """
  Whether a column holds JSON text, or JSONB: 1, 0, or NULL for NULL.
  """
  defmacro json_valid(json), do: call("json_valid(?, 9)", [document(json)])

  @doc """
  How many elements the array, or members the object, at a path has; NULL for all else.
  """
  defmacro json_length(json, path \\ []),
    do: call(Expression.length("?", "?"), [document(json), path(path, __CALLER__)])

  @doc """
  The keys of the object at a path as a JSON array, in their order; NULL for all else.
  """
  defmacro json_keys(json, path \\ []),
    do: call(Expression.keys("?", "?"), [document(json), path(path, __CALLER__)])

  @doc """
  How deeply the value at a path is nested: 1 for a scalar, and for what is empty; NULL where there
  is none.
  """
  defmacro json_depth(json, path \\ []),
    do: call(Expression.depth("?", "?"), [document(json), path(path, __CALLER__)])

  @doc """
  A source of the elements of the array, or the members of the object, at a path: `json_each()`, with
  the columns `key`, `value`, `type`, `atom`, `id`, `parent`, `fullkey` and `path`.

      from m in Movie, join: g in json_each(m.data, ["genres"]), where: g.value == "Drama"
  """
  defmacro json_each(json, path \\ []),
    do: call("json_each(?, ?)", [document(json), path(path, __CALLER__)])

  @doc """
  A source of the value at a path and all values within it: `json_tree()`, with the columns of
  `json_each/2`.
  """
  defmacro json_tree(json, path \\ []),
    do: call("json_tree(?, ?)", [document(json), path(path, __CALLER__)])

  @doc """
  A JSON array: `json_array([m.id, ^tags])`.
  """
  defmacro json_array(values) when is_list(values) do
    {sqls, args} = values |> Enum.map(&value/1) |> Enum.unzip()
    call("json_array(#{Enum.join(sqls, ", ")})", args)
  end

  defmacro json_array(other), do: not_written_out!("json_array", "a list", other)

  @doc """
  A JSON object: `json_object(id: m.id, tags: ^tags)`, or `json_object(%{"id" => m.id})`.
  """
  defmacro json_object(pairs) do
    {sqls, args} = pairs |> pairs() |> Enum.map(&pair/1) |> Enum.unzip()
    call("json_object(#{Enum.join(sqls, ", ")})", List.flatten(args))
  end

  defp pairs({:%{}, _, pairs}), do: pairs

  defp pairs(pairs) do
    if is_list(pairs) and Enum.all?(pairs, &match?({_key, _value}, &1)),
      do: pairs,
      else: not_written_out!("json_object", "pairs", pairs)
  end

  defp pair({key, value}) do
    {sql, arg} = value(value)
    {"?, #{sql}", [key(key), arg]}
  end

  defp key(key) when is_atom(key), do: Atom.to_string(key)
  defp key(key), do: key

  defp not_written_out!(macro, what, other) do
    raise ArgumentError,
          "#{macro}/1 takes #{what} that stands in the query, got: #{Macro.to_string(other)}"
  end

  @doc """
  The JSON with the value at a path set, whether there was one or not. It stays what it was, text or
  JSONB.

      from m in Movie, update: [set: [data: json_set(m.data, ["seen"], true)]]
  """
  defmacro json_set(json, path, value), do: edit("set", json, path, value, __CALLER__)

  @doc """
  The JSON with the value put in at a path where there is none yet.
  """
  defmacro json_insert(json, path, value), do: edit("insert", json, path, value, __CALLER__)

  @doc """
  The JSON with the value at a path replaced where there is one.
  """
  defmacro json_replace(json, path, value), do: edit("replace", json, path, value, __CALLER__)

  @doc """
  The JSON without what is at a path.
  """
  defmacro json_remove(json, path) do
    path = path(path, __CALLER__)
    call(Expression.edit("?", "remove", ", ?"), [path, path, document(json)])
  end

  @doc """
  The JSON with a merge patch applied (RFC 7396): a term, or JSON.
  """
  defmacro json_patch(json, patch) do
    patch = document(patch)
    call(Expression.edit("?", "patch", ", ?"), [patch, patch, document(json)])
  end

  defp edit(function, json, path, value, env) do
    path = path(path, env)
    {sql, arg} = value(value)
    call(Expression.edit("?", function, ", ?, #{sql}"), [path, arg, path, arg, document(json)])
  end

  @doc """
  JSON of a value: text in quotation marks, numbers as they are, NULL as `null`.
  """
  defmacro json_quote(value) do
    case value(value) do
      {"?", arg} -> call("json_quote(?)", [arg])
      {sql, arg} -> call(sql, [arg])
    end
  end

  @doc """
  JSON as JSON text, without space between.
  """
  defmacro json(json), do: call("json(?)", [document(json)])

  @doc """
  JSON as JSONB.
  """
  defmacro jsonb(json), do: call("jsonb(?)", [document(json)])

  ## Arguments

  defp call(sql, args), do: quote(do: fragment(unquote_splicing([sql | args])))

  # A term that is interpolated becomes JSON, text and JSONB stay.
  defp document({:^, meta, [term]}),
    do: {:^, meta, [quote(do: EctoLibSql.JSON.Query.param(unquote(term)))]}

  defp document({:%{}, _, _} = map), do: document({:^, [], [map]})
  defp document(list) when is_list(list), do: document({:^, [], [list]})
  defp document(expression), do: expression

  @doc false
  @spec param(term()) :: String.t() | {:blob, binary()} | nil
  def param(nil), do: nil
  def param(text) when is_binary(text), do: text
  def param({:blob, bytes} = jsonb) when is_binary(bytes), do: jsonb
  def param(term), do: EctoLibSql.JSON.encode!(term)

  # What is interpolated or written out, as JSON; all else as SQL has it.
  defp value({:^, meta, [term]}),
    do: {"json(?)", {:^, meta, [quote(do: EctoLibSql.JSON.encode!(unquote(term)))]}}

  defp value(scalar) when is_binary(scalar) or is_number(scalar) or scalar in [nil, true, false],
    do: {"json(?)", EctoLibSql.JSON.encode!(scalar)}

  defp value({:%{}, _, _} = map), do: value({:^, [], [map]})
  defp value(list) when is_list(list), do: value({:^, [], [list]})
  defp value(expression), do: {"?", expression}

  defp path({:^, meta, [path]}, _env),
    do: {:^, meta, [quote(do: EctoLibSql.JSON.path!(unquote(path)))]}

  defp path(path, env) do
    case Macro.expand(path, env) do
      parts when is_list(parts) -> parts |> Enum.map(&part(&1, path)) |> path_of_parts()
      _ -> no_path!(path)
    end
  end

  defp path_of_parts(parts) do
    if Enum.any?(parts, &match?({:^, _}, &1)) do
      parts = Enum.map(parts, fn part -> with {:^, term} <- part, do: term end)
      {:^, [], [quote(do: EctoLibSql.JSON.path!(unquote(parts)))]}
    else
      Path.to_text!(parts)
    end
  end

  defp part({:^, _, [term]}, _path), do: {:^, term}
  defp part({:-, _, [index]}, _path) when is_integer(index), do: -index

  defp part(part, _path) when is_binary(part) or is_integer(part) or part == :append, do: part
  defp part(_other, path), do: no_path!(path)

  defp no_path!(path) do
    raise ArgumentError,
          "a path is a list of keys, indexes and :append, and what is interpolated with ^, got: " <>
            Macro.to_string(path)
  end
end
