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

  ## `:uuid`

  Named as in SQLite's [extension of that name](https://sqlite.org/src/file/ext/misc/uuid.c).

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

  ## In a schema

  All of them may be used in views, triggers and defaults; all but those that make UUIDs, in
  indexes, generated columns and CHECKs. A database whose schema uses one can be
  read by connections that have it: to others, and to other programs, the statements that touch that table are
  errors (`no such function: …`, `no such collation sequence: …`). `reset_connection/1` leaves them
  where they are.

  An embedded replica has them where the statement is run on the local file; the primary, which runs
  what is inside of a transaction, and servers do not: there the option is an error with the code
  `:unsupported`.
  """

  @groups [:decimal, :digest, :haversine, :regexp, :statistics, :text, :uuid]

  @doc """
  The groups that the option `:functions` knows.

      iex> EctoLibSql.Function.groups()
      [:decimal, :digest, :haversine, :regexp, :statistics, :text, :uuid]
  """
  @spec groups() :: [atom()]
  def groups, do: @groups

  @doc false
  # What the option takes, where it cannot be that.
  @spec takes(term()) :: String.t() | nil
  def takes(value) do
    case unknown(value) do
      nil -> nil
      unknown -> "a list of groups out of #{Enum.map_join(@groups, ", ", &inspect/1)}#{unknown}"
    end
  end

  defp unknown([]), do: nil
  defp unknown([group | rest]) when group in @groups, do: unknown(rest)
  defp unknown([other | _rest]), do: " (#{inspect(other)} is none)"
  defp unknown(_no_list), do: ""
end
