defmodule EctoLibSql.Wal do
  @moduledoc """
  The write-ahead log, frame by frame: to ship what one database commits to another one.

      iex> alias EctoLibSql.Wal
      iex> directory = Path.join(System.tmp_dir!(), "wal-#{System.unique_integer([:positive])}")
      iex> File.mkdir!(directory)
      iex> connect = &EctoLibSql.connect(database: Path.join(directory, &1), journal_mode: :wal)
      iex> {:ok, source} = connect.("source.db")
      iex> {:ok, target} = connect.("target.db")
      iex> # What is shipped has to stay in the log until then.
      iex> :ok = Wal.disable_checkpoint(source)
      iex> {:ok, _} = EctoLibSql.execute_batch(source, "CREATE TABLE t (a); INSERT INTO t VALUES ('x')")
      iex> {:ok, count} = Wal.frame_count(source)
      iex> {:ok, frames} = Wal.read_frames(source, 1)
      iex> {:ok, ^count} = Wal.insert_frames(target, frames)
      iex> EctoLibSql.query_one(target, "SELECT a FROM t")
      {:ok, ["x"]}
      iex> Enum.each([source, target], &EctoLibSql.disconnect/1)
      iex> File.rm_rf!(directory)

  ## Frames and their numbers

  Each page that a transaction changes becomes a frame; the last one of a transaction commits, and
  says how large the database is then (`EctoLibSql.Wal.Frame`). Frames are counted from 1.

  A checkpoint (`EctoLibSql.checkpoint/2`, and by itself after 1,000 frames and when the last connection
  is closed) writes the log into the database file, and afterwards it is **begun anew**: the next frame
  is number 1 again. A shipper that has not read the frames by then has missed them, and has to copy
  the database (`EctoLibSql.Backup.to_file/3`). So:

    * keep every connection that writes from checkpoints, with `disable_checkpoint/1` or the option
      `wal_auto_check_point: 0`, and make them in the shipper, when all is shipped. Or have the
      shipper keep a transaction open that has read: no log is begun anew under it;
    * compare the frames' `:salt` with that of the ones before. Another salt is another log.

  Within one call, frames are of one log; where it was begun anew in the middle, that is an error with
  the code `:wal_restarted`, and the frames are to be counted again. Within a transaction, the frames are
  those of its snapshot.

  ## Inserting

  `insert_frames/3` inserts frames as one transaction, or none. `insert_begin/2`, `insert_frame/3` and
  `insert_end/1` leave it to the caller when to commit: each frame with a `:db_size` does.

  From `insert_begin/2` to `insert_end/1` the connection is the database's writer, as in a
  transaction: others that write wait for it, readers go on with what is committed. It does nothing
  else meanwhile: everything but these functions is an error with the code `:wal_insertion`. With what was
  not committed, the insertion is dropped by `insert_end/1`, `EctoLibSql.rollback/1`,
  `EctoLibSql.reset_connection/1`, by closing the connection, and by the death of the process.

  Pages are taken as they are. SQLite looks at their contents when they are read: wrong ones make a
  database that answers `:corrupt` or `:notadb`. Ship from the database that the target is a copy of:
  an empty target, or one that has had all frames before. Frames of another lineage do not make a whole
  database, and connections that know the old schema may not notice that it has changed.

  Do not write to the target otherwise: the next frames are about pages that are different by then.
  Compare `PRAGMA integrity_check` and the contents now and then.

  ## Where

  In WAL mode only, else the code is `:invalid_argument`. Frames have the size of the database's
  pages: set `:page_size` alike when the target is created. A connection that is read-only reads frames,
  and inserts none (`:readonly`). Frames of an encrypted database are not read (`:unsupported`): its log
  has them encrypted. What is inserted into one is encrypted with its key. Databases in memory have no log; those on
  servers and embedded replicas answer `:unsupported`. In an offline copy, what is inserted counts as
  written locally, and its checkpoints are not to be turned on.

  Errors: `:wal_insertion` (one is open on the connection), `:no_wal_insertion` (none is),
  `:wal_restarted`, `:invalid_argument`, and those of SQLite.
  """

  alias EctoLibSql.{Backend, Call, Error, State}
  alias EctoLibSql.Wal.Frame

  # How many frames go to the NIF in one call.
  @part 128

  # More than any log has.
  @most_frames 0xFFFFFFFF

  @typedoc "A frame, or the bytes of one: 24 of a header, and the page."
  @type frame :: Frame.t() | binary()

  @doc """
  How many frames are in the log. Waits while somebody writes, as long as the busy timeout. Takes
  `:timeout`.
  """
  @spec frame_count(State.t(), keyword()) :: {:ok, non_neg_integer()} | {:error, Error.t()}
  def frame_count(%State{} = s, opts \\ []) do
    with :ok <- local(s), do: waiting(s, opts, &Backend.here(s).wal_frame_count(s, &1))
  end

  @doc """
  Reads the frame with this number, counted from 1. One that is not there is an error with the code
  `:invalid_argument`. Takes `:timeout`.
  """
  @spec read_frame(State.t(), pos_integer(), keyword()) :: {:ok, Frame.t()} | {:error, Error.t()}
  def read_frame(%State{} = s, number, opts \\ []) do
    with {:ok, [frame]} <- read(s, number, 1, opts), do: {:ok, frame}
  end

  @doc """
  Reads the frame with this number and some that come after it: about 1 MB of them, or as many as
  `:max` says. Takes `:timeout`.
  """
  @spec read_frames(State.t(), pos_integer(), keyword()) ::
          {:ok, [Frame.t(), ...]} | {:error, Error.t()}
  def read_frames(%State{} = s, first, opts \\ []) do
    {most, opts} = Keyword.pop(opts, :max, @most_frames)
    read(s, first, most, opts)
  end

  defp read(s, first, most, opts) do
    with :ok <- local(s),
         {:ok, frames} <- waiting(s, opts, &Backend.here(s).wal_read_frames(s, first, most, &1)),
         do: {:ok, frames |> Enum.with_index(first) |> Enum.map(&read_frame/1)}
  end

  defp read_frame({bytes, number}) do
    {:ok, frame} = Frame.from_binary(bytes)
    %{frame | number: number}
  end

  @doc """
  Begins to insert frames, when it is this connection's turn to write. Outside of a transaction. Takes
  `:timeout`.
  """
  @spec insert_begin(State.t(), keyword()) :: :ok | {:error, Error.t()}
  def insert_begin(%State{} = s, opts \\ []) do
    with :ok <- local(s), do: waiting(s, opts, &Backend.here(s).wal_insert_begin(s, &1))
  end

  @doc """
  Appends a frame to the log. One with a `:db_size` commits: it and those before it are there for
  everybody then. Takes `:timeout`.

  A frame of another size than the database's is an error, and nothing was done: the insertion goes on.
  """
  @spec insert_frame(State.t(), frame(), keyword()) :: :ok | {:error, Error.t()}
  def insert_frame(%State{} = s, frame, opts \\ []) do
    with :ok <- local(s),
         {:ok, 1} <- insert(s, [bytes(frame)], opts),
         do: :ok
  end

  @doc """
  Ends an insertion. Frames after the last one that commits are forgotten.
  """
  @spec insert_end(State.t()) :: :ok | {:error, Error.t()}
  def insert_end(%State{} = s) do
    with :ok <- local(s), do: Call.reply(s, Backend.here(s).wal_insert_end(s))
  end

  @doc """
  Inserts frames as one transaction, however many they were; answers how many it inserted. Where one
  of them cannot be inserted, or the last one does not commit, none is. Takes `:timeout`, for each part
  of some frames.
  """
  @spec insert_frames(State.t(), Enumerable.t(frame()), keyword()) ::
          {:ok, non_neg_integer()} | {:error, Error.t()}
  def insert_frames(%State{} = s, frames, opts \\ []) do
    with :ok <- insert_begin(s, opts) do
      try do
        insert_all(s, frames, opts)
      after
        insert_end(s)
      end
    end
  end

  # The last frame is held back: it alone commits.
  defp insert_all(s, frames, opts) do
    frames
    |> Stream.map(&bytes/1)
    |> Stream.chunk_every(@part)
    |> Enum.reduce_while({:ok, 0, []}, fn part, {:ok, count, held} ->
      {part, last} = Enum.split(part, -1)
      part = for bytes <- held ++ part, do: without_commit(bytes)

      case insert(s, part, opts) do
        {:ok, inserted} -> {:cont, {:ok, count + inserted, last}}
        {:error, error} -> {:halt, {:error, error}}
      end
    end)
    |> commit(s, opts)
  end

  defp commit({:ok, 0, []}, _s, _opts), do: {:ok, 0}

  defp commit({:ok, _count, [<<_page::32, 0::32, _rest::binary>>]}, _s, _opts) do
    message =
      "the last frame does not commit (its db_size is 0): a transaction's frames are inserted as a whole"

    {:error, %Error{code: :invalid_argument, message: message}}
  end

  defp commit({:ok, count, last}, s, opts) do
    with {:ok, 1} <- insert(s, last, opts), do: {:ok, count + 1}
  end

  defp commit({:error, error}, _s, _opts), do: {:error, error}

  defp insert(_s, [], _opts), do: {:ok, 0}

  defp insert(s, frames, opts),
    do: waiting(s, opts, &Backend.here(s).wal_insert_frames(s, frames, &1))

  defp without_commit(<<page::binary-size(4), db_size::32, rest::binary>>) when db_size > 0,
    do: <<page::binary, 0::32, rest::binary>>

  defp without_commit(bytes), do: bytes

  defp bytes(%Frame{} = frame), do: Frame.to_binary(frame)
  defp bytes(bytes), do: bytes

  @doc """
  Keeps this connection from checkpoints: after 1,000 frames, and when it is closed. Those that are asked
  for (`EctoLibSql.checkpoint/2`) are made. Holds until `enable_checkpoint/1`, or a reset of the
  connection.
  """
  @spec disable_checkpoint(State.t()) :: :ok | {:error, Error.t()}
  def disable_checkpoint(%State{} = s), do: checkpoints(s, false)

  @doc """
  Has this connection make checkpoints again. After how many frames,
  `EctoLibSql.Pragma.set_wal_autocheckpoint/2` says: 1,000 otherwise.
  """
  @spec enable_checkpoint(State.t()) :: :ok | {:error, Error.t()}
  def enable_checkpoint(%State{} = s), do: checkpoints(s, true)

  defp checkpoints(s, on) do
    with :ok <- local(s), do: Call.reply(s, Backend.here(s).wal_checkpoints(s, on))
  end

  defp local(%State{mode: mode}) when mode in [:local, :offline], do: :ok

  defp local(%State{mode: mode}) do
    message =
      "EctoLibSql.Wal is for local databases and offline copies: this connection's mode is #{inspect(mode)}"

    {:error, %Error{code: :unsupported, message: message}}
  end

  defp waiting(s, opts, call) do
    opts = Keyword.validate!(opts, timeout: s.timeout)
    Call.waiting(s, Call.deadline(opts[:timeout]), call)
  end
end
