# What a sandboxed test costs with `sandbox: :clone`: the copy, once for each connection, and the
# begin and the rollback around every test. With `:transaction` there are the latter two only.
#
#     mix run bench/sandbox.exs

defmodule SandboxBench do
  alias EctoLibSql.{Connection, Query}

  @copies 15
  @tests 2000
  @mode [mode: :transaction]
  @insert %Query{statement: "INSERT INTO t (a, b) VALUES ('a', 'b')"}

  def run(megabytes) do
    path = Path.join(System.tmp_dir!(), "ecto_libsql_bench_#{System.pid()}.db")
    writer = write(path, megabytes)
    IO.puts("\n#{Float.round(File.stat!(path).size / 1_000_000, 1)} MB")
    report("copy, first of a connection", for(_ <- 1..@copies, do: first_copy(path)))

    for sandbox <- [:clone, :transaction] do
      {:ok, connection} = Connection.connect(database: path, sandbox: sandbox)
      if sandbox == :clone, do: report("copy, anew after a change", copies(connection, writer))
      {begins, rollbacks} = tests(connection)
      report("#{sandbox}: begin", begins)
      report("#{sandbox}: rollback", rollbacks)
      Connection.disconnect(:normal, connection)
    end

    EctoLibSql.disconnect(writer)
    for suffix <- ["", "-wal", "-shm"], do: File.rm(path <> suffix)
  end

  defp write(path, megabytes) do
    {:ok, writer} = EctoLibSql.connect(database: path)

    {:ok, _} =
      EctoLibSql.execute_batch(writer, """
      CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b TEXT);
      CREATE INDEX t_a ON t (a);
      INSERT INTO t (a, b) WITH RECURSIVE n(i) AS (
        VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < #{megabytes * 4000})
      SELECT 'key' || i, hex(zeroblob(100)) FROM n;
      """)

    {:ok, _} = EctoLibSql.query(writer, "PRAGMA wal_checkpoint(TRUNCATE)")
    writer
  end

  defp first_copy(path) do
    {:ok, connection} = Connection.connect(database: path, sandbox: :clone)
    {time, {:ok, _, connection}} = timed(fn -> Connection.handle_begin(@mode, connection) end)
    Connection.disconnect(:normal, connection)
    time
  end

  defp copies(connection, writer) do
    for _ <- 1..@copies do
      {:ok, _} = EctoLibSql.query(writer, "UPDATE t SET b = b WHERE id = 1")
      {time, {:ok, _, begun}} = timed(fn -> Connection.handle_begin(@mode, connection) end)
      {:ok, _, _} = Connection.handle_rollback(@mode, begun)
      time
    end
  end

  defp tests(connection) do
    {:ok, _, begun} = Connection.handle_begin(@mode, connection)
    {:ok, _, connection} = Connection.handle_rollback(@mode, begun)

    for _ <- 1..@tests do
      {begin, {:ok, _, begun}} = timed(fn -> Connection.handle_begin(@mode, connection) end)
      {:ok, _, _, begun} = Connection.handle_execute(@insert, [], [], begun)
      {rollback, {:ok, _, _}} = timed(fn -> Connection.handle_rollback(@mode, begun) end)
      {begin, rollback}
    end
    |> Enum.unzip()
  end

  # In microseconds.
  defp timed(fun) do
    {nanoseconds, result} = :timer.tc(fun, :nanosecond)
    {nanoseconds / 1000, result}
  end

  defp report(name, times) do
    sorted = Enum.sort(times)

    [median, least, most] =
      for time <- [Enum.at(sorted, div(length(sorted), 2)), hd(sorted), List.last(sorted)],
          do: :erlang.float_to_binary(time, decimals: 1)

    IO.puts("  #{String.pad_trailing(name, 30)} #{median} µs  (#{least} to #{most})")
  end
end

for megabytes <- [1, 50], do: SandboxBench.run(megabytes)
