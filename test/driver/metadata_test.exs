defmodule EctoLibSql.MetadataTest do
  use ExUnit.Case, async: true

  import EctoLibSql.Test.Database

  alias EctoLibSql.{Error, Native, Pragma}

  @moduletag :tmp_dir

  setup context do
    %{s: connect_file!(context)}
  end

  test "changes, total_changes, last_insert_rowid and autocommit? are the connection's", %{s: s} do
    assert {EctoLibSql.changes(s), EctoLibSql.total_changes(s)} == {0, 0}
    assert EctoLibSql.last_insert_rowid(s) == 0
    assert EctoLibSql.autocommit?(s)

    {:ok, _} =
      EctoLibSql.execute_batch(s, """
      CREATE TABLE p (id INTEGER PRIMARY KEY);
      CREATE TABLE c (id INTEGER PRIMARY KEY, p_id REFERENCES p ON DELETE CASCADE);
      INSERT INTO p VALUES (1), (2);
      INSERT INTO c (id, p_id) VALUES (7, 1), (9223372036854775807, 1);
      """)

    assert EctoLibSql.last_insert_rowid(s) == 9_223_372_036_854_775_807
    assert EctoLibSql.query!(s, "DELETE FROM p WHERE id = 1").changes == 1
    assert EctoLibSql.changes(s) == 1
    assert EctoLibSql.total_changes(s) == 7
  end

  test "cacheflush writes an open transaction's pages, and does not commit", %{s: s} = context do
    :ok = EctoLibSql.run(s, "CREATE TABLE t (a)")
    {:ok, s} = EctoLibSql.begin(s)
    :ok = EctoLibSql.run(s, "INSERT INTO t #{count_to(1000)}")
    before = File.stat!(s.database <> "-wal").size
    assert :ok = EctoLibSql.cacheflush(s)
    assert File.stat!(s.database <> "-wal").size > before
    assert rows(connect_file!(context), "SELECT count(*) FROM t") == [[0]]
    {:ok, _} = EctoLibSql.rollback(s)
  end

  test "checkpoint copies the log, and says where a reader keeps it from finishing",
       %{s: s} = context do
    :ok = EctoLibSql.set_busy_timeout(s, 0)
    :ok = EctoLibSql.run(s, "CREATE TABLE t (a)")

    assert {:ok, %{log_frames: frames, checkpointed_frames: frames, busy: false}} =
             EctoLibSql.checkpoint(s)

    assert frames > 0

    reader = connect_file!(context)
    {:ok, _} = EctoLibSql.begin(reader, behavior: :deferred)
    assert rows(reader, "SELECT * FROM t") == []
    :ok = EctoLibSql.run(s, "INSERT INTO t VALUES (1)")
    assert {:ok, %{busy: true}} = EctoLibSql.checkpoint(s, :truncate)
    {:ok, _} = EctoLibSql.rollback(reader)

    assert {:ok, %{log_frames: 0, checkpointed_frames: 0, busy: false}} =
             Pragma.wal_checkpoint(s, :truncate)

    assert File.stat!(s.database <> "-wal").size == 0
    memory = connect!()

    assert {:ok, %{log_frames: -1, checkpointed_frames: -1, busy: false}} =
             EctoLibSql.checkpoint(memory, :full)
  end

  describe "pragmas" do
    test "set and get what they are named after", %{s: s} do
      assert :ok = Pragma.disable_foreign_keys(s)
      assert {:ok, false} = Pragma.foreign_keys_enabled?(s)
      assert :ok = Pragma.enable_foreign_keys(s)
      assert {:ok, true} = Pragma.foreign_keys_enabled?(s)

      for mode <- [:delete, :truncate, :persist, :memory, :off, :wal] do
        assert {:ok, ^mode} = Pragma.set_journal_mode(s, mode)
        assert {:ok, ^mode} = Pragma.get_journal_mode(s)
      end

      assert {:ok, :delete} = Pragma.set_journal_mode(s, :delete)
      assert {:ok, :wal} = Pragma.set_wal_mode(s)

      for level <- [:off, :normal, :full, :extra] do
        assert :ok = Pragma.set_synchronous(s, level)
        assert {:ok, ^level} = Pragma.get_synchronous(s)
      end

      for {size, read} <- [
            {[kilobytes: 5], {:kilobytes, 5}},
            {[megabytes: 2], {:kilobytes, 2048}},
            {[pages: 7], {:pages, 7}}
          ] do
        assert :ok = Pragma.set_cache_size(s, size)
        assert {:ok, ^read} = Pragma.get_cache_size(s)
      end

      for store <- [:file, :memory, :default] do
        assert :ok = Pragma.set_temp_store(s, store)
        assert {:ok, ^store} = Pragma.get_temp_store(s)
      end

      assert :ok = Pragma.set_user_version(s, -5)
      assert {:ok, -5} = Pragma.get_user_version(s)
      assert :ok = Pragma.set_application_id(s, 77)
      assert {:ok, 77} = Pragma.get_application_id(s)
      assert :ok = Pragma.set_mmap_size(s, 1_048_576)
      assert {:ok, 1_048_576} = Pragma.get_mmap_size(s)
      assert :ok = Pragma.set_wal_autocheckpoint(s, 10)
      assert {:ok, 10} = Pragma.get_wal_autocheckpoint(s)
      assert {:ok, 4096} = Pragma.get_page_size(s)
      assert {:ok, "UTF-8"} = Pragma.get_encoding(s)
      assert {:ok, :none} = Pragma.get_auto_vacuum(s)
      assert {:ok, count} = Pragma.get_page_count(s)
      assert is_integer(count)
      assert {:ok, 0} = Pragma.get_freelist_count(s)
      assert :ok = Pragma.optimize(s)
      assert {:ok, options} = Pragma.compile_options(s)

      for wanted <- ~w(ENABLE_FTS5 ENABLE_PREUPDATE_HOOK ENABLE_SESSION),
          do: assert(wanted in options)
    end

    test "page_size takes effect while the database is empty" do
      s = connect!()
      assert :ok = Pragma.set_page_size(s, 8192)
      assert {:ok, 8192} = Pragma.get_page_size(s)
      assert_raise FunctionClauseError, fn -> Pragma.set_page_size(s, 1000) end
    end

    test "what SQLite would silently ignore is an error", %{s: s} do
      {:ok, s} = EctoLibSql.begin(s)
      assert {:error, %Error{code: :invalid_argument}} = Pragma.disable_foreign_keys(s)
      {:ok, _} = EctoLibSql.rollback(s)
      assert {:ok, true} = Pragma.foreign_keys_enabled?(s)
    end

    test "query_only refuses writes", %{s: s} do
      assert :ok = Pragma.set_query_only(s, true)
      assert {:ok, true} = Pragma.get_query_only(s)
      assert {:error, %Error{code: :readonly}} = EctoLibSql.run(s, "CREATE TABLE x (a)")
      assert :ok = Pragma.set_query_only(s, false)
      assert :ok = EctoLibSql.run(s, "CREATE TABLE x (a)")
    end

    test "describe the schema as maps with real booleans", %{s: s} do
      {:ok, _} =
        EctoLibSql.execute_batch(s, """
        CREATE TABLE p (a, b, PRIMARY KEY (b, a)) WITHOUT ROWID;
        CREATE TABLE "it's" (
          id INTEGER PRIMARY KEY,
          n TEXT NOT NULL DEFAULT 'x' COLLATE NOCASE UNIQUE,
          g AS (n || 'y') VIRTUAL,
          x, y,
          FOREIGN KEY (x, y) REFERENCES p (a, b) ON DELETE CASCADE
        );
        CREATE INDEX i ON "it's" (n DESC, lower(n)) WHERE n > 'a';
        CREATE VIEW v AS SELECT 1 AS one;
        """)

      assert {:ok, [id, n, g | _]} = Pragma.table_info(s, "it's")
      assert %{name: "id", type: "INTEGER", not_null: false, primary_key: 1, default: nil} = id
      assert %{name: "n", not_null: true, default: "'x'", primary_key: 0, hidden: false} = n
      assert %{name: "g", hidden: :virtual} = g
      assert {:ok, []} = Pragma.table_info(s, "nowhere")

      assert {:ok, tables} = Pragma.table_list(s)
      assert %{type: :table, without_rowid: true, strict: false} = find(tables, "p")
      assert %{type: :view, schema: "main", columns: 1} = find(tables, "v")

      assert {:ok, indexes} = Pragma.index_list(s, "it's")
      assert %{unique: false, partial: true, origin: :create_index} = find(indexes, "i")
      assert %{unique: true, origin: :unique} = Enum.find(indexes, & &1.unique)

      assert {:ok, [first, second | _]} = Pragma.index_info(s, "i")
      assert %{name: "n", desc: true, key: true, collation: "NOCASE"} = first
      assert %{name: nil, cid: -2, key: true} = second

      assert {:ok, [%{from: "x", to: "a", table: "p", on_delete: "CASCADE"}, %{from: "y"}]} =
               Pragma.foreign_key_list(s, "it's")
    end

    test "check the database", %{s: s} do
      {:ok, _} =
        EctoLibSql.execute_batch(s, """
        PRAGMA foreign_keys = off;
        CREATE TABLE p (id INTEGER PRIMARY KEY);
        CREATE TABLE c (p_id REFERENCES p);
        INSERT INTO c VALUES (3);
        """)

      broken = [%{table: "c", rowid: 1, parent: "p", foreign_key_id: 0}]
      assert {:ok, ^broken} = Pragma.foreign_key_check(s)
      assert {:ok, ^broken} = Pragma.foreign_key_check(s, "c")
      assert {:ok, []} = Pragma.foreign_key_check(s, "p")
      assert {:ok, []} = Pragma.integrity_check(s)
      assert {:ok, []} = Pragma.quick_check(s)
      :ok = EctoLibSql.run(s, "CREATE TABLE checked (a CHECK (a > 0))")
      :ok = EctoLibSql.run(s, "PRAGMA ignore_check_constraints = on")
      :ok = EctoLibSql.run(s, "INSERT INTO checked VALUES (-1)")
      :ok = EctoLibSql.run(s, "PRAGMA ignore_check_constraints = off")
      assert {:ok, ["CHECK constraint failed in checked"]} = Pragma.integrity_check(s)
    end

    test "deferred foreign keys last until the end of the transaction", %{s: s} do
      {:ok, s} = EctoLibSql.begin(s)
      assert :ok = Pragma.set_defer_foreign_keys(s, true)
      assert {:ok, true} = Pragma.get_defer_foreign_keys(s)
      {:ok, _} = EctoLibSql.commit(s)
      assert {:ok, false} = Pragma.get_defer_foreign_keys(s)
    end

    test "any other is read and set by its name", %{s: s} do
      assert {:ok, nil} = Native.pragma_query(s, "main.user_version", 3)
      assert {:ok, 3} = Native.pragma_query(s, :user_version)
      assert {:ok, [%{name: "main"} | _]} = Native.pragma_query(s, "database_list")
      assert {:ok, [_ | _]} = Native.pragma_query(s, "compile_options")
      assert {:ok, nil} = Native.pragma_query(s, "no_such_pragma")

      for {name, value} <- [{"x; DROP TABLE t", nil}, {nil, nil}, {"a.b.c", nil}] do
        assert {:error, %Error{code: :invalid_argument}} = Native.pragma_query(s, name, value)
      end

      for value <- [1.5, self(), :"a b", "a\0b"] do
        assert {:error, %Error{code: :invalid_argument}} =
                 Native.pragma_query(s, "user_version", value)
      end
    end
  end

  defp find(maps, name), do: Enum.find(maps, &(&1.name == name))
end
