defmodule EctoLibSql.Session do
  @moduledoc """
  Sessions and changesets: records what a connection changes, and applies it elsewhere, undoes it, or
  tells of it. SQLite's session extension: <https://sqlite.org/sessionintro.html>.

  Two databases that have the same content stay alike:

      iex> schema = "CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT)"
      iex> {:ok, here} = EctoLibSql.connect(database: ":memory:")
      iex> {:ok, there} = EctoLibSql.connect(database: ":memory:")
      iex> for s <- [here, there], do: :ok = EctoLibSql.run(s, schema)
      iex> {:ok, session} = EctoLibSql.Session.create(here)
      iex> :ok = EctoLibSql.run(here, "INSERT INTO notes VALUES (1, 'buy milk'), (2, 'sing')")
      iex> :ok = EctoLibSql.run(here, "UPDATE notes SET text = 'buy oats' WHERE id = 1")
      iex> {:ok, changeset} = EctoLibSql.Session.changeset(session)
      iex> {:ok, %{applied: 2, conflicts: []}} = EctoLibSql.Session.apply(there, changeset)
      iex> EctoLibSql.query!(there, "SELECT * FROM notes").rows
      [[1, "buy oats"], [2, "sing"]]
      iex> # Undone where it was made:
      iex> {:ok, undo} = EctoLibSql.Session.invert(changeset)
      iex> {:ok, %{applied: 2}} = EctoLibSql.Session.apply(here, undo)
      iex> EctoLibSql.query!(here, "SELECT * FROM notes").rows
      []
      iex> # A changeset can be read:
      iex> changeset |> EctoLibSql.Session.changes() |> Enum.map(&{&1.op, &1.table, &1.new}) |> Enum.sort()
      [{:insert, "notes", [1, "buy oats"]}, {:insert, "notes", [2, "sing"]}]
      iex> EctoLibSql.Session.close(session)
      :ok

  ## What is recorded

  A session records what its connection changes: not what other connections do. A changeset has
  each row once, with what is different between the moment the session was created and now. So what was
  rolled back does not appear, nor does a row that was inserted and deleted again; and where another
  connection has changed one of the rows meanwhile, that is in it, too. Make the changeset in the
  transaction that changes where that matters.

    * Rows are known by their primary key. Tables without one are passed over, unless `rowids: true` is
      given to `create/2`, and then databases are alike only if their rowids are; so are rows with a NULL
      in their primary key. Keys are compared byte by byte, whatever their collation is.
    * Virtual tables are passed over; the tables that they keep their content in are recorded. Changes of
      the schema are not recorded. A session survives `ALTER TABLE … ADD COLUMN`; other alterations of a
      table that has changed make `changeset/2` fail with the code `:schema`.
    * SQLite cannot record tables with generated columns: `create/2` refuses them by name, and with
      `tables: :all` the first change to one makes `changeset/2` fail with the code `:schema`.
    * Statements that delete all of a table delete row by row while there is a session. Each row that
      changes is kept in memory as it was (`status/1` says how much that is), until the session is closed.
    * A connection's session is closed by `close/1`, by the death of the process that created it, by
      `EctoLibSql.reset_connection/1`, and with its connection.

  ## Changesets

  A changeset is a binary, to be stored or sent as it is. It is in memory as a whole, and can have 2 GB;
  recording and applying take as much again, for what changes. A *patchset* (`patchset/2`) is smaller, since of
  old values it has the primary keys only: it cannot be inverted, and a row that was changed elsewhere is
  changed over without a conflict.

  Before SQLite is given one, the driver looks through all of it, so one that is damaged, or made by
  an attacker, is an error with the code `:invalid_changeset`, and nothing else. But one that is
  well-formed writes whatever it says to whatever table it names: see `:tables` of `apply/3`.

  ## Errors

  Those of SQLite, and these codes: `:invalid_changeset`; `:changeset_conflict` and `:changeset_schema`
  where a changeset was not applied; `:session_closed`; `:wrong_connection`; `:invalid_argument`; and
  `:unsupported` for databases on servers and replicas.
  """

  import Kernel, except: [apply: 3]

  alias EctoLibSql.{Backend, Call, Error, Native, State}

  @enforce_keys [:id, :state]
  defstruct [:id, :state]

  @typedoc "An open session."
  @type t :: %__MODULE__{id: String.t(), state: State.t()}

  @typedoc "A changeset or a patchset."
  @type changeset :: binary()

  @typedoc """
  A value of a row: text and blobs are binaries, infinite reals `:inf` and `:"-inf"`. `:undefined` is one
  that the changeset does not have: of a column that an update did not change, or of a patchset.
  """
  @type value :: nil | integer() | float() | binary() | :inf | :"-inf" | :undefined

  @typedoc """
  A change of a row. `:pk` are the columns of the primary key, counted from 0; `:old` is `nil` for an
  insert and `:new` for a delete. An indirect change was made by a trigger or a foreign key.
  """
  @type change :: %{
          op: :insert | :update | :delete,
          table: String.t(),
          pk: [non_neg_integer()],
          indirect: boolean(),
          old: [value()] | nil,
          new: [value()] | nil
        }

  @typedoc """
  Why a change does not fit:

    * `:data` - the row that is to be changed or deleted has other values than it had
    * `:not_found` - it is not there
    * `:conflict` - a row that is to be inserted is there already
    * `:constraint` - the change would violate a constraint
    * `:foreign_key` - after all changes, foreign keys would be violated
  """
  @type conflict_kind :: :data | :not_found | :conflict | :constraint | :foreign_key

  @typedoc """
  A conflict, and what became of it. All but the first two are missing for the kind `:foreign_key`;
  `:conflicting` is the row that is there, where there is one.
  """
  @type conflict :: %{
          required(:kind) => conflict_kind(),
          required(:resolution) => :omit | :replace | :abort,
          optional(:op) => :insert | :update | :delete,
          optional(:table) => String.t(),
          optional(:indirect) => boolean(),
          optional(:old) => [value()] | nil,
          optional(:new) => [value()] | nil,
          optional(:conflicting) => [value()] | nil
        }

  @typedoc """
  What became of a changeset: how many of its changes were applied (to tables that are wanted and known)
  and how many left out, how many of the former over what was there, the conflicts, the
  tables that were skipped, and what `rebase/2` takes.
  """
  @type applied :: %{
          applied: non_neg_integer(),
          omitted: non_neg_integer(),
          replaced: non_neg_integer(),
          conflicts: [conflict()],
          skipped: [String.t()],
          rebase: binary()
        }

  ## Sessions

  @doc """
  Begins to record what the connection changes.

  Options:

    * `:database` - the schema's name: `"main"` (the default), `"temp"`, or that of an attached one
    * `:tables` - `:all` (the default), those that are made later, too; or a list of names
    * `:indirect` - whether all changes are recorded as indirect (default `false`)
    * `:rowids` - whether tables without a primary key are recorded, by their rowids (default `false`)
    * `:timeout` - in milliseconds, or `:infinity`; the connection's by default
  """
  @spec create(State.t(), keyword()) :: {:ok, t()} | {:error, Error.t()}
  def create(%State{} = s, opts \\ []) do
    defaults = [
      database: "main",
      tables: :all,
      indirect: false,
      rowids: false,
      timeout: s.timeout
    ]

    opts = Keyword.validate!(opts, defaults)
    indirect = boolean!(opts, :indirect)
    rowids = boolean!(opts, :rowids)

    create = fn timeout ->
      Backend.of(s).session_create(s, opts[:database], opts[:tables], indirect, rowids, timeout)
    end

    with {:ok, id} <- waiting(s, opts, create), do: {:ok, %__MODULE__{id: id, state: s}}
  end

  @doc """
  Records one more table, a list of them, or `:all`. Takes `:timeout`.
  """
  @spec attach(t(), String.t() | [String.t()] | :all, keyword()) :: :ok | {:error, Error.t()}
  def attach(%__MODULE__{state: s, id: id}, tables, opts \\ []) do
    tables = if is_binary(tables), do: [tables], else: tables
    waiting(s, timeout(s, opts), &Backend.here(s).session_attach(s, id, tables, &1))
  end

  @doc """
  What has changed since the session was created, as a changeset. It records on: the next
  changeset has these changes, too. Takes `:timeout`.
  """
  @spec changeset(t(), keyword()) :: {:ok, changeset()} | {:error, Error.t()}
  def changeset(%__MODULE__{state: s, id: id}, opts \\ []),
    do: waiting(s, timeout(s, opts), &Backend.here(s).session_changeset(s, id, false, &1))

  @doc """
  As `changeset/2`, as a patchset.
  """
  @spec patchset(t(), keyword()) :: {:ok, changeset()} | {:error, Error.t()}
  def patchset(%__MODULE__{state: s, id: id}, opts \\ []),
    do: waiting(s, timeout(s, opts), &Backend.here(s).session_changeset(s, id, true, &1))

  @doc """
  Records, as if they had just been made, the changes that make the table of the database `from` (its
  schema's name) what it is in the session's database. Takes `:timeout`.

      iex> {:ok, s} = EctoLibSql.connect(database: ":memory:")
      iex> :ok = EctoLibSql.run(s, "ATTACH ':memory:' AS old")
      iex> for db <- ["main", "old"], do: :ok = EctoLibSql.run(s, "CREATE TABLE \#{db}.t (a PRIMARY KEY, b)")
      iex> :ok = EctoLibSql.run(s, "INSERT INTO main.t VALUES (1, 'new')")
      iex> {:ok, session} = EctoLibSql.Session.create(s, tables: [])
      iex> :ok = EctoLibSql.Session.diff(session, "old", "t")
      iex> {:ok, changeset} = EctoLibSql.Session.changeset(session)
      iex> for change <- EctoLibSql.Session.changes(changeset), do: {change.op, change.new}
      [insert: [1, "new"]]
  """
  @spec diff(t(), String.t(), String.t(), keyword()) :: :ok | {:error, Error.t()}
  def diff(%__MODULE__{state: s, id: id}, from, table, opts \\ []),
    do: waiting(s, timeout(s, opts), &Backend.here(s).session_diff(s, id, from, table, &1))

  @doc """
  Records again, after `disable/1`.
  """
  @spec enable(t()) :: :ok | {:error, Error.t()}
  def enable(%__MODULE__{state: s, id: id}),
    do: Call.reply(s, Backend.here(s).session_enable(s, id, true))

  @doc """
  Does not record what changes from now on. What was recorded stays.
  """
  @spec disable(t()) :: :ok | {:error, Error.t()}
  def disable(%__MODULE__{state: s, id: id}),
    do: Call.reply(s, Backend.here(s).session_enable(s, id, false))

  @doc """
  Whether all changes are recorded as indirect from now on.
  """
  @spec set_indirect(t(), boolean()) :: :ok | {:error, Error.t()}
  def set_indirect(%__MODULE__{state: s, id: id}, indirect) when is_boolean(indirect),
    do: Call.reply(s, Backend.here(s).session_indirect(s, id, indirect))

  @doc """
  Whether it is enabled, whether changes are recorded as indirect, whether nothing was recorded, and how
  many bytes of memory what was takes. A session that is not empty may have an empty changeset: what
  it recorded was undone.
  """
  @spec status(t()) ::
          {:ok,
           %{
             enabled: boolean(),
             indirect: boolean(),
             empty: boolean(),
             memory: non_neg_integer()
           }}
          | {:error, Error.t()}
  def status(%__MODULE__{state: s, id: id}),
    do: Call.reply(s, Backend.here(s).session_status(s, id))

  @doc """
  Closes the session. Closing it twice is fine.
  """
  @spec close(t()) :: :ok | {:error, Error.t()}
  def close(%__MODULE__{state: s, id: id}),
    do: Call.reply(s, Backend.here(s).session_close(s, id))

  ## Changesets

  @kinds [:data, :not_found, :conflict, :constraint, :foreign_key]
  @policies %{
    abort: [:abort, :abort, :abort, :abort, :abort],
    omit: [:omit, :omit, :omit, :omit, :abort],
    replace: [:replace, :omit, :replace, :abort, :abort]
  }

  @doc """
  Applies a changeset or patchset to the connection's main database: all of it but what conflicts leave
  out, or nothing. In the open transaction where there is one, else in one of its own; it waits for its
  turn to write as any statement does.

  Options:

    * `:conflict` - what is to become of changes that do not fit (`t:conflict_kind/0`): `:omit`,
      `:replace` (the row that is there; only for `:data` and `:conflict`) or `:abort`, for each kind, in a
      keyword list; `:abort` for kinds that are not named. One atom is short for all:
      `:abort` (the default); `:omit`, but violated foreign keys abort; `:replace`, where rows that are not
      there are omitted and violated constraints and foreign keys abort
    * `:tables` - the only tables that are changed, as a list of names; by default `:all`
    * `:unknown_tables` - `:abort` (the default) or `:skip`: what is to become of changes to tables that are
      not there, or have another primary key or fewer columns
    * `:invert` - undo the changeset instead (default `false`); not for a patchset
    * `:ignore_noop` - whether a change that was made already is no conflict (default `false`); SQLite can do it
      for tables whose names need no quotes only
    * `:no_action` - whether foreign keys' actions (`ON DELETE CASCADE`) do nothing meanwhile, because the
      changeset has what they did (default `false`)
    * `:max_conflicts` - so many conflicts are described in the answer (default 1000); all are counted
    * `:timeout` - in milliseconds, or `:infinity`; the connection's by default

  Triggers run. Foreign keys are checked at the end. An error, be it a deadline's, leaves nothing applied.

      iex> {:ok, s} = EctoLibSql.connect(database: ":memory:")
      iex> :ok = EctoLibSql.run(s, "CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
      iex> {:ok, session} = EctoLibSql.Session.create(s)
      iex> :ok = EctoLibSql.run(s, "INSERT INTO t VALUES (1, 'mine')")
      iex> {:ok, changeset} = EctoLibSql.Session.changeset(session)
      iex> :ok = EctoLibSql.run(s, "UPDATE t SET v = 'theirs'")
      iex> {:error, %EctoLibSql.Error{code: :changeset_conflict}} = EctoLibSql.Session.apply(s, changeset)
      iex> {:ok, %{replaced: 1, conflicts: [conflict]}} =
      ...>   EctoLibSql.Session.apply(s, changeset, conflict: [conflict: :replace])
      iex> {conflict.kind, conflict.new, conflict.conflicting}
      {:conflict, [1, "mine"], [1, "theirs"]}
  """
  @spec apply(State.t(), changeset(), keyword()) :: {:ok, applied()} | {:error, Error.t()}
  def apply(%State{} = s, changeset, opts \\ []) do
    defaults = [
      conflict: :abort,
      tables: :all,
      unknown_tables: :abort,
      invert: false,
      ignore_noop: false,
      no_action: false,
      max_conflicts: 1000,
      timeout: s.timeout
    ]

    opts = Keyword.validate!(opts, defaults)
    policy = policy!(opts[:conflict])

    flags =
      {one_of!(opts, :unknown_tables, [:abort, :skip]) == :skip, boolean!(opts, :invert),
       boolean!(opts, :ignore_noop), boolean!(opts, :no_action)}

    options = {policy, opts[:tables], flags, opts[:max_conflicts]}
    waiting(s, opts, &Backend.of(s).changeset_apply(s, changeset, options, &1))
  end

  @doc """
  The changeset that undoes this one.
  """
  @spec invert(changeset()) :: {:ok, changeset()} | {:error, Error.t()}
  def invert(changeset), do: Native.changeset_invert(changeset)

  @doc """
  One changeset that does what these do, one after the other: each row is in it once. Changesets and
  patchsets do not go together.
  """
  @spec concat([changeset()]) :: {:ok, changeset()} | {:error, Error.t()}
  def concat(changesets), do: Native.changeset_concat(changesets)

  @doc """
  See `concat/1`.
  """
  @spec concat(changeset(), changeset()) :: {:ok, changeset()} | {:error, Error.t()}
  def concat(first, second), do: concat([first, second])

  @doc """
  A changeset made here, as it is to be sent to others who have what was applied here meanwhile.

  Where changesets of others were applied here, over changes of this one, `apply/3` has decided
  conflicts; `decided` are its answers' `:rebase`, in the order in which they were applied. What was
  replaced is left out of the changeset, and what stayed is changed in it to follow theirs.
  SQLite's documentation has the details: <https://sqlite.org/session/rebaser.html>.
  """
  @spec rebase(changeset(), binary() | [binary()]) :: {:ok, changeset()} | {:error, Error.t()}
  def rebase(changeset, decided), do: Native.changeset_rebase(changeset, List.wrap(decided))

  @doc """
  What a changeset is, and to which tables there are changes in it: their names, how many columns they
  have, which of those (counted from 0) are the primary key, and how many changes there are. The kind is
  `nil` for an empty one.
  """
  @spec info(changeset()) ::
          {:ok,
           %{
             kind: :changeset | :patchset | nil,
             changes: non_neg_integer(),
             tables: [
               %{
                 name: String.t(),
                 columns: pos_integer(),
                 pk: [non_neg_integer()],
                 changes: non_neg_integer()
               }
             ]
           }}
          | {:error, Error.t()}
  def info(changeset), do: Native.changeset_info(changeset)

  @doc """
  The changes in a changeset or patchset, as a stream. Raises `EctoLibSql.Error` where it is malformed.
  """
  @spec changes(changeset()) :: Enumerable.t()
  def changes(changeset) do
    Stream.unfold({0, 0}, fn
      nil ->
        nil

      position ->
        case Native.changeset_read(changeset, position) do
          {:ok, changes, next} -> {changes, next}
          {:error, error} -> raise error
        end
    end)
    |> Stream.concat()
  end

  ## Options

  defp policy!(atom) when is_map_key(@policies, atom), do: List.to_tuple(@policies[atom])

  defp policy!(conflict) do
    case Keyword.keyword?(conflict) && Enum.find(conflict, &(not resolution?(&1))) do
      nil ->
        @kinds |> Enum.map(&Keyword.get(conflict, &1, :abort)) |> List.to_tuple()

      _ ->
        raise ArgumentError,
              ":conflict takes :abort, :omit or :replace, or a keyword list of those by kind " <>
                "(#{Enum.map_join(@kinds, ", ", &inspect/1)}, of which only :data and " <>
                ":conflict take :replace), got: #{inspect(conflict)}"
    end
  end

  defp resolution?({kind, :replace}), do: kind in [:data, :conflict]
  defp resolution?({kind, resolution}), do: kind in @kinds and resolution in [:omit, :abort]

  defp boolean!(opts, name), do: one_of!(opts, name, [true, false])

  defp one_of!(opts, name, allowed) do
    value = opts[name]

    if value in allowed,
      do: value,
      else:
        raise(
          ArgumentError,
          "#{inspect(name)} takes #{Enum.map_join(allowed, " or ", &inspect/1)}, got: #{inspect(value)}"
        )
  end

  defp timeout(s, opts), do: Keyword.validate!(opts, timeout: s.timeout)

  defp waiting(s, opts, call), do: Call.waiting(s, Call.deadline(opts[:timeout]), call)
end
