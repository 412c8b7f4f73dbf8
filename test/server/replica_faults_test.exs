defmodule EctoLibSql.Server.ReplicaFaultsTest do
  use ExUnit.Case, async: true

  import EctoLibSql.Test.Database, only: [rows: 2, wait_until: 1, wait_until: 2]
  import EctoLibSql.Test.Replicas

  alias EctoLibSql.{Error, Replication}
  alias EctoLibSql.Test.{Sqld, TcpProxy}

  @moduletag :sqld
  @moduletag :capture_log
  @moduletag :tmp_dir

  setup context do
    server = Sqld.start!()
    proxy = TcpProxy.start!(server.http_port)
    primary = primary!(%{server: server})
    :ok = EctoLibSql.run(primary, "CREATE TABLE t (a)")
    :ok = EctoLibSql.run(primary, "INSERT INTO t VALUES (1)")
    listen(Path.join(context.tmp_dir, "replica.db"))
    %{server: server, proxy: proxy, primary: primary}
  end

  @count "SELECT count(*) FROM t"

  # Events of this test's replica come as messages.
  defp listen(path) do
    test = self()

    events =
      for event <- [:sync, :failed, :stale, :caught_up, :reset, :stale_read],
          do: [:ecto_libsql, :replica, event]

    handler = fn [_, _, event], measurements, metadata, _ ->
      if metadata.database == path, do: send(test, {event, measurements, metadata})
    end

    if Code.ensure_loaded?(:telemetry) do
      id = make_ref()
      :telemetry.attach_many(id, events, handler, nil)
      on_exit(fn -> :telemetry.detach(id) end)
    end
  end

  if Code.ensure_loaded?(:telemetry) do
    defmacrop assert_event(pattern), do: quote(do: assert_receive(unquote(pattern), 20_000))
  else
    defmacrop assert_event(_pattern), do: :ok
  end

  defp through_proxy(context, opts \\ []),
    do: connect!(context, [uri: TcpProxy.url(context.proxy)] ++ opts)

  defp state(s) do
    {:ok, status} = Replication.status(s)
    status.state
  end

  defp insert(s, value, opts \\ []),
    do: EctoLibSql.query(s, "INSERT INTO t VALUES (?)", [value], opts)

  test "the primary is killed: reads go on, writes say so, and the replica catches up", context do
    s = connect!(context, sync: 100)

    assert_event(
      {:sync, %{frame: _, frames: frames, bytes: bytes}, _}
      when frames > 0 and bytes > 4096
    )

    Sqld.kill(context.server)
    assert rows(s, "SELECT a FROM t") == [[1]]
    assert {:error, %Error{code: :connection_refused}} = insert(s, 2)
    assert {:error, %Error{code: :connection_refused}} = EctoLibSql.begin(s)
    assert_event({:failed, _, %{error: %Error{code: :connection_refused}}})
    assert_event({:stale, _, _})
    wait_until(fn -> state(s) == :stale end)

    assert {:ok, %{state: :stale, stale_since: %DateTime{}, last_error: %Error{}}} =
             Replication.status(s)

    assert {:ok, %{status: :degraded, mode: :replica}} = EctoLibSql.health(s)
    assert {:error, %Error{code: :connection_refused}} = EctoLibSql.sync(s)
    assert rows(s, "SELECT a FROM t") == [[1]]

    Sqld.restart(context.server)
    assert_event({:caught_up, _, _})
    wait_until(fn -> state(s) == :ok end, 20_000)

    assert {:ok, %{state: :ok, stale_since: nil, lag: 0, last_sync: %DateTime{}}} =
             Replication.status(s)

    assert {:ok, %{status: :ok}} = EctoLibSql.health(s)
    assert {:ok, _} = insert(s, 2)
    assert rows(s, "SELECT a FROM t") == [[1], [2]]
  end

  test "a copy is opened while the primary is away, and catches up when it is back", context do
    EctoLibSql.disconnect(connect!(context))
    :ok = EctoLibSql.run(context.primary, "INSERT INTO t VALUES (2)")
    Sqld.kill(context.server)

    s = connect!(context, sync: 100)
    assert rows(s, "SELECT a FROM t") == [[1]]
    assert {:ok, %{state: :stale, stale_since: %DateTime{}}} = Replication.status(s)
    assert_event({:stale, _, _})
    Sqld.restart(context.server)
    assert_event({:caught_up, _, _})
    wait_until(fn -> state(s) == :ok end, 20_000)
    assert rows(s, "SELECT a FROM t") == [[1], [2]]
  end

  test "without a copy, nothing is opened while the primary is away", context do
    Sqld.kill(context.server)
    assert {:error, %Error{code: :connection_refused}} = EctoLibSql.connect(options(context))
    Sqld.restart(context.server)
    assert {:ok, _} = EctoLibSql.connect(options(context))
  end

  test "a primary that is frozen costs nobody more than the deadline", context do
    s = connect!(context)
    Sqld.freeze(context.server)

    for ask <- [
          &insert(&1, 2, timeout: 300),
          &EctoLibSql.sync(&1, timeout: 300),
          &EctoLibSql.sync_until(&1, 1_000, 300),
          &EctoLibSql.begin(&1, timeout: 300)
        ] do
      {time, {:error, %Error{code: :timeout}}} = :timer.tc(fn -> ask.(s) end)
      assert time < 5_000_000
    end

    assert rows(s, "SELECT a FROM t") == [[1]]
    {:ok, opened} = EctoLibSql.connect(options(context, timeout: 500))
    assert rows(opened, "SELECT a FROM t") == [[1]]
    EctoLibSql.disconnect(opened)
    Sqld.thaw(context.server)
  end

  test "a primary that was created anew: the replica is what it has", context do
    s = connect!(context)
    Sqld.recreate(context.server)
    other = primary!(context)
    :ok = EctoLibSql.run(other, "CREATE TABLE u (b)")
    assert {:ok, _} = EctoLibSql.sync(s)
    assert_event({:reset, _, %{reason: :log_changed}})
    assert rows(s, "SELECT * FROM u") == []
    assert {:error, %Error{code: :error}} = EctoLibSql.query(s, "SELECT * FROM t")
    :ok = EctoLibSql.run(s, "INSERT INTO u VALUES (1)")
    assert rows(s, "SELECT * FROM u") == [[1]]
  end

  test "a write is read at once also where the primary was created anew unnoticed", context do
    s = connect!(context)
    for value <- 2..9, do: insert(s, value)
    Sqld.recreate(context.server)
    assert {:ok, _} = EctoLibSql.query(s, "CREATE TABLE u (b)")
    assert rows(s, "SELECT * FROM u") == []
    assert {:error, %Error{code: :error}} = EctoLibSql.query(s, "SELECT * FROM t")
  end

  describe "a write that is done, and not on the replica" do
    setup context do
      s = through_proxy(context)
      TcpProxy.set(context.proxy, {:cut_requests_with, "/wal_log."})
      assert {:ok, _} = insert(s, 2)
      assert rows(context.primary, @count) == [[2]]
      %{s: s}
    end

    test "is read at the primary, by everybody", %{s: s} do
      assert rows(s, @count) == [[2]]
      assert Task.await(Task.async(fn -> rows(s, @count) end)) == [[2]]
      {:ok, s} = EctoLibSql.begin(s, behavior: :read_only)
      assert rows(s, @count) == [[2]]
      {:ok, _} = EctoLibSql.commit(s)
    end

    test "is an error for who wrote it where nobody can be asked; others read on", context do
      %{s: s, proxy: proxy} = context
      TcpProxy.set(proxy, :refuse)

      assert {:error, %Error{code: :replica_behind, message: message}} =
               EctoLibSql.query(s, @count)

      assert message =~ "frame"
      assert {:error, %Error{code: :replica_behind}} = EctoLibSql.begin(s, behavior: :read_only)
      assert {:error, %Error{code: :replica_behind}} = EctoLibSql.query_one(s, @count)

      other = Task.async(fn -> rows(s, @count) end)
      assert Task.await(other) == [[1]]
      assert_event({:stale_read, %{frame: _}, %{database: _}})

      # Who did not write what is missing is not told so by another connection either.
      second = through_proxy(context)
      assert Task.await(Task.async(fn -> rows(second, @count) end)) == [[1]]
      assert {:error, %Error{code: :replica_behind}} = EctoLibSql.query(second, @count)
    end

    test "is there as soon as the primary is", %{s: s, proxy: proxy} do
      TcpProxy.set(proxy, :refuse)
      assert {:error, %Error{code: :replica_behind}} = EctoLibSql.query(s, @count)
      TcpProxy.set(proxy, :none)
      wait_until(fn -> match?({:ok, %{rows: [[2]]}}, EctoLibSql.query(s, @count)) end)
      wait_until(fn -> EctoLibSql.query!(s, @count) && caught_up?(s) end)
    end
  end

  defp caught_up?(s) do
    {:ok, written} = EctoLibSql.max_write_replication_index(s)
    EctoLibSql.replication_index(s) == {:ok, written}
  end

  test "a file that is deleted or damaged is pulled anew, and reads go on meanwhile", context do
    s = connect!(context)
    File.rm!(s.database)
    assert {:ok, _} = EctoLibSql.sync(s)
    assert_event({:reset, _, %{reason: :file_missing}})
    # This connection has the old file open: its reads are the primary's.
    :ok = EctoLibSql.run(context.primary, "INSERT INTO t VALUES (2)")
    assert rows(s, @count) == [[2]]
    assert {:ok, _} = insert(s, 3)
    assert {:error, %Error{code: :connection_closed}} = EctoLibSql.ping(s)
    assert rows(connect!(context), @count) == [[3]]
  end
end
