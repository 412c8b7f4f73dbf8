defmodule EctoLibSql.Server.ReplicaOptionsTest do
  # No server is needed: what is wrong is told before one is asked.
  use ExUnit.Case, async: true

  alias EctoLibSql.{Error, Options, Replication}

  @uri "http://localhost:1"

  defp refused(opts) do
    assert {:error, %Error{code: code, message: message}} = EctoLibSql.connect(opts)
    {code, message}
  end

  test "options that are wrong are named" do
    for {opts, code, part} <- [
          {[uri: @uri, sync: true], :unsupported, "sync"},
          {[uri: @uri, read_your_writes: true], :unsupported, "read_your_writes"},
          {[database: "a.db", sync: true], :invalid_option, "sync"},
          {[uri: @uri, database: ":memory:"], :invalid_option, "memory"},
          {[uri: @uri, database: "file:a.db"], :invalid_option, "URI"},
          {[uri: @uri, database: ""], :invalid_option, "database"},
          {[uri: @uri, database: "a.db", sync: 0], :invalid_option, "sync"},
          {[uri: @uri, database: "a.db", sync: :often], :invalid_option, "milliseconds"},
          {[uri: @uri, database: "a.db", read_your_writes: 1], :invalid_option, "read_your"},
          {[uri: @uri, database: "a.db", sync_protocol: :v3], :invalid_option, "sync_protocol"},
          {[uri: @uri, database: "a.db", page_size: 512], :unsupported, "page_size"},
          {[uri: @uri, database: "a.db", foreign_keys: false], :unsupported, "foreign_keys"},
          {[uri: @uri, database: "a.db", syncs: true], :invalid_option, "syncs"}
        ] do
      assert {^code, message} = refused(opts)
      assert message =~ part
    end
  end

  test "no key is shown" do
    {:invalid_option, message} = refused(uri: @uri, database: "a.db", encryption_key: 4711)
    refute message =~ "4711"
  end

  test "a replica syncs by itself unless it is told not to" do
    for {given, interval} <- [{[], 5_000}, {[sync: true], 5_000}, {[sync: 70], 70}] do
      assert {:ok, {:replica, %{interval: ^interval, read_your_writes: true}}} =
               Options.validate([uri: @uri, database: "a.db"] ++ given)
    end

    assert {:ok, {:replica, %{interval: nil, read_your_writes: false, path: path}}} =
             Options.validate(uri: @uri, database: "a.db", sync: false, read_your_writes: false)

    assert path == Path.expand("a.db")
  end

  test "other databases are no replicas" do
    {:ok, local} = EctoLibSql.connect(database: ":memory:")
    {:ok, remote} = EctoLibSql.connect(uri: @uri)

    for s <- [local, remote],
        ask <- [
          &EctoLibSql.sync/1,
          &EctoLibSql.sync_until(&1, 1),
          &EctoLibSql.replication_index/1,
          &EctoLibSql.max_write_replication_index/1,
          &EctoLibSql.flush_replicator/1,
          &EctoLibSql.freeze/1,
          &EctoLibSql.Native.get_frame_number_for_replica/1,
          &EctoLibSql.Native.get_max_write_frame/1,
          &EctoLibSql.Native.flush_and_get_frame/1,
          &EctoLibSql.Native.sync_until_frame(&1, 1),
          &EctoLibSql.Native.freeze_replica/1,
          &Replication.status/1
        ] do
      assert {:error, %Error{code: :unsupported, message: message}} = ask.(s)
      assert message =~ "no replica"
    end

    EctoLibSql.disconnect(local)
    EctoLibSql.disconnect(remote)
    assert {:error, %{message: message}} = Replication.status(:no_such_pool)
    assert message =~ "no_such_pool"
  end
end
