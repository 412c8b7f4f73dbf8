defmodule EctoLibSql.Vfs.Fault do
  @moduledoc """
  A VFS for tests, whose files fail as a script says: I/O errors, torn writes, a full disk, syncs that
  lie, latency, and the loss of power.

      iex> {:ok, vfs} = EctoLibSql.Vfs.Fault.start()
      iex> path = Path.join(System.tmp_dir!(), "fault_\#{System.unique_integer([:positive])}.db")
      iex> {:ok, s} = EctoLibSql.connect(database: path, vfs: vfs)
      iex> :ok = EctoLibSql.run(s, "CREATE TABLE t (a)")
      iex> :ok = EctoLibSql.Vfs.Fault.set(vfs, rules: [[on: :write, file: :wal, nth: 1]])
      iex> {:error, error} = EctoLibSql.query(s, "INSERT INTO t VALUES (1)")
      iex> error.code
      :ioerr_write
      iex> EctoLibSql.query!(s, "SELECT count(*) FROM t").rows
      [[0]]
      iex> {:ok, [fault]} = EctoLibSql.Vfs.Fault.log(vfs)
      iex> {fault.operation, fault.file, fault.code}
      {:write, :wal, :ioerr_write}
      iex> :ok = EctoLibSql.disconnect(s)
      iex> :ok = EctoLibSql.Vfs.Fault.stop(vfs)
      iex> for suffix <- ["", "-wal", "-shm"], do: File.rm(path <> suffix)
      iex> EctoLibSql.connect(database: path, vfs: vfs) |> elem(0)
      :error

  In a repo's tests, start one in `setup`, give its name to the repo as `vfs:`, and `set/2` a script
  when the repo is up.

  ## Scripts

  A script is data, a keyword list or a map:

    * `:rules` - what goes wrong, and when. Default: nothing
    * `:seed` - of all that is left to chance. The same script does the same again, as long as the
      operations come in the same order. Default: `0`
    * `:space` - by how many bytes the files may grow until the disk is full (`:full`). What is deleted or
      truncated is free again. Default: there is always space
    * `:sector_size` - what a power loss leaves or takes as a whole, in bytes: a power of two from 32 to
      65536. It holds from `start/2` on. Default: `512`

  A rule is a keyword list or a map. What is said of an operation in `:on` and `:file` is what the
  rule counts; then all else has to hold, too:

    * `:on` - one or several of `:open`, `:read`, `:write`, `:sync`, `:truncate`, `:size`, `:delete`,
      `:access` (whether a file is there), `:lock`, `:shm_map` and `:shm_lock` (the index of the write-ahead
      log). Default: all
    * `:file` - one or several of `:main`, `:wal`, `:journal` and `:temporary`. Default: all
    * `:nth` - only the one with this number, from 1
    * `:from` - only those from this number on
    * `:every` - only each so many
    * `:probability` - from `0` to `1`
    * `:times` - so often at most
    * `:do` - what happens. Of the rules that hold, the first one's; delays add up. Default: `:error`

  and `:do` is one of

    * `:error` - it fails with the extended code that SQLite has for that, such as `:ioerr_write`
    * `{:error, code}` - with another one: `:full`, `:ioerr_data`, … `:busy` is for `:lock` alone: SQLite takes it for no
      failure of the disk, and a rollback that gets it for a read goes on without
    * `{:torn, bytes}` - of a write, so many bytes come to the disk, and it fails; `{:torn, bytes, :silent}`
      says that all went well
    * `{:short, bytes}` - of a read, so many bytes come, and zeros for the rest, as behind a file's end
    * `:lie` - a sync says that it is done, and is not
    * `{:delay, milliseconds}` - it takes so long, and is then done
    * `:power_loss` - the power goes: from then on every operation fails, until `power_loss/1`

  Locks are always let go of, and files closed, so that a connection can end.

  ## Power loss

  What was written since a file's last sync is not on the disk for sure. `power_loss/1` makes the files
  what they would be on a disk after that: each sector as it was when it was synced, or as it was written
  since; a file's size likewise; a file that is new and not synced may be gone, and one whose deletion was
  not synced may be back. The seed decides. Then the power is back, and the database can be opened again,
  as soon as the connections from before are closed; they can do nothing any more. Syncs are not passed on
  to the machine's own disk.

  ## Lifetime

  A VFS is nobody's: it stays until `stop/1`, also when the process that started it ends. After that no
  connection can be opened with it, and those that are open go on without faults. Its name can be given
  again when they are closed.

  Errors: `:invalid_argument` for a script, which says what is wrong with it, and for a name that is not
  there, or there already; `:busy` for one whose connections are still open.
  """

  alias EctoLibSql.{Error, MemoryStatistics, Native}
  alias EctoLibSql.Vfs.Script

  @type script :: keyword() | map()

  @type status :: %{
          seed: non_neg_integer(),
          operations: non_neg_integer(),
          by_operation: %{atom() => non_neg_integer()},
          faults: non_neg_integer(),
          open_files: non_neg_integer(),
          unsynced_bytes: non_neg_integer(),
          power: :on | :off,
          space: non_neg_integer() | nil
        }

  @typedoc """
  A fault: the operation's number among all, where it was, and what came of it. `:action` is nil for what
  failed because the power was off or the disk was full, `:code` is `:ok` for what said that it was done.
  """
  @type fault :: %{
          number: pos_integer(),
          operation: atom(),
          file: atom(),
          path: String.t(),
          offset: non_neg_integer(),
          length: non_neg_integer(),
          action: atom(),
          code: atom()
        }

  @doc """
  Starts a VFS, and answers its name, which is for the option `:vfs`.

  Options: `:name`, for one that is not chosen for you.
  """
  @spec start(script(), keyword()) :: {:ok, String.t()} | {:error, Error.t()}
  def start(script \\ [], opts \\ []) do
    opts = Keyword.validate!(opts, name: nil)
    _chosen = MemoryStatistics.choose()
    with {:ok, script} <- Script.native(script), do: Native.fault_start(opts[:name], script)
  end

  @doc """
  Goes on with another script. Operations are counted from 1 again; the log stays.
  """
  @spec set(String.t(), script()) :: :ok | {:error, Error.t()}
  def set(vfs, script) do
    with {:ok, script} <- Script.native(script), do: Native.fault_set(vfs, script)
  end

  @doc """
  What it has seen since its script was set, and how things are.
  """
  @spec status(String.t()) :: {:ok, status()} | {:error, Error.t()}
  def status(vfs) do
    with {:ok, status} <- Native.fault_status(vfs),
         do: {:ok, %{status | by_operation: Map.new(status.by_operation)}}
  end

  @doc """
  The faults, the oldest first: of more than 10,000, the last ones.
  """
  @spec log(String.t()) :: {:ok, [fault()]} | {:error, Error.t()}
  def log(vfs), do: Native.fault_log(vfs)

  @doc """
  Takes the power away, and gives it back. Answers how many sectors were not synced, of how many of these
  the last version is lost, and how many files are back, or gone.
  """
  @spec power_loss(String.t()) ::
          {:ok,
           %{
             unsynced_sectors: non_neg_integer(),
             lost_sectors: non_neg_integer(),
             files_back: non_neg_integer(),
             files_gone: non_neg_integer()
           }}
          | {:error, Error.t()}
  def power_loss(vfs), do: Native.fault_power_loss(vfs)

  @doc """
  Ends it. Connections that are open go on, without faults.
  """
  @spec stop(String.t()) :: :ok | {:error, Error.t()}
  def stop(vfs), do: Native.fault_stop(vfs)
end
