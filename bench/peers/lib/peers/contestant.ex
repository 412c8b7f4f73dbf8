defmodule Peers.Contestant do
  @moduledoc """
  The two that are compared, `:ecto_libsql` and `:ecto_sqlite3`, on the same footing: each has a
  repo, both repos get the same options and the same tables.
  """

  defmodule LibSql do
    @moduledoc false
    use Ecto.Repo, otp_app: :peers, adapter: Ecto.Adapters.LibSql
  end

  defmodule SQLite3 do
    @moduledoc false
    use Ecto.Repo, otp_app: :peers, adapter: Ecto.Adapters.SQLite3
  end

  @type t :: :ecto_libsql | :ecto_sqlite3

  @options [
    journal_mode: :wal,
    synchronous: :normal,
    busy_timeout: 5_000,
    cache_size: -64_000,
    temp_store: :memory,
    foreign_keys: :on
  ]

  @spec all() :: [t()]
  def all, do: [:ecto_libsql, :ecto_sqlite3]

  @spec repo(t()) :: module()
  def repo(:ecto_libsql), do: LibSql
  def repo(:ecto_sqlite3), do: SQLite3

  @spec version(t()) :: String.t()
  def version(contestant) do
    application = fn name -> "#{name} #{Application.spec(name, :vsn)}" end

    case contestant do
      :ecto_libsql -> application.(:ecto_libsql)
      :ecto_sqlite3 -> "#{application.(:ecto_sqlite3)}, #{application.(:exqlite)}"
    end
  end

  @doc """
  The options of every connection.
  """
  @spec options() :: keyword()
  def options, do: @options

  @doc """
  Starts a pool on the file, without a name, and makes this process use it.
  """
  @spec start(t(), Path.t(), pos_integer(), keyword()) :: {module(), pid()}
  def start(contestant, database, pool_size, opts \\ []) do
    repo = repo(contestant)
    opts = [database: database, pool_size: pool_size, name: nil, log: false] ++ opts ++ @options
    {:ok, pool} = repo.start_link(opts)
    repo.put_dynamic_repo(pool)
    {repo, pool}
  end

  @doc """
  What kind of error it is, in a table.
  """
  @spec error(Exception.t()) :: String.t()
  def error(%EctoLibSql.Error{code: code}), do: inspect(code)
  def error(%Exqlite.Error{message: message}), do: inspect(message)
  def error(%DBConnection.ConnectionError{reason: :queue_timeout}), do: "dropped from the queue"
  def error(%DBConnection.ConnectionError{}), do: "connection lost"
  def error(error), do: inspect(error.__struct__)
end
