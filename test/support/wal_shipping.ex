defmodule EctoLibSql.Test.WalShipping do
  @moduledoc false
  # Ships frames from one database to another: what a program with EctoLibSql.Wal does.

  alias EctoLibSql.{Pragma, Wal}

  @doc """
  Ships what has come since, and answers where the next one goes on: a log's salt and the number of
  its last frame that was shipped. `nil`: none was.
  """
  def ship(source, target, position) do
    {:ok, count} = Wal.frame_count(source)
    ship(source, target, position, count)
  end

  defp ship(_source, _target, position, 0), do: position

  defp ship(source, target, position, count) do
    {:ok, %{salt: salt}} = Wal.read_frame(source, 1)

    done =
      case position do
        {^salt, done} -> done
        _another_log -> 0
      end

    if done < count do
      {:ok, _} = Wal.insert_frames(target, frames(source, done + 1, count))
    end

    {salt, count}
  end

  @doc "The frames from `first` to `last`, as a stream."
  def frames(source, first, last) do
    Stream.resource(
      fn -> first end,
      fn
        next when next > last ->
          {:halt, next}

        next ->
          {:ok, frames} = Wal.read_frames(source, next, max: last - next + 1)
          {frames, next + length(frames)}
      end,
      fn _next -> :ok end
    )
  end

  @doc "All that a database holds: its schema, and each table's rows."
  def contents(s) do
    schema = EctoLibSql.query!(s, "SELECT type, name, sql FROM sqlite_schema ORDER BY 1, 2").rows

    tables =
      for ["table", name, _sql] <- schema do
        {name, EctoLibSql.query!(s, ~s(SELECT rowid, * FROM "#{name}" ORDER BY 1)).rows}
      end

    {:ok, faults} = Pragma.integrity_check(s)
    %{schema: schema, tables: tables, hash: :erlang.phash2({schema, tables}), faults: faults}
  end

  @doc "The pages of the database's file; to be asked after a checkpoint."
  def pages(s) do
    {:ok, size} = Pragma.get_page_size(s)
    for <<page::binary-size(size) <- File.read!(s.database)>>, do: page
  end
end
