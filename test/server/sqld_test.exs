defmodule EctoLibSql.Test.SqldTest do
  use ExUnit.Case, async: true

  import EctoLibSql.Test.Database, only: [wait_until: 1]

  alias EctoLibSql.Test.{HTTP, JWT, Sqld}

  @moduletag :sqld
  @moduletag :capture_log

  defp execute(server, sql, opts \\ []), do: HTTP.execute(Sqld.url(server), sql, opts)

  defp alive?(os_pid) do
    {_output, status} = System.cmd("kill", ["-0", "#{os_pid}"], stderr_to_stdout: true)
    status == 0
  end

  describe "a server" do
    test "answers when it has been started, and is gone when its test is over" do
      {:ok, pid} = Sqld.start_link([])
      server = GenServer.call(pid, :server)
      os_pid = Sqld.os_pid(server)

      assert {:ok, 200, body} = execute(server, "SELECT 'a\"b\\c'")
      assert body =~ ~S("value":"a\"b\\c")
      assert Sqld.log(server) =~ "listening for incoming user HTTP connection"

      GenServer.stop(pid)
      refute alive?(os_pid)
      refute File.exists?(server.directory)
    end

    test "keeps its ports and its data when it restarts" do
      server = Sqld.start!()
      {:ok, 200, _} = execute(server, "CREATE TABLE t (a)")

      for stop <- [&Sqld.stop/1, &Sqld.kill/1] do
        os_pid = Sqld.os_pid(server)
        :ok = stop.(server)
        refute alive?(os_pid)
        assert {:error, {:failed_connect, _}} = execute(server, "SELECT 1")

        :ok = Sqld.restart(server)
        assert {:ok, 200, body} = execute(server, "SELECT count(*) FROM t")
        assert body =~ ~s("value":"0")
      end
    end

    test "has no data when it is recreated" do
      server = Sqld.start!()
      {:ok, 200, _} = execute(server, "CREATE TABLE t (a)")
      :ok = Sqld.recreate(server)
      assert {:ok, 200, body} = execute(server, "SELECT * FROM t")
      assert body =~ "no such table: t"
    end

    test "does not answer while it is frozen" do
      server = Sqld.start!()
      :ok = Sqld.freeze(server)
      assert {:error, :timeout} = execute(server, "SELECT 1", timeout: 300)
      :ok = Sqld.thaw(server)
      assert {:ok, 200, _} = execute(server, "SELECT 1")
    end

    test "can be ended while it is frozen" do
      server = Sqld.start!()
      os_pid = Sqld.os_pid(server)
      :ok = Sqld.freeze(server)
      :ok = Sqld.stop(server)
      refute alive?(os_pid)
    end

    test "ends with the VM, however that ends" do
      {:ok, peer, _node} =
        :peer.start(%{connection: :standard_io, args: [~c"-pz" | :code.get_path()]})

      {:ok, _} = :peer.call(peer, :application, :ensure_all_started, [:inets])
      {:ok, pid} = :peer.call(peer, GenServer, :start, [Sqld, []], 30_000)
      os_pid = :peer.call(peer, GenServer, :call, [pid, :os_pid])
      %{directory: directory} = :peer.call(peer, GenServer, :call, [pid, :server])
      assert alive?(os_pid)

      vm = :peer.call(peer, :os, :getpid, [])
      {_, 0} = System.cmd("kill", ["-9", "#{vm}"])
      wait_until(fn -> not alive?(os_pid) and not File.exists?(directory) end)
    end

    test "says why it does not start" do
      Process.flag(:trap_exit, true)
      assert {:error, reason} = Sqld.start_link(arguments: ["--no-such-argument"])
      assert reason =~ "unexpected argument '--no-such-argument'"
    end

    test "has namespaces" do
      server = Sqld.start!(namespaces: true)
      :ok = Sqld.create_namespace(server, "shop")
      {:ok, 200, _} = execute(server, "CREATE TABLE t (a)", namespace: "shop")
      assert {:ok, 200, body} = execute(server, "SELECT * FROM t")
      assert body =~ "no such table: t"
      assert {:ok, 404, _} = execute(server, "SELECT 1", namespace: "nobodys")
    end

    test "can be another's replica" do
      primary = Sqld.start!(grpc: true)
      {:ok, 200, _} = execute(primary, "CREATE TABLE t (a)")
      replica = Sqld.start!(primary: primary)
      {:ok, 200, _} = execute(replica, "INSERT INTO t VALUES ('from the replica')")
      assert {:ok, 200, body} = execute(primary, "SELECT a FROM t")
      assert body =~ "from the replica"
    end
  end

  describe "tokens" do
    setup do
      key = JWT.generate_key()
      %{key: key, server: Sqld.start!(jwt_key: key, namespaces: true)}
    end

    test "with full access are let in", %{server: server, key: key} do
      assert {:ok, 200, body} =
               execute(server, "CREATE TABLE t (a)", token: JWT.token(key, a: "rw"))

      refute body =~ "error"
    end

    test "that read only do not write", %{server: server, key: key} do
      token = JWT.token(key, a: "ro")
      assert {:ok, 200, _} = execute(server, "SELECT 1", token: token)
      assert {:ok, 403, _} = execute(server, "CREATE TABLE t (a)", token: token)
    end

    test "that are missing, expired or signed by another key are refused", %{
      server: server,
      key: key
    } do
      assert {:ok, 401, _} = execute(server, "SELECT 1")

      expired = JWT.token(key, a: "rw", exp: System.os_time(:second) - 3_600)
      assert {:ok, 401, body} = execute(server, "SELECT 1", token: expired)
      assert body =~ "expired"

      current = JWT.token(key, a: "rw", exp: System.os_time(:second) + 3_600)
      assert {:ok, 200, _} = execute(server, "SELECT 1", token: current)

      other = JWT.token(JWT.generate_key(), a: "rw")
      assert {:ok, 401, _} = execute(server, "SELECT 1", token: other)
    end

    test "of a namespace are good for no other", %{server: server, key: key} do
      :ok = Sqld.create_namespace(server, "shop")

      for token <- [
            JWT.token(key, a: "rw", id: "shop"),
            JWT.token(key, p: %{rw: %{ns: ["shop"]}})
          ] do
        assert {:ok, 200, _} = execute(server, "SELECT 1", token: token, namespace: "shop")
        assert {:ok, 404, _} = execute(server, "SELECT 1", token: token)
      end
    end
  end
end
