if Code.ensure_loaded?(DBConnection) do
  defmodule EctoLibSql.ConnectionTest do
    use ExUnit.Case, async: true

    import ExUnit.CaptureLog

    alias EctoLibSql.{Connection, Error, Query, Result}
    alias EctoLibSql.Test.Mode

    @endless "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    @numbers "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 1000) SELECT i FROM n"

    setup context do
      database = Map.get(context, :database, ":memory:")
      %{pool: start(database: database, pool_size: Map.get(context, :pool_size, 1))}
    end

    defp start(opts) do
      # Each test's file is its own.
      opts = Keyword.update!(opts, :database, &if(&1 == :file, do: tmp_file(), else: &1))
      start_supervised!({Connection, Mode.repo(opts)}, id: make_ref())
    end

    defp tmp_file do
      path =
        Path.join(
          System.tmp_dir!(),
          "ecto_libsql_#{System.pid()}_#{System.unique_integer([:positive])}.db"
        )

      on_exit(fn -> for suffix <- ["", "-wal", "-shm"], do: File.rm(path <> suffix) end)
      path
    end

    defp query(conn, sql, params \\ [], opts \\ []) do
      case DBConnection.execute(conn, %Query{statement: sql}, params, opts) do
        {:ok, _query, result} -> {:ok, result}
        error -> error
      end
    end

    defp rows(conn, sql, params \\ []) do
      {:ok, %{rows: rows}} = query(conn, sql, params)
      rows
    end

    # Another one than before means that the connection was dropped in between.
    defp connection_id(pool), do: connection(pool).conn_id

    defp connection(pool) do
      DBConnection.run(pool, fn %{pool_ref: pool_ref} ->
        [conn] = pool_ref |> elem(4) |> :ets.lookup(:conn)
        elem(conn, 3).driver
      end)
    end

    describe "queries" do
      test "answer the query unchanged", %{pool: pool} do
        query = %Query{statement: "SELECT ?", name: "n"}
        assert {:ok, ^query, %Result{rows: [[1]]}} = DBConnection.execute(pool, query, [1])
        assert {:ok, ^query, %Result{}} = DBConnection.prepare_execute(pool, query, [1])
      end

      test "take structs", %{pool: pool} do
        assert rows(pool, "SELECT ?", [~D[2026-11-21]]) == [["2026-11-21"]]
      end

      test "hand long results over in parts", %{pool: pool} do
        sql = String.replace(@numbers, "1000", "40000")
        assert [[1], [2] | _] = rows = rows(pool, sql)
        assert length(rows) == 40_000
      end

      test "of a script answer all results", %{pool: pool} do
        script = %Query{statement: "SELECT 1; SELECT 2", kind: :script}
        assert {:ok, _, [%{rows: [[1]]}, %{rows: [[2]]}]} = DBConnection.execute(pool, script, [])
        assert {:error, %Error{code: :invalid_argument}} = DBConnection.execute(pool, script, [1])
      end

      test "errors leave the connection as it is", %{pool: pool} do
        id = connection_id(pool)
        assert {:error, %Error{code: :error}} = query(pool, "SELECT nope")
        assert {:error, %Error{code: :parameter_count}} = query(pool, "SELECT ?", [])
        assert connection_id(pool) == id
      end
    end

    describe "transactions" do
      test "commit and roll back", %{pool: pool} do
        {:ok, _} = query(pool, "CREATE TABLE t (a)")

        assert DBConnection.transaction(pool, &rows(&1, "INSERT INTO t VALUES (1) RETURNING a")) ==
                 {:ok, [[1]]}

        assert DBConnection.transaction(pool, fn conn ->
                 {:ok, _} = query(conn, "INSERT INTO t VALUES (2)")
                 DBConnection.rollback(conn, :no)
               end) == {:error, :no}

        assert rows(pool, "SELECT a FROM t") == [[1]]
      end

      @tag database: :file, pool_size: 2
      test "take the write lock at once, unless they say otherwise", %{pool: pool} do
        {:ok, _} = query(pool, "CREATE TABLE t (a)")

        DBConnection.transaction(pool, fn _conn ->
          assert_raise Error, ~r/write gate of .*, which #PID/, fn ->
            other(pool, &DBConnection.transaction(&1, fn _ -> :got_it end, timeout: 500))
          end

          for mode <- [:deferred, :transaction, :read_only] do
            assert {:ok, [[0]]} =
                     other(
                       pool,
                       &DBConnection.transaction(
                         &1,
                         fn c -> rows(c, "SELECT count(*) FROM t") end,
                         mode: mode
                       )
                     )
          end
        end)
      end

      # In another process, whose exception is raised here.
      defp other(pool, fun) do
        task =
          Task.async(fn ->
            try do
              {:ok, fun.(pool)}
            rescue
              error -> {:error, error}
            end
          end)

        case Task.await(task, 10_000) do
          {:ok, value} -> value
          {:error, error} -> raise error
        end
      end

      test "in read_only mode refuse writes", %{pool: pool} do
        {:ok, _} = query(pool, "CREATE TABLE t (a)")

        assert {:ok, {:error, %Error{code: :readonly}}} =
                 DBConnection.transaction(pool, &query(&1, "INSERT INTO t VALUES (1)"),
                   mode: :read_only
                 )
      end

      test "of an unknown mode raise in the caller, and the connection stays", %{pool: pool} do
        id = connection_id(pool)

        assert_raise ArgumentError, ~r/mode is one of .*:immediate.*, got: :snapshot/, fn ->
          DBConnection.transaction(pool, fn _ -> :ok end, mode: :snapshot)
        end

        assert connection_id(pool) == id
      end

      test "default as the option says" do
        pool = start(database: ":memory:", default_transaction_mode: :read_only)

        assert {:ok, {:error, %Error{code: :readonly}}} =
                 DBConnection.transaction(pool, &query(&1, "CREATE TABLE t (a)"))
      end

      test "in savepoint mode begin one outside of a transaction", %{pool: pool} do
        {:ok, _} = query(pool, "CREATE TABLE t (a)")
        insert = &query(&1, "INSERT INTO t VALUES (1)")
        assert {:ok, {:ok, _}} = DBConnection.transaction(pool, insert, mode: :savepoint)

        assert {:error, :no} =
                 DBConnection.transaction(
                   pool,
                   fn conn ->
                     insert.(conn)
                     DBConnection.rollback(conn, :no)
                   end,
                   mode: :savepoint
                 )

        assert rows(pool, "SELECT count(*) FROM t") == [[1]]
        assert DBConnection.status(pool) == :idle
      end

      test "say what SQLite says of their state", %{pool: pool} do
        assert DBConnection.status(pool) == :idle

        DBConnection.transaction(pool, fn conn ->
          assert DBConnection.status(conn) == :transaction
          {:ok, _} = query(conn, "COMMIT")
          assert DBConnection.status(conn) == :idle
          {:ok, _} = query(conn, "BEGIN")
        end)

        assert DBConnection.status(pool) == :idle
      end

      test "that a deferred foreign key refuses are rolled back, and the connection stays",
           %{pool: pool} do
        {:ok, _} = query(pool, "CREATE TABLE p (id INTEGER PRIMARY KEY)")

        {:ok, _} =
          query(pool, "CREATE TABLE c (p REFERENCES p DEFERRABLE INITIALLY DEFERRED)")

        id = connection_id(pool)

        assert_raise Error, ~r/FOREIGN KEY/, fn ->
          DBConnection.transaction(pool, fn conn ->
            {:ok, _} = query(conn, "INSERT INTO p VALUES (1)")
            {:ok, _} = query(conn, "INSERT INTO c VALUES (7)")
          end)
        end

        assert connection_id(pool) == id
        assert DBConnection.status(pool) == :idle
        assert rows(pool, "SELECT count(*) FROM p") == [[0]]
      end

      test "that ended by hand say so, and the connection stays", %{pool: pool} do
        id = connection_id(pool)

        assert_raise Error, ~r/transaction/, fn ->
          DBConnection.transaction(pool, &query(&1, "ROLLBACK"))
        end

        assert connection_id(pool) == id
      end

      test "that SQLite rolled back fail loudly", %{pool: pool} do
        {:ok, _} = query(pool, "CREATE TABLE t (a UNIQUE ON CONFLICT ROLLBACK)")

        assert_raise Error, fn ->
          DBConnection.transaction(pool, fn conn ->
            {:ok, _} = query(conn, "INSERT INTO t VALUES (1)")
            {:error, %Error{code: :constraint_unique}} = query(conn, "INSERT INTO t VALUES (1)")

            assert {:error, %Error{code: :transaction_lost}} =
                     query(conn, "INSERT INTO t VALUES (2)")
          end)
        end

        assert rows(pool, "SELECT count(*) FROM t") == [[0]]
        assert DBConnection.status(pool) == :idle
      end

      @tag database: :file
      test "whose COMMIT finds the database busy are rolled back, and the connection stays" do
        file = tmp_file()
        pool = start(database: file, journal_mode: :delete, busy_timeout: 30)
        {:ok, _} = query(pool, "CREATE TABLE t (a)")
        id = connection_id(pool)

        {:ok, reader} = EctoLibSql.connect(database: file, journal_mode: :delete)
        {:ok, _} = EctoLibSql.begin(reader, behavior: :deferred)
        {:ok, _} = EctoLibSql.query(reader, "SELECT * FROM t")

        assert_raise Error, ~r/locked/, fn ->
          DBConnection.transaction(pool, &query(&1, "INSERT INTO t VALUES (1)"))
        end

        EctoLibSql.disconnect(reader)
        assert connection_id(pool) == id
        assert rows(pool, "SELECT count(*) FROM t") == [[0]]

        assert {:ok, {:ok, _}} =
                 DBConnection.transaction(pool, &query(&1, "INSERT INTO t VALUES (1)"))
      end

      test "are told when a write in them was stopped, and the connection stays", %{pool: pool} do
        {:ok, _} = query(pool, "CREATE TABLE t (a)")
        id = connection_id(pool)
        endless = String.replace(@endless, "count(*)", "i")

        assert_raise Error, ~r/rolled the transaction back/, fn ->
          DBConnection.transaction(pool, fn conn ->
            {:ok, _} = query(conn, "INSERT INTO t VALUES (1)")

            {:error, %Error{code: :timeout}} =
              query(conn, "INSERT INTO t #{endless}", [], timeout: 40)
          end)
        end

        assert connection_id(pool) == id
        assert DBConnection.status(pool) == :idle
        assert rows(pool, "SELECT count(*) FROM t") == [[0]]
      end

      test "go on after an interrupt", %{pool: pool} do
        id = connection_id(pool)

        assert {:ok, [[1]]} =
                 DBConnection.transaction(pool, fn conn ->
                   task = interrupt_soon(connection(conn))
                   assert {:error, %Error{code: :interrupted}} = query(conn, @endless)
                   Task.shutdown(task)
                   rows(conn, "SELECT 1")
                 end)

        assert connection_id(pool) == id
      end

      # Until it has hit.
      defp interrupt_soon(driver) do
        Task.async(fn ->
          fn -> EctoLibSql.interrupt_connection(driver) end
          |> Stream.repeatedly()
          |> Enum.each(fn :ok -> receive(do: (:never -> :ok), after: (5 -> :ok)) end)
        end)
      end

      test "left open by hand are ended when the connection is idle" do
        pool = start(database: tmp_file(), idle_interval: 10)
        {:ok, _} = query(pool, "CREATE TABLE t (a)")

        log =
          capture_log(fn ->
            {:ok, _} = query(pool, "BEGIN IMMEDIATE")
            {:ok, _} = query(pool, "INSERT INTO t VALUES (1)")
            wait_until(fn -> DBConnection.status(pool) == :idle end)
          end)

        assert log =~ "was left in a transaction"
        assert rows(pool, "SELECT count(*) FROM t") == [[0]]
      end
    end

    defp wait_until(fun, tries \\ 200) do
      cond do
        fun.() -> :ok
        tries == 0 -> flunk("it did not happen")
        true -> receive(do: (:never -> :ok), after: (20 -> wait_until(fun, tries - 1)))
      end
    end

    describe "timeouts" do
      test "stop the statement and keep the connection", %{pool: pool} do
        id = connection_id(pool)
        assert {:error, %Error{code: :timeout}} = query(pool, @endless, [], timeout: 100)

        assert {:ok, {:error, %Error{code: :timeout}}} =
                 DBConnection.transaction(pool, &query(&1, @endless, [], timeout: 50))

        assert connection_id(pool) == id
      end

      test "have no effect on what is quicker", %{pool: pool} do
        assert {:ok, _} = query(pool, "SELECT 1", [], timeout: :infinity)
        assert {:ok, _} = query(pool, "SELECT 1", [], timeout: 1000)
      end
    end

    describe "disconnecting" do
      test "interrupts what the connection runs" do
        {:ok, state} = Connection.connect(database: ":memory:")
        query = %Query{statement: @endless}

        task =
          Task.async(fn -> Connection.handle_execute(query, [], [timeout: :infinity], state) end)

        wait_until(fn ->
          Process.info(task.pid, :current_function) ==
            {:current_function, {EctoLibSql.Native, :query, 4}}
        end)

        assert :ok = Connection.disconnect(%RuntimeError{}, state)
        assert {:error, %Error{code: :interrupted}, ^state} = Task.await(task)
        assert {:disconnect, %Error{code: :connection_closed}, ^state} = Connection.ping(state)
      end
    end

    describe "streams" do
      test "leave their reader's heap settings as they were", %{pool: pool} do
        before = Process.info(self(), :min_heap_size)

        for rows <- [1, 1_000] do
          DBConnection.transaction(pool, fn conn ->
            conn
            |> DBConnection.stream(%Query{statement: @numbers}, [], max_rows: 300)
            |> Enum.take(rows)
          end)

          assert Process.info(self(), :min_heap_size) == before
        end
      end

      test "fetch as many rows as they are asked for", %{pool: pool} do
        query = %Query{statement: @numbers}

        assert {:ok, counts} =
                 DBConnection.transaction(pool, fn conn ->
                   conn
                   |> DBConnection.stream(query, [], max_rows: 300)
                   |> Enum.map(& &1.num_rows)
                 end)

        assert counts == [300, 300, 300, 100]
      end

      test "may end early, be nested, and meet writes", %{pool: pool} do
        {:ok, _} = query(pool, "CREATE TABLE t (a)")

        DBConnection.transaction(pool, fn conn ->
          stream = DBConnection.stream(conn, %Query{statement: @numbers}, [], max_rows: 2)

          pairs =
            for a <- Enum.take(stream, 1), b <- Enum.take(stream, 2) do
              {:ok, _} = query(conn, "INSERT INTO t VALUES (?)", [length(b.rows)])
              {a.rows, b.rows}
            end

          assert pairs == [{[[1], [2]], [[1], [2]]}, {[[1], [2]], [[3], [4]]}]
        end)

        id = connection_id(pool)
        assert [%{cursors: []}] = Enum.filter(EctoLibSql.connections(), &(&1.id == id))
      end

      test "raise what goes wrong", %{pool: pool} do
        DBConnection.transaction(pool, fn conn ->
          assert_raise Error, ~r/no such column/, fn ->
            conn |> DBConnection.stream(%Query{statement: "SELECT nope"}, []) |> Enum.to_list()
          end
        end)
      end
    end

    describe "a database in memory" do
      @tag pool_size: 3
      test "is shared by the pool", %{pool: pool} do
        {:ok, _} = query(pool, "CREATE TABLE t (a)")

        DBConnection.run(pool, fn _one ->
          other(pool, &query(&1, "INSERT INTO t VALUES (1)"))

          other(pool, fn pool ->
            DBConnection.run(pool, fn _two ->
              other(pool, &query(&1, "INSERT INTO t VALUES (2)"))
            end)
          end)
        end)

        assert rows(pool, "SELECT count(*) FROM t") == [[2]]
      end

      test "is not another pool's", %{pool: pool} do
        {:ok, _} = query(pool, "CREATE TABLE t (a)")
        other = start(database: ":memory:")
        assert {:error, %Error{}} = query(other, "SELECT * FROM t")
      end

      test "outlives its connections, and ends with the pool" do
        {:ok, pool} = Connection.start_link(database: ":memory:", pool_size: 2)
        {:ok, _} = query(pool, "CREATE TABLE t (a)")

        capture_log(fn ->
          :ok = DBConnection.disconnect_all(pool, 0)
          for _ <- 1..4, do: assert(rows(pool, "SELECT count(*) FROM t") == [[0]])

          # A client that is killed takes its connection with it.
          {pid, ref} =
            spawn_monitor(fn ->
              DBConnection.run(pool, fn _ -> Process.exit(self(), :kill) end)
            end)

          assert_receive {:DOWN, ^ref, _, ^pid, :killed}
          assert rows(pool, "SELECT count(*) FROM t") == [[0]]
        end)

        name = connection(pool).database
        GenServer.stop(pool)
        wait_until(fn -> not Enum.any?(EctoLibSql.connections(), &(&1.database == name)) end)
      end

      test "of a pool that nobody can tell from another takes one connection" do
        assert {:error, %Error{code: :invalid_option, message: message}} =
                 Connection.connect(database: ":memory:", pool_size: 2)

        assert message =~ "EctoLibSql.Connection.start_link/1"
        assert {:ok, state} = Connection.connect(database: ":memory:", pool_size: 1)
        assert :ok = Connection.disconnect(%RuntimeError{}, state)
      end
    end

    describe "attached databases" do
      test "are had by every connection" do
        [main, other] = [tmp_file(), tmp_file()]
        pool = start(database: main, pool_size: 2, attach: [side: other])
        {:ok, _} = query(pool, "CREATE TABLE side.t (a)")

        DBConnection.run(pool, fn conn ->
          {:ok, _} = query(conn, "INSERT INTO side.t VALUES (1)")
          assert other(pool, &rows(&1, "SELECT a FROM side.t")) == [[1]]
          assert rows(conn, "PRAGMA side.journal_mode") == [["wal"]]
        end)

        assert rows(start(database: other), "SELECT a FROM t") == [[1]]
      end

      test "in memory are shared, too" do
        pool = start(database: tmp_file(), pool_size: 2, attach: [side: ":memory:"])
        {:ok, _} = query(pool, "CREATE TABLE side.t (a)")

        DBConnection.run(pool, fn conn ->
          {:ok, _} = query(conn, "INSERT INTO side.t VALUES (1)")
          assert other(pool, &rows(&1, "SELECT a FROM side.t")) == [[1]]
        end)

        assert {:error, %Error{code: :invalid_option}} =
                 Connection.connect(database: "x.db", pool_size: 2, attach: [side: ":memory:"])
      end

      test "that cannot be opened are errors that name them" do
        options = [database: ":memory:", attach: [side: "/nowhere/x.db"]]

        assert {:error, %Error{code: :cantopen, message: "attach side: " <> _}} =
                 Connection.connect(options)

        assert_raise ArgumentError, ~r/attach takes a keyword list/, fn ->
          Connection.start_link(database: ":memory:", attach: [main: "x.db"])
        end
      end
    end

    describe "options" do
      test "that are unknown or wrong are errors that name them" do
        assert_raise ArgumentError, ~r/unknown option :databse/, fn ->
          Connection.start_link(databse: "x")
        end

        assert_raise ArgumentError, ~r/busy_timeout takes milliseconds/, fn ->
          Connection.start_link(database: ":memory:", busy_timeout: "5s")
        end

        assert_raise ArgumentError, ~r/default_transaction_mode takes one of/, fn ->
          Connection.start_link(database: ":memory:", default_transaction_mode: :concurrent)
        end
      end

      test "of DBConnection are not the driver's" do
        for option <- DBConnection.available_start_options(), option not in [:name] do
          assert EctoLibSql.PoolOptions.driver([{option, 1}, {:database, "x"}])
                 |> Keyword.delete(:transaction_scope) == [database: "x"]
        end
      end
    end
  end
end
