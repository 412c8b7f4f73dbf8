defmodule EctoLibSql.Hooks do
  @moduledoc """
  Messages about what a connection changes: SQLite's
  [update](https://sqlite.org/c3ref/update_hook.html),
  [commit and rollback](https://sqlite.org/c3ref/commit_hook.html) and
  [WAL](https://sqlite.org/c3ref/wal_hook.html) hooks.

      iex> {:ok, s} = EctoLibSql.connect(database: ":memory:")
      iex> :ok = EctoLibSql.run(s, "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT)")
      iex> :ok = EctoLibSql.add_update_hook(s)
      iex> EctoLibSql.transaction(s, fn s ->
      ...>   :ok = EctoLibSql.run(s, "INSERT INTO users VALUES (1, 'Ada'), (2, 'Joe')")
      ...>   :ok = EctoLibSql.run(s, "UPDATE users SET name = 'Jo' WHERE id = 2")
      ...> end)
      iex> receive do {EctoLibSql.Hooks, _conn_id, message} -> message end
      {:changes, [{:insert, "main", "users", 1}, {:insert, "main", "users", 2}, {:update, "main", "users", 2}]}
      iex> EctoLibSql.remove_update_hook(s)
      :ok

  A connection tells of what is done with it, and of nothing else: `EctoLibSql.ChangeFeed` is for all
  connections of a repo. What other programs write is seen by nobody.

  ## Messages

  Each is `{EctoLibSql.Hooks, conn_id, event}`, with the `conn_id` of the `EctoLibSql.State`.

    * `{:changes, [{:insert | :update | :delete, database, table, rowid}, …]}` - the changes of a
      transaction, in their order, after its commit. A statement outside of a transaction is one of its
      own. What was undone (by a rollback, by going back to a savepoint, by a statement that failed) is
      not among them, and a transaction without changes sends nothing
    * `{:changes, [{:insert | :update | :delete, database, table, rowid, %{old: row, new: row}}, …]}` - the
      same with `values: true`: the rows before and after, as maps of values by the columns' names; `nil`
      before an insert and after a delete. See "Values"
    * `{:insert | :update | :delete, database, table, rowid}` - one change, when it happens, with
      `raw: true`: also one that is undone later
    * `{:commit, n}` - the `n`th commit since somebody first listened to this connection, after its
      changes. A transaction that has only read commits nothing
    * `{:rollback, n}` - likewise, also where SQLite rolls back by itself: a statement outside of a
      transaction that fails after it has begun to write, `ON CONFLICT ROLLBACK`, a full disk
    * `{:wal, database, frames}` - after a commit to a database in WAL mode: how many frames its
      write-ahead log has now
    * `{:overflow, dropped}` - so many changes (or other events) were to be told here and are not

  `database` is `"main"`, `"temp"` or the name of an attached database. What triggers and foreign keys'
  actions change is told as well.

  ## What is not told

  SQLite's update hook does not tell of:

    * tables `WITHOUT ROWID`, virtual tables (their shadow tables are told of), and SQLite's own tables
    * rows that `REPLACE` deletes, unless triggers or foreign keys need to know of them
    * what does not go through SQL: blobs written in parts (`EctoLibSql.Blob`), a backup into the
      connection's database, frames that are inserted, `VACUUM`
    * what the connection has changed in its transaction before the hook was added

  `DELETE FROM t`, which SQLite does without looking at rows, is done row by row while there is an update
  hook, so that each is told. And one thing is told that does not last: what a trigger changed before it
  said `RAISE(FAIL)` stays, by SQLite's rules, but is told only if the statement itself had changed a row
  by then.

  ## Values

  With `values: true`, SQLite's [preupdate hook](https://sqlite.org/c3ref/preupdate_blobwrite.html) is listened
  to, which has the rows' values. It also tells of tables `WITHOUT ROWID`, whose rowid is `nil`, and of rows that
  `REPLACE` deletes. Columns that are computed when they are read (`GENERATED … VIRTUAL`) are not among the
  values. A row that is large counts as several changes in the buffer, one for each kilobyte.

      iex> {:ok, s} = EctoLibSql.connect(database: ":memory:")
      iex> :ok = EctoLibSql.run(s, "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT)")
      iex> :ok = EctoLibSql.run(s, "INSERT INTO users VALUES (1, 'Ada')")
      iex> :ok = EctoLibSql.add_update_hook(s, self(), values: true)
      iex> :ok = EctoLibSql.run(s, "UPDATE users SET name = 'Ada L.'")
      iex> receive do {EctoLibSql.Hooks, _conn_id, {:changes, [change]}} -> change end
      {:update, "main", "users", 1,
       %{old: %{"id" => 1, "name" => "Ada"}, new: %{"id" => 1, "name" => "Ada L."}}}

  SQLite's sessions use the same hook, so a connection has either: the other is an error with the code
  `:unsupported`.

  ## Slow subscribers

  Who writes never waits for a subscriber, and sends it nothing itself: it puts its changes into a buffer,
  from which a process of the library makes messages, for as long as few enough wait in the subscriber's
  mailbox. What does not fit into the buffer is dropped and counted: the subscriber gets `:overflow` in its
  place, and may read the tables anew. A transaction is told as a whole or not at all, so one with more
  changes than the buffer takes is always an `:overflow`.

  ## Options

  Of `EctoLibSql.add_update_hook/3` and the like; a subscriber's options are the same for all its hooks on a
  connection, and those that are given last hold:

    * `:values` - of the update hook only: with the rows' values. Default: `false`
    * `:raw` - of the update hook only, and without values: each change by itself, when it happens.
      Default: `false`
    * `:buffer` - how many changes the buffer takes, where every other event counts as one.
      Default: `100_000`, some 3 MB
    * `:mailbox` - how many messages may wait in the subscriber's mailbox, of whomever. Default: `1_000`

  ## Ends

  A hook ends when it is removed, when its subscriber dies, when the connection is closed, and with
  `EctoLibSql.reset_connection/1`, which brings a connection back to how it was opened. What was told
  before is still delivered. Nobody is told of the end; a subscriber may monitor the connection's owner.
  When the last one is gone, SQLite's hook is, too, with the next call: a connection to which nobody
  listens has no cost.

  While somebody listens to the WAL hook, `PRAGMA wal_autocheckpoint` answers 0, for SQLite's checkpoints are
  made by the same hook. They are made as before, and the pragma can be set as before.

  No code of a user's runs in the hooks themselves, so nothing can be called in them that must not be.
  They need the application `:ecto_libsql` to be started. For databases on servers and replicas, and for the
  WAL hook where checkpoints are off (`EctoLibSql.Wal`, copies that are written offline), they are an error
  with the code `:unsupported`.
  Telemetry: `[:ecto_libsql, :hooks, :overflow]` ("`EctoLibSql.Telemetry`").
  """

  alias EctoLibSql.{Backend, Call, Error, Native, State}
  alias EctoLibSql.Hooks.Relay

  @typedoc "What is listened to."
  @type hook :: :update | :commit | :rollback | :wal

  @typedoc "A row that was changed: what was done, the database, the table and the rowid."
  @type change ::
          {:insert | :update | :delete, String.t(), String.t(), integer()}
          | {:insert | :update | :delete, String.t(), String.t(), integer() | nil, values()}

  @typedoc "A row before and after its change, by the columns' names."
  @type values :: %{old: row() | nil, new: row() | nil}

  @type row :: %{String.t() => EctoLibSql.Result.value()}

  @typedoc "What a message says."
  @type event ::
          {:changes, [change()]}
          | change()
          | {:commit, pos_integer()}
          | {:rollback, pos_integer()}
          | {:wal, String.t(), pos_integer()}
          | {:overflow, pos_integer()}

  # So that no sum of two is too large for a machine word.
  @most 1_000_000_000

  @options [buffer: 100_000, mailbox: 1_000]

  @doc false
  @spec add(State.t(), hook(), pid(), keyword()) :: :ok | {:error, Error.t()}
  def add(%State{} = s, hook, pid, opts) do
    with {:ok, native, opts} <- options(hook, opts),
         :ok <- alive(pid),
         :ok <- Backend.of(s).has_hooks(s),
         do: add(s, hook, native, pid, opts, 3)
  end

  # A relay may be on its way out: its connection was reset, or its last hook removed.
  defp add(s, hook, native, pid, opts, tries) do
    with {:ok, relay, channel} <- Relay.find_or_start(s.conn_id, pid, opts) do
      case Call.reply(s, Native.hook_add(s, channel, native)) do
        :ok ->
          Relay.added(relay, hook, opts)

        :closed when tries > 0 ->
          Relay.finish(relay)
          add(s, hook, native, pid, opts, tries - 1)

        :closed ->
          {:error, %Error{code: :busy, message: "the connection is being reset over and over"}}

        {:error, _} = error ->
          Relay.let_go(relay)
          error
      end
    end
  end

  @doc false
  @spec remove(State.t(), hook(), pid()) :: :ok | {:error, Error.t()}
  def remove(%State{} = s, hook, pid) when is_pid(pid) do
    with :ok <- Backend.of(s).has_hooks(s),
         {:ok, relay, channel} <- Relay.find(s.conn_id, pid) do
      case Call.reply(s, Native.hook_remove(s, channel, hook)) do
        :ok ->
          Relay.removed(relay, hook)

        {:error, _} = error ->
          Relay.let_go(relay)
          error
      end
    else
      :none -> :ok
      {:error, _} = error -> error
    end
  end

  defp options(hook, opts) do
    told = if hook == :update, do: [:raw, :values], else: []
    opts = Keyword.validate!(opts, told ++ Keyword.keys(@options))
    {told, opts} = Keyword.split(opts, told)

    with {:ok, native} <- native(hook, told),
         nil <- Enum.find(opts, fn {_name, value} -> value not in 1..@most end) do
      {:ok, native, opts}
    else
      {:error, _} = error -> error
      {name, value} -> invalid("#{name} takes an integer above 0, got: #{inspect(value)}")
    end
  end

  defp native(hook, told) do
    case {Enum.find(told, fn {_name, value} -> not is_boolean(value) end), Map.new(told)} do
      {{name, value}, _told} -> invalid("#{name} takes true or false, got: #{inspect(value)}")
      {nil, %{raw: true, values: true}} -> invalid("raw and values do not go together")
      {nil, %{raw: true}} -> {:ok, :raw}
      {nil, %{values: true}} -> {:ok, :values}
      {nil, _told} -> {:ok, hook}
    end
  end

  @doc false
  @spec defaults() :: keyword()
  def defaults, do: @options

  defp alive(pid) when is_pid(pid) and node(pid) == node() do
    if Process.alive?(pid),
      do: :ok,
      else: invalid("the subscriber is not alive: #{inspect(pid)}")
  end

  defp alive(other), do: invalid("a subscriber is a process of this node, got: #{inspect(other)}")

  defp invalid(message), do: {:error, %Error{code: :invalid_argument, message: message}}
end
