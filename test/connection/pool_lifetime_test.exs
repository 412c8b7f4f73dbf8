if Code.ensure_loaded?(DBConnection) do
  defmodule EctoLibSql.PoolLifetimeTest do
    # When and how a pool replaces its connections: DBConnection's `:idle_interval`, `:idle_limit`
    # and `:max_lifetime`, as its connection listeners see it.

    use EctoLibSql.Test.PoolCase, async: true

    alias EctoLibSql.{Connection, Error, Pool}

    @moduletag :capture_log

    # A connection lives for 30 to 30 ms, and is looked at every 5 ms when it is idle.
    @short [max_lifetime: 30..30, idle_interval: 5]

    defp start(opts) do
      pool = start_pool([connection_listeners: {[self()], make_ref()}] ++ opts)
      for _ <- 1..Keyword.get(opts, :pool_size, 1), do: assert_receive({:connected, _, _}, 5_000)
      pool
    end

    # Until each of `count` connections was closed, and opened again.
    defp await_replaced(count), do: for(_ <- 1..count, do: replaced())

    defp replaced do
      assert_receive {:disconnected, pid, _}, 5_000
      assert_receive {:connected, ^pid, _}, 5_000
      pid
    end

    defp forget_replaced do
      receive do
        {kind, _, _} when kind in [:disconnected, :connected] -> forget_replaced()
      after
        0 -> :ok
      end
    end

    defp connection_id(conn) do
      [%{connection: id}] =
        Pool.metrics(conn).holders |> Enum.filter(&(&1.pid == self()))

      id
    end

    describe "max_lifetime" do
      test "replaces idle connections, and the data of a database in memory stays" do
        pool = start([pool_size: 3] ++ @short)
        {:ok, _} = query(pool, "CREATE TABLE t (a)")
        {:ok, _} = query(pool, "INSERT INTO t VALUES (1)")
        await_replaced(7)
        assert rows(pool, "SELECT a FROM t") == [[1]]
        assert Pool.metrics(pool).opened >= 10
      end

      test "keeps the data of a named database in memory, too" do
        name = "file:/lifetime-#{System.unique_integer([:positive])}?vfs=memdb"
        pool = start([database: name] ++ @short)
        {:ok, _} = query(pool, "CREATE TABLE t (a)")
        await_replaced(2)
        assert rows(pool, "SELECT a FROM t") == []
      end

      test "keeps the data of file::memory:, which names none" do
        pool = start([database: "file::memory:", pool_size: 2] ++ @short)
        {:ok, _} = query(pool, "CREATE TABLE t (a)")
        await_replaced(4)
        assert rows(pool, "SELECT a FROM t") == []
      end

      test "keeps attached databases, in a file and in memory" do
        pool = start([database: tmp_file(), attach: [side: ":memory:"]] ++ @short)
        {:ok, _} = query(pool, "CREATE TABLE t (a)")
        {:ok, _} = query(pool, "CREATE TABLE side.t (a)")
        {:ok, _} = query(pool, "INSERT INTO side.t VALUES (1)")
        await_replaced(2)
        assert rows(pool, "SELECT a FROM t") == []
        assert rows(pool, "SELECT a FROM side.t") == [[1]]
      end

      test "leaves nothing of the old connection" do
        pool = start(@short)
        {:ok, _} = query(pool, "CREATE TEMP TABLE mine (a)")
        {:ok, _} = query(pool, "PRAGMA user_version = 7")
        await_replaced(1)

        assert {:error, %Error{message: "no such table: mine" <> _}} =
                 query(pool, "SELECT * FROM mine")

        assert rows(pool, "PRAGMA user_version") == [[7]]
      end

      test "does not cut a transaction, and takes its connection after it" do
        # In a file: a writer of a database in memory keeps others from opening it.
        pool = start([database: tmp_file(), pool_size: 2] ++ @short)
        {:ok, _} = query(pool, "CREATE TABLE t (a)")

        # The other connection has been replaced three times meanwhile, so this one is overdue.
        {:ok, {own, others}} =
          DBConnection.transaction(
            pool,
            fn conn ->
              {:ok, _} = query(conn, "INSERT INTO t VALUES (1)")
              own = connection_id(pool)
              # On a slow machine, this one may have been replaced before, too.
              forget_replaced()
              others = await_replaced(3)
              {:ok, _} = query(conn, "INSERT INTO t VALUES (2)")
              assert connection_id(pool) == own
              assert Enum.any?(EctoLibSql.connections(), &(&1.id == own and &1.transaction))
              {own, Enum.uniq(others)}
            end,
            pool: EctoLibSql.ConnectionPool
          )

        assert [other] = others
        await_disconnected_but(other)
        refute Enum.any?(EctoLibSql.connections(), &(&1.id == own))
        assert rows(pool, "SELECT count(*) FROM t") == [[2]]
      end

      defp await_disconnected_but(other) do
        assert_receive {:disconnected, pid, _}, 5_000
        if pid == other, do: await_disconnected_but(other)
      end

      test "is refused where it would destroy a database in memory" do
        assert {:error, %Error{code: :invalid_option, message: message}} =
                 Connection.connect(database: ":memory:", max_lifetime: 1..2)

        assert message =~ "max_lifetime replaces the pool's connection"
        assert message =~ "EctoLibSql.Connection.start_link/1"

        assert {:error, %Error{code: :invalid_option}} =
                 Connection.connect(database: "file::memory:", pool_size: 2)

        assert {:ok, state} = Connection.connect(database: tmp_file(), max_lifetime: 1..2)
        assert :ok = Connection.disconnect(%RuntimeError{}, state)
      end
    end

    describe "idle_interval" do
      for limit <- [1, 2] do
        test "checks idle connections, #{limit} at a time, and keeps them" do
          database = tmp_file()

          pool =
            start(
              database: database,
              pool_size: 2,
              idle_interval: 5,
              idle_limit: unquote(limit)
            )

          # Whoever was idle longest is taken, so these are two connections, unless a check came in
          # between. A check ends what was left open.
          for _ <- 1..2, do: query(pool, "BEGIN")
          wait_until(fn -> ids(database, & &1.transaction) == [] end)

          assert length(ids(database, fn _ -> true end)) == 2
          assert Pool.metrics(pool).opened == 2
          refute_received {:disconnected, _, _}
        end
      end

      test "replaces a connection that was closed" do
        pool = start(pool_size: 1, idle_interval: 5)

        DBConnection.run(
          pool,
          fn _conn -> EctoLibSql.disconnect(state(connection_id(pool))) end,
          pool: EctoLibSql.ConnectionPool
        )

        await_replaced(1)
        assert rows(pool, "SELECT 1") == [[1]]
      end
    end

    defp ids(database, filter) do
      for %{database: ^database} = connection <- EctoLibSql.connections(),
          filter.(connection),
          do: connection.id
    end

    defp state(id), do: %EctoLibSql.State{conn_id: id, mode: :local, database: ":memory:"}
  end
end
