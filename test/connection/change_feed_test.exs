if Code.ensure_loaded?(DBConnection) do
  defmodule EctoLibSql.Connection.ChangeFeedTest do
    use EctoLibSql.Test.PoolCase, async: true

    alias EctoLibSql.ChangeFeed

    @moduletag :capture_log

    setup do
      feed = :"feed_#{System.unique_integer([:positive])}"
      start_supervised!({ChangeFeed, name: feed})
      :ok = ChangeFeed.subscribe(feed)
      %{feed: feed}
    end

    test "hears of all connections of a pool, and of those that replace them", %{feed: feed} do
      pool = start_pool(database: tmp_file(), pool_size: 4, change_feed: feed)
      {:ok, _} = query(pool, "CREATE TABLE t (id INTEGER PRIMARY KEY)")

      1..20
      |> Task.async_stream(fn id -> {:ok, _} = query(pool, "INSERT INTO t VALUES (#{id})") end)
      |> Stream.run()

      assert Enum.sort(rowids(20)) == Enum.to_list(1..20)

      EctoLibSql.ConnectionPool.disconnect_all(pool, 0, [])
      for id <- 21..30, do: {:ok, _} = query(pool, "INSERT INTO t VALUES (#{id})")
      assert rowids(10) == Enum.to_list(21..30)
    end

    defp rowids(count) do
      for _ <- 1..count do
        assert_receive {ChangeFeed, _feed, {:changes, [{:insert, "main", "t", rowid}]}}, 5_000
        rowid
      end
    end

    test "hears of transactions, not of those that are rolled back or whose client dies",
         context do
      pool = start_pool(pool_size: 2, change_feed: context.feed)
      {:ok, _} = query(pool, "CREATE TABLE t (id INTEGER PRIMARY KEY)")

      {:error, :no} =
        DBConnection.transaction(pool, fn conn ->
          {:ok, _} = query(conn, "INSERT INTO t VALUES (1)")
          DBConnection.rollback(conn, :no)
        end)

      client =
        hold(fn hold ->
          DBConnection.transaction(pool, fn conn ->
            {:ok, _} = query(conn, "INSERT INTO t VALUES (2)")
            hold.()
          end)
        end)

      Process.unlink(client)
      Process.exit(client, :kill)

      {:ok, _} =
        DBConnection.transaction(pool, fn conn ->
          {:ok, _} = query(conn, "INSERT INTO t VALUES (3)")
          {:ok, _} = query(conn, "INSERT INTO t VALUES (4)")
        end)

      assert_receive {ChangeFeed, _, {:changes, changes}}, 5_000
      assert changes == [{:insert, "main", "t", 3}, {:insert, "main", "t", 4}]
    end

    test "an option that is none is told when the pool is started" do
      assert_raise ArgumentError, ~r/change_feed takes the name of/, fn ->
        EctoLibSql.Connection.child_spec(database: ":memory:", change_feed: "no")
      end
    end
  end
end
