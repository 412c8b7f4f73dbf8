defmodule EctoLibSql.CallsTest do
  # The budget of each operation: how often it calls the NIF. One call more fails.
  use ExUnit.Case, async: false

  import EctoLibSql.Test.{Database, NifCalls}

  setup do
    s = connect!()
    :ok = EctoLibSql.run(s, "CREATE TABLE t (id INTEGER PRIMARY KEY, a)")
    :ok = EctoLibSql.run(s, "INSERT INTO t SELECT i, i FROM (#{count_to(10_000)})")
    {:ok, read} = EctoLibSql.prepare(s, "SELECT a FROM t WHERE id = ?")
    {:ok, insert} = EctoLibSql.prepare(s, "INSERT INTO t (a) VALUES (?)")
    %{s: s, read: read, insert: insert}
  end

  # An operation, its calls on the scheduler that calls, its hops to a dirty one, and the work.
  @operations [
    {"query of one row", 1, 0, :query},
    {"query_stmt of one row", 1, 0, :query_stmt},
    {"query_one", 0, 1, :query_one},
    {"query of 10,000 rows", 1, 6, :query_all},
    {"stream of 1,000 rows by 500", 0, 4, :stream},
    {"query of an insert", 1, 1, :insert},
    {"run of an insert", 0, 1, :run},
    {"execute_stmt of an insert", 1, 1, :execute_stmt},
    {"batch of 100 inserts", 0, 1, :batch},
    {"batch_transactional of 100 inserts", 0, 1, :batch_transactional},
    {"execute_batch of a script", 0, 1, :script},
    {"prepare and finalize", 0, 2, :prepare},
    {"transaction of an insert", 1, 3, :transaction},
    {"a savepoint, set and released", 0, 2, :savepoint},
    {"ping", 1, 0, :ping},
    {"changes, rowid, autocommit?", 3, 0, :ask},
    {"connections", 0, 1, :connections},
    {"connect and disconnect", 1, 2, :connect}
  ]

  for {name, normal, dirty, work} <- @operations do
    test "#{name}: #{normal} calls, and #{dirty} hops to a dirty scheduler", context do
      assert_calls(unquote(name), {unquote(normal), unquote(dirty)}, fn ->
        run(unquote(work), context)
      end)
    end
  end

  defp run(:query, %{s: s}), do: [[7]] = rows(s, "SELECT a FROM t WHERE id = ?", [7])
  defp run(:query_stmt, %{s: s, read: id}), do: {:ok, _} = EctoLibSql.query_stmt(s, id, [7])

  defp run(:query_one, %{s: s}),
    do: {:ok, [7]} = EctoLibSql.query_one(s, "SELECT a FROM t WHERE id = ?", [7])

  defp run(:query_all, %{s: s}),
    do: 10_000 = length(rows(s, "SELECT * FROM t WHERE id <= 10000"))

  defp run(:stream, %{s: s}) do
    sql = "SELECT * FROM t WHERE id <= 1000"
    1_000 = s |> EctoLibSql.stream(sql, [], max_rows: 500) |> Enum.count()
  end

  defp run(:insert, %{s: s}),
    do: EctoLibSql.query!(s, "INSERT INTO t (a) VALUES (?)", [1])

  defp run(:run, %{s: s}), do: :ok = EctoLibSql.run(s, "INSERT INTO t (a) VALUES (?)", [1])

  defp run(:execute_stmt, %{s: s, insert: id}), do: {:ok, _} = EctoLibSql.execute_stmt(s, id, [1])
  defp run(:batch, %{s: s}), do: {:ok, _} = EctoLibSql.batch(s, inserts())

  defp run(:batch_transactional, %{s: s}),
    do: {:ok, _} = EctoLibSql.batch_transactional(s, inserts())

  defp run(:script, %{s: s}),
    do: {:ok, _} = EctoLibSql.execute_batch(s, "SELECT 1; INSERT INTO t (a) VALUES (1)")

  defp run(:prepare, %{s: s}) do
    {:ok, id} = EctoLibSql.prepare(s, "SELECT 1")
    :ok = EctoLibSql.finalize_stmt(s, id)
  end

  defp run(:transaction, context),
    do: EctoLibSql.transaction(context.s, fn _s -> run(:insert, context) end)

  defp run(:savepoint, %{s: s}) do
    :ok = EctoLibSql.create_savepoint(s, "point")
    :ok = EctoLibSql.release_savepoint_by_name(s, "point")
  end

  defp run(:ping, %{s: s}), do: :ok = EctoLibSql.ping(s)

  defp run(:ask, %{s: s}) do
    EctoLibSql.changes(s)
    EctoLibSql.last_insert_rowid(s)
    EctoLibSql.autocommit?(s)
  end

  defp run(:connections, _context), do: EctoLibSql.connections()

  defp run(:connect, _context) do
    {:ok, s} = EctoLibSql.connect(database: ":memory:")
    :ok = EctoLibSql.disconnect(s)
  end

  defp inserts, do: List.duplicate({"INSERT INTO t (a) VALUES (?)", [1]}, 100)

  describe "what runs on a normal scheduler" do
    test "is what the sources say, and no more" do
      sources = Path.wildcard(Path.expand("../../native/ecto_libsql/src/*.rs", __DIR__))
      assert sources != []

      found =
        for source <- sources,
            [_, name] <-
              Regex.scan(~r/#\[rustler::nif\]\s*(?:\/\/\/.*\s*)*fn (\w+)/, File.read!(source)),
            do: String.to_atom(name)

      assert Enum.sort(found) == normal()
    end
  end
end
