defmodule EctoLibSql.Wal.Frame do
  @moduledoc """
  A frame of a write-ahead log: one page, as a transaction has left it.
  <https://sqlite.org/fileformat2.html#the_write_ahead_log>

  Public fields:

    * `:number` - its place in its log, counted from 1; `nil` where it was not read from one
    * `:page` - the number of the page that it holds, counted from 1
    * `:db_size` - of a transaction's last frame, how many pages the database has after it; else 0
    * `:salt` - a number that all frames of one log have, and those of another log do not: SQLite
      draws it anew when it begins the log anew. Not looked at when a frame is inserted
    * `:data` - the page, as many bytes as the database's `PRAGMA page_size` says
  """

  @enforce_keys [:page, :data]
  defstruct [:number, :page, :data, db_size: 0, salt: 0]

  @type t :: %__MODULE__{
          number: pos_integer() | nil,
          page: pos_integer(),
          db_size: non_neg_integer(),
          salt: non_neg_integer(),
          data: binary()
        }

  @doc """
  Whether it is the last one of a transaction.
  """
  @spec commit?(t()) :: boolean()
  def commit?(%__MODULE__{db_size: db_size}), do: db_size > 0

  @doc """
  The frame as bytes, to be sent or stored: SQLite's own form, 24 bytes and the page, without the
  checksums, which SQLite makes when it is inserted.

      iex> alias EctoLibSql.Wal.Frame
      iex> bytes = Frame.to_binary(%Frame{page: 3, db_size: 5, data: String.duplicate("x", 512)})
      iex> byte_size(bytes)
      536
      iex> {:ok, %Frame{page: 3, db_size: 5, data: "xxx" <> _}} = Frame.from_binary(bytes)
      iex> Frame.from_binary("too short")
      :error
  """
  @spec to_binary(t()) :: binary()
  def to_binary(%__MODULE__{page: page, db_size: db_size, salt: salt, data: data})
      when page in 0..0xFFFFFFFF and db_size in 0..0xFFFFFFFF and is_integer(salt) and
             is_binary(data),
      do: <<page::32, db_size::32, salt::64, 0::64, data::binary>>

  @doc """
  What `to_binary/1` answered. `:error` for what is none.
  """
  @spec from_binary(binary()) :: {:ok, t()} | :error
  def from_binary(<<page::32, db_size::32, salt::64, _checksums::64, data::binary>>)
      when page > 0 and data != "",
      do: {:ok, %__MODULE__{page: page, db_size: db_size, salt: salt, data: data}}

  def from_binary(bytes) when is_binary(bytes), do: :error
end
