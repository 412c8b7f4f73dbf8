defmodule EctoLibSql.Test.HeapTraffic do
  @moduledoc false
  # Work on a database while SQLite runs out of memory: in a VM of its own, whose limit that is.

  alias EctoLibSql.{Backup, Blob, Error, HeapLimit}

  @doc """
  Runs so many rounds, each with a little more room than the one before. What has no room is to be `:nomem`
  and nothing else, to leave a connection that works when there is room again, and whole transactions.
  Answers how many calls were refused, and how many were done.
  """
  def run(database, rounds) do
    {:ok, s} = EctoLibSql.connect(database: database)
    {:ok, _} = EctoLibSql.query(s, "CREATE TABLE t (id INTEGER PRIMARY KEY, pair, v)")
    {:ok, _} = EctoLibSql.query(s, "CREATE INDEX t_v ON t (v)")
    {:ok, _} = EctoLibSql.query(s, "CREATE VIRTUAL TABLE docs USING fts5 (body)")
    outcomes = Enum.flat_map(1..rounds, &round(s, database, &1))
    :ok = whole(s)
    Enum.frequencies(outcomes)
  end

  defp round(s, database, n) do
    for work <- work(n) do
      {:ok, %{used: used}} = HeapLimit.memory_used()
      # Small steps, and then larger ones.
      {:ok, _} = HeapLimit.set(hard: used + rem(n, 40) * 64 + div(n * n, 8))
      outcome = outcome(work, fn -> work.(s, database) end)
      {:ok, _} = HeapLimit.set(hard: 0)
      settle(s)
      outcome
    end
  end

  defp outcome(work, call) do
    case call.() do
      {:error, %Error{code: :nomem}} -> :refused
      # SQLite has no other word for it in a few places.
      {:error, %Error{code: code}} when code in [:ioerr_nomem, :transaction_lost] -> :refused
      {:error, error} -> raise "#{inspect(work)} failed otherwise: #{inspect(error)}"
      _done -> :done
    end
  end

  defp work(n) do
    [
      &write(&1, &2, n),
      &sort/2,
      &open/2,
      &search/2,
      &blob/2,
      &alter/2,
      &copy/2,
      fn s, _ -> EctoLibSql.query(s, "SELECT #{n}, ?", [String.duplicate("x", 5_000)]) end,
      fn s, _ -> EctoLibSql.query(s, "SELECT id, v FROM t WHERE id = ?", [n]) end,
      fn s, _ -> EctoLibSql.checkpoint(s, :passive) end
    ]
  end

  defp write(s, _database, n) do
    EctoLibSql.transaction(s, fn s ->
      with {:ok, _} <- insert(s, n), {:ok, _} <- insert(s, n), do: insert_doc(s, n)
    end)
  end

  defp insert(s, n),
    do: EctoLibSql.query(s, "INSERT INTO t (pair, v) VALUES (?, hex(randomblob(200)))", [n])

  defp insert_doc(s, n),
    do: EctoLibSql.query(s, "INSERT INTO docs VALUES (?)", ["word#{n} other"])

  defp sort(s, _database), do: EctoLibSql.query(s, "SELECT v || pair AS x FROM t ORDER BY x DESC")

  defp search(s, _database),
    do: EctoLibSql.query(s, "SELECT * FROM docs WHERE docs MATCH 'other'")

  defp open(_s, database) do
    with {:ok, other} <- EctoLibSql.connect(database: database) do
      read = EctoLibSql.query(other, "SELECT count(*) FROM t")
      :ok = EctoLibSql.disconnect(other)
      read
    end
  end

  defp blob(s, _database) do
    with {:ok, [id]} <- last(s),
         {:ok, blob} <- Blob.open(s, "t", "v", id) do
      read = Blob.read(blob, 0, 10)
      :ok = Blob.close(blob)
      read
    end
  end

  defp last(s) do
    with {:error, :no_rows} <-
           EctoLibSql.query_one(s, "SELECT max(id) FROM t HAVING max(id) > 0"),
         do: {:error, %Error{code: :nomem, message: "there is no row yet"}}
  end

  defp alter(s, _database) do
    with {:ok, _} <- EctoLibSql.query(s, "CREATE TEMP TABLE IF NOT EXISTS side (a, b)"),
         {:ok, _} <- EctoLibSql.query(s, "CREATE INDEX IF NOT EXISTS temp.side_a ON side (a)"),
         do: EctoLibSql.query(s, "DROP TABLE temp.side")
  end

  defp copy(s, _database) do
    with {:ok, image} <- Backup.serialize(s), do: {:ok, byte_size(image)}
  end

  # With room again, the connection works. A transaction whose rollback had no room is still open.
  defp settle(s) do
    unless EctoLibSql.autocommit?(s), do: {:ok, _} = EctoLibSql.rollback(s)
    {:ok, [1]} = EctoLibSql.query_one(s, "SELECT 1")
  end

  # Both rows of a transaction, and its document, or none of them.
  defp whole(s) do
    {:ok, %{rows: []}} =
      EctoLibSql.query(s, "SELECT pair FROM t GROUP BY pair HAVING count(*) <> 2")

    {:ok, %{rows: [[pairs]]}} = EctoLibSql.query(s, "SELECT count(DISTINCT pair) FROM t")
    {:ok, %{rows: [[^pairs]]}} = EctoLibSql.query(s, "SELECT count(*) FROM docs")
    {:ok, []} = EctoLibSql.Pragma.integrity_check(s)
    :ok
  end
end
