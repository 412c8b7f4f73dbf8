defmodule EctoLibSql.Server.ReplicaCopiesTest do
  # After each fault, the copy is what the primary has, or says that it is not; and what is read in
  # the meantime is a state that the primary had.
  use ExUnit.Case, async: true

  import EctoLibSql.Test.Database, only: [rows: 2, wait_until: 1]
  import EctoLibSql.Test.Replicas

  alias EctoLibSql.{Error, Replication}
  alias EctoLibSql.Test.{Ledger, Sqld, TcpProxy}

  @moduletag :sqld
  @moduletag :capture_log
  @moduletag :tmp_dir

  # Rows of a transaction: one that is there in part shows in their number.
  @together 10

  setup do
    server = Sqld.start!()
    proxy = TcpProxy.start!(server.http_port)
    primary = primary!(%{server: server})
    :ok = EctoLibSql.run(primary, "CREATE TABLE t (id INTEGER PRIMARY KEY, a, b)")
    write(primary, 1)
    %{server: server, proxy: proxy, primary: primary}
  end

  defp through_proxy(context, opts \\ []),
    do: connect!(context, [uri: TcpProxy.url(context.proxy), breaker: false] ++ opts)

  defp write(primary, transactions) do
    for _ <- 1..transactions do
      statement = {"INSERT INTO t (a, b) VALUES (random(), hex(randomblob(500)))", []}
      {:ok, _} = EctoLibSql.batch_transactional(primary, List.duplicate(statement, @together))
    end
  end

  defp whole?(s) do
    [[count]] = rows(s, "SELECT count(*) FROM t")
    rem(count, @together) == 0
  end

  # The replica's connection reads its own copy where that has what this VM wrote.
  defp assert_same(s, primary) do
    assert {:ok, _} = EctoLibSql.sync(s)
    assert {:ok, %{state: :ok, lag: 0, stale_since: nil}} = Replication.status(s)
    assert dump(s) == dump(primary)
    assert rows(s, "PRAGMA integrity_check") == [["ok"]]
  end

  defp dump(s) do
    tables = rows(s, "SELECT name, sql FROM sqlite_schema WHERE type = 'table' ORDER BY name")
    {tables, for([name, _sql] <- tables, do: rows(s, "SELECT rowid, * FROM #{name} ORDER BY 1"))}
  end

  # Without what the primary could answer in its place.
  defp assert_same_alone(s, %{server: server, primary: primary}) do
    expected = dump(primary)
    Sqld.kill(server)
    assert dump(s) == expected
    Sqld.restart(server)
  end

  test "syncs that are cut at any byte", %{proxy: proxy, primary: primary} = context do
    s = through_proxy(context)
    assert_same(s, primary)

    for bytes <- [0, 1, 60, 200, 500, 4_000, 4_500, 9_000, 20_000, 60_000] do
      write(primary, 5)
      TcpProxy.set(proxy, {:cut, bytes})

      case EctoLibSql.sync(s) do
        {:ok, _} ->
          :ok

        {:error, %Error{code: :connection_lost}} ->
          assert {:ok, %{state: :stale, last_error: %Error{}}} = Replication.status(s)
      end

      assert whole?(s)
      TcpProxy.set(proxy, :none)
      assert_same(s, primary)
    end

    assert_same_alone(s, context)
  end

  test "a slow link: the call ends, the sync goes on, and readers read", context do
    %{proxy: proxy, primary: primary} = context
    s = through_proxy(context)
    write(primary, 20)
    TcpProxy.set(proxy, {:slow, 100_000})
    assert {:error, %Error{code: :timeout}} = EctoLibSql.sync(s, timeout: 50)
    assert {:ok, %{syncing: true}} = Replication.status(s)
    assert whole?(s)
    TcpProxy.set(proxy, {:late, 20})
    assert_same(s, primary)
    TcpProxy.set(proxy, :none)
    assert_same_alone(s, context)
  end

  test "a primary that dies and restarts in a transaction", %{server: server} = context do
    s = through_proxy(context)
    {:ok, _} = EctoLibSql.begin(s)
    :ok = EctoLibSql.run(s, "INSERT INTO t (a) VALUES ('half')")
    Sqld.restart(server)

    for sql <- ["INSERT INTO t (a) VALUES ('other half')", "SELECT 1", "COMMIT"] do
      assert {:error, %Error{code: :transaction_lost}} = EctoLibSql.query(s, sql)
    end

    assert EctoLibSql.autocommit?(s)
    assert_same(s, context.primary)
    assert rows(s, "SELECT count(*) FROM t WHERE b IS NULL") == [[0]]
    assert {:ok, _} = EctoLibSql.query(s, "INSERT INTO t (a) VALUES ('whole')")
    assert_same(s, context.primary)
  end

  test "COMMITs that are cut", %{proxy: proxy, primary: primary} = context do
    s = through_proxy(context)

    for {fault, bytes} <- [cut: 0, cut: 100, cut_requests: 0, cut_requests: 100] do
      {:ok, _} = EctoLibSql.begin(s)
      for _ <- 1..@together, do: :ok = EctoLibSql.run(s, "INSERT INTO t (a) VALUES (0)")
      TcpProxy.set(proxy, {fault, bytes})
      assert {:error, %Error{code: :commit_unknown}} = EctoLibSql.commit(s)
      TcpProxy.set(proxy, :none)
      assert_same(s, primary)
      assert whole?(s)
    end
  end

  test "many write through their replica while the primary is killed", context do
    %{server: server, primary: primary} = context
    Ledger.create(primary)
    opts = options(context, breaker: false, timeout: 10_000)

    open = fn ->
      {:ok, s} = EctoLibSql.connect(opts)
      s
    end

    write = fn s, writer, number ->
      EctoLibSql.transaction(s, fn s ->
        Enum.reduce_while(Ledger.entry(writer, number), :ok, fn {sql, params}, _ok ->
          case EctoLibSql.query(s, sql, params) do
            {:ok, _} = done -> {:cont, done}
            error -> {:halt, error}
          end
        end)
      end)
    end

    ledger = Ledger.start(3, open, write)

    for _ <- 1..3 do
      Ledger.await_acknowledged(ledger, 15)
      Sqld.restart(server)
    end

    Ledger.await_acknowledged(ledger, 15)
    entries = Ledger.stop(ledger)
    Ledger.compare(entries, primary)
    s = connect!(context, breaker: false)
    assert_same(s, primary)
    Ledger.compare(entries, s)
  end

  describe "a copy's file" do
    test "that is damaged under its readers", %{primary: primary} = context do
      write(primary, 20)
      s = connect!(context)
      assert_same(s, primary)
      expected = dump(primary)
      damage(s.database, 4096)

      # A reader may have the page in its cache, may find the damage, or may be sent to the primary.
      wait_until(fn ->
        case EctoLibSql.query(fresh(context), "SELECT count(*), sum(length(b)) FROM t") do
          {:ok, %{rows: [[count, length]]}} ->
            assert {count, length} == {210, 210 * 1000}
            true

          {:error, %Error{code: code}} ->
            assert code in [:corrupt, :notadb, :corrupt_index, :connection_closed]
            false
        end
      end)

      new = fresh(context)
      wait_until(fn -> match?({:ok, _}, EctoLibSql.sync(new)) end)
      assert_same(new, primary)
      assert dump(new) == expected
      assert {:ok, %{resets: resets}} = Replication.status(new)
      assert resets > 0
      assert_same_alone(new, context)
    end

    test "that is deleted with all that belongs to it", %{primary: primary} = context do
      s = connect!(context)
      assert_same(s, primary)
      for file <- Path.wildcard(s.database <> "*"), do: File.rm!(file)
      new = fresh(context)
      assert {:ok, _} = EctoLibSql.sync(new)
      assert_same(fresh(context), primary)
    end

    test "whose disk is full", %{primary: primary, tmp_dir: dir} = context do
      disk = Path.join(dir, "disk")
      File.mkdir_p!(disk)

      case System.cmd("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", disk],
             stderr_to_stdout: true
           ) do
        {_, 0} ->
          on_exit(fn -> System.cmd("umount", ["-l", disk]) end)
          on_full_disk(primary, context, Path.join(disk, "replica.db"))

        {reason, _} ->
          IO.puts("A replica's disk was not filled: #{reason}")
      end
    end
  end

  defp on_full_disk(primary, context, path) do
    s = connect!(context, database: path)
    assert_same(s, primary)
    before = dump(s)
    filler = Path.join(Path.dirname(path), "filler")
    fill(filler)
    write(primary, 20)

    assert {:error, %Error{code: code}} = EctoLibSql.sync(s)
    assert code in [:full, :ioerr_write, :ioerr_shmsize]
    assert {:ok, %{state: :stale, last_error: %Error{code: ^code}}} = Replication.status(s)
    assert dump(s) == before
    # Writes are the primary's, and read there.
    assert {:ok, _} = EctoLibSql.query(s, "INSERT INTO t (a) VALUES (1)")
    assert rows(s, "SELECT count(*) FROM t") == rows(primary, "SELECT count(*) FROM t")

    File.rm!(filler)
    assert_same(s, primary)
  end

  defp fill(path) do
    File.open!(path, [:append, :raw], fn file ->
      Stream.repeatedly(fn -> :file.write(file, :binary.copy("x", 4096)) end)
      |> Enum.find(&(&1 != :ok))
    end)
  end

  # Pages in the middle of the file, and none of its log.
  defp damage(path, page) do
    {:ok, %{size: size}} = File.stat(path)
    {:ok, file} = :file.open(path, [:read, :write, :raw, :binary])
    :ok = :file.pwrite(file, page, :crypto.strong_rand_bytes(max(size - page, page)))
    :ok = :file.close(file)
    File.rm(path <> "-wal")
  end

  defp fresh(context) do
    s = connect!(context)
    s
  end
end
