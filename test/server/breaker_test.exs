defmodule EctoLibSql.Server.BreakerTest do
  use ExUnit.Case, async: true

  import EctoLibSql.Test.Breakers
  import EctoLibSql.Test.Database, only: [rows: 2, wait_until: 2]

  alias EctoLibSql.Error
  alias EctoLibSql.Test.Sqld

  @moduletag :sqld
  @moduletag :capture_log

  defp connect!(opts) do
    {:ok, s} = EctoLibSql.connect(opts)
    on_exit(fn -> EctoLibSql.disconnect(s) end)
    s
  end

  defp code(s, sql, opts \\ []) do
    case EctoLibSql.query(s, sql, [], opts) do
      {:ok, _result} -> :ok
      {:error, %Error{code: code}} -> code
    end
  end

  # Takes connections and ends them; tells how many there were.
  defp rude_server! do
    {:ok, listener} = :gen_tcp.listen(0, ip: {127, 0, 0, 1}, backlog: 1024)
    {:ok, port} = :inet.port(listener)
    connections = :counters.new(1, [])
    start_supervised!({Task, fn -> accept(listener, connections) end})
    {"http://localhost:#{port}", connections}
  end

  defp accept(listener, connections) do
    {:ok, client} = :gen_tcp.accept(listener)
    :counters.add(connections, 1, 1)
    :gen_tcp.close(client)
    accept(listener, connections)
  end

  test "a server that is away is not asked, and the error says so" do
    server = Sqld.start!()
    uri = Sqld.url(server)
    s = connect!(uri: uri, breaker: long())
    assert [%{server: ^uri, state: :closed, failures: 0, reason: nil}] = breakers!(s)
    Sqld.kill(server)
    for _ <- 1..3, do: assert(code(s, "SELECT 1") == :connection_refused)
    assert {:error, %Error{code: :circuit_open} = error} = EctoLibSql.query(s, "SELECT 1")
    assert error.message =~ uri
    assert error.message =~ "is asked again in"
    assert error.message =~ "refused"
    assert error.statement == "SELECT 1"

    assert [%{state: :open, failures: 3, opened: 1, refused: 1} = status] = breakers!(s)
    assert status.retry_in in 1..600_000
    assert status.reason =~ "refused"

    assert {:error, %Error{code: :circuit_open}} = EctoLibSql.begin(s)
    assert {:error, %Error{code: :circuit_open}} = EctoLibSql.execute_batch(s, "SELECT 1")
    assert {:error, %Error{code: :circuit_open}} = EctoLibSql.prepare(s, "SELECT 1")
    assert {:error, %Error{code: :circuit_open}} = EctoLibSql.ping(s)
  end

  defp breakers!(s) do
    {:ok, breakers} = EctoLibSql.breakers(s)
    breakers
  end

  test "connections that have the server in common share it; another namespace has its own" do
    server = Sqld.start!()
    uri = Sqld.url(server)
    s = connect!(uri: uri, breaker: long())
    other = connect!(uri: uri, breaker: long())
    namespace = connect!(uri: uri, breaker: long(), namespace: "one")
    Sqld.kill(server)
    for _ <- 1..3, do: code(s, "SELECT 1")
    assert code(other, "SELECT 1") == :circuit_open
    assert code(namespace, "SELECT 1") == :connection_refused
    assert [%{namespace: "one", failures: 1, state: :closed}] = breakers!(namespace)
  end

  test "while it is open, thousands of calls do not touch the network" do
    {uri, connections} = rude_server!()
    s = connect!(uri: uri, breaker: long())
    for _ <- 1..3, do: assert(code(s, "INSERT INTO t VALUES (1)") == :connection_lost)
    wait_for(uri, :open)
    before = :counters.get(connections, 1)

    codes =
      1..20
      |> Task.async_stream(fn _ -> for _ <- 1..250, do: code(s, "SELECT 1") end)
      |> Enum.flat_map(fn {:ok, codes} -> codes end)

    assert Enum.uniq(codes) == [:circuit_open]
    assert :counters.get(connections, 1) == before
    assert breaker(uri).refused >= 5_000
  end

  test "breaker: false asks each time" do
    {uri, connections} = rude_server!()
    s = connect!(uri: uri, breaker: false)
    for _ <- 1..20, do: assert(code(s, "INSERT INTO t VALUES (1)") == :connection_lost)
    assert :counters.get(connections, 1) >= 20
    assert breakers!(s) == []
  end

  test "a transaction that meets an open one can be rolled back, or go on" do
    server = Sqld.start!()
    uri = Sqld.url(server)
    s = connect!(uri: uri, breaker: short())
    :ok = EctoLibSql.run(s, "CREATE TABLE t (a)")
    {:ok, _} = EctoLibSql.begin(s)
    :ok = EctoLibSql.run(s, "INSERT INTO t VALUES (1)")
    Sqld.kill(server)
    # Its own stream does not exist any more after this.
    wait_until(
      fn -> code(connect!(uri: uri, breaker: short()), "SELECT 1") == :circuit_open end,
      5_000
    )

    assert code(s, "INSERT INTO t VALUES (2)") == :circuit_open
    refute EctoLibSql.autocommit?(s)
    Sqld.restart(server)
    wait_for(uri, :closed)
    assert code(s, "INSERT INTO t VALUES (3)") == :transaction_lost
    assert {:ok, _} = EctoLibSql.rollback(s)
    assert rows(s, "SELECT a FROM t") == []
  end

  test "a server that has no connection left is overloaded, and not away" do
    server = Sqld.start!(arguments: ["--max-concurrent-connections", "2"])
    uri = Sqld.url(server)
    [one, two, three] = for _ <- 1..3, do: connect!(uri: uri, breaker: long())
    {:ok, _} = EctoLibSql.begin(one, behavior: :deferred)
    {:ok, _} = EctoLibSql.begin(two, behavior: :deferred)

    codes =
      1..6 |> Task.async_stream(fn _ -> code(three, "SELECT 1") end) |> Enum.map(&elem(&1, 1))

    assert Enum.uniq(codes) == [:overloaded]
    assert [%{state: :closed, failures: 0}] = breakers!(three)
    assert code(one, "SELECT 1") == :ok
    {:ok, _} = EctoLibSql.rollback(one)
    EctoLibSql.disconnect(one)
    wait_until(fn -> code(three, "SELECT 1") == :ok end, 10_000)
  end

  test "wrong options are told, without secrets" do
    for {option, value} <- [
          breaker: true,
          breaker: [failures: 0],
          breaker: [open_for: -1],
          breaker: [closed_for: 1],
          failover: "http://localhost:1",
          failover: [{"http://localhost:1", token: "hunter2"}],
          failover: [{"http://localhost:1", auth_token: :hunter2}],
          failover: [:hunter2]
        ] do
      assert {:error, %Error{code: :invalid_option, message: message}} =
               EctoLibSql.connect([{option, value}, {:uri, "http://localhost:1"}])

      assert message =~ "#{option} takes"
      refute message =~ "hunter2"
    end

    assert {:error, %Error{code: :invalid_argument, message: message}} =
             EctoLibSql.connect(uri: "http://localhost:1", failover: ["localhost:2"])

    assert message =~ "failover: uri"
    assert {:error, error} = EctoLibSql.connect(database: ":memory:", breaker: false)
    assert error.message =~ "breaker goes with uri"
  end

  test "a local database has none" do
    s = connect!(database: ":memory:")
    assert EctoLibSql.breakers(s) == {:ok, []}
  end

  if Code.ensure_loaded?(:telemetry) do
    import ExUnit.CaptureLog

    test "each change is an event and a line in the log" do
      server = Sqld.start!()
      uri = Sqld.url(server)
      listen(uri)
      s = connect!(uri: uri, breaker: short())
      assert code(s, "SELECT 1") == :ok

      log =
        capture_log(fn ->
          Sqld.kill(server)
          wait_until(fn -> code(s, "SELECT 1") == :circuit_open end, 5_000)

          assert {:open, %{failures: 3, opened: 1}, metadata} = next_change()
          assert %{server: ^uri, namespace: nil, retry_in: retry_in} = metadata
          assert retry_in in 0..20
          assert metadata.reason =~ "refused"
          assert {:half_open, _, %{retry_in: nil}} = next_change()
          assert {:open, %{opened: 1}, _} = next_change()
          assert {:half_open, _, _} = next_change()
          Sqld.restart(server)
          assert {:closed, %{failures: 0}, %{server: ^uri}} = until_closed()
        end)

      assert log =~ "[warning] EctoLibSql: the server #{uri} does not answer"
      assert log =~ "[info] EctoLibSql: the server #{uri} is asked whether it is back"
      assert log =~ "[info] EctoLibSql: the server #{uri} answers again"
      assert code(s, "SELECT 1") == :ok
      refute_received {:breaker, _, _, _}
    end

    test "a frozen server opens it, and one that is slow does not" do
      server = Sqld.start!()
      uri = Sqld.url(server)
      listen(uri)
      s = connect!(uri: uri, breaker: short())

      for _ <- 1..4,
          do: assert(code(s, EctoLibSql.Test.Database.endless(), timeout: 50) == :timeout)

      wait_until(fn -> breaker(uri).failures < 3 end, 10_000)
      refute_received {:breaker, _, _, _}

      Sqld.freeze(server)
      wait_until(fn -> code(s, "SELECT 1", timeout: 50) == :circuit_open end, 10_000)
      assert {:open, _, %{reason: reason}} = next_change()
      assert reason =~ "did not answer"
      Sqld.thaw(server)
      until_closed()
      assert code(s, "SELECT 1") == :ok
    end

    defp until_closed do
      case next_change() do
        {:closed, _, _} = closed -> closed
        _other -> until_closed()
      end
    end
  end
end
