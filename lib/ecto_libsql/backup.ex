defmodule EctoLibSql.Backup do
  @moduledoc """
  Copies of a database while it is in use, and back: <https://sqlite.org/backup.html>.

      {:ok, figures} = EctoLibSql.Backup.to_file(s, "backups/monday.db")
      #=> {:ok, %{pages: 12_204, bytes: 49_987_584}}

      # with what it does, and to be called off
      EctoLibSql.Backup.to_file(s, "backups/monday.db",
        progress: fn %{remaining: remaining, total: total} ->
          Logger.info("\#{total - remaining} of \#{total} pages")
          if MyApp.shutting_down?(), do: :cancel
        end
      )

      :ok = EctoLibSql.Backup.restore(s, "backups/monday.db")

  | function | the copy is | writers meanwhile |
  |---|---|---|
  | `to_file/3` | the database as it was when the copy began, page by page | go on, in WAL mode |
  | `vacuum_into/3` | the same rows, written anew without gaps: smaller, slower | go on, in WAL mode |
  | `to_connection/3` | the database, over another connection's, in memory or not | go on, in WAL mode |
  | `serialize/1` | a binary | go on, in WAL mode |

  A copy becomes visible under its name only when it is whole, checked and on the disk: it is written
  beside it, as `….partial`, and renamed. A process that dies leaves at most that file behind.

  **To copy the file itself** (`cp`) is no backup: what is committed may be in the write-ahead log only,
  and a copy that is made while somebody writes is torn. `EctoLibSql.cacheflush/1` does not help: it
  writes what a transaction has changed so far to the log, and commits nothing. A file alone is whole
  after `EctoLibSql.checkpoint(s, :truncate)` answered that nothing was left, for as long as nobody
  writes.

  Of an embedded replica and of an offline copy, `to_file/3` and `serialize/1` copy what is in their file;
  databases on servers have none here. All else is an error with the code `:unsupported`.
  """

  alias EctoLibSql.{Authorizer, Backend, Call, Error, Options, Pragma, State}

  @type figures :: %{pages: non_neg_integer(), bytes: non_neg_integer()}

  @typedoc "Pages that are still to be copied, and pages in all."
  @type progress :: %{remaining: non_neg_integer(), total: non_neg_integer()}

  @typedoc """
  Who is told after each step:

    * a function, which is called in the process that copies. `:cancel` as its answer gives the copy up
    * a process, which gets a message `{EctoLibSql.Backup, reference, progress}`; where the copy is not
      made, `{EctoLibSql.Backup, reference, %{error: error}}` is the last one. With `{pid, reference}`
      the reference is yours, and `cancel/2` takes it
  """
  @type listener :: (progress() -> term()) | pid() | {pid(), reference()}

  @doc """
  Copies the connection's main database to a file. Answers its size in pages and bytes.

  The connection may be in a transaction, or in use: the copy is made by connections of its own, and
  holds what is committed. Only a database in memory is copied by its own connection.

  Options:

    * `:progress` - a function or a process (`t:listener/0`), told after each step how many pages are
      `:remaining`, of how many in `:total`. A copy that is cancelled is an error with the code
      `:cancelled`, and nothing of it is left
    * `:pages` - how many pages are copied in one step, 1,000 by default, at most 65,535
    * `:overwrite` - whether a file of this name is replaced. Without it, one is an error
    * `:check` - `false` to save the copy's `PRAGMA integrity_check`
    * `:encryption_key` - the key of a database that is encrypted; the copy has the same
    * `:timeout` - for each step, in milliseconds, or `:infinity`; the connection's by default

  In WAL mode, the copy reads one snapshot, whoever writes meanwhile. In other modes a step keeps
  writers waiting, and a write between two steps has the copy begin anew.
  """
  @spec to_file(State.t(), Path.t(), keyword()) :: {:ok, figures()} | {:error, Error.t()}
  def to_file(%State{} = s, path, opts \\ []) do
    opts =
      Keyword.validate!(opts, [
        :encryption_key,
        progress: fn _progress -> :ok end,
        pages: 1_000,
        overwrite: false,
        check: true,
        timeout: s.timeout
      ])

    opts = steps!(opts)

    publish(path, opts, fn partial ->
      with {:ok, shared?} <- shared?(s),
           do: copy_to(s, shared?, partial, opts)
    end)
  end

  defp pages!(pages) when pages in 1..65_535, do: :ok

  defp pages!(pages),
    do: raise(ArgumentError, ":pages takes 1 to 65535, got: #{inspect(pages)}")

  defp copy_to(s, false, partial, opts) do
    with_connection(target(partial, opts), fn target ->
      with :ok <- in_one(s, target, opts), do: figures(target, opts)
    end)
  end

  defp copy_to(s, true, partial, opts) do
    with_connection(target(partial, opts), fn target ->
      with :ok <- in_steps(s, target, opts), do: figures(target, opts)
    end)
  end

  # A new file needs no journal: it is thrown away unless it is whole.
  defp target(partial, opts),
    do: [database: partial, journal_mode: :off, synchronous: :full] ++ key(opts)

  defp key(opts), do: Keyword.take(opts, [:encryption_key])

  ## Steps

  # The target copies from a connection of its own, which nobody else has.
  defp in_steps(s, target, opts) do
    source = [database: s.database, read_only: true] ++ key(opts)

    with {:ok, {:local, %{native: source}}} <- Options.validate(source),
         :ok <- waiting(target, opts, &Backend.here(target).backup_begin(target, source, &1)) do
      try do
        step(target, opts)
      else
        :ok ->
          :ok

        failed ->
          Backend.here(target).rollback(target)
          failed
      catch
        kind, reason ->
          Backend.here(target).rollback(target)
          :erlang.raise(kind, reason, __STACKTRACE__)
      end
    end
    |> tell_failure(opts[:progress])
  end

  defp in_one(source, target, opts) do
    with {:ok, _version} <- Call.backup(source, "main", target, "main", deadline(opts)),
         {:ok, pages} <- Pragma.get_page_count(target) do
      told(opts[:progress], %{remaining: 0, total: pages})
      :ok
    end
    |> tell_failure(opts[:progress])
  end

  defp step(target, opts) do
    with {:ok, {remaining, total}} <-
           waiting(target, opts, &Backend.here(target).backup_step(target, opts[:pages], &1)) do
      case {told(opts[:progress], %{remaining: remaining, total: total}), remaining} do
        {_answer, 0} -> :ok
        {:cancel, _remaining} -> {:error, cancelled()}
        {_answer, _remaining} -> step(target, opts)
      end
    end
  end

  defp cancelled, do: %Error{code: :cancelled, message: "the backup was cancelled"}

  defp told(listener, progress) when is_function(listener), do: listener.(progress)

  defp told({pid, reference}, progress) do
    send(pid, {__MODULE__, reference, progress})

    receive do
      {__MODULE__, ^reference, :cancel} -> :cancel
    after
      0 -> :ok
    end
  end

  defp tell_failure({:error, error} = failed, {pid, reference}) do
    send(pid, {__MODULE__, reference, %{error: error}})
    failed
  end

  defp tell_failure(copied, _listener), do: copied

  defp steps!(opts) do
    pages!(opts[:pages])
    Keyword.update!(opts, :progress, &listener!/1)
  end

  defp listener!(function) when is_function(function, 1), do: function
  defp listener!(pid) when is_pid(pid), do: {pid, make_ref()}

  defp listener!({pid, reference}) when is_pid(pid) and is_reference(reference),
    do: {pid, reference}

  defp listener!(other) do
    raise ArgumentError,
          ":progress takes a function of one argument, a pid or {pid, reference}, got: #{inspect(other)}"
  end

  @doc """
  Gives up a copy that another process makes, with `progress: {pid, reference}`. It ends after its
  step.

      reference = make_ref()
      copier = Task.async(fn -> EctoLibSql.Backup.to_file(s, path, progress: {parent, reference}) end)
      EctoLibSql.Backup.cancel(copier.pid, reference)
  """
  @spec cancel(pid(), reference()) :: :ok
  def cancel(copier, reference) when is_pid(copier) and is_reference(reference) do
    send(copier, {__MODULE__, reference, :cancel})
    :ok
  end

  defp figures(target, opts) do
    with :ok <- sound(target, "the copy", opts[:check]),
         {:ok, pages} <- Pragma.get_page_count(target),
         {:ok, size} <- Pragma.get_page_size(target),
         do: {:ok, %{pages: pages, bytes: pages * size}}
  end

  @doc """
  Writes the main database anew to a file, without the gaps that deleted rows have left:
  <https://sqlite.org/lang_vacuum.html#vacuuminto>. Slower than `to_file/3`; runs on this connection,
  outside of a transaction.

  Takes `:overwrite`, `:check`, `:encryption_key` and `:timeout` as `to_file/3` does.
  """
  @spec vacuum_into(State.t(), Path.t(), keyword()) :: {:ok, figures()} | {:error, Error.t()}
  def vacuum_into(%State{} = s, path, opts \\ []) do
    opts =
      Keyword.validate!(opts, [:encryption_key, overwrite: false, check: true, timeout: s.timeout])

    publish(path, opts, fn partial ->
      with :ok <- local(s),
           :ok <- EctoLibSql.run(s, "VACUUM INTO ?", [partial], timeout: opts[:timeout]),
           do: with_connection([database: partial] ++ key(opts), &figures(&1, opts))
    end)
  end

  @doc """
  Copies the main database over that of another connection, which has what it copied when its turn as a
  writer has come. It must not be in a transaction.

  Options:

    * `:progress`, `:pages` - as `to_file/3` takes them: then the copy is made in steps, of what is
      committed when it begins, while others write. Without them, and of a database in memory, in one
    * `:encryption_key` - for a copy in steps, the key of a database that is encrypted
    * `:timeout` - for each step; the other connection's by default

  Until a copy in steps has ended, the other connection does nothing else: that is an error with the
  code `:backup`. Others that write the same database wait, and who reads goes on with what was there.
  The copy is there as a whole with its last step. One that is cancelled or fails, whose process dies, or
  that is ended by `EctoLibSql.rollback/1` or a reset of the other connection, has changed nothing.
  """
  @spec to_connection(State.t(), State.t(), keyword()) :: :ok | {:error, Error.t()}
  def to_connection(%State{} = source, %State{} = target, opts \\ []) do
    in_steps? = Keyword.has_key?(opts, :progress) or Keyword.has_key?(opts, :pages)

    opts =
      Keyword.validate!(opts, [
        :encryption_key,
        progress: fn _progress -> :ok end,
        pages: 1_000,
        timeout: target.timeout
      ])

    opts = steps!(opts)

    with :ok <- local(target),
         {:ok, shared?} <- shared?(source) do
      if shared? and (in_steps? or source.mode != :local),
        do: in_steps(source, target, opts),
        else: in_one(source, target, opts)
    end
  end

  @doc """
  Replaces the connection's main database by a backup, for all its connections, in one transaction: who
  reads meanwhile goes on with what was there before.

  The backup is checked first (`PRAGMA integrity_check`): one that is damaged is an error with the code
  `:corrupt`, and nothing is changed. Takes `:check`, `:encryption_key` and `:timeout` as `to_file/3`
  does. Migrations that the backup does not have are not there afterwards.
  """
  @spec restore(State.t(), Path.t(), keyword()) :: :ok | {:error, Error.t()}
  def restore(%State{} = s, path, opts \\ []) do
    opts = Keyword.validate!(opts, [:encryption_key, check: true, timeout: s.timeout])

    with :ok <- local(s) do
      with_connection([database: to_string(path), read_only: true] ++ key(opts), fn source ->
        with :ok <- sound(source, "the backup #{path}", opts[:check]),
             do: to_connection(source, s, timeout: opts[:timeout])
      end)
    end
  end

  @doc """
  The main database as a binary: the bytes of its file, as of one snapshot.
  <https://sqlite.org/c3ref/serialize.html>. Takes `:timeout`.
  """
  @spec serialize(State.t(), keyword()) :: {:ok, binary()} | {:error, Error.t()}
  def serialize(%State{} = s, opts \\ []) do
    opts = Keyword.validate!(opts, timeout: s.timeout)
    waiting(s, opts, &Backend.of(s).serialize(s, &1))
  end

  @doc """
  Opens a database in memory that holds what `serialize/1` answered, or what a database file holds.
  Takes the options of `EctoLibSql.connect/1`, but `:database`. Binaries that are no database are an error
  with the code `:notadb`; damaged ones are noticed where `:check` is not `false`.
  """
  @spec deserialize(binary(), keyword()) :: {:ok, State.t()} | {:error, Error.t()}
  def deserialize(image, opts \\ []) when is_binary(image) do
    {check, opts} = Keyword.pop(opts, :check, true)
    {policy, opts} = Keyword.pop(opts, :authorizer)

    with {:ok, s} <- EctoLibSql.connect([database: ":memory:"] ++ opts) do
      with :ok <- waiting(s, [timeout: s.timeout], &Backend.here(s).deserialize(s, image, &1)),
           :ok <- sound(s, "the image", check),
           :ok <- Authorizer.set(s, policy, true) do
        {:ok, s}
      else
        {:error, error} ->
          EctoLibSql.disconnect(s)
          {:error, error}
      end
    end
  end

  ## Shared

  # Whether another connection can open it: not a database in memory that has no name.
  defp shared?(s) do
    with :ok <- in_a_file(s),
         {:ok, [file]} <-
           EctoLibSql.query_one(s, "SELECT file FROM pragma_database_list WHERE name = 'main'"),
         do: {:ok, file not in [nil, ""]}
  end

  defp in_a_file(%State{mode: mode}) when mode in [:replica, :offline], do: :ok
  defp in_a_file(s), do: local(s)

  defp local(%State{mode: :local}), do: :ok

  defp local(%State{mode: mode}) do
    message = "backups are for local databases: this connection's mode is #{inspect(mode)}"
    {:error, %Error{code: :unsupported, message: message}}
  end

  # Made beside its place, and moved there when it is whole.
  defp publish(path, opts, make) do
    path = to_string(path)
    partial = "#{path}.#{System.unique_integer([:positive])}.partial"

    with :ok <- vacant(path, opts[:overwrite]) do
      try do
        with {:ok, figures} <- make.(partial),
             :ok <- moved(File.rename(partial, path), path),
             do: {:ok, figures}
      after
        for suffix <- ["", "-journal", "-wal", "-shm"], do: File.rm(partial <> suffix)
      end
    end
  end

  defp vacant(_path, true), do: :ok

  defp vacant(path, _overwrite) do
    if File.exists?(path),
      do:
        {:error,
         %Error{code: :invalid_argument, message: "#{path} is there already (overwrite: true)"}},
      else: :ok
  end

  defp moved(:ok, _path), do: :ok

  defp moved({:error, reason}, path) do
    message = "#{path} could not be put in place: #{:file.format_error(reason)}"
    {:error, %Error{code: :ioerr, message: message}}
  end

  defp with_connection(options, work) do
    with {:ok, s} <- EctoLibSql.connect(options) do
      try do
        work.(s)
      after
        EctoLibSql.disconnect(s)
      end
    end
  end

  defp sound(_s, _what, false), do: :ok

  defp sound(s, what, _check) do
    case Pragma.integrity_check(s) do
      {:ok, []} ->
        :ok

      {:ok, faults} ->
        {:error, %Error{code: :corrupt, message: "#{what} is damaged: #{hd(faults)}"}}

      {:error, error} ->
        {:error, %{error | message: "#{what}: #{error.message}"}}
    end
  end

  defp deadline(opts), do: Call.deadline(opts[:timeout])

  defp waiting(s, opts, call), do: Call.waiting(s, deadline(opts), call)
end
