defmodule EctoLibSql.Status do
  @moduledoc """
  What SQLite counts: of a statement's run, of a connection, and of itself.

      iex> {:ok, s} = EctoLibSql.connect(database: ":memory:")
      iex> :ok = EctoLibSql.run(s, "CREATE TABLE t (id INTEGER PRIMARY KEY, a)")
      iex> :ok = EctoLibSql.run(s, "INSERT INTO t (a) VALUES (3), (1), (2)")
      iex> result = EctoLibSql.query!(s, "SELECT a FROM t ORDER BY a", [], statistics: true)
      iex> # It went through all of the table, two steps from the first row on, and sorted.
      iex> {result.rows, result.statistics.fullscan_step, result.statistics.sort}
      {[[1], [2], [3]], 2, 1}
      iex> {:ok, status} = EctoLibSql.Status.connection(s)
      iex> status.cache_used > 0 and status.deferred_fks == false
      true

  ## A statement

  `statistics: true` is an option of `EctoLibSql.query/4` and `EctoLibSql.query_stmt/4`, of
  `DBConnection.execute/4` and of a repo's functions. What a repo's functions answer has no room for
  it, except that of `c:Ecto.Repo.query/3`, whose result is the driver's; but the telemetry event of each query has
  the result, and so the statistics:

      :telemetry.attach("statistics", [:my_app, :repo, :query], fn _, _, metadata, _ ->
        with {:ok, %{statistics: %{} = statistics}} <- metadata.result, do: IO.inspect(statistics)
      end, nil)

      MyApp.Repo.all(query, statistics: true)

  `EctoLibSql.stmt_status/3` has the figures of a prepared statement, over all of its runs.

  On a replica, reads of its file are counted. What a server does is not: an error with the code
  `:unsupported`.

  ## A connection

  `connection/2`. The figures are those since the connection was opened;
  `EctoLibSql.reset_connection/1` leaves them as they are. A connection to a server has none
  (`:unsupported`).
  """

  alias EctoLibSql.{Backend, Call, Error, MemoryStatistics, Native, State}

  @typedoc """
  Of a statement. <https://sqlite.org/c3ref/c_stmtstatus_counter.html>

    * `:fullscan_step` - steps forward in a table that is read as a whole: where it is large, an index
      may help
    * `:sort` - sorts: an index may give the order
    * `:autoindex` - steps in which an index was filled that was made for this run only
    * `:vm_step` - steps of SQLite's virtual machine: its work
    * `:reprepare` - how often the statement was prepared anew, because the schema had changed, or
      a parameter that the plan depends on
    * `:run` - how often it ran
    * `:filter_hit`, `:filter_miss` - steps of joins that a Bloom filter spared, and did not
    * `:rows_read`, `:rows_written` - rows that libSQL counts as read and written, those of indexes,
      triggers and sorts, too
    * `:memused` - the memory that the statement takes, in bytes
  """
  @type statement :: %{
          fullscan_step: non_neg_integer(),
          sort: non_neg_integer(),
          autoindex: non_neg_integer(),
          vm_step: non_neg_integer(),
          reprepare: non_neg_integer(),
          run: non_neg_integer(),
          filter_hit: non_neg_integer(),
          filter_miss: non_neg_integer(),
          rows_read: non_neg_integer(),
          rows_written: non_neg_integer(),
          memused: non_neg_integer()
        }

  @typedoc """
  Of a connection. <https://sqlite.org/c3ref/c_dbstatus_options.html>

    * `:cache_used` - bytes of the page cache; `:cache_used_shared` - its share of them, where
      connections share a cache
    * `:cache_hit`, `:cache_miss` - pages that were found there, and that were not
    * `:cache_write` - pages that were written; `:cache_spill` - of those, the ones that were written in
      the middle of a transaction, because the cache was full
    * `:schema_used`, `:stmt_used` - bytes of the schema, and of the prepared statements
    * `:deferred_fks` - whether a foreign key is violated that a commit would look at
    * `:lookaside_used`, `:lookaside_highwater` - slots of the memory for small allocations that are in
      use, and at most were; `:lookaside_hit` - allocations that got one; `:lookaside_miss_size`,
      `:lookaside_miss_full` - those that were too large, or for which none was free
  """
  @type connection :: %{
          cache_used: non_neg_integer(),
          cache_used_shared: non_neg_integer(),
          cache_hit: non_neg_integer(),
          cache_miss: non_neg_integer(),
          cache_write: non_neg_integer(),
          cache_spill: non_neg_integer(),
          schema_used: non_neg_integer(),
          stmt_used: non_neg_integer(),
          deferred_fks: boolean(),
          lookaside_used: non_neg_integer(),
          lookaside_highwater: non_neg_integer(),
          lookaside_hit: non_neg_integer(),
          lookaside_miss_size: non_neg_integer(),
          lookaside_miss_full: non_neg_integer()
        }

  @typedoc """
  Of SQLite in this VM: each figure as it is, and as it was at its highest.
  <https://sqlite.org/c3ref/c_status_malloc_count.html>

    * `:memory_used` - bytes that are allocated; `:malloc_count` - in how many pieces; `:malloc_size` -
      the largest piece that was asked for (its `:highest`)
    * `:pagecache_used`, `:pagecache_overflow`, `:pagecache_size` - of the memory for page caches:
      pages out of what was set aside, bytes besides, and the largest page
  """
  @type library :: %{
          atom() => %{current: non_neg_integer(), highest: non_neg_integer()}
        }

  @doc """
  The figures of a connection. Any process may ask; where the connection is at work for
  another one for longer than a moment, the code is `:busy`.

  With `reset: true`, those that count or are a highest value begin anew after they were read:
  `:cache_hit`, `:cache_miss`, `:cache_write`, `:cache_spill` and the `:lookaside_…`.
  """
  @spec connection(State.t(), keyword()) :: {:ok, connection()} | {:error, Error.t()}
  def connection(%State{} = s, opts \\ []) do
    [reset: reset] = Keyword.validate!(opts, reset: false)

    with {:ok, status} <- Call.ask(s, &Backend.of(&1).db_status(&1, reset)),
         do: {:ok, Map.update!(status, :deferred_fks, &(&1 > 0))}
  end

  @doc """
  The figures of SQLite itself, of all connections of this VM together. With `reset: true`, the
  highest values begin anew.

  They need `config :ecto_libsql, memory_statistics: true`, which is read once, when the first
  connection is opened; else that is an error with the code `:unsupported`.
  """
  @spec library(keyword()) :: {:ok, library()} | {:error, Error.t()}
  def library(opts \\ []) do
    [reset: reset] = Keyword.validate!(opts, reset: false)

    with {:ok, _kept?} <- MemoryStatistics.choose(),
         {:ok, figures} <- Native.library_status(reset) do
      {:ok,
       Map.new(figures, fn {name, {current, highest}} ->
         {name, %{current: current, highest: highest}}
       end)}
    end
  end
end
