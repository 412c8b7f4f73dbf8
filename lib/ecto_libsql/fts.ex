defmodule EctoLibSql.FTS do
  @moduledoc """
  Full-text search: SQLite's [FTS5](https://sqlite.org/fts5.html), from migrations, Ecto queries and
  connections. The [guide](full_text.html) has a worked example.

  ## Tables

  A migration makes an FTS5 table that indexes the rows of another table, and is kept in step with it by
  triggers:

      create fts_table(:posts_fts,
               content: :posts,
               columns: [:title, :body],
               tokenize: {:porter, {:unicode61, remove_diacritics: 2}},
               prefix: [2, 3])

  `EctoLibSql.Migration.fts_table/2` has the options, `create/3` does the same on a connection.

  ## Queries

      import Ecto.Query
      import EctoLibSql.FTS

      Post
      |> search(:posts_fts, params["q"])
      |> limit(20)
      |> select_merge([fts: f], %{excerpt: snippet(f, :body, "<b>", "</b>", "…", 12)})
      |> Repo.all()

  `search/4` joins and orders; `match/2`, `rank/1`, `bm25/1`, `bm25/2`, `highlight/4` and `snippet/6` are for
  queries of one's own, on a table's name or on a schema of the FTS5 table, whose key is its rowid:

      defmodule MyApp.PostIndex do
        use Ecto.Schema

        @primary_key {:rowid, :id, autogenerate: false}
        schema "posts_fts" do
          field :title, :string
          field :body, :string
        end
      end

      from f in "posts_fts", where: match(f, ^params["q"]), order_by: rank(f), select: f.title

  ## What is searched for

  A text is what somebody typed, and read by `websearch/2`: nothing in it is a syntax error. An
  `EctoLibSql.FTS.Expression` is built from Elixir. FTS5's own syntax is taken from
  `EctoLibSql.FTS.Expression.raw/1` alone. All of it, weights and markers reach the database as parameters.

  ## On a connection

      iex> {:ok, s} = EctoLibSql.connect(database: ":memory:")
      iex> EctoLibSql.FTS.create(s, "notes", columns: [:text], tokenize: :porter)
      :ok
      iex> EctoLibSql.query!(s, "INSERT INTO notes (text) VALUES ('Sail the boats'), ('Row home')").num_rows
      2
      iex> {:ok, found} = EctoLibSql.FTS.query(s, "notes", "boat")
      iex> found.rows
      [[1, "Sail the boats"]]

  ## Errors

  Functions on a connection or a repo answer `{:error, error}` as their queries do: an
  `EctoLibSql.Error` of the code `:error` for a malformed raw expression ("fts5: syntax error near …"), of
  `:corrupt_vtab` where the index is not what it should be, and of `:invalid_argument` for a content
  table that cannot be indexed. Wrong options and arguments raise `ArgumentError`.
  """

  alias EctoLibSql.{Error, Result, State}
  alias EctoLibSql.FTS.{Content, Expression, Fragments, Maintenance, Select, Statements, Table}
  alias EctoLibSql.FTS.Websearch

  @typedoc "What is searched for: an expression, or a text for `websearch/2`."
  @type searched :: Expression.t() | String.t()

  @typedoc "An FTS5 table: its name, or a schema of it."
  @type source :: String.t() | atom()

  @typedoc "A connection, or an Ecto repo."
  @type conn :: State.t() | module()

  @doc """
  What somebody typed into a search field, as web search engines read it. No text is an error.

    * words are all to be found: `red wine`
    * words in quotes as a phrase: `"red wine"`; a quote that is not closed goes to the end
    * `-` before a word or phrase excludes it: `wine -red`
    * `OR`, in capitals, between words is for either side: `red wine OR beer`
    * `*` at the end of a word takes longer ones, too: `win*`
    * a column's name and a colon: `title:wine`, for the columns that are given

  What is none of these is a word. A search of nothing but exclusions or operators, and the empty
  one, find nothing: `EctoLibSql.FTS.Expression.nothing?/1`.

  Options:

    * `:columns` - the columns that may be named. Default: none
    * `:prefix` - which words take longer ones, too: `:marked`, those with a `*` (default); `:last`, the last
      one as well, for a search while somebody types; or `:all`

  In a table with a `:detail` other than `:full`, FTS5 finds no phrases, and says so in an error: that is
  any word of several tokens, such as `well-known`. A search takes time with every word: take no more text from
  strangers than a search field has.

      iex> to_string(EctoLibSql.FTS.websearch(~S|"red wine" win* -port|))
      ~S|("red wine" "win" *) NOT ("port")|
      iex> to_string(EctoLibSql.FTS.websearch("title:wine body:AND", columns: [:title]))
      ~S|{"title"} : "wine" "body:AND"|
      iex> EctoLibSql.FTS.Expression.nothing?(EctoLibSql.FTS.websearch("-red OR"))
      true
  """
  @spec websearch(String.t(), keyword()) :: Expression.t()
  def websearch(text, opts \\ []) when is_binary(text), do: Websearch.parse(text, opts)

  @doc false
  @spec expression(searched(), keyword()) :: Expression.t()
  def expression(expression, opts \\ [])
  def expression(%Expression{} = expression, _opts), do: expression
  def expression(text, opts) when is_binary(text), do: websearch(text, opts)

  def expression(other, _opts) do
    raise ArgumentError,
          "what is searched for is an EctoLibSql.FTS.Expression or a text, got: #{inspect(other)}"
  end

  @doc false
  @spec to_match(searched()) :: String.t()
  def to_match(searched), do: searched |> expression() |> to_string()

  ## Macros

  @doc """
  Whether a row has what is searched for: in any column of an FTS5 table, or in one.

      from f in "posts_fts", where: match(f, ^params["q"])
      from f in "posts_fts", where: match(f.title, ^Expression.prefix("wat"))

  The second argument is interpolated, or a text.
  """
  defmacro match(source, searched), do: Fragments.match(source, searched)

  @doc """
  How well a row matches, by the weights that the table has (`set/4` with `:rank`), which are all 1.0 if
  nobody set them: the smaller (it is negative), the better.

      from f in "posts_fts", where: match(f, ^text), order_by: rank(f)
  """
  defmacro rank(source), do: Fragments.rank(source)

  @doc """
  How well a row matches, by the [Okapi BM25](https://sqlite.org/fts5.html#the_bm25_function) function: the
  smaller (it is negative), the better.
  """
  defmacro bm25(source), do: Fragments.bm25(source)

  @doc """
  The same with a weight for each column, in the order of the table: a list, or one that is interpolated.
  Columns without one have 1.0.

      from f in "posts_fts", where: match(f, ^text), order_by: bm25(f, [10.0, 1.0])
  """
  defmacro bm25(source, weights), do: Fragments.bm25(source, weights)

  @doc """
  A column's text with each match between two markers. The column is given by its name, an atom, or by its
  position, from 0; a position of no column gives an empty text.

      select: highlight(f, :title, "<b>", "</b>")

  The rest of the text is not escaped: for HTML, take markers that no text has, escape, and replace them.
  """
  defmacro highlight(source, column, open, close),
    do: Fragments.highlight(source, column, open, close)

  @doc """
  The part of a column with the most matches, in markers, with an ellipsis where the text goes on: of at most
  so many tokens, 1 to 64. The column -1 is whichever matches best.

      select: snippet(f, :body, "<b>", "</b>", "…", 16)
  """
  defmacro snippet(source, column, open, close, ellipsis, tokens),
    do: Fragments.snippet(source, column, {open, close, ellipsis}, tokens)

  ## Queries

  if Code.ensure_loaded?(Ecto.Query) do
    @doc """
    The rows of a query that an FTS5 table finds, best first: joins the table, of which `:content` is the
    query's first source, as the binding `:fts`.

        Post |> search(:posts_fts, "red wine") |> limit(10) |> Repo.all()

    A text is read by `websearch/2`.

    Options:

      * `:weights` - how much a match in each column counts, in the order of the table, as `[10.0, 1.0]`; with
        a schema of the FTS5 table also by name, `[title: 10.0]`
      * `:columns` - the columns that a text may name, `title:word`. Default: those of the schema, or none
      * `:words` - which words of a text take longer ones, too: `websearch/2`'s `:prefix`
      * `:key` - the field of the query's source that is the table's `:key`. Default: the rowid, which an
        integer primary key is
      * `:order` - whether to order by rank. Default: `true`; an order that the query has comes first
      * `:as` - the name of the binding. Default: `:fts`
      * `:prefix` - the attached database that has the FTS5 table
    """
    @spec search(Ecto.Queryable.t(), source(), searched(), keyword()) :: Ecto.Query.t()
    def search(queryable, table, searched, opts \\ []),
      do: EctoLibSql.FTS.Search.search(queryable, table, searched, opts)
  end

  ## Functions on a connection

  @doc """
  Creates an FTS5 table, in a transaction: options as of `EctoLibSql.Migration.fts_table/2`, and
  `:if_not_exists`.

      iex> {:ok, s} = EctoLibSql.connect(database: ":memory:")
      iex> :ok = EctoLibSql.run(s, "CREATE TABLE posts (id INTEGER PRIMARY KEY, title TEXT)")
      iex> EctoLibSql.FTS.create(s, "posts_fts", content: "posts", columns: ["title"])
      :ok
      iex> {:error, error} = EctoLibSql.FTS.create(s, "x", content: "posts", columns: ["titel"])
      iex> error.message
      "FTS5 table x: content: posts: it has no column titel; it has id, title"
  """
  @spec create(State.t(), String.t() | atom(), keyword()) :: :ok | {:error, Error.t()}
  def create(%State{} = s, name, opts) do
    {if_not_exists, opts} = Keyword.pop(opts, :if_not_exists, false)
    table = name |> Table.new!(opts) |> Table.to_create!()

    with :create <- if(if_not_exists, do: exists(s, table), else: :create),
         {:ok, content} <- content(s, table),
         do: batch(s, Statements.create(table, content))
  end

  @doc """
  Drops an FTS5 table and the triggers that kept it. Options: `:database`, the attached one that has it;
  `:if_exists`.
  """
  @spec drop(State.t(), String.t() | atom(), keyword()) :: :ok | {:error, Error.t()}
  def drop(%State{} = s, name, opts \\ []) do
    {if_exists, opts} = Keyword.pop(opts, :if_exists, false)
    batch(s, Statements.drop(Table.new!(name, opts), if_exists: if_exists))
  end

  defp exists(s, %Table{name: name, database: database}) do
    sql = "SELECT 1 FROM pragma_table_list WHERE name = ? COLLATE NOCASE AND schema = ?"

    case EctoLibSql.query(s, sql, [name, database || "main"]) do
      {:ok, %Result{rows: []}} -> :create
      {:ok, _there} -> :ok
      error -> error
    end
  end

  defp content(_s, %Table{content: nil}), do: {:ok, nil}

  defp content(s, table) do
    ask = fn sql, params -> EctoLibSql.query!(s, IO.iodata_to_binary(sql), params).rows end

    with {:error, reason} <- Content.read(table, ask),
         do: {:error, %Error{code: :invalid_argument, message: reason}}
  rescue
    error in Error -> {:error, error}
  end

  defp batch(s, statements) do
    statements = for sql <- statements, do: {IO.iodata_to_binary(sql), []}
    with {:ok, _results} <- EctoLibSql.batch_transactional(s, statements), do: :ok
  end

  @doc """
  Searches an FTS5 table, best first. A text is read by `websearch/2`.

  Options:

    * `:select` - a list of columns, `"rowid"` and `"rank"` among them, of `{:highlight, column, open, close}`
      and of `{:snippet, column, open, close, ellipsis, tokens}`, whose column may be `:any`. Default: the rowid
      and all columns
    * `:weights` - how much a match in each column counts, in the order of the table
    * `:limit`, `:offset` - how many rows, and how many to pass over. Default: all, and none
    * `:columns` - the columns that a text may name, `title:word`. Default: none

        iex> {:ok, s} = EctoLibSql.connect(database: ":memory:")
        iex> :ok = EctoLibSql.FTS.create(s, "notes", columns: [:title, :text])
        iex> insert = "INSERT INTO notes (title, text) VALUES ('Boats', 'Of sails'), ('Sails', 'Of wind')"
        iex> :ok = EctoLibSql.run(s, insert)
        iex> {:ok, found} =
        ...>   EctoLibSql.FTS.query(s, "notes", "sails",
        ...>     select: [:rowid, {:highlight, :title, "[", "]"}],
        ...>     weights: [10.0, 1.0]
        ...>   )
        iex> found.rows
        [[2, "[Sails]"], [1, "Boats"]]
  """
  @spec query(State.t(), String.t() | atom(), searched(), keyword()) ::
          {:ok, Result.t()} | {:error, Error.t()}
  def query(%State{} = s, table, searched, opts \\ []) do
    {sql, params} = Select.build(to_string(table), searched, opts)
    EctoLibSql.query(s, IO.iodata_to_binary(sql), params)
  end

  ## Maintenance

  @doc """
  Builds the index anew, from the content table or the texts that the table keeps.
  <https://sqlite.org/fts5.html#the_rebuild_command>
  """
  @spec rebuild(conn(), String.t() | atom()) :: :ok | {:error, term()}
  def rebuild(conn, table), do: Maintenance.run(conn, table, "rebuild")

  @doc """
  Merges all of the index into one structure, which is smaller and quicker to search: worth its time for
  a table that is hardly written any more. <https://sqlite.org/fts5.html#the_optimize_command>
  """
  @spec optimize(conn(), String.t() | atom()) :: :ok | {:error, term()}
  def optimize(conn, table), do: Maintenance.run(conn, table, "optimize")

  @doc """
  Does a part of that work: until so many pages are written. A negative number begins a merge of all.
  <https://sqlite.org/fts5.html#the_merge_command>
  """
  @spec merge(conn(), String.t() | atom(), integer()) :: :ok | {:error, term()}
  def merge(conn, table, pages) when is_integer(pages),
    do: Maintenance.run(conn, table, "merge", pages)

  @doc """
  Whether the index is sound, and says what the content table says: `:ok`, or an error of the code
  `:corrupt_vtab`, which `rebuild/2` mends. (A server's error has the code `:corrupt`.)
  <https://sqlite.org/fts5.html#the_integrity_check_command>
  """
  @spec integrity_check(conn(), String.t() | atom()) :: :ok | {:error, term()}
  def integrity_check(conn, table), do: Maintenance.run(conn, table, "integrity-check", 1)

  @doc """
  Deletes all rows of a contentless or external content table's index, and leaves the content alone.
  """
  @spec delete_all(conn(), String.t() | atom()) :: :ok | {:error, term()}
  def delete_all(conn, table), do: Maintenance.run(conn, table, "delete-all")

  @doc """
  Changes a setting that the database keeps: `:automerge` (0 to 16), `:crisismerge` (1 to 1999), `:deletemerge` (0
  to 100), `:pgsz` (32 to 65536 bytes), `:usermerge` (2 to 16), `:secure_delete` (a boolean), and `:rank`, the
  weights that order by default: `[10.0, 1.0]`, or the call of a function, `"bm25(10.0, 1.0)"`.
  <https://sqlite.org/fts5.html#configuration_options>
  """
  @spec set(conn(), String.t() | atom(), atom(), term()) :: :ok | {:error, term()}
  def set(conn, table, setting, value), do: Maintenance.set(conn, table, setting, value)

  @doc """
  The settings that were changed, by name, and FTS5's own `"version"`.
  """
  @spec config(conn(), String.t() | atom()) :: {:ok, %{String.t() => term()}} | {:error, term()}
  def config(conn, table), do: Maintenance.config(conn, table)
end
