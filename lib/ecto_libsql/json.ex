defmodule EctoLibSql.JSON do
  @moduledoc """
  SQLite's JSON functions, on a connection; `EctoLibSql.JSON.Query` has them for Ecto's queries,
  `EctoLibSql.JSON.Binary` is a field that is stored as JSONB, and `EctoLibSql.Migration` has indexes on
  paths, generated columns and checks. <https://sqlite.org/json1.html>

      iex> {:ok, s} = EctoLibSql.connect(database: ":memory:")
      iex> film = ~s({"title": "Alien", "cast": [{"name": "Weaver"}, {"name": "Skerritt"}]})
      iex> EctoLibSql.JSON.extract(s, film, ["cast", -1, "name"])
      {:ok, "Skerritt"}
      iex> EctoLibSql.JSON.set(s, film, ["year"], 1979)
      {:ok, ~s({"title":"Alien","cast":[{"name":"Weaver"},{"name":"Skerritt"}],"year":1979})}
      iex> EctoLibSql.JSON.keys(s, film, ["cast", 0])
      {:ok, ["name"]}
      iex> {:error, error} = EctoLibSql.JSON.extract(s, ~s({"title": }), ["title"])
      iex> {error.code, error.message}
      {:invalid_argument, "json: malformed JSON at character 10"}

  Each call is one statement with bound values, on any kind of connection.

  ## JSON

  The argument `json` is

    * JSON text, or what SQLite reads as such: [JSON5](https://spec.json5.org)
    * `{:blob, bytes}`, JSONB
    * a map or a list, which is encoded

  What a call makes of it is in the same form: text of text, `{:blob, bytes}` of JSONB, a term of a
  term. What it finds in it is a term: a map, a list, a string, a number, a boolean or `nil`.

  A value to be put in is a term, too; `{:json, text}` and `{:blob, bytes}` are JSON as they are.

  ## Paths

  A path is a list of keys (strings) and indexes (integers, from 0 on; -1 is the last element).
  `:append` is the place behind an array's last element. Any string is a key, and nothing but that, so
  that keys may come from anywhere. What cannot be in a path is an error: a key that is no UTF-8, or
  with a NUL in it, an index beyond 32 bits, more than 1,000 parts. `[]` is the whole.

  ## What is within JSON

    * Integers of any length and floats come as they are from `extract/3`, and go in so. SQL itself
      has 64 bits: `each/3` and `tree/3`, and the macros in queries, make floats of longer integers.
      A number beyond a float's range, such as `1e400`, has no term: an error, `:unsupported`
    * JSON nested more than 1,000 levels deep is malformed
    * Of a key that an object has twice, a path finds the first. A term has one of them: Elixir's own
      JSON decoder keeps the first, Jason the last
    * SQLite takes the key of a document for ended at a NUL: a path finds `"a\\0b"` as `"a"`

  ## Errors

  `{:error, %EctoLibSql.Error{}}`. Where an argument is wrong, the code is `:invalid_argument` and the
  message names the argument: malformed JSON with the character at which it stops being JSON,
  malformed JSONB, a term that is no JSON, a path.
  """

  import Kernel, except: [length: 1]

  alias EctoLibSql.{Error, State}
  alias EctoLibSql.JSON.{Argument, Call, Edit, Expression, Nodes, Path, Term}

  @typedoc "JSON text, JSONB, or a term that is an object or an array."
  @type json :: String.t() | {:blob, binary()} | map() | list()

  @typedoc "Keys, indexes, and `:append`."
  @type path :: [String.t() | integer() | :append]

  @typedoc "A term that JSON has a form for, or JSON as it is."
  @type value :: term() | {:json, String.t()} | {:blob, binary()}

  @typedoc "A value in JSON, its key or index in what it is in, SQLite's name of its type, its path."
  @type node_in_json :: %{
          key: String.t() | non_neg_integer() | nil,
          value: term(),
          type: String.t(),
          path: path()
        }

  ## Terms

  @doc """
  JSON text of a term, with the keys of maps sorted.

      iex> EctoLibSql.JSON.encode!(%{"b" => [1.5, nil], "a" => "é"})
      ~s({"a":"é","b":[1.5,null]})

  Raises where a term is no JSON.
  """
  @spec encode!(term()) :: String.t()
  defdelegate encode!(term), to: Term

  @doc """
  The term of JSON text, or of `{:blob, bytes}`: without a connection.

      iex> EctoLibSql.JSON.decode({:blob, <<0x2B, 0x13, ?1>>})
      {:ok, [1]}
      iex> {:error, error} = EctoLibSql.JSON.decode({:blob, <<0x2B, 0x23, ?1>>})
      iex> error.message
      "json: malformed JSONB"
  """
  @spec decode(String.t() | {:blob, binary()}) :: {:ok, term()} | {:error, Error.t()}
  def decode({:blob, bytes}) when is_binary(bytes) do
    with :error <- Term.decode_jsonb(bytes),
         do: Argument.error("json: malformed JSONB", :invalid_argument)
  end

  def decode(text) when is_binary(text) do
    with :error <- Term.decode_text(text),
         do: Argument.error("json: malformed JSON", :invalid_argument)
  end

  @doc """
  A path as SQLite writes it, for SQL of one's own. Raises `ArgumentError` where it is none.

      iex> EctoLibSql.JSON.path!(["tags", -1, "a.b"])
      ~S($."tags"[#-1]."a.b")
      iex> EctoLibSql.JSON.path!([~S(it's "quoted")])
      ~S($."it's \\u0022quoted\\u0022")
  """
  @spec path!(path()) :: String.t()
  defdelegate path!(path), to: Path, as: :to_text!

  ## Reading

  @doc """
  The value at a path, `nil` where there is none.

      iex> {:ok, s} = EctoLibSql.connect(database: ":memory:")
      iex> EctoLibSql.JSON.extract(s, %{"tags" => ["a", "b"]}, ["tags"])
      {:ok, ["a", "b"]}
      iex> EctoLibSql.JSON.extract(s, "[true, 12345678901234567890]", [1])
      {:ok, 12345678901234567890}
  """
  @spec extract(State.t(), json(), path()) :: {:ok, term()} | {:error, Error.t()}
  def extract(%State{} = s, json, path \\ []) do
    with {:ok, text} <- at_path(s, json, path, &"#{&1} -> #{&2}"), do: Argument.decode(text)
  end

  @doc """
  The type of the value at a path as SQLite calls it (`"object"`, `"array"`, `"text"`, `"integer"`,
  `"real"`, `"true"`, `"false"`, `"null"`), `nil` where there is none.

      iex> {:ok, s} = EctoLibSql.connect(database: ":memory:")
      iex> EctoLibSql.JSON.type(s, ~s({"a": null}), ["a"])
      {:ok, "null"}
      iex> EctoLibSql.JSON.type(s, ~s({"a": null}), ["b"])
      {:ok, nil}
  """
  @spec type(State.t(), json(), path()) :: {:ok, String.t() | nil} | {:error, Error.t()}
  def type(%State{} = s, json, path \\ []), do: at_path(s, json, path, &"json_type(#{&1}, #{&2})")

  @doc """
  Whether this is JSON text, or JSONB in `{:blob, bytes}`. With `json5: true`, JSON5 is, too.

      iex> {:ok, s} = EctoLibSql.connect(database: ":memory:")
      iex> EctoLibSql.JSON.valid?(s, "{a: 1}")
      false
      iex> EctoLibSql.JSON.valid?(s, "{a: 1}", json5: true)
      true

  Raises `EctoLibSql.Error` where the connection cannot answer.
  """
  @spec valid?(State.t(), String.t() | {:blob, binary()}, keyword()) :: boolean()
  def valid?(%State{} = s, json, opts \\ []) do
    case Keyword.validate!(opts, json5: false)[:json5] do
      flag when is_boolean(flag) -> valid(s, json, if(flag, do: 3, else: 1))
      other -> raise ArgumentError, ":json5 takes true or false, got: #{inspect(other)}"
    end
  end

  defp valid(s, {:blob, bytes} = blob, _flags) when is_binary(bytes), do: ask_valid(s, blob, 8)

  defp valid(s, text, flags) when is_binary(text),
    do: String.valid?(text) and ask_valid(s, text, flags)

  defp ask_valid(s, json, flags) do
    case EctoLibSql.query_one(s, "SELECT json_valid(?, ?)", [json, flags]) do
      {:ok, [valid]} -> valid == 1
      {:error, error} -> raise error
    end
  end

  @doc """
  How many elements the array, or members the object, at a path has; `nil` for all else.

      iex> {:ok, s} = EctoLibSql.connect(database: ":memory:")
      iex> EctoLibSql.JSON.length(s, ~s({"a": [1, 2, 3]}), ["a"])
      {:ok, 3}
  """
  @spec length(State.t(), json(), path()) ::
          {:ok, non_neg_integer() | nil} | {:error, Error.t()}
  def length(%State{} = s, json, path \\ []), do: at_path(s, json, path, &Expression.length/2)

  @doc """
  The keys of the object at a path, in their order; `nil` for all else.

      iex> {:ok, s} = EctoLibSql.connect(database: ":memory:")
      iex> EctoLibSql.JSON.keys(s, ~s({"b": 1, "a": 2}))
      {:ok, ["b", "a"]}
  """
  @spec keys(State.t(), json(), path()) :: {:ok, [String.t()] | nil} | {:error, Error.t()}
  def keys(%State{} = s, json, path \\ []) do
    with {:ok, text} <- at_path(s, json, path, &Expression.keys/2), do: Argument.decode(text)
  end

  @doc """
  How deeply the value at a path is nested: 1 for a scalar, and for an array or object that is empty;
  `nil` where there is none.

      iex> {:ok, s} = EctoLibSql.connect(database: ":memory:")
      iex> EctoLibSql.JSON.depth(s, ~s({"a": [1, []]}))
      {:ok, 3}
  """
  @spec depth(State.t(), json(), path()) :: {:ok, pos_integer() | nil} | {:error, Error.t()}
  def depth(%State{} = s, json, path \\ []), do: at_path(s, json, path, &Expression.depth/2)

  defp at_path(s, json, path, sql) do
    with {:ok, json} <- Argument.json("json", json),
         {:ok, path} <- Call.path(path) do
      Call.value(s, "SELECT " <> sql.(Argument.sql(json, 1), "?2"), [json.param, path], [json])
    end
  end

  @doc """
  The elements of the array, or the members of the object, at a path. A scalar is one by itself.

      iex> {:ok, s} = EctoLibSql.connect(database: ":memory:")
      iex> {:ok, nodes} = EctoLibSql.JSON.each(s, ~s({"a": [true, {}]}), ["a"])
      iex> nodes
      [
        %{key: 0, value: true, type: "true", path: ["a", 0]},
        %{key: 1, value: %{}, type: "object", path: ["a", 1]}
      ]
  """
  @spec each(State.t(), json(), path()) :: {:ok, [node_in_json()]} | {:error, Error.t()}
  def each(%State{} = s, json, path \\ []), do: Nodes.each(s, json, path)

  @doc """
  The value at a path, and all values within it, each before what is in it.

      iex> {:ok, s} = EctoLibSql.connect(database: ":memory:")
      iex> {:ok, nodes} = EctoLibSql.JSON.tree(s, ~s({"a": ["b"]}))
      iex> for node <- nodes, do: {node.path, node.type}
      [{[], "object"}, {["a"], "array"}, {["a", 0], "text"}]
  """
  @spec tree(State.t(), json(), path()) :: {:ok, [node_in_json()]} | {:error, Error.t()}
  def tree(%State{} = s, json, path \\ []), do: Nodes.tree(s, json, path)

  ## Making

  @doc """
  A JSON array of values.

      iex> {:ok, s} = EctoLibSql.connect(database: ":memory:")
      iex> EctoLibSql.JSON.array(s, [1, "two", {:json, "[3]"}])
      {:ok, ~s([1,"two",[3]])}
  """
  @spec array(State.t(), [value()]) :: {:ok, String.t()} | {:error, Error.t()}
  def array(%State{} = s, values) when is_list(values) do
    elements = for {value, index} <- Enum.with_index(values), do: {"element #{index}", value}

    with {:ok, arguments} <- values(elements),
         {:ok, texts} <- as_texts(arguments) do
      sql = "SELECT json_group_array(json(value)) FROM json_each(?)"
      Call.value(s, sql, [Term.encode!(texts)], arguments)
    end
  end

  @doc """
  A JSON object of pairs, in their order. Keys are strings or atoms.

      iex> {:ok, s} = EctoLibSql.connect(database: ":memory:")
      iex> EctoLibSql.JSON.object(s, name: "Ada", born: 1815)
      {:ok, ~s({"name":"Ada","born":1815})}
  """
  @spec object(State.t(), [{String.t() | atom(), value()}] | map()) ::
          {:ok, String.t()} | {:error, Error.t()}
  def object(%State{} = s, pairs)
      when is_list(pairs) or (is_map(pairs) and not is_struct(pairs)) do
    members = for {key, value} <- pairs, do: {inspect(key), value}
    keys = for {key, _value} <- pairs, do: to_string(key)

    with {:ok, arguments} <- values(members),
         {:ok, texts} <- as_texts(arguments),
         {:ok, pairs} <- Argument.value("the keys", Enum.zip_with(keys, texts, &[&1, &2])) do
      Call.value(s, Expression.object("?"), [pairs.param], arguments)
    end
  end

  # One parameter holds them all, as JSON text in JSON text, so that each is judged by itself.
  defp as_texts(arguments), do: Argument.map_ok(arguments, &Argument.text/1)

  defp values(named),
    do: Argument.map_ok(named, fn {name, value} -> Argument.value(name, value) end)

  @doc """
  JSON of a value: text in quotation marks, numbers as they are, `nil` as `null`.

      iex> {:ok, s} = EctoLibSql.connect(database: ":memory:")
      iex> EctoLibSql.JSON.json_quote(s, ~s(the "one"))
      {:ok, ~S("the \\"one\\"")}

  (Elixir has no function `quote/2`: it is a special form.)
  """
  @spec json_quote(State.t(), value()) :: {:ok, String.t()} | {:error, Error.t()}
  def json_quote(%State{} = s, value) do
    with {:ok, value} <- Argument.value("the value", value),
         do: Call.value(s, "SELECT json(#{Argument.sql(value, 1)})", [value.param], [value])
  end

  @doc """
  JSON as JSONB, SQLite's own form, which its functions need not parse.

      iex> {:ok, s} = EctoLibSql.connect(database: ":memory:")
      iex> EctoLibSql.JSON.jsonb(s, "[1]")
      {:ok, {:blob, <<0x2B, 0x13, ?1>>}}
  """
  @spec jsonb(State.t(), json()) :: {:ok, {:blob, binary()}} | {:error, Error.t()}
  def jsonb(%State{} = s, json) do
    with {:ok, bytes} <- convert(s, "jsonb", json), do: {:ok, {:blob, bytes}}
  end

  @doc """
  JSON as JSON text, without space between: of JSONB, of JSON5, of a term.

      iex> {:ok, s} = EctoLibSql.connect(database: ":memory:")
      iex> EctoLibSql.JSON.json(s, {:blob, <<0x2B, 0x13, ?1>>})
      {:ok, "[1]"}
      iex> EctoLibSql.JSON.json(s, "{a: 0x10}")
      {:ok, ~s({"a":16})}
  """
  @spec json(State.t(), json()) :: {:ok, String.t()} | {:error, Error.t()}
  def json(%State{} = s, json), do: convert(s, "json", json)

  defp convert(s, function, json) do
    with {:ok, json} <- Argument.json("json", json),
         do: Call.value(s, "SELECT #{function}(#{Argument.sql(json, 1)})", [json.param], [json])
  end

  ## Changing

  @doc """
  Sets the value at a path, whether there was one or not.

      iex> {:ok, s} = EctoLibSql.connect(database: ":memory:")
      iex> EctoLibSql.JSON.set(s, ~s({"a": 1}), ["tags", :append], "new")
      {:ok, ~s({"a":1,"tags":["new"]})}
      iex> EctoLibSql.JSON.set(s, %{"a" => 1}, [{["a"], true}, {["b", "c"], nil}])
      {:ok, %{"a" => true, "b" => %{"c" => nil}}}

  Objects and arrays that are missing on the way are made. A path that goes on where there is a
  scalar, or to an index behind the end, changes nothing.
  """
  @spec set(State.t(), json(), path(), value()) :: {:ok, json()} | {:error, Error.t()}
  def set(%State{} = s, json, path, value), do: Edit.change(s, "set", json, [{path, value}])

  @doc "`set/4` for a list of `{path, value}`, one after the other."
  @spec set(State.t(), json(), [{path(), value()}]) :: {:ok, json()} | {:error, Error.t()}
  def set(%State{} = s, json, changes), do: Edit.change(s, "set", json, changes)

  @doc """
  Puts a value in at a path where there is none yet; else nothing changes.

      iex> {:ok, s} = EctoLibSql.connect(database: ":memory:")
      iex> EctoLibSql.JSON.insert(s, ~s({"a":1}), ["a"], 2)
      {:ok, ~s({"a":1})}
  """
  @spec insert(State.t(), json(), path(), value()) :: {:ok, json()} | {:error, Error.t()}
  def insert(%State{} = s, json, path, value), do: Edit.change(s, "insert", json, [{path, value}])

  @doc "`insert/4` for a list of `{path, value}`."
  @spec insert(State.t(), json(), [{path(), value()}]) :: {:ok, json()} | {:error, Error.t()}
  def insert(%State{} = s, json, changes), do: Edit.change(s, "insert", json, changes)

  @doc """
  Replaces the value at a path where there is one; else nothing changes.

      iex> {:ok, s} = EctoLibSql.connect(database: ":memory:")
      iex> EctoLibSql.JSON.replace(s, ~s({"a":1}), ["b"], 2)
      {:ok, ~s({"a":1})}
  """
  @spec replace(State.t(), json(), path(), value()) :: {:ok, json()} | {:error, Error.t()}
  def replace(%State{} = s, json, path, value),
    do: Edit.change(s, "replace", json, [{path, value}])

  @doc "`replace/4` for a list of `{path, value}`."
  @spec replace(State.t(), json(), [{path(), value()}]) :: {:ok, json()} | {:error, Error.t()}
  def replace(%State{} = s, json, changes), do: Edit.change(s, "replace", json, changes)

  @doc """
  Applies a merge patch ([RFC 7396](https://www.rfc-editor.org/rfc/rfc7396)): what an object in it
  has is set, what is `nil` in it is removed, all else is replaced.

      iex> {:ok, s} = EctoLibSql.connect(database: ":memory:")
      iex> EctoLibSql.JSON.patch(s, ~s({"a":1,"b":{"c":2,"d":3}}), %{"a" => nil, "b" => %{"d" => 4}})
      {:ok, ~s({"b":{"c":2,"d":4}})}
  """
  @spec patch(State.t(), json(), json()) :: {:ok, json()} | {:error, Error.t()}
  def patch(%State{} = s, json, patch), do: Edit.patch(s, json, patch)

  @doc """
  Removes what is at a path, or at each of a list of paths, one after the other.

      iex> {:ok, s} = EctoLibSql.connect(database: ":memory:")
      iex> EctoLibSql.JSON.remove(s, "[0,1,2]", [0])
      {:ok, "[1,2]"}
      iex> EctoLibSql.JSON.remove(s, "[0,1,2]", [[0], [0]])
      {:ok, "[2]"}

  Without the whole there is nothing: `[]` leaves `nil`.
  """
  @spec remove(State.t(), json(), path() | [path()]) :: {:ok, json() | nil} | {:error, Error.t()}
  def remove(%State{} = s, json, path) do
    paths = if match?([first | _] when is_list(first), path), do: path, else: [path]

    Edit.remove(s, json, paths)
  end
end
