defmodule EctoLibSql.Server.ReplicaTokenTest do
  use ExUnit.Case, async: true

  import EctoLibSql.Test.Database, only: [rows: 2, wait_until: 1]
  import EctoLibSql.Test.Replicas

  alias EctoLibSql.{Error, Native, Replication}
  alias EctoLibSql.Test.{JWT, Sqld}

  @moduletag :sqld
  @moduletag :capture_log
  @moduletag :tmp_dir

  setup do
    key = JWT.generate_key()
    token = JWT.token(key, a: "rw")
    %{server: Sqld.start!(jwt_key: key), token: token, key: key}
  end

  test "a replica needs one", context do
    for opts <- [[], [auth_token: "garbage"]] do
      assert {:error, %Error{code: :unauthorized}} = EctoLibSql.connect(options(context, opts))
    end

    s = connect!(context, auth_token: context.token)
    :ok = EctoLibSql.run(s, "CREATE TABLE t (a)")
    assert rows(s, "SELECT * FROM t") == []
  end

  test "that only reads, writes are refused and reads are made", context do
    s = connect!(context, auth_token: JWT.token(context.key, a: "ro"))
    assert rows(s, "SELECT 1") == [[1]]
    assert {:error, %Error{code: :forbidden}} = EctoLibSql.query(s, "CREATE TABLE t (a)")
    assert {:ok, _} = EctoLibSql.sync(s)
  end

  test "one that has run out is renewed, by who asks and without anybody", context do
    s = connect!(context, auth_token: fn -> context.token end, sync: 50)
    primary = primary!(context, auth_token: context.token)
    :ok = EctoLibSql.run(primary, "CREATE TABLE t (a)")
    :ok = Native.replica_set_token(s.database, "run out")
    assert {:ok, _} = EctoLibSql.sync(s)
    assert rows(s, "SELECT * FROM t") == []

    # The renewal that the sync before had set off may still come, so it runs out until that is seen.
    {:ok, %{failures: failures}} = Replication.status(s)

    wait_until(fn ->
      :ok = Native.replica_set_token(s.database, "run out")
      match?({:ok, %{failures: now}} when now > failures, Replication.status(s))
    end)

    wait_until(fn -> match?({:ok, %{state: :ok}}, Replication.status(s)) end)

    # Of the connection to the primary, too.
    :ok = Native.remote_set_token(s.replica.primary, "run out")
    assert {:ok, _} = EctoLibSql.query(s, "INSERT INTO t VALUES (1)")
    assert rows(s, "SELECT * FROM t") == [[1]]
  end

  test "a namespace is a database of its own", context do
    server = Sqld.start!(namespaces: true)
    for name <- ["one", "two"], do: Sqld.create_namespace(server, name)
    context = %{context | server: server}

    [one, two] =
      for name <- ["one", "two"] do
        file = Path.join(context.tmp_dir, name)
        connect!(context, namespace: name, database: file)
      end

    :ok = EctoLibSql.run(one, "CREATE TABLE t (a)")
    assert rows(one, "SELECT * FROM t") == []
    {:ok, _} = EctoLibSql.sync(two)
    assert {:error, %Error{code: :error}} = EctoLibSql.query(two, "SELECT * FROM t")
  end
end
