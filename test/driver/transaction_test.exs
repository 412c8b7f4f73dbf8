defmodule EctoLibSql.TransactionTest do
  use ExUnit.Case, async: true

  import EctoLibSql.Test.Database
  import ExUnit.CaptureLog

  alias EctoLibSql.Error

  @moduletag :tmp_dir

  setup context do
    s = connect_file!(context)
    :ok = EctoLibSql.run(s, "CREATE TABLE t (id INTEGER PRIMARY KEY, a)")
    %{s: s}
  end

  defp insert(s, a), do: EctoLibSql.query(s, "INSERT INTO t (a) VALUES (?)", [a])
  defp all(s), do: s |> rows("SELECT a FROM t ORDER BY id") |> List.flatten()

  describe "begin/2" do
    test "commit keeps, rollback does not", %{s: s} do
      assert {:ok, ^s} = EctoLibSql.begin(s)
      refute EctoLibSql.autocommit?(s)
      {:ok, _} = insert(s, 1)
      assert {:ok, ^s} = EctoLibSql.commit(s)
      assert EctoLibSql.autocommit?(s)
      {:ok, s} = EctoLibSql.begin(s)
      {:ok, _} = insert(s, 2)
      assert {:ok, ^s} = EctoLibSql.rollback(s)
      assert all(s) == [1]
    end

    test "takes the write lock by default, and not when deferred", %{s: s} = context do
      other = connect_file!(context, busy_timeout: 0)

      for behavior <- [:immediate, :exclusive] do
        {:ok, _} = EctoLibSql.begin(s, behavior: behavior)
        assert {:error, %Error{code: :busy}} = EctoLibSql.begin(other)
        {:ok, _} = EctoLibSql.rollback(s)
      end

      for behavior <- [:deferred, :read_only] do
        {:ok, _} = EctoLibSql.begin(s, behavior: behavior)
        assert {:ok, _} = EctoLibSql.begin(other)
        {:ok, _} = EctoLibSql.rollback(other)
        {:ok, _} = EctoLibSql.rollback(s)
      end
    end

    test "a deferred one whose snapshot is old says so at once", %{s: s} = context do
      other = connect_file!(context)
      {:ok, s} = EctoLibSql.begin(s, behavior: :deferred)
      assert all(s) == []
      {:ok, _} = insert(other, 1)
      assert {:error, %Error{code: :busy_snapshot, extended_code: 517}} = insert(s, 2)
      {:ok, _} = EctoLibSql.rollback(s)
      assert all(s) == [1]
    end

    test "a read-only one refuses every way of writing, and ends", %{s: s} do
      {:ok, id} = EctoLibSql.prepare(s, "INSERT INTO t (a) VALUES (1)")
      {:ok, s} = EctoLibSql.begin(s, behavior: :read_only)

      for result <- [
            insert(s, 1),
            EctoLibSql.run(s, id),
            EctoLibSql.declare(s, "DELETE FROM t RETURNING id"),
            EctoLibSql.execute_batch(s, "DROP TABLE t"),
            EctoLibSql.batch(s, [{"UPDATE t SET a = 1", []}])
          ] do
        assert {:error, %Error{code: :readonly}} = result
      end

      assert all(s) == []
      {:ok, _} = EctoLibSql.commit(s)
      assert {:ok, _} = insert(s, 1)
    end

    test "in an open transaction is an error; so are commit and rollback in none", %{s: s} do
      {:ok, s} = EctoLibSql.begin(s)
      assert {:error, %Error{code: :transaction_open}} = EctoLibSql.begin(s)
      {:ok, _} = EctoLibSql.commit(s)
      assert {:error, %Error{code: :no_transaction}} = EctoLibSql.commit(s)
      assert {:error, %Error{code: :no_transaction}} = EctoLibSql.rollback(s)
    end

    test "by the caller's own SQL is a transaction as well", %{s: s} do
      :ok = EctoLibSql.run(s, "BEGIN")
      assert %{transaction: %{behavior: nil, owner: owner}} = listed(s)
      assert owner == self()
      assert {:error, %Error{code: :transaction_open}} = EctoLibSql.begin(s)
      {:ok, _} = insert(s, 1)
      :ok = EctoLibSql.run(s, "COMMIT")
      assert listed(s).transaction == nil
      {:ok, s} = EctoLibSql.begin(s)
      :ok = EctoLibSql.run(s, "ROLLBACK")
      assert {:error, %Error{code: :no_transaction}} = EctoLibSql.commit(s)
      assert all(s) == [1]
    end

    test "takes no other behavior", %{s: s} do
      assert_raise ArgumentError, ~r/behavior takes one of/, fn ->
        EctoLibSql.begin(s, behavior: :concurrent)
      end
    end
  end

  describe "a commit that fails" do
    setup %{s: s} do
      {:ok, _} =
        EctoLibSql.execute_batch(s, """
        CREATE TABLE parents (id INTEGER PRIMARY KEY);
        CREATE TABLE children (parent_id REFERENCES parents DEFERRABLE INITIALLY DEFERRED);
        """)

      :ok
    end

    test "leaves the transaction open, to be mended", %{s: s} do
      {:ok, s} = EctoLibSql.begin(s)
      :ok = EctoLibSql.run(s, "INSERT INTO children VALUES (1)")
      assert {:error, %Error{code: :constraint_foreignkey}} = EctoLibSql.commit(s)
      refute EctoLibSql.autocommit?(s)
      :ok = EctoLibSql.run(s, "INSERT INTO parents VALUES (1)")
      assert {:ok, _} = EctoLibSql.commit(s)
      assert rows(s, "SELECT * FROM children") == [[1]]
    end

    test "is rolled back by transaction/3", %{s: s} do
      assert {:error, %Error{code: :constraint_foreignkey}} =
               EctoLibSql.transaction(s, fn s ->
                 EctoLibSql.run(s, "INSERT INTO children VALUES (1)")
               end)

      assert EctoLibSql.autocommit?(s)
      assert rows(s, "SELECT * FROM children") == []
    end
  end

  describe "a transaction that SQLite rolls back by itself" do
    setup %{s: s} do
      {:ok, s} = EctoLibSql.begin(s)
      {:ok, _} = insert(s, 1)

      assert {:error, %Error{code: :constraint_primarykey}} =
               EctoLibSql.query(s, "INSERT OR ROLLBACK INTO t (id) VALUES (1)")

      %{s: s}
    end

    test "is lost: no later statement runs outside of it", %{s: s} do
      for result <- [
            insert(s, 2),
            EctoLibSql.execute_batch(s, "INSERT INTO t (a) VALUES (2)"),
            EctoLibSql.batch(s, [{"INSERT INTO t (a) VALUES (2)", []}]),
            EctoLibSql.declare(s, "SELECT 1"),
            EctoLibSql.create_savepoint(s, "x")
          ] do
        assert {:error, %Error{code: :transaction_lost, message: message}} = result
        assert message =~ "UNIQUE constraint failed"
      end

      assert {:ok, _} = EctoLibSql.rollback(s)
      assert all(s) == []
    end

    test "cannot be committed; then a new one can begin", %{s: s} do
      assert {:error, %Error{code: :transaction_lost}} = EctoLibSql.commit(s)
      assert {:ok, [[]]} = EctoLibSql.transaction(s, fn s -> [all(s)] end)
    end

    test "is no transaction after a reset", %{s: s} do
      assert :ok = EctoLibSql.reset_connection(s)
      assert {:ok, _} = insert(s, 3)
      assert all(s) == [3]
    end
  end

  describe "transaction/3" do
    test "commits and answers the value", %{s: s} do
      assert {:ok, :done} = EctoLibSql.transaction(s, fn s -> insert(s, 1) && :done end)
      assert {:ok, :done} = EctoLibSql.transaction(s, fn s -> insert(s, 2) && {:ok, :done} end)
      assert all(s) == [1, 2]
    end

    test "rolls back on an error", %{s: s} do
      assert {:error, :no} = EctoLibSql.transaction(s, fn s -> insert(s, 1) && {:error, :no} end)
      assert all(s) == []
    end

    test "rolls back and goes on with what was raised, thrown or exited", %{s: s} do
      assert_raise RuntimeError, "no", fn ->
        EctoLibSql.transaction(s, fn s -> insert(s, 1) && raise "no" end)
      end

      assert catch_throw(EctoLibSql.transaction(s, fn s -> insert(s, 1) && throw(:no) end)) == :no
      assert catch_exit(EctoLibSql.transaction(s, fn s -> insert(s, 1) && exit(:no) end)) == :no
      assert EctoLibSql.autocommit?(s)
      assert all(s) == []
    end

    test "takes begin's options, and does not nest", %{s: s} do
      assert {:ok, {:error, %Error{code: :readonly}}} =
               EctoLibSql.transaction(s, fn s -> {:ok, insert(s, 1)} end, behavior: :read_only)

      assert {:error, %Error{code: :transaction_open}} =
               EctoLibSql.transaction(s, fn s -> EctoLibSql.transaction(s, fn _ -> 1 end) end)
    end
  end

  describe "savepoints" do
    test "nest, are released and rolled back to", %{s: s} do
      {:ok, s} = EctoLibSql.begin(s)
      {:ok, _} = insert(s, 1)
      assert :ok = EctoLibSql.create_savepoint(s, "one")
      {:ok, _} = insert(s, 2)
      assert :ok = EctoLibSql.create_savepoint(s, ~s(t"w;o))
      {:ok, _} = insert(s, 3)
      assert :ok = EctoLibSql.rollback_to_savepoint_by_name(s, ~s(t"w;o))
      assert :ok = EctoLibSql.release_savepoint_by_name(s, "one")
      {:ok, _} = EctoLibSql.commit(s)
      assert all(s) == [1, 2]
    end

    test "outside of a transaction begin one", %{s: s} do
      assert :ok = EctoLibSql.create_savepoint(s, "one")
      refute EctoLibSql.autocommit?(s)
      {:ok, _} = insert(s, 1)
      assert :ok = EctoLibSql.release_savepoint_by_name(s, "one")
      assert EctoLibSql.autocommit?(s)
      assert all(s) == [1]
    end

    test "unknown and empty names are errors", %{s: s} do
      assert {:error, %Error{message: "no such savepoint: x"}} =
               EctoLibSql.release_savepoint_by_name(s, "x")

      assert {:error, %Error{}} = EctoLibSql.rollback_to_savepoint_by_name(s, "x")
      assert {:error, %Error{code: :invalid_argument}} = EctoLibSql.create_savepoint(s, "")
      assert {:error, %Error{code: :invalid_sql}} = EctoLibSql.create_savepoint(s, "a\0b")
    end
  end

  describe "another process" do
    test "may not use a transaction that it did not begin, and that is logged", %{s: s} do
      {:ok, s} = EctoLibSql.begin(s)

      log =
        capture_log(fn ->
          for call <- [
                &insert(&1, 1),
                &EctoLibSql.commit/1,
                &EctoLibSql.rollback/1,
                &EctoLibSql.ping/1
              ] do
            assert {:error, %Error{code: :not_transaction_owner}} =
                     fn -> call.(s) end |> Task.async() |> Task.await()
          end
        end)

      assert log =~ "another process began"
      {:ok, _} = EctoLibSql.commit(s)
      assert {:ok, _} = fn -> insert(s, 1) end |> Task.async() |> Task.await()
    end

    test "may with transaction_scope: :connection", context do
      s = connect_file!(context, transaction_scope: :connection)
      {:ok, s} = EctoLibSql.begin(s)
      assert {:ok, _} = fn -> insert(s, 1) end |> Task.async() |> Task.await()
      {:ok, _} = EctoLibSql.commit(s)
      assert all(s) == [1]
    end
  end
end
