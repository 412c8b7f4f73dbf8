defmodule EctoLibSql.Vfs do
  @moduledoc """
  How SQLite opens files: its virtual file systems, <https://sqlite.org/vfs.html>.

  A connection chooses one that is registered with the option `:vfs`, and so does a repo for all of
  its connections; without the option it is the default one.

      iex> EctoLibSql.Vfs.default() in EctoLibSql.Vfs.list()
      true
      iex> {:ok, s} = EctoLibSql.connect(database: "/shared", vfs: "memory")
      iex> EctoLibSql.Vfs.of(s)
      {:ok, "memory"}

  One is this package's:

    * `"memory"` - databases in memory, shared by all connections that give the same name, whatever it is,
      and in WAL mode: nobody who reads waits for one who writes. A database lives for as long as a
      connection has it open. In a repo with `vfs: "memory"`, the database `":memory:"` is one that its
      connections share, and that lives as long as the pool. `file:name?vfs=memory` does without the option

  Those that SQLite brings along on Unix:

    * `"unix"` - the default
    * `"unix-excl"` - the file is the process's alone for as long as it is open; the index of the
      write-ahead log is no file
    * `"unix-dotfile"` - locks are files beside the database, for file systems without locks. No
      write-ahead log
    * `"unix-none"` - no locks at all: what a second connection does is not kept apart
    * `"memdb"` - a database in memory, shared by all connections that name it with a `/` in front. It
      has no write-ahead log: who reads waits while a transaction writes

  and for tests, `EctoLibSql.Vfs.Fault` makes some that fail as a script says.

  `ATTACH` opens by the same one as the connection, unless its URI says `?vfs=`. A VFS that nobody has
  registered is an error at connect (`:invalid_argument`), which names those that there are.
  Connections with the option, but for `"memory"`, have no quick reads: each call runs on a dirty
  scheduler, where a VFS may take its time. The option is for databases in this VM; with `uri:` it is `:unsupported`.

  `EctoLibSql.reset_connection/1` changes nothing of it: a database stays open with the VFS that opened
  it, for as long as it is open.
  """

  alias EctoLibSql.{Backend, Call, Error, MemoryStatistics, Native, State}

  @doc """
  The names of all that are registered, the default's first.
  """
  @spec list() :: [String.t()]
  def list do
    # SQLite is started by asking it, and its memory statistics are chosen before that.
    _chosen = MemoryStatistics.choose()
    Native.vfs_names()
  end

  @doc """
  The name of the one that opens files where no other is named.
  """
  @spec default() :: String.t()
  def default, do: hd(list())

  @doc """
  The name of the one that a connection's main database is open with.
  """
  @spec of(State.t()) :: {:ok, String.t()} | {:error, Error.t()}
  def of(%State{} = s), do: Call.ask(s, &Backend.of(&1).vfs_of(&1))
end
