defmodule EctoLibSql.ForeignLockTest do
  # Locks that the write gate knows nothing of: another program's, and readers' outside of WAL mode.
  use ExUnit.Case, async: true

  import EctoLibSql.Test.Database

  alias EctoLibSql.Error
  alias EctoLibSql.Test.OtherVM

  @moduletag :tmp_dir

  setup context do
    s = connect_file!(context, busy_timeout: 60_000)
    :ok = EctoLibSql.run(s, "CREATE TABLE t (id INTEGER PRIMARY KEY, a)")
    %{s: s, database: s.database}
  end

  defp insert(s, a, opts \\ []),
    do: EctoLibSql.query(s, "INSERT INTO t (a) VALUES (?)", [a], opts)

  defp count(s), do: s |> rows("SELECT count(*) FROM t") |> hd() |> hd()

  describe "another program's lock" do
    setup %{database: database} do
      other = OtherVM.start!() |> OtherVM.connect!(database: database)
      {:ok, _} = OtherVM.run(other, :begin)
      {:ok, _} = OtherVM.run(other, :query, ["INSERT INTO t (a) VALUES ('other')"])
      %{other: other}
    end

    test "is waited for", %{s: s, other: other} do
      waiting =
        for write <- [
              &EctoLibSql.begin/1,
              &insert(&1, 1),
              &EctoLibSql.execute_transactional_batch(&1, "DELETE FROM t WHERE a = 'x'")
            ] do
          Task.async(fn ->
            {:ok, own} = EctoLibSql.connect(database: s.database, busy_timeout: 60_000)
            {write.(own), count(own)}
          end)
        end

      wait_until(fn -> match?({:ok, %{queue: 2}}, EctoLibSql.write_gate(s)) end)
      {:ok, _} = OtherVM.run(other, :commit)
      for {{:ok, _}, count} <- Task.await_many(waiting), do: assert(count in 1..2)
    end

    test "ends the wait with an error that says so", %{s: s, other: other} do
      :ok = EctoLibSql.set_busy_timeout(s, 30)
      assert {:error, %Error{code: :busy, extended_code: 5} = error} = insert(s, 1)
      assert error.message =~ ~r/database is locked: waited \d+ ms for the lock/
      assert %{holder: nil, waited: waited} = error.wait
      assert waited >= 30
      assert {:error, %Error{code: :busy}} = insert(s, 1, timeout: 10)
      assert {:ok, %{holder: nil, queue: 0}} = EctoLibSql.write_gate(s)

      {:ok, _} = OtherVM.run(other, :rollback)
      assert {:ok, _} = insert(s, 1)
      assert count(s) == 1
    end

    test "ends the wait by an interrupt", %{s: s} do
      waiting = Task.async(fn -> insert(s, 1) end)
      assert {:error, %Error{code: :interrupted}} = interrupt_task(s, waiting)
      assert {:ok, %{holder: nil}} = EctoLibSql.write_gate(s)
    end

    test "keeps the places of those who wait behind", %{s: s, other: other, database: database} do
      test = self()

      for n <- 1..4 do
        spawn(fn ->
          {:ok, own} = EctoLibSql.connect(database: database, busy_timeout: 60_000)
          send(test, {:connected, n})
          send(test, {:done, n, insert(own, n)})
          Process.sleep(:infinity)
        end)

        assert_receive {:connected, ^n}, 5_000
        # The first has the gate and waits for the other program; the rest queue.
        wait_until(fn ->
          {:ok, %{queue: queue, holder: holder}} = EctoLibSql.write_gate(s)
          holder != nil and queue == n - 1
        end)
      end

      {:ok, _} = OtherVM.run(other, :commit)
      for n <- 1..4, do: assert_receive({:done, ^n, {:ok, _}}, 5_000)
      assert rows(s, "SELECT a FROM t ORDER BY id") == [["other"], [1], [2], [3], [4]]
    end

    test "leaves the gate to the next when who waits for it is killed", %{s: s, other: other} do
      victim = spawn(fn -> insert(s, "lost") end)
      wait_until(fn -> match?({:ok, %{holder: %{pid: ^victim}}}, EctoLibSql.write_gate(s)) end)
      kill(victim)
      wait_until(fn -> match?({:ok, %{holder: nil}}, EctoLibSql.write_gate(s)) end)
      {:ok, _} = OtherVM.run(other, :commit)
      assert {:ok, _} = insert(s, 1)
      assert count(s) == 2
    end
  end

  test "two programs that write at once both get through", %{s: s, database: database} do
    peer = OtherVM.start!()
    there = Task.async(fn -> OtherVM.call(peer, OtherVM, :count_up, [database, 4, 50]) end)
    assert OtherVM.count_up(database, 4, 50) == 200
    assert Task.await(there, 60_000) == 200
    assert count(s) == 400
    assert [["ok"]] = rows(s, "PRAGMA integrity_check")
  end

  describe "outside of WAL mode" do
    setup %{tmp_dir: dir} do
      opts = [
        database: Path.join(dir, "rollback.db"),
        journal_mode: :delete,
        busy_timeout: 60_000
      ]

      [writer, reader] = for _ <- 1..2, do: connect!(opts)
      :ok = EctoLibSql.run(writer, "CREATE TABLE t (id INTEGER PRIMARY KEY, a)")
      {:ok, _} = EctoLibSql.begin(reader, behavior: :deferred)
      0 = count(reader)
      %{writer: writer, reader: reader}
    end

    test "a commit waits for readers, and the transaction stays open", %{
      writer: writer,
      reader: reader
    } do
      {:ok, _} = EctoLibSql.begin(writer)
      {:ok, _} = insert(writer, 1)
      :ok = EctoLibSql.set_busy_timeout(writer, 20)
      assert {:error, %Error{code: :busy}} = EctoLibSql.commit(writer)
      refute EctoLibSql.autocommit?(writer)
      assert {:ok, %{holder: %{}}} = EctoLibSql.write_gate(writer)

      {:ok, _} = EctoLibSql.commit(reader)
      assert {:ok, _} = EctoLibSql.commit(writer)
      assert count(reader) == 1
    end

    test "a write waits for readers, and is applied once", %{writer: writer, reader: reader} do
      test = self()

      spawn(fn ->
        send(test, {:done, insert(writer, 1)})
        Process.sleep(:infinity)
      end)

      wait_until(fn -> match?({:ok, %{holder: %{}}}, EctoLibSql.write_gate(writer)) end)
      {:ok, _} = EctoLibSql.commit(reader)
      assert_receive {:done, {:ok, %{changes: 1}}}, 5_000
      assert count(reader) == 1
    end

    test "a transactional batch that readers keep from its commit leaves nothing", %{
      writer: writer,
      reader: reader
    } do
      :ok = EctoLibSql.set_busy_timeout(writer, 20)

      assert {:error, %Error{code: :busy}} =
               EctoLibSql.execute_transactional_batch(writer, "INSERT INTO t (a) VALUES (1)")

      assert EctoLibSql.autocommit?(writer)
      {:ok, _} = EctoLibSql.commit(reader)
      assert count(writer) == 0
    end

    test "connections that switch a new file to WAL together all get there", %{tmp_dir: dir} do
      database = Path.join(dir, "new.db")

      assert 1..20
             |> Enum.map(fn _ ->
               Task.async(fn ->
                 {:ok, s} = EctoLibSql.connect(database: database)
                 EctoLibSql.Pragma.get_journal_mode(s)
               end)
             end)
             |> Task.await_many() == List.duplicate({:ok, :wal}, 20)
    end
  end

  test "PRAGMA busy_timeout does not bring SQLite's own sleeping back", %{s: s} = context do
    other = connect_file!(context, busy_timeout: 0)
    :ok = EctoLibSql.run(other, "PRAGMA busy_timeout = 60000")
    {:ok, _} = EctoLibSql.begin(s)
    assert {:error, %Error{code: :busy}} = insert(other, 1)
  end
end
