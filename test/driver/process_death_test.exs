defmodule EctoLibSql.ProcessDeathTest do
  use ExUnit.Case, async: true

  import EctoLibSql.Test.Database

  @moduletag :tmp_dir

  setup context do
    s = connect_file!(context, busy_timeout: 0)
    :ok = EctoLibSql.run(s, "CREATE TABLE t (a)")
    %{s: s, database: s.database}
  end

  defp lock_free?(s) do
    case EctoLibSql.begin(s) do
      {:ok, _} ->
        {:ok, _} = EctoLibSql.rollback(s)
        true

      {:error, %{code: :busy}} ->
        false
    end
  end

  describe "a connection's owner that is killed" do
    test "in a query: it is stopped and the connection closed", %{database: database} do
      test = self()

      victim =
        spawn(fn ->
          {:ok, s} = EctoLibSql.connect(database: database)
          send(test, {:connected, s})
          EctoLibSql.query(s, endless())
        end)

      assert_receive {:connected, s}
      wait_until_running(s, victim)
      kill(victim)
      wait_until(fn -> listed(s) == nil end)
      assert {:error, %{code: :connection_closed}} = EctoLibSql.ping(s)
    end

    test "in a transaction: it is rolled back and its lock gone", %{s: s, database: database} do
      {victim, {:ok, other}} =
        start_victim(fn ->
          {:ok, s} = EctoLibSql.connect(database: database)
          {:ok, s} = EctoLibSql.begin(s)
          :ok = EctoLibSql.run(s, "INSERT INTO t VALUES (1)")
          {:ok, s}
        end)

      refute lock_free?(s)
      kill(victim)
      wait_until(fn -> lock_free?(s) end)
      wait_until(fn -> listed(other) == nil end)
      assert rows(s, "SELECT * FROM t") == []
    end

    test "in the middle of a write: nothing of it stays", %{s: s, database: database} do
      test = self()

      victim =
        spawn(fn ->
          {:ok, s} = EctoLibSql.connect(database: database)
          send(test, {:connected, s})
          EctoLibSql.query(s, "INSERT INTO t #{count_to(1_000_000_000)}")
        end)

      assert_receive {:connected, other}
      wait_until(fn -> not lock_free?(s) end)
      kill(victim)
      wait_until(fn -> lock_free?(s) end)
      wait_until(fn -> listed(other) == nil end)
      assert rows(s, "SELECT * FROM t") == []
      assert {:ok, []} = EctoLibSql.Pragma.integrity_check(s)
    end

    test "with a cursor and statements: all of them are freed", %{database: database} do
      {victim, {:ok, other}} =
        start_victim(fn ->
          {:ok, s} = EctoLibSql.connect(database: database)
          {:ok, _} = EctoLibSql.prepare(s, "SELECT 1")
          {:ok, cursor} = EctoLibSql.declare(s, count_to(10))
          {:cont, _} = EctoLibSql.fetch(s, cursor, 1)
          {:ok, s}
        end)

      assert %{statements: [_], cursors: [_]} = listed(other)
      kill(victim)
      wait_until(fn -> listed(other) == nil end)
    end

    test "while it waits for a lock: it waits no longer", %{s: s, database: database} do
      {:ok, _} = EctoLibSql.begin(s)
      test = self()

      victim =
        spawn(fn ->
          {:ok, s} = EctoLibSql.connect(database: database, busy_timeout: 60_000)
          send(test, {:connected, s})
          EctoLibSql.begin(s)
        end)

      assert_receive {:connected, other}
      wait_until_queued(s, 1)
      kill(victim)
      wait_until(fn -> listed(other) == nil end)
      wait_until_queued(s, 0)
    end
  end

  describe "another process that uses the connection and is killed" do
    test "in a query: it is stopped, the connection lives on", %{s: s} do
      victim = spawn(fn -> EctoLibSql.query(s, endless()) end)
      wait_until_running(s, victim)
      kill(victim)
      wait_until(fn -> listed(s).running == nil end)
      assert rows(s, "SELECT 1") == [[1]]
    end

    test "in its transaction: it is rolled back", %{s: s} do
      {victim, :ok} =
        start_victim(fn ->
          {:ok, s} = EctoLibSql.begin(s)
          EctoLibSql.run(s, "INSERT INTO t VALUES (1)")
        end)

      assert %{transaction: %{owner: ^victim}} = listed(s)
      kill(victim)
      wait_until(fn -> listed(s).transaction == nil end)
      assert rows(s, "SELECT * FROM t") == []
      assert lock_free?(s)
    end

    test "in a transaction that its SQL began: the same", %{s: s} do
      {victim, {:ok, _}} =
        start_victim(fn ->
          EctoLibSql.execute_batch(s, "BEGIN IMMEDIATE; INSERT INTO t VALUES (1)")
        end)

      kill(victim)
      wait_until(fn -> listed(s).transaction == nil end)
      assert rows(s, "SELECT * FROM t") == []
    end

    test "with a cursor and statements: they are freed, others' are not", %{s: s} do
      {:ok, mine} = EctoLibSql.prepare(s, "SELECT 1")

      {victim, {id, cursor}} =
        start_victim(fn ->
          {:ok, id} = EctoLibSql.prepare(s, "SELECT 2")
          {:ok, cursor} = EctoLibSql.declare(s, count_to(10))
          {:cont, _} = EctoLibSql.fetch(s, cursor, 1)
          {id, cursor}
        end)

      kill(victim)
      wait_until(fn -> match?(%{statements: [%{id: ^mine}], cursors: []}, listed(s)) end)
      assert {:error, %{code: :statement_closed}} = EctoLibSql.query_stmt(s, id)
      assert {:error, %{code: :cursor_closed}} = EctoLibSql.fetch(s, cursor)
      assert {:ok, %{rows: [[1]]}} = EctoLibSql.query_stmt(s, mine)
    end
  end

  test "an owner that ends normally closes its connection as well" do
    {:ok, s} = fn -> EctoLibSql.connect(database: ":memory:") end |> Task.async() |> Task.await()
    wait_until(fn -> listed(s) == nil end)
  end
end
