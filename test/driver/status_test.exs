defmodule EctoLibSql.StatusTest do
  use ExUnit.Case, async: true

  import EctoLibSql.Test.Database

  alias EctoLibSql.{Error, Status}

  setup do
    s = connect!()
    :ok = EctoLibSql.run(s, "CREATE TABLE t (id INTEGER PRIMARY KEY, a, b)")
    :ok = EctoLibSql.run(s, "CREATE INDEX t_a ON t (a)")
    :ok = EctoLibSql.run(s, "INSERT INTO t SELECT i, i, i % 10 FROM (#{count_to(100)})")
    %{s: s}
  end

  defp statistics(s, sql, params \\ []),
    do: EctoLibSql.query!(s, sql, params, statistics: true).statistics

  describe "a query with statistics: true" do
    test "tells a scan from a search", %{s: s} do
      assert %{fullscan_step: 99, rows_read: 100, sort: 0, autoindex: 0, run: 1} =
               scan = statistics(s, "SELECT id FROM t WHERE b = ?", [3])

      assert %{fullscan_step: 0, rows_read: read} =
               search = statistics(s, "SELECT id FROM t WHERE a = ?", [3])

      assert read <= 2
      assert search.vm_step < scan.vm_step
      assert scan.memused > 0
    end

    test "sees sorts, and what is indexed for one run", %{s: s} do
      assert %{sort: 0} = statistics(s, "SELECT a FROM t ORDER BY a")
      assert %{sort: 1} = statistics(s, "SELECT b FROM t ORDER BY b")

      assert %{autoindex: 99} =
               statistics(s, "SELECT count(*) FROM t x JOIN t y ON x.b + 0 = y.b")
    end

    test "counts what is written, each run by itself", %{s: s} do
      for _ <- 1..3 do
        assert %{rows_written: 10, run: 1} =
                 statistics(s, "UPDATE t SET b = b + 1 WHERE id <= 10")
      end
    end

    test "counts that a change of the schema had it prepared anew", %{s: s} do
      assert %{reprepare: 0} = statistics(s, "SELECT * FROM t")
      :ok = EctoLibSql.run(s, "ALTER TABLE t ADD COLUMN c")
      assert %{reprepare: 1} = statistics(s, "SELECT * FROM t")
    end

    test "answers the same as without, long results and structs as parameters included", %{s: s} do
      sql = "SELECT i, ? FROM (#{count_to(5_000)})"
      counted = EctoLibSql.query!(s, sql, [~D[2026-11-22]], statistics: true)
      assert %{counted | statistics: nil} == EctoLibSql.query!(s, sql, [~D[2026-11-22]])
      assert length(counted.rows) == 5_000
      assert listed(s).cursors == []
    end

    test "an EXPLAIN, a statement without a cache, and one that fails", %{s: s} do
      assert %{run: 0} = statistics(s, "EXPLAIN QUERY PLAN SELECT * FROM t")
      uncached = connect!(statement_cache_size: 0)
      assert %{run: 1} = statistics(uncached, "SELECT 1")

      assert {:error, %Error{code: :constraint_primarykey}} =
               EctoLibSql.query(s, "INSERT INTO t VALUES (1, 2, 3)", [], statistics: true)

      assert {:error, %Error{code: :parameter_count}} =
               EctoLibSql.query(s, "SELECT 1", [1], statistics: true)

      assert_raise ArgumentError, ~r/statistics takes true or false/, fn ->
        EctoLibSql.query(s, "SELECT 1", [], statistics: :yes)
      end
    end

    test "has a deadline, and can be interrupted", %{s: s} do
      assert {:error, %Error{code: :timeout}} =
               EctoLibSql.query(s, endless(), [], statistics: true, timeout: 10)

      task =
        Task.async(fn ->
          EctoLibSql.query(s, endless(), [], statistics: true, timeout: :infinity)
        end)

      wait_until_running(s, task.pid)
      assert {:error, %Error{code: :interrupted}} = interrupt_task(s, task)
    end

    test "without it, there are none", %{s: s} do
      assert EctoLibSql.query!(s, "SELECT 1").statistics == nil
      assert EctoLibSql.query!(s, "SELECT 1", [], statistics: false).statistics == nil
    end
  end

  describe "stmt_status" do
    test "adds runs up until it is reset", %{s: s} do
      {:ok, id} = EctoLibSql.prepare(s, "SELECT id FROM t WHERE b = ?")
      assert {:ok, %{run: 0, vm_step: 0}} = EctoLibSql.stmt_status(s, id)
      for b <- 1..3, do: {:ok, _} = EctoLibSql.query_stmt(s, id, [b])
      assert {:ok, %{run: 3, fullscan_step: 297}} = EctoLibSql.stmt_status(s, id, reset: true)
      assert {:ok, %{run: 0, fullscan_step: 0}} = EctoLibSql.stmt_status(s, id)
    end

    test "of one run of a prepared statement", %{s: s} do
      {:ok, id} = EctoLibSql.prepare(s, "SELECT id FROM t WHERE b = ?")

      for b <- 1..3 do
        assert {:ok, %{statistics: %{run: 1, fullscan_step: 99}}} =
                 EctoLibSql.query_stmt(s, id, [b], statistics: true)
      end
    end

    test "of what is not there, or another's, is an error", %{s: s} do
      {:ok, id} = EctoLibSql.prepare(s, "SELECT 1")
      other = connect!()

      ExUnit.CaptureLog.capture_log(fn ->
        assert {:error, %Error{code: :wrong_connection}} = EctoLibSql.stmt_status(other, id)
      end)

      :ok = EctoLibSql.finalize_stmt(s, id)
      assert {:error, %Error{code: :statement_closed}} = EctoLibSql.stmt_status(s, id)
      assert {:error, %Error{code: :statement_closed}} = EctoLibSql.stmt_status(s, "no id")
      EctoLibSql.disconnect(s)
      assert {:error, %Error{code: :connection_closed}} = EctoLibSql.stmt_status(s, id)
    end
  end

  describe "a connection's status" do
    @describetag :tmp_dir

    test "counts what the page cache does", context do
      s = connect_file!(context, cache_size: 10)
      :ok = EctoLibSql.run(s, "CREATE TABLE big (a)")
      {:ok, before} = Status.connection(s)
      :ok = EctoLibSql.run(s, "INSERT INTO big SELECT zeroblob(3000) FROM (#{count_to(200)})")
      {:ok, written} = Status.connection(s)
      assert written.cache_spill > before.cache_spill
      assert written.cache_write > before.cache_write
      assert written.cache_used > 0 and written.schema_used > 0 and written.stmt_used > 0
      assert [[_]] = rows(s, "SELECT sum(length(a)) FROM big")
      {:ok, read} = Status.connection(s)
      assert read.cache_miss > written.cache_miss
    end

    test "begins anew where it is asked to", %{s: s} do
      assert [[100]] = rows(s, "SELECT count(*) FROM t")
      {:ok, before} = Status.connection(s, reset: true)
      assert before.cache_hit > 0
      assert before.lookaside_hit + before.lookaside_miss_full + before.lookaside_miss_size > 0
      {:ok, status} = Status.connection(s)

      for name <- [:cache_hit, :cache_miss, :cache_write, :cache_spill, :lookaside_hit],
          do: assert(%{^name => 0} = status)

      :ok = EctoLibSql.reset_connection(s)
      assert {:ok, %{cache_hit: hits}} = Status.connection(s)
      assert hits > 0
    end

    test "says whether a commit would meet a violated foreign key", %{s: s} do
      :ok = EctoLibSql.run(s, "CREATE TABLE u (t_id REFERENCES t DEFERRABLE INITIALLY DEFERRED)")
      {:ok, _} = EctoLibSql.begin(s)
      assert {:ok, %{deferred_fks: false}} = Status.connection(s)
      :ok = EctoLibSql.run(s, "INSERT INTO u VALUES (1000)")
      assert {:ok, %{deferred_fks: true}} = Status.connection(s)
      {:ok, _} = EctoLibSql.rollback(s)
      assert {:ok, %{deferred_fks: false}} = Status.connection(s)
    end

    test "is nobody's wait", %{s: s} do
      task = Task.async(fn -> EctoLibSql.query(s, endless(), [], timeout: :infinity) end)
      wait_until_running(s, task.pid)
      assert {:error, %Error{code: :busy}} = Status.connection(s)
      assert {:error, %Error{code: :interrupted}} = interrupt_task(s, task)
      EctoLibSql.disconnect(s)
      assert {:error, %Error{code: :connection_closed}} = Status.connection(s)
    end
  end

  test "the library's status needs SQLite's memory statistics" do
    case Status.library() do
      {:ok, status} ->
        assert %{memory_used: %{current: used, highest: highest}} = status
        assert used > 0 and highest >= used

      {:error, error} ->
        assert error.code == :unsupported
        assert error.message =~ "memory_statistics: true"
    end
  end
end
