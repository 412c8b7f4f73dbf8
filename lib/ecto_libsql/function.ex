defmodule EctoLibSql.Function do
  @moduledoc """
  SQL functions and collations that SQLite lacks.

  The option `:functions` of `EctoLibSql.connect/1`, and of a repo, chooses groups of functions that
  come with this library, written in Rust:

      config :my_app, MyApp.Repo,
        database: "app.db",
        functions: [:regexp, :uuid]

      iex> {:ok, s} = EctoLibSql.connect(database: ":memory:", functions: [:regexp, :haversine])
      iex> EctoLibSql.query_one(s, "SELECT 'ecto_libsql' REGEXP '^ecto_\\\\w+$'")
      {:ok, [1]}
      iex> # From the Brandenburg Gate to the Eiffel Tower, in metres.
      iex> {:ok, [metres]} =
      ...>   EctoLibSql.query_one(s, "SELECT haversine(52.5163, 13.3777, 48.8584, 2.2945)")
      iex> round(metres / 1000)
      879

  In an Ecto query they are fragments: `fragment("? REGEXP ?", u.email, ^pattern)`.

  NULL as an argument makes a function's answer NULL, and aggregates leave it out, unless it says
  otherwise. What a function cannot work with is an error of the statement.

  ## `:decimal`

  Exact arithmetic on decimal numbers of any length, which are stored as text. Integers and floats are
  taken as they are written. Named as in SQLite's
  [extension of that name](https://sqlite.org/floatingpoint.html#the_decimal_c_extension).

  | function | |
  |---|---|
  | `decimal(x)` | the number as text, without an exponent |
  | `decimal_add(x, y)`, `decimal_sub`, `decimal_mul` | exact |
  | `decimal_div(x, y)` | 34 significant digits, as of Elixir's `Decimal` |
  | `decimal_cmp(x, y)` | -1, 0 or 1 |
  | `decimal_sum(x)`, `decimal_avg`, `decimal_min`, `decimal_max` | aggregates and window functions |
  | `COLLATE decimal` | by value; texts that are no numbers come last |

  ## `:regexp`

  [Regular expressions](https://docs.rs/regex/latest/regex/#syntax) whose work grows with the text's
  length and no faster, whatever the pattern: there are no look-around and no back-references. A
  pattern of more than 16 KB, or of 256 KB when it is compiled, is an error.

  | function | |
  |---|---|
  | `text REGEXP pattern`, `regexp_like(text, pattern)` | 1 or 0: whether it matches anywhere |
  | `regexp_substr(text, pattern)` | the first match, or NULL |
  | `regexp_capture(text, pattern [, group])` | what a group, by number or name, has matched first. The first group, where none is given |
  | `regexp_replace(text, pattern, replacement)` | all matches; `$1` and `${name}` are groups |

  ## `:haversine`

  `haversine(latitude, longitude, latitude, longitude)` is the great-circle distance of two places, given
  in degrees, in metres, on a globe with the radius 6371008.8 m. A latitude beyond ±90, or a
  longitude beyond ±180, is an error.
  The points of `EctoLibSql.Geo` need none of this: every connection has what they use.

  ## `:uuid`

  Named as in SQLite's [extension of that name](https://sqlite.org/src/file/ext/misc/uuid.c). `EctoLibSql.UUID`
  has UUIDs for queries and defaults that need none of these.

  | function | |
  |---|---|
  | `uuid()`, `uuid4()`, `uuid4_blob()` | a random one, of version 4 |
  | `uuid7()`, `uuid7_blob()` | one of version 7: they sort in the order in which this VM made them |
  | `uuid_str(x)`, `uuid_blob(x)` | a UUID's text with hyphens, its 16 bytes; NULL for what is none |

  ## `:text`

  | function | |
  |---|---|
  | `COLLATE unicode_nocase` | in any case, in all scripts: `NOCASE` knows ASCII only |
  | `COLLATE natural_sort` | as people sort: `file9` before `file10`. Only what is the same text is equal |
  | `casefold(x)` | Unicode's full case folding: `Straße` is `strasse` |
  | `unaccent(x)` | without the accents of Latin, Greek and Cyrillic letters |
  | `levenshtein(x, y)` | how many letters differ; texts of up to 1,000 letters |

  ## `:statistics`

  Aggregates that are window functions, too. Numbers are floats.

  | function | |
  |---|---|
  | `median(x)` | |
  | `percentile(x, p)`, `percentile_cont(x, f)`, `percentile_disc(x, f)` | `p` from 0 to 100, `f` from 0 to 1 |
  | `variance(x)`, `var_samp(x)`, `var_pop(x)` | of a sample; of all |
  | `stddev(x)`, `stddev_samp(x)`, `stddev_pop(x)` | |

  ## `:digest`

  | function | |
  |---|---|
  | `sha256(x)` | 32 bytes. SQLite's `hex()` makes text of them |
  | `base64_encode(x)`, `base64url(x)` | of a text or a blob; `base64url` without padding, for URLs |
  | `base64_decode(x)` | a blob, from either alphabet |

  ## Functions in Elixir

  `create_scalar/5`, `create_aggregate/5`, `create_window/5` and `create_collation/3` define functions
  that are evaluated by Elixir code, for one connection. They answer a state that knows of it: calls
  with this state can use the function.

      iex> {:ok, s} = EctoLibSql.connect(database: ":memory:")
      iex> {:ok, s} = EctoLibSql.Function.create_scalar(s, "slug", 1, &String.replace(&1, " ", "-"))
      iex> EctoLibSql.query_one(s, "SELECT slug('to be or not')")
      {:ok, ["to-be-or-not"]}
      iex> {:ok, s} =
      ...>   EctoLibSql.Function.create_aggregate(s, "longest", 1,
      ...>     init: "",
      ...>     step: fn word, longest -> Enum.max_by([longest, word], &String.length/1) end
      ...>   )
      iex> EctoLibSql.query_one(s, "SELECT longest(column1) FROM (VALUES ('a'), ('abc'), ('ab'))")
      {:ok, ["abc"]}

  A repo's connections have those that its option `:functions` lists beside the groups, as tuples of
  what these functions take; `{module, name, arity}` stands for a function there, too:

      functions: [
        :regexp,
        {:scalar, "slug", 1, {MyApp.Slug, :slug, 1}, deterministic: true},
        {:aggregate, "longest", 1, init: "", step: &MyApp.Words.longest/2},
        {:collation, "by_length", &MyApp.Words.by_length/2}
      ]

  ### Who evaluates them

  The process that made the call does, while it waits for the call's answer: `self()` in the function
  is the caller, and what it sees of the world is the caller's. The statement runs on a thread that the
  connection has for that, so that no scheduler, dirty ones included, waits for Elixir code, and
  functions may use other connections. A connection without such functions has no such thread.

    * A function that raises, throws or exits, or that answers what SQLite cannot store, ends its
      statement with an error with the code `:function`, whose message names the function and the
      reason. Nothing of the statement stays
    * The call's deadline ends the statement, and so does an interrupt. The process returns from
      the call when the function has returned: nobody takes it out of its own code
    * The death of the process ends the statement
    * The connection itself cannot be used by its function: that is an error with the code
      `:inside_function`, also by way of other connections' functions. `interrupt_connection/1`,
      `disconnect/1` and what only looks at memory are no exceptions to anything: they work, or answer
      `:busy`. Other processes' calls wait for their turn until their deadline
    * A write over another connection to the same file, which would have to wait for the
      statement that waits for the function, is `:inside_function`, too
    * A statement that is run with a state from before the function was created fails with the code
      `:function`

  Each evaluation takes some 13 microseconds, since messages go to and fro, and a call some 15 more than a quick
  read on another connection (docs/performance.md, "Functions"). A collation is asked for the order of two
  texts many times: a row of 1,000 that are sorted took 97.

  ### Values

  Arguments are as values of a result are: `nil`, integers, floats, and binaries for text and
  blobs. Answers are as parameters are: `nil`, booleans, integers of 64 bits, floats, binaries that are
  UTF-8 (TEXT), `{:blob, binary}`, and structs such as `Date` and `Decimal`.

  ## In a schema

  All functions of the groups may be used in views, triggers and defaults; all but those that make UUIDs, in indexes
  and generated columns. Those in Elixir may be used in a schema only with
  `direct_only: false`, since somebody else may have written the schema, and with `trusted_schema:
  true` or `innocuous: true`; in indexes and generated columns with `deterministic: true` besides.
  A database whose schema uses one can be
  read by connections that have it: to others, and to other programs, the statements that touch that table are
  errors (`no such function: …`, `no such collation sequence: …`).

  `EctoLibSql.reset_connection/1` leaves what options have chosen as it is, brings it back where it was
  replaced or removed, and removes what was created since.

  An embedded replica has the groups where the statement is run on the local file; the primary, which runs
  what is inside of a transaction, does not, and functions in Elixir are for local databases and copies that
  are written offline. At servers the option is an error with the code `:unsupported`.
  """

  alias EctoLibSql.{Backend, Call, Error, State}
  alias EctoLibSql.Function.Definition

  @groups [:decimal, :digest, :haversine, :regexp, :statistics, :text, :uuid]

  @doc """
  The groups that the option `:functions` knows.

      iex> EctoLibSql.Function.groups()
      [:decimal, :digest, :haversine, :regexp, :statistics, :text, :uuid]
  """
  @spec groups() :: [atom()]
  def groups, do: @groups

  @typedoc "A function, or `{module, name, arity}`."
  @type callback :: function() | {module(), atom(), arity()}

  @doc """
  Creates a scalar function, or replaces the one of this name and number of arguments that was
  created before.

  The name has up to 255 bytes, and is none of a function that SQLite, an extension or a group has.
  The arity is from 0 to 127; with -1, the function takes any number of arguments in SQL, and gets them
  as a list. Options:

    * `:deterministic` - the same arguments always have the same answer: SQLite may call it less
      often, and indexes may use it. Default: `false`
    * `:direct_only` - may not be used by a schema: views, triggers, defaults, indexes. Default: `true`
    * `:innocuous` - may be used by a schema that is not trusted. Default: `false`

  Errors: `:invalid_argument`; `:busy` where a cursor is open on the connection and the function
  is replaced.
  """
  @spec create_scalar(State.t(), String.t(), -1..127, callback(), keyword()) ::
          {:ok, State.t()} | {:error, Error.t()}
  def create_scalar(%State{} = s, name, arity, fun, opts \\ []),
    do: create(s, {:scalar, name, arity, fun, opts})

  @doc """
  Creates an aggregate function. Callbacks:

    * `:init` - the accumulator at first
    * `:step` - gets the arguments of a row and then the accumulator, and answers the next one
    * `:finalize` - gets the accumulator, and answers the value. Default: the accumulator itself

  The rest is as `create_scalar/5` says.
  """
  @spec create_aggregate(State.t(), String.t(), -1..127, keyword(), keyword()) ::
          {:ok, State.t()} | {:error, Error.t()}
  def create_aggregate(%State{} = s, name, arity, callbacks, opts \\ []),
    do: create(s, {:aggregate, name, arity, callbacks, opts})

  @doc """
  Creates an aggregate function that is a window function, too. Callbacks besides those of
  `create_aggregate/5`:

    * `:inverse` - takes a row out of the accumulator again, the oldest first. Called as `:step` is
    * `:value` - gets the accumulator, and answers the value so far. Default: `:finalize`

  Its accumulators are the process's: a cursor over a window is fetched by the process that began to.

      iex> {:ok, s} = EctoLibSql.connect(database: ":memory:")
      iex> {:ok, s} =
      ...>   EctoLibSql.Function.create_window(s, "joined", 1,
      ...>     init: [],
      ...>     step: &(&2 ++ [&1]),
      ...>     inverse: fn _oldest, words -> tl(words) end,
      ...>     finalize: &Enum.join/1
      ...>   )
      iex> sql = "SELECT joined(column1) OVER (ROWS 1 PRECEDING) FROM (VALUES ('a'), ('b'), ('c'))"
      iex> EctoLibSql.query!(s, sql).rows
      [["a"], ["ab"], ["bc"]]
  """
  @spec create_window(State.t(), String.t(), -1..127, keyword(), keyword()) ::
          {:ok, State.t()} | {:error, Error.t()}
  def create_window(%State{} = s, name, arity, callbacks, opts \\ []),
    do: create(s, {:window, name, arity, callbacks, opts})

  @doc """
  Creates a collation: a function of two texts that answers `:lt`, `:eq` or `:gt`.

  Where it fails, the statement is undone and fails with the code `:function`. One that contradicts
  itself makes a wrong order, and an index in which rows are not found.

      iex> {:ok, s} = EctoLibSql.connect(database: ":memory:")
      iex> by_length = fn a, b ->
      ...>   case {String.length(a), String.length(b)} do
      ...>     {same, same} -> :eq
      ...>     {shorter, longer} when shorter < longer -> :lt
      ...>     _ -> :gt
      ...>   end
      ...> end
      iex> {:ok, s} = EctoLibSql.Function.create_collation(s, "by_length", by_length)
      iex> sql = "SELECT column1 FROM (VALUES ('ccc'), ('a'), ('bb')) ORDER BY column1 COLLATE by_length"
      iex> EctoLibSql.query!(s, sql).rows
      [["a"], ["bb"], ["ccc"]]
  """
  @spec create_collation(State.t(), String.t(), callback()) ::
          {:ok, State.t()} | {:error, Error.t()}
  def create_collation(%State{} = s, name, fun), do: create(s, {:collation, name, fun})

  @doc """
  Removes a function that was created here. Errors: `:invalid_argument` where there is none, `:busy`
  where a cursor is open on the connection.
  """
  @spec remove(State.t(), String.t(), -1..127) :: :ok | {:error, Error.t()}
  def remove(%State{} = s, name, arity) when is_integer(arity), do: do_remove(s, name, arity)

  @doc """
  Removes a collation that was created here. Errors are those of `remove/3`.
  """
  @spec remove_collation(State.t(), String.t()) :: :ok | {:error, Error.t()}
  def remove_collation(%State{} = s, name), do: do_remove(s, name, nil)

  defp do_remove(s, name, arity) do
    with :ok <- local(s, "EctoLibSql.Function.remove"),
         do: Call.reply(s, Backend.here(s).function_remove(s, name, arity))
  end

  defp create(s, function) do
    with {:ok, definition} <- Definition.new(function),
         do: define(s, definition)
  end

  defp define(s, %Definition{native: native, evaluated: evaluated}) do
    with :ok <- local(s, "EctoLibSql.Function.create_#{elem(native, 0)}"),
         :ok <- Call.reply(s, Backend.here(s).function_create(s, native, evaluated)),
         do: {:ok, %{s | functions: true}}
  end

  defp local(%State{mode: mode}, _function) when mode in [:local, :offline], do: :ok

  defp local(%State{mode: mode}, function) do
    message = "#{function} is for local databases, not for mode: #{inspect(mode)}"
    {:error, %Error{code: :unsupported, message: message}}
  end

  ## The option

  @doc false
  # Defines what the option lists beside groups, which is what a reset brings back.
  @spec define_all(State.t(), [tuple()]) :: {:ok, State.t()} | {:error, Error.t()}
  def define_all(s, []), do: {:ok, s}

  def define_all(s, functions) do
    defined =
      Enum.reduce_while(functions, {:ok, s}, fn function, {:ok, s} ->
        case create(s, function) do
          {:ok, s} -> {:cont, {:ok, s}}
          error -> {:halt, error}
        end
      end)

    with {:ok, s} <- defined,
         :ok <- Backend.here(s).function_keep(s),
         do: {:ok, s}
  end

  @doc false
  # The option's groups, and its functions in Elixir.
  @spec split([atom() | tuple()]) :: {[String.t()], [tuple()]}
  def split(functions) do
    {groups, functions} = Enum.split_with(functions, &is_atom/1)
    {Enum.map(groups, &Atom.to_string/1), functions}
  end

  @doc false
  # What the option takes, where it cannot be that.
  @spec takes(term()) :: String.t() | nil
  def takes(value) do
    case unknown(value) do
      nil ->
        nil

      unknown ->
        groups = Enum.map_join(@groups, ", ", &inspect/1)
        "a list of groups out of #{groups}, and of functions in Elixir#{unknown}"
    end
  end

  defp unknown([]), do: nil
  defp unknown([group | rest]) when group in @groups, do: unknown(rest)

  defp unknown([function | rest]) when is_tuple(function) do
    case Definition.new(function) do
      {:ok, _definition} -> unknown(rest)
      {:error, error} -> " (#{error.message})"
    end
  end

  defp unknown([other | _rest]), do: " (#{inspect(other)} is none)"
  defp unknown(_no_list), do: ""
end
