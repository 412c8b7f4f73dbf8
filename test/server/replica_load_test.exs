defmodule EctoLibSql.Server.ReplicaLoadTest do
  # Tracing is the whole VM's.
  use ExUnit.Case, async: false

  import EctoLibSql.Test.Database, only: [rows: 2, rows: 3]
  import EctoLibSql.Test.NifCalls, only: [assert_calls: 3, nif_calls: 1, normal: 0]
  import EctoLibSql.Test.Replicas

  alias EctoLibSql.{Error, Replication}
  alias EctoLibSql.Test.{OtherVM, Sqld}

  @moduletag :sqld
  @moduletag :capture_log
  @moduletag :tmp_dir

  @inserts 100_000
  @batch 1_000

  setup context do
    context = Map.put(context, :server, Sqld.start!())
    primary = primary!(context)
    :ok = EctoLibSql.run(primary, "CREATE TABLE t (id INTEGER PRIMARY KEY, a)")
    :ok = EctoLibSql.run(primary, "INSERT INTO t (a) VALUES (1)")
    %{server: context.server, primary: primary}
  end

  test "a warm read is a local one and a look at the replica; a write leaves the schedulers alone",
       context do
    s = connect!(context)
    read = fn -> rows(s, "SELECT a FROM t WHERE id = ?", [1]) end

    assert_calls("a read", {2, 0}, read)
    {:ok, id} = EctoLibSql.prepare(s, "SELECT a FROM t WHERE id = ?")

    assert_calls("a prepared read", {2, 0}, fn -> {:ok, _} = EctoLibSql.query_stmt(s, id, [1]) end)

    # One hop to find out that it is no read; all that waits does so in `receive`.
    write = fn -> EctoLibSql.query(s, "INSERT INTO t (a) VALUES (2)") end
    write.()
    assert Enum.reject(nif_calls(write), &(&1 in normal())) == [:query]

    assert nif_calls(fn ->
             EctoLibSql.transaction(s, fn s -> EctoLibSql.run(s, "DELETE FROM t") end)
             EctoLibSql.sync(s)
             EctoLibSql.sync_until(s, 1)
           end)
           |> Enum.reject(&(&1 in normal())) == []
  end

  test "a replica follows #{@inserts} inserts while it is read", context do
    s = connect!(context, sync: 20)
    primary = context.primary
    :ok = EctoLibSql.run(primary, "DELETE FROM t")
    EctoLibSql.sync(s)
    insert = {"INSERT INTO t (a) VALUES (?)", [7]}

    # A reader that keeps what it saw first, while the file goes on.
    snapshot = connect!(context)
    {:ok, _} = EctoLibSql.begin(snapshot, behavior: :read_only)
    assert count(snapshot) == 0

    writer =
      Task.async(fn ->
        for _ <- 1..div(@inserts, @batch) do
          {:ok, _} =
            EctoLibSql.batch_transactional(primary, List.duplicate(insert, @batch),
              timeout: 60_000
            )
        end
      end)

    seen = follow(s, [0])
    Task.await(writer, 120_000)

    # Time only goes forward, and no transaction is seen in part.
    assert seen == Enum.sort(seen)
    assert Enum.all?(seen, &(rem(&1, @batch) == 0))
    assert length(Enum.uniq(seen)) > 2

    assert count(snapshot) == 0
    {:ok, _} = EctoLibSql.commit(snapshot)
    assert count(snapshot) == @inserts
    assert rows(s, "PRAGMA integrity_check") == [["ok"]]
    assert {:ok, %{resets: 0, lag: 0, state: :ok}} = Replication.status(s)
  end

  defp follow(_s, [@inserts | _] = seen), do: Enum.reverse(seen)
  defp follow(s, seen), do: follow(s, [count(s) | seen])

  defp count(s), do: hd(hd(rows(s, "SELECT count(*) FROM t")))

  test "two VMs have a replica each, and read what the other wrote", context do
    here = connect!(context)
    peer = OtherVM.start!()
    file = Path.join(context.tmp_dir, "there.db")
    there = OtherVM.connect!(peer, options(context, database: file))

    for value <- 2..20 do
      {:ok, _} = OtherVM.run(there, :query, ["INSERT INTO t (a) VALUES (?)", [value]])
      {:ok, frame} = OtherVM.run(there, :max_write_replication_index)
      assert {:ok, reached} = Replication.wait_for_frame(here, frame, 10_000)
      assert reached >= frame
      assert count(here) == 2 * value - 2

      {:ok, _} = EctoLibSql.query(here, "INSERT INTO t (a) VALUES (?)", [value])
      {:ok, frame} = EctoLibSql.max_write_replication_index(here)
      assert {:ok, _} = OtherVM.run(there, :sync_until, [frame, 10_000])

      assert {:ok, %{rows: [[count]]}} = OtherVM.run(there, :query, ["SELECT count(*) FROM t"])
      assert count == 2 * value - 1
    end
  end

  test "a file that another VM has is refused", context do
    connect!(context)
    peer = OtherVM.start!()

    assert {:error, %Error{code: :busy, message: message}} =
             OtherVM.call(peer, EctoLibSql, :connect, [options(context)])

    assert message =~ "replica.db"
  end
end
