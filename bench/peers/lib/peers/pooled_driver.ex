defmodule Peers.PooledDriver do
  @moduledoc """
  The drivers' DBConnections without Ecto, as their documentation has them: a pool of one, and calls
  with the SQL.
  """

  alias EctoLibSql.{Connection, Query}
  alias Peers.{Contestant, RawDriver}

  @doc """
  Starts a pool on the file, with the items of `Peers.RawDriver`.
  """
  @spec start(Contestant.t(), Path.t(), non_neg_integer()) :: pid()
  def start(contestant, dir, rows) do
    database = RawDriver.file(dir, rows)
    opts = [database: database, pool_size: 1] ++ Contestant.options()

    {:ok, pool} =
      case contestant do
        :ecto_libsql -> Connection.start_link(opts)
        :ecto_sqlite3 -> Exqlite.start_link(opts)
      end

    pool
  end

  @doc """
  Runs SQL, and answers its rows.
  """
  @spec rows(Contestant.t(), pid(), String.t(), [term()]) :: [[term()]] | nil
  def rows(:ecto_libsql, pool, sql, params) do
    {_query, result} = DBConnection.prepare_execute!(pool, %Query{statement: sql}, params)
    result.rows
  end

  def rows(:ecto_sqlite3, pool, sql, params), do: Exqlite.query!(pool, sql, params).rows
end
