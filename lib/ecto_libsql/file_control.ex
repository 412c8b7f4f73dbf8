defmodule EctoLibSql.FileControl do
  @moduledoc """
  What SQLite lets one ask of a database's file, or set:
  [`sqlite3_file_control`](https://sqlite.org/c3ref/file_control.html).

  ## Reserved bytes

  Each page can end with bytes that SQLite leaves alone, as extensions that encrypt pages or add checksums
  need. How many is a property of the file: all of its pages have as many.

      iex> {:ok, s} = EctoLibSql.connect(database: ":memory:")
      iex> EctoLibSql.FileControl.set_reserved_bytes(s, 8)
      :ok
      iex> :ok = EctoLibSql.run(s, "CREATE TABLE t (a)")
      iex> EctoLibSql.FileControl.reserved_bytes(s)
      {:ok, 8}

  Only for local databases, those that are written offline included; for others it is an error with the code
  `:unsupported`.
  """

  alias EctoLibSql.{Backend, Call, Error, State}

  @doc """
  How many bytes of each page are reserved: in the file, or from its next `VACUUM` on if that is more.

  Takes `:database`, the schema's name: `"main"` (the default), or that of an attached one.
  """
  @spec reserved_bytes(State.t(), keyword()) :: {:ok, 0..255} | {:error, Error.t()}
  def reserved_bytes(%State{} = s, opts \\ []),
    do: Call.reply(s, Backend.of(s).reserved_bytes(s, database(opts)))

  @doc """
  Reserves so many bytes of each page, 0 to 255: at once in a database that is empty, and else when it is
  next rewritten by `VACUUM` on this connection. A `VACUUM` makes them no fewer than they are.

  Takes `:database`, as `reserved_bytes/2`. No transaction and no cursor may be open (`:transaction_open`). For an
  encrypted database, whose encryption needs them itself, and for a copy that is written offline it is an
  error with the code `:unsupported`.
  """
  @spec set_reserved_bytes(State.t(), 0..255, keyword()) :: :ok | {:error, Error.t()}
  def set_reserved_bytes(s, bytes, opts \\ [])

  def set_reserved_bytes(%State{} = s, bytes, opts) when is_integer(bytes) and bytes in 0..255,
    do: Call.reply(s, Backend.of(s).set_reserved_bytes(s, database(opts), bytes))

  def set_reserved_bytes(%State{}, bytes, _opts) do
    message = "reserved bytes are an integer from 0 to 255, got: #{inspect(bytes)}"
    {:error, %Error{code: :invalid_argument, message: message}}
  end

  defp database(opts), do: Keyword.validate!(opts, database: "main")[:database]
end
