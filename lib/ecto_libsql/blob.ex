defmodule EctoLibSql.Blob do
  @moduledoc """
  Blobs read and written in parts: one of any size needs no more memory than the part at hand.
  SQLite's incremental I/O: <https://sqlite.org/c3ref/blob_open.html>.

      iex> {:ok, s} = EctoLibSql.connect(database: ":memory:")
      iex> :ok = EctoLibSql.run(s, "CREATE TABLE files (id INTEGER PRIMARY KEY, content BLOB)")
      iex> # Its size has to be there before it is written: `zeroblob` makes room.
      iex> :ok = EctoLibSql.run(s, "INSERT INTO files VALUES (1, zeroblob(11))")
      iex> EctoLibSql.transaction(s, fn s ->
      ...>   {:ok, blob} = EctoLibSql.Blob.open(s, "files", "content", 1, mode: :write)
      ...>   Enum.into(["hello", " ", "world"], blob)
      ...>   :written
      ...> end)
      {:ok, :written}
      iex> {:ok, blob} = EctoLibSql.Blob.open(s, "files", "content", 1)
      iex> EctoLibSql.Blob.read(blob, 6, 5)
      {:ok, "world"}
      iex> blob |> EctoLibSql.Blob.stream(4) |> Enum.to_list()
      ["hell", "o wo", "rld"]
      iex> EctoLibSql.Blob.close(blob)
      :ok

  A file goes into a blob, and a blob into a file, in constant memory:

      EctoLibSql.transaction(s, fn s ->
        {:ok, blob} = EctoLibSql.Blob.open(s, "files", "content", id, mode: :write)
        path |> File.stream!(65_536) |> Enum.into(blob)
      end)

      blob |> EctoLibSql.Blob.stream() |> Enum.into(File.stream!(path))

  What SQLite does with a blob that is open:

    * To write, a transaction has to be open, and its end closes the blob. So what was written is
      there as a whole, or not at all: also where the process dies in the middle.
    * Its size cannot change. A column that is indexed, or is a foreign key that is enforced, cannot be
      written; tables WITHOUT ROWID, virtual tables, views and tables with generated columns have no
      blobs that can be opened.
    * Writing runs no trigger and checks no constraint.
    * A blob whose row is changed by anything else expires: every call answers the code `:blob_expired`,
      and all that is left to do is to close it.
    * While one is open for reading, its connection reads the database as it was then, and keeps the
      write-ahead log from being begun anew. Close it, or let `stream/3` be the last that is done with it
      and close it then; the death of its process closes it, too.

  Errors have the codes of SQLite, and these: `:no_transaction` (opened to write outside of one),
  `:blob_closed`, `:blob_expired`, `:invalid_argument` (bytes that the blob has not), and
  `:unsupported` for a database on a server, and for writing to a replica.
  """

  alias EctoLibSql.{Backend, Call, Error, State}

  @enforce_keys [:id, :state, :size, :mode]
  defstruct [:id, :state, :size, :mode]

  @typedoc "An open blob: its size is in bytes."
  @type t :: %__MODULE__{
          id: String.t(),
          state: State.t(),
          size: non_neg_integer(),
          mode: :read | :write
        }

  @chunk 65_536

  @doc """
  Opens the blob, or the text, in a table's column, in the row with this rowid.

  Options:

    * `:mode` - `:read` (the default), or `:write`, which reads as well
    * `:database` - the schema's name: `"main"` (the default), `"temp"`, or that of an attached one
    * `:timeout` - in milliseconds, or `:infinity`; the connection's by default
  """
  @spec open(State.t(), String.t(), String.t(), integer(), keyword()) ::
          {:ok, t()} | {:error, Error.t()}
  def open(%State{} = s, table, column, rowid, opts \\ []) do
    opts = Keyword.validate!(opts, mode: :read, database: "main", timeout: s.timeout)
    mode = mode!(opts[:mode])
    place = {opts[:database], table, column, rowid}

    with {:ok, id, size} <-
           waiting(s, opts, &Backend.of(s).blob_open(s, place, mode == :write, &1)),
         do: {:ok, %__MODULE__{id: id, state: s, size: size, mode: mode}}
  end

  defp mode!(mode) when mode in [:read, :write], do: mode

  defp mode!(mode),
    do: raise(ArgumentError, ":mode takes :read or :write, got: #{inspect(mode)}")

  @doc """
  Reads so many bytes from an offset on, which is counted from 0. Takes `:timeout`.
  """
  @spec read(t(), non_neg_integer(), non_neg_integer(), keyword()) ::
          {:ok, binary()} | {:error, Error.t()}
  def read(%__MODULE__{state: s, id: id}, offset, length, opts \\ []),
    do: waiting(s, timeout(s, opts), &Backend.here(s).blob_read(s, id, offset, length, &1))

  @doc """
  Writes over what stands from an offset on. Takes `:timeout`.
  """
  @spec write(t(), non_neg_integer(), iodata(), keyword()) :: :ok | {:error, Error.t()}
  def write(%__MODULE__{state: s, id: id}, offset, data, opts \\ []) do
    data = IO.iodata_to_binary(data)
    waiting(s, timeout(s, opts), &Backend.here(s).blob_write(s, id, offset, data, &1))
  end

  @doc """
  Goes on to the same column of another row, which is cheaper than to open it. Answers the blob
  with its new size. Where it fails, the blob is closed. Takes `:timeout`.
  """
  @spec reopen(t(), integer(), keyword()) :: {:ok, t()} | {:error, Error.t()}
  def reopen(%__MODULE__{state: s, id: id} = blob, rowid, opts \\ []) do
    with {:ok, size} <-
           waiting(s, timeout(s, opts), &Backend.here(s).blob_reopen(s, id, rowid, &1)),
         do: {:ok, %{blob | size: size}}
  end

  @doc """
  Closes the blob. Closing it twice is fine.
  """
  @spec close(t()) :: :ok | {:error, Error.t()}
  def close(%__MODULE__{state: s, id: id}), do: Call.reply(s, Backend.here(s).blob_close(s, id))

  @doc """
  The blob as a stream of binaries of `chunk` bytes, the last one of what is left. Raises
  `EctoLibSql.Error` where it cannot be read. Takes `:timeout`, for each part.
  """
  @spec stream(t(), pos_integer(), keyword()) :: Enumerable.t()
  def stream(%__MODULE__{} = blob, chunk \\ @chunk, opts \\ [])
      when is_integer(chunk) and chunk > 0 do
    Stream.unfold(0, fn
      offset when offset >= blob.size ->
        nil

      offset ->
        case read(blob, offset, min(chunk, blob.size - offset), opts) do
          {:ok, part} -> {part, offset + byte_size(part)}
          {:error, error} -> raise error
        end
    end)
  end

  defp timeout(s, opts), do: Keyword.validate!(opts, timeout: s.timeout)

  defp waiting(s, opts, call), do: Call.waiting(s, Call.deadline(opts[:timeout]), call)

  defimpl Collectable do
    # From the blob's start on.
    def into(blob) do
      {0,
       fn
         offset, {:cont, part} ->
           part = IO.iodata_to_binary(part)

           case EctoLibSql.Blob.write(blob, offset, part) do
             :ok -> offset + byte_size(part)
             {:error, error} -> raise error
           end

         _offset, :done ->
           blob

         _offset, :halt ->
           :ok
       end}
    end
  end
end
