defmodule EctoLibSql.Test.ProxiesTest do
  use ExUnit.Case, async: true

  alias EctoLibSql.Test.{HTTP, Sqld, TcpProxy, TlsProxy}

  @moduletag :sqld
  @moduletag :capture_log
  @moduletag :tmp_dir

  setup do
    %{server: Sqld.start!()}
  end

  describe "TLS" do
    test "is believed with its own authority only", %{server: server, tmp_dir: dir} do
      proxy = TlsProxy.start!(server.http_port, dir)

      assert {:ok, 200, body} = select(proxy, cacertfile: proxy.ca_file)
      assert body =~ ~s("value":"1")

      assert {:error, reason} = select(proxy, cacertfile: proxy.other_ca_file)
      assert inspect(reason) =~ "unknown_ca"
    end

    test "asks for a client's certificate", %{server: server, tmp_dir: dir} do
      proxy = TlsProxy.start!(server.http_port, dir, client_certificate: true)
      own = [certfile: proxy.client_certificate_file, keyfile: proxy.client_key_file]

      assert {:ok, 200, _} = select(proxy, [cacertfile: proxy.ca_file] ++ own)
      assert {:error, _reason} = select(proxy, cacertfile: proxy.ca_file)
    end

    test "goes through a bad network, too", %{server: server, tmp_dir: dir} do
      proxy = TlsProxy.start!(server.http_port, dir)
      network = TcpProxy.start!(proxy.port)
      through = %{proxy | port: TcpProxy.port(network)}

      assert {:ok, 200, _} = select(through, cacertfile: proxy.ca_file)
      :ok = TcpProxy.set(network, {:cut, 100})
      assert {:error, _reason} = select(through, cacertfile: proxy.ca_file)
    end
  end

  describe "a network" do
    setup %{server: server} do
      %{network: TcpProxy.start!(server.http_port)}
    end

    test "passes everything on", %{network: network} do
      assert {:ok, 200, body} = HTTP.execute(TcpProxy.url(network), "SELECT hex(zeroblob(1e6))")
      assert byte_size(body) > 2_000_000
    end

    test "cuts an answer in its middle", %{network: network} do
      :ok = TcpProxy.set(network, {:cut, 1_000})
      assert {:error, _reason} = HTTP.execute(TcpProxy.url(network), "SELECT hex(zeroblob(1e6))")

      :ok = TcpProxy.set(network, {:cut, 100_000})
      assert {:ok, 200, _body} = HTTP.execute(TcpProxy.url(network), "SELECT 1")
    end

    test "is slow, until it is not", %{network: network} do
      :ok = TcpProxy.set(network, {:slow, 10_000})
      url = TcpProxy.url(network)

      assert {:error, :timeout} = HTTP.execute(url, "SELECT hex(zeroblob(1e5))", timeout: 300)
      assert {:ok, 200, _body} = HTTP.execute(url, "SELECT 1")

      long = Task.async(fn -> HTTP.execute(url, "SELECT hex(zeroblob(1e6))") end)
      refute Task.yield(long, 100)
      :ok = TcpProxy.set(network, :none)
      assert {:ok, 200, body} = Task.await(long)
      assert byte_size(body) > 2_000_000
    end

    test "refuses connections", %{network: network} do
      url = TcpProxy.url(network)
      :ok = TcpProxy.set(network, :refuse)
      assert {:error, {:failed_connect, _}} = HTTP.execute(url, "SELECT 1")
      :ok = TcpProxy.set(network, :none)
      assert {:ok, 200, _body} = HTTP.execute(url, "SELECT 1")
    end

    test "ends the connections that are there when it refuses", %{network: network} do
      {:ok, socket} = :gen_tcp.connect({127, 0, 0, 1}, TcpProxy.port(network), active: true)
      :ok = :gen_tcp.send(socket, "GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n")
      assert_receive {:tcp, ^socket, ~c"HTTP/1.1 200" ++ _}, 5_000
      :ok = TcpProxy.set(network, :refuse)
      assert_receive {:tcp_closed, ^socket}, 5_000
    end

    test "cuts a request in its middle", %{network: network} do
      :ok = TcpProxy.set(network, {:cut_requests, 20})
      assert {:error, _reason} = HTTP.execute(TcpProxy.url(network), "SELECT 1")
      :ok = TcpProxy.set(network, {:cut_requests, 100_000})
      assert {:ok, 200, _body} = HTTP.execute(TcpProxy.url(network), "SELECT 1")
    end

    test "is late", %{network: network} do
      :ok = TcpProxy.set(network, {:late, 500})
      url = TcpProxy.url(network)
      assert {:error, :timeout} = HTTP.execute(url, "SELECT 1", timeout: 300)
      assert {:ok, 200, _body} = HTTP.execute(url, "SELECT 1")
      long = Task.async(fn -> HTTP.execute(url, "SELECT hex(zeroblob(1e5))") end)
      :ok = TcpProxy.set(network, :none)
      assert {:ok, 200, body} = Task.await(long)
      assert byte_size(body) > 200_000
    end

    test "holds what comes of one side, and tells", %{network: network} do
      url = TcpProxy.url(network)

      for {fault, side} <- [hold_requests: :request, hold_answers: :response] do
        :ok = TcpProxy.set(network, {fault, self()})
        call = Task.async(fn -> HTTP.execute(url, "SELECT 1") end)
        assert_receive {:held, ^side, _link}, 5_000
        refute Task.yield(call, 0)
        :ok = TcpProxy.set(network, :none)
        assert {:ok, 200, _body} = Task.await(call)
      end
    end

    test "swallows what it is sent", %{network: network} do
      :ok = TcpProxy.set(network, :black_hole)
      assert {:error, :timeout} = HTTP.execute(TcpProxy.url(network), "SELECT 1", timeout: 300)
    end
  end

  defp select(proxy, ssl),
    do: HTTP.execute(TlsProxy.url(proxy), "SELECT 1", ssl: [verify: :verify_peer] ++ ssl)
end
