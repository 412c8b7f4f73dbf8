defmodule EctoLibSql.Server.FaultsTest do
  use ExUnit.Case, async: true

  import EctoLibSql.Test.Database, only: [rows: 2]

  alias EctoLibSql.Error
  alias EctoLibSql.Test.{Sqld, TcpProxy}

  @moduletag :sqld
  @moduletag :capture_log

  setup do
    server = Sqld.start!()
    s = connect!(Sqld.url(server))
    :ok = EctoLibSql.run(s, "CREATE TABLE t (a)")
    %{server: server, s: s}
  end

  defp connect!(uri) do
    {:ok, s} = EctoLibSql.connect(uri: uri)
    on_exit(fn -> EctoLibSql.disconnect(s) end)
    s
  end

  test "a server that is killed while nothing runs is asked again when it is back", context do
    Sqld.kill(context.server)

    assert {:error, %Error{code: :connection_refused}} =
             EctoLibSql.query(context.s, "INSERT INTO t VALUES (1)")

    Sqld.restart(context.server)
    assert {:ok, _} = EctoLibSql.query(context.s, "INSERT INTO t VALUES (2)")
    assert rows(context.s, "SELECT a FROM t") == [[2]]
  end

  test "one that is restarted in a transaction has lost it", %{server: server, s: s} do
    {:ok, _} = EctoLibSql.begin(s)
    :ok = EctoLibSql.run(s, "INSERT INTO t VALUES (1)")
    Sqld.restart(server)

    assert {:error, %Error{code: :transaction_lost}} =
             EctoLibSql.query(s, "INSERT INTO t VALUES (2)")

    assert {:error, %Error{code: :transaction_lost}} = EctoLibSql.query(s, "SELECT 1")
    assert {:ok, _} = EctoLibSql.rollback(s)
    assert rows(s, "SELECT a FROM t") == []
    assert :ok = EctoLibSql.run(s, "INSERT INTO t VALUES (3)")
  end

  test "of a frozen one, each call ends by its deadline", %{server: server, s: s} do
    Sqld.freeze(server)
    calls = [&EctoLibSql.query/4, &EctoLibSql.query_one/4, &EctoLibSql.run/4]

    for call <- calls do
      assert {:error, %Error{code: :timeout}} = call.(s, "SELECT 1", [], timeout: 50)
    end

    assert {:error, %Error{code: :timeout}} = EctoLibSql.begin(s, timeout: 50)
    assert {:error, %Error{code: :timeout}} = EctoLibSql.batch(s, [{"SELECT 1", []}], timeout: 50)
    Sqld.thaw(server)
    assert rows(s, "SELECT 1") == [[1]]
    refute_received _late_answer
  end

  test "a transaction that meets a frozen server ends", %{server: server, s: s} do
    {:ok, _} = EctoLibSql.begin(s)
    Sqld.freeze(server)
    assert {:error, %Error{}} = EctoLibSql.query(s, "INSERT INTO t VALUES (1)", [], timeout: 50)
    assert {:ok, _} = EctoLibSql.rollback(s)
    Sqld.thaw(server)
    assert rows(s, "SELECT a FROM t") == []
  end

  test "where the answer is cut, a read is made again and a write's outcome is open", context do
    proxy = TcpProxy.start!(context.server.http_port)
    s = connect!(TcpProxy.url(proxy))
    assert rows(s, "SELECT 1") == [[1]]
    TcpProxy.set(proxy, {:cut, 10})

    assert {:error, %Error{code: :connection_lost}} =
             EctoLibSql.query(s, "INSERT INTO t VALUES (1)")

    TcpProxy.set(proxy, :none)
    assert rows(s, "SELECT count(*) FROM t WHERE a = 1") in [[[0]], [[1]]]
  end

  test "a request that is lost on its way leaves no lock behind", context do
    proxy = TcpProxy.start!(context.server.http_port)
    s = connect!(TcpProxy.url(proxy))

    for {fault, opts} <- [{{:cut_requests, 50}, []}, {{:hold_requests, self()}, [timeout: 50]}] do
      {:ok, _} = EctoLibSql.begin(s)
      :ok = EctoLibSql.run(s, "INSERT INTO t VALUES (1)")
      TcpProxy.set(proxy, fault)
      assert {:error, %Error{}} = EctoLibSql.query(s, "INSERT INTO t VALUES (2)", [], opts)
      # What was held does not come either.
      TcpProxy.set(proxy, {:cut_requests, 0})
      TcpProxy.set(proxy, :none)
      # sqld itself would make this wait for five seconds.
      assert {:ok, _} = EctoLibSql.query(context.s, "DELETE FROM t", [], timeout: 3_000)
      assert {:ok, _} = EctoLibSql.rollback(s)
    end
  end

  test "a process that dies in a call leaves a connection that works", %{s: s, server: server} do
    Sqld.freeze(server)
    {pid, monitor} = spawn_monitor(fn -> EctoLibSql.query(s, "SELECT 1") end)
    Process.exit(pid, :kill)
    assert_receive {:DOWN, ^monitor, :process, ^pid, :killed}
    Sqld.thaw(server)
    assert rows(s, "SELECT 1") == [[1]]
  end
end
