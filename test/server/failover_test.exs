if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule EctoLibSql.Server.FailoverTest do
    # A repo with a primary and replicas of it, all of them sqlds.
    use ExUnit.Case, async: true

    import EctoLibSql.Test.Breakers
    import EctoLibSql.Test.Database, only: [wait_until: 2]
    import Ecto.Query

    alias EctoLibSql.Error
    alias EctoLibSql.Test.{HTTP, JWT, Sqld}

    @moduletag :sqld
    @moduletag :capture_log

    # A connection that was kept may break before no other one can be had.
    @unreachable [:connection_refused, :connection_lost]

    defmodule Repo do
      use Ecto.Repo, otp_app: :ecto_libsql, adapter: Ecto.Adapters.LibSql
    end

    defmodule Thing do
      use Ecto.Schema

      schema "things" do
        field(:name, :string)
      end
    end

    setup do
      primary = Sqld.start!(grpc: true)
      replica = Sqld.start!(primary: primary)
      {:ok, s} = EctoLibSql.connect(uri: Sqld.url(primary))
      :ok = EctoLibSql.run(s, "CREATE TABLE things (id INTEGER PRIMARY KEY, name TEXT)")
      :ok = EctoLibSql.run(s, "INSERT INTO things (name) VALUES ('one'), ('two')")
      EctoLibSql.disconnect(s)
      wait_until(fn -> reads_by_itself?(replica) end, 10_000)
      %{primary: primary, replica: replica}
    end

    # A replica that has nothing yet hands reads on to its primary, whose figures are then not told.
    defp reads_by_itself?(replica) do
      body =
        ~s({"requests": [{"type": "execute", "stmt": {"sql": "SELECT * FROM things"}}, {"type": "close"}]})

      {:ok, 200, answer} = HTTP.request(Sqld.url(replica) <> "/v3/pipeline", body: body)
      answer =~ ~s("rows_read":2)
    end

    # By a connection of its own.
    defp count(server) do
      {:ok, s} = EctoLibSql.connect(uri: Sqld.url(server), breaker: false)
      {:ok, %{rows: [[count]]}} = EctoLibSql.query(s, "SELECT count(*) FROM things")
      EctoLibSql.disconnect(s)
      count
    end

    defp start_repo!(primary, opts) do
      opts =
        Keyword.merge([uri: Sqld.url(primary), pool_size: 3, breaker: long(), name: nil], opts)

      repo = start_supervised!({Repo, [log: false] ++ opts})
      Repo.put_dynamic_repo(repo)
      repo
    end

    defp listen_to_failover do
      test = self()
      id = {__MODULE__, make_ref()}

      :telemetry.attach(id, [:ecto_libsql, :failover], &__MODULE__.failed_over/4, test)

      on_exit(fn -> :telemetry.detach(id) end)
    end

    # Sent by the process that reads.
    def failed_over(_event, measurements, metadata, test) do
      if self() == test, do: send(test, {:failover, measurements, metadata})
    end

    defp write_error, do: write_error(fn -> Repo.insert(%Thing{name: "three"}) end)

    defp write_error(write) do
      error = assert_raise Error, fn -> write.() end
      error.code
    end

    # sqld tells in its log of writes that it hands on in vain.
    defp no_writes_at(replica), do: refute(Sqld.log(replica) =~ "write_proxy")

    test "reads go on while the primary is away, and nothing else does", context do
      %{primary: primary, replica: replica} = context
      start_repo!(primary, failover: [Sqld.url(replica)])
      listen_to_failover()
      assert Repo.aggregate(Thing, :count) == 2
      refute_received {:failover, _, _}
      Sqld.kill(primary)

      assert [%{name: "one"}, %{name: "two"}] = Repo.all(from(t in Thing, order_by: t.id))
      uri = Sqld.url(replica)
      database = Sqld.url(primary)
      assert_received {:failover, %{count: 1}, %{server: ^uri, database: ^database} = metadata}
      assert metadata.reason in @unreachable
      wait_until(fn -> write_error() == :circuit_open end, 5_000)

      for _ <- 1..10 do
        assert %{name: "two"} = Repo.get!(Thing, 2)
        assert_received {:failover, _, %{reason: :circuit_open}}
      end

      assert Repo.query!("SELECT name FROM things WHERE id = ?", [1]).rows == [["one"]]
      assert Repo.all(from(t in "things", where: t.id == 1, select: t.name)) == ["one"]

      assert write_error(fn -> Repo.update_all(Thing, set: [name: "x"]) end) == :circuit_open
      assert write_error(fn -> Repo.delete!(%Thing{id: 1}) end) == :circuit_open
      assert write_error(fn -> Repo.insert_all(Thing, [%{name: "y"}]) end) == :circuit_open

      for sql <- [
            "WITH x AS (SELECT 9) INSERT INTO things SELECT *, 'z' FROM x",
            "CREATE TABLE u (a)"
          ],
          do: assert({:error, %Error{code: :circuit_open}} = Repo.query(sql))

      assert write_error(fn -> Repo.transaction(fn -> Repo.all(Thing) end) end) == :circuit_open

      assert write_error(fn ->
               Repo.transaction(fn -> Thing |> Repo.stream() |> Enum.to_list() end)
             end) == :circuit_open

      assert count(replica) == 2
      no_writes_at(replica)

      # It would have told.
      {:ok, s} = EctoLibSql.connect(uri: Sqld.url(replica), breaker: false)
      {:error, _} = EctoLibSql.query(s, "DELETE FROM things", [], timeout: 200)
      wait_until(fn -> Sqld.log(replica) =~ "write_proxy" end, 5_000)
      EctoLibSql.disconnect(s)
    end

    test "the primary's return ends it", %{primary: primary, replica: replica} do
      start_repo!(primary, breaker: short(), failover: [Sqld.url(replica)])
      Sqld.kill(primary)
      wait_until(fn -> write_error() == :circuit_open end, 5_000)
      assert Repo.aggregate(Thing, :count) == 2
      Sqld.restart(primary)
      wait_for(Sqld.url(primary), :closed)
      assert {:ok, thing} = Repo.insert(%Thing{name: "three"})
      assert Repo.get!(Thing, thing.id).name == "three"
      assert {:ok, 3} = Repo.transaction(fn -> Repo.aggregate(Thing, :count) end)
      no_writes_at(replica)
    end

    test "a pool starts without its primary, and reads", %{primary: primary, replica: replica} do
      Sqld.kill(primary)
      repo = start_repo!(primary, failover: [Sqld.url(replica)])

      tasks =
        for _ <- 1..50,
            do: Task.async(fn -> Repo.put_dynamic_repo(repo) && Repo.aggregate(Thing, :count) end)

      assert tasks |> Task.await_many() |> Enum.uniq() == [2]
      assert {:ok, %{status: :degraded}} = EctoLibSql.health(repo)
    end

    test "a frozen primary is waited for until its breaker is open", context do
      %{primary: primary, replica: replica} = context
      start_repo!(primary, failover: [Sqld.url(replica)])
      assert Repo.aggregate(Thing, :count) == 2
      Sqld.freeze(primary)

      wait_until(
        fn ->
          match?(
            {:ok, %{rows: [[2]]}},
            Repo.query("SELECT count(*) FROM things", [], timeout: 300)
          )
        end,
        20_000
      )

      assert breaker(Sqld.url(primary)).state == :open
      assert Repo.aggregate(Thing, :count) == 2
      assert write_error() == :circuit_open
      Sqld.thaw(primary)
      no_writes_at(replica)
    end

    test "the next replica answers where one is away, too", context do
      %{primary: primary, replica: replica} = context
      other = Sqld.start!(primary: primary)
      wait_until(fn -> reads_by_itself?(other) end, 10_000)
      start_repo!(primary, failover: [Sqld.url(replica), Sqld.url(other)])
      listen_to_failover()
      Sqld.kill(primary)
      Sqld.kill(replica)
      for _ <- 1..10, do: assert(Repo.aggregate(Thing, :count) == 2)
      uri = Sqld.url(other)
      assert_received {:failover, _, %{server: ^uri}}
      assert [%{state: :open}, %{state: :open}, %{state: :closed}] = health!().breakers
      Sqld.kill(other)
      assert_raise Error, fn -> Repo.aggregate(Thing, :count) end
    end

    defp health! do
      {:ok, health} = EctoLibSql.health(Repo.get_dynamic_repo())
      health
    end

    test "health tells what works", %{primary: primary, replica: replica} do
      repo = start_repo!(primary, failover: [Sqld.url(replica)])
      assert Repo.aggregate(Thing, :count) == 2
      assert %{status: :ok, error: nil, mode: :remote, replication: nil, pool: %{}} = health!()

      assert [%{state: :closed, server: first}, %{state: :closed, server: second}] =
               health!().breakers

      assert {first, second} == {Sqld.url(primary), Sqld.url(replica)}

      Sqld.kill(primary)

      assert %{status: :degraded, latency: latency, error: %Error{code: code}} = health!()
      assert code in @unreachable
      assert is_integer(latency)
      wait_until(fn -> write_error() == :circuit_open end, 5_000)
      assert %{status: :degraded, error: %Error{code: :circuit_open}} = health!()
      assert [%{state: :open}, %{state: :closed}] = EctoLibSql.Pool.metrics(repo).breakers

      Sqld.kill(replica)
      assert {:error, %Error{code: :circuit_open}} = EctoLibSql.health(repo)
    end

    test "health of a connection", %{primary: primary, replica: replica} do
      opts = [uri: Sqld.url(primary), failover: [Sqld.url(replica)], breaker: long()]
      {:ok, s} = EctoLibSql.connect(opts)
      assert {:ok, %{status: :ok, breakers: [_, _], replication: nil}} = EctoLibSql.health(s)
      Sqld.kill(primary)
      assert {:ok, %{status: :degraded, error: %Error{}}} = EctoLibSql.health(s)
      Sqld.kill(replica)
      assert {:error, %Error{code: code}} = EctoLibSql.health(s)
      assert code in [:circuit_open | @unreachable]
      EctoLibSql.disconnect(s)
    end

    test "connections are not opened over and over while the primary is away", context do
      repo = start_repo!(context.primary, pool_size: 5)
      assert Repo.aggregate(Thing, :count) == 2
      opened = fn -> EctoLibSql.Pool.metrics(repo).opened end
      wait_until(fn -> opened.() == 5 end, 5_000)
      Sqld.kill(context.primary)
      for _ <- 1..500, do: assert({:error, %Error{}} = Repo.query("SELECT 1"))
      assert opened.() == 5
      assert breaker(Sqld.url(context.primary)).refused >= 490
    end

    test "a server of its own token gets a new one when it is asked for" do
      {key, other_key} = {JWT.generate_key(), JWT.generate_key()}
      first = Sqld.start!(jwt_key: key)
      second = Sqld.start!(jwt_key: other_key)
      asked = :counters.new(1, [])

      token = fn ->
        :counters.add(asked, 1, 1)
        # The first one has expired.
        claims = if :counters.get(asked, 1) == 1, do: [exp: 1], else: [a: "ro"]
        JWT.token(other_key, claims)
      end

      {:ok, s} =
        EctoLibSql.connect(
          uri: Sqld.url(first),
          auth_token: JWT.token(key, a: "rw"),
          breaker: long(),
          failover: [{Sqld.url(second), auth_token: token}]
        )

      Sqld.kill(first)
      assert {:ok, %{rows: [[1]]}} = EctoLibSql.query(s, "SELECT 1")
      assert :counters.get(asked, 1) == 2
      EctoLibSql.disconnect(s)
    end
  end
end
