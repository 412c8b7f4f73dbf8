defmodule EctoLibSql.Server.ReachTest do
  # How a server is reached: namespaces, TLS.
  use ExUnit.Case, async: true

  import EctoLibSql.Test.Database, only: [rows: 2]

  alias EctoLibSql.Error
  alias EctoLibSql.Test.{Sqld, TlsProxy}

  @moduletag :sqld
  @moduletag :capture_log

  defp connect!(opts) do
    {:ok, s} = EctoLibSql.connect(opts)
    on_exit(fn -> EctoLibSql.disconnect(s) end)
    s
  end

  test "a namespace is a database of its own" do
    server = Sqld.start!(namespaces: true)
    for name <- ["one", "two"], do: :ok = Sqld.create_namespace(server, name)
    one = connect!(uri: Sqld.url(server), namespace: "one")
    two = connect!(uri: Sqld.url(server), namespace: "two")
    :ok = EctoLibSql.run(one, "CREATE TABLE t (a)")
    assert rows(one, "SELECT name FROM sqlite_schema") == [["t"]]
    assert rows(two, "SELECT name FROM sqlite_schema") == []
    three = connect!(uri: Sqld.url(server), namespace: "three")
    assert {:error, %Error{code: :not_found}} = EctoLibSql.query(three, "SELECT 1")
  end

  @tag :tmp_dir
  test "a server is known by the CA that is named", %{tmp_dir: dir} do
    proxy = TlsProxy.start!(Sqld.start!().http_port, dir)
    s = connect!(uri: TlsProxy.url(proxy), ca_file: proxy.ca_file)
    assert rows(s, "SELECT 1") == [[1]]

    for opts <- [[], [ca_file: proxy.other_ca_file]] do
      s = connect!([uri: TlsProxy.url(proxy)] ++ opts)
      assert {:error, %Error{code: :tls}} = EctoLibSql.query(s, "SELECT 1")
    end
  end

  @tag :tmp_dir
  test "a server that wants a client's certificate gets it", %{tmp_dir: dir} do
    proxy = TlsProxy.start!(Sqld.start!().http_port, dir, client_certificate: true)
    own = {proxy.client_certificate_file, proxy.client_key_file}
    uri = TlsProxy.url(proxy)
    s = connect!(uri: uri, ca_file: proxy.ca_file, client_certificate: own)
    assert rows(s, "SELECT 1") == [[1]]
    s = connect!(uri: uri, ca_file: proxy.ca_file)
    assert {:error, %Error{}} = EctoLibSql.query(s, "SELECT 1")
  end
end
