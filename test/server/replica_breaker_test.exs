defmodule EctoLibSql.Server.ReplicaBreakerTest do
  # An embedded replica whose primary is away.
  use ExUnit.Case, async: true

  import EctoLibSql.Test.Breakers
  import EctoLibSql.Test.Database, only: [rows: 2, wait_until: 2]

  alias EctoLibSql.Error
  alias EctoLibSql.Test.Sqld

  @moduletag :sqld
  @moduletag :capture_log
  @moduletag :tmp_dir

  defp connect!(server, dir, opts) do
    opts = [uri: Sqld.url(server), database: Path.join(dir, "replica.db"), sync: false] ++ opts
    {:ok, s} = EctoLibSql.connect(opts)
    on_exit(fn -> EctoLibSql.disconnect(s) end)
    s
  end

  test "reads go on, syncs and writes share the primary's breaker", %{tmp_dir: dir} do
    primary = Sqld.start!()
    uri = Sqld.url(primary)
    s = connect!(primary, dir, breaker: short())
    :ok = EctoLibSql.run(s, "CREATE TABLE t (a)")
    :ok = EctoLibSql.run(s, "INSERT INTO t VALUES (1)")

    assert {:ok, %{status: :ok, breakers: [%{server: ^uri, state: :closed}]}} =
             EctoLibSql.health(s)

    Sqld.kill(primary)
    wait_until(fn -> match?({:error, %Error{code: :circuit_open}}, EctoLibSql.sync(s)) end, 5_000)

    assert {:error, %Error{code: :circuit_open}} =
             EctoLibSql.query(s, "INSERT INTO t VALUES (2)")

    assert rows(s, "SELECT a FROM t") == [[1]]
    assert {:ok, %{status: :degraded, mode: :replica} = health} = EctoLibSql.health(s)
    assert [%{server: ^uri}] = health.breakers
    assert %{} = health.replication

    Sqld.restart(primary)
    wait_for(uri, :closed)
    assert :ok = EctoLibSql.run(s, "INSERT INTO t VALUES (3)")
    assert rows(s, "SELECT a FROM t") == [[1], [3]]
    assert {:ok, %{status: :ok}} = EctoLibSql.health(s)
  end

  test "a copy is opened, and read, while the primary's breaker is open", %{tmp_dir: dir} do
    primary = Sqld.start!()
    s = connect!(primary, dir, breaker: short())
    :ok = EctoLibSql.run(s, "CREATE TABLE t (a)")
    EctoLibSql.disconnect(s)

    Sqld.kill(primary)
    {:ok, remote} = EctoLibSql.connect(uri: Sqld.url(primary), breaker: short())
    refused? = &match?({:error, %Error{code: :circuit_open}}, &1)
    wait_until(fn -> refused?.(EctoLibSql.query(remote, "SELECT 1")) end, 5_000)

    s = connect!(primary, dir, breaker: short())
    assert rows(s, "SELECT a FROM t") == []
    assert {:ok, %{state: :stale, last_error: %Error{}}} = EctoLibSql.Replication.status(s)
    EctoLibSql.disconnect(remote)
  end

  test "other servers for its reads are refused", %{tmp_dir: dir} do
    opts = [uri: "http://localhost:1", database: Path.join(dir, "replica.db")]

    assert {:error, %Error{code: :unsupported, message: message}} =
             EctoLibSql.connect([failover: ["http://localhost:2"]] ++ opts)

    assert message =~ "failover does not go with database"
  end
end
