defmodule EctoLibSql.ChangeFeedTest do
  use ExUnit.Case, async: true

  import EctoLibSql.Test.Database

  alias EctoLibSql.{ChangeFeed, Error}

  @moduletag :tmp_dir
  @moduletag :capture_log

  setup context do
    feed = :"feed_#{System.unique_integer([:positive])}"
    start_supervised!({ChangeFeed, name: feed})
    s = connect_file!(context, change_feed: feed)
    :ok = EctoLibSql.run(s, "CREATE TABLE t (id INTEGER PRIMARY KEY)")
    %{feed: feed, s: s, path: Path.join(context.tmp_dir, "test.db")}
  end

  defp insert!(s, id), do: :ok = EctoLibSql.run(s, "INSERT INTO t VALUES (?)", [id])
  defp inserted(ids), do: {:changes, Enum.map(ids, &{:insert, "main", "t", &1})}

  defp writer(path, feed) do
    {:ok, s} = EctoLibSql.connect(database: path, change_feed: feed)
    s
  end

  test "8 writers' transactions come in the order of their commits", %{feed: feed, path: path} do
    :ok = ChangeFeed.subscribe(feed)
    # AUTOINCREMENT counts in the order in which the rows are committed.
    s = writer(path, feed)
    :ok = EctoLibSql.run(s, "CREATE TABLE log (n INTEGER PRIMARY KEY AUTOINCREMENT, a)")
    insert = "INSERT INTO log (a) VALUES (1)"

    1..8
    |> Enum.map(fn writer ->
      Task.async(fn ->
        s = writer(path, feed)

        for i <- 1..40 do
          case rem(i + writer, 4) do
            0 ->
              {:ok, _} = EctoLibSql.query(s, insert, [], timeout: 60_000)

            1 ->
              {:ok, _} = EctoLibSql.batch_transactional(s, [{insert, []}, {insert, []}])

            2 ->
              {:ok, _} = EctoLibSql.transaction(s, &EctoLibSql.query!(&1, insert <> ", (2), (3)"))

            3 ->
              {:error, :no} = EctoLibSql.transaction(s, &roll_back(&1, insert))
          end
        end

        EctoLibSql.disconnect(s)
      end)
    end)
    |> Task.await_many(60_000)

    {:ok, [last]} = EctoLibSql.query_one(s, "SELECT max(n) FROM log")
    assert {:ok, [^last]} = EctoLibSql.query_one(s, "SELECT count(*) FROM log")
    assert receive_rowids(feed, last, []) == Enum.to_list(1..last)
    refute_received {ChangeFeed, _, _}
  end

  defp roll_back(s, insert) do
    EctoLibSql.query!(s, insert)
    {:error, :no}
  end

  defp receive_rowids(_feed, last, [last | _] = rowids), do: Enum.reverse(rowids)

  defp receive_rowids(feed, last, rowids) do
    assert_receive {ChangeFeed, ^feed, {:changes, changes}}, 5_000
    new = for {:insert, "main", "log", rowid} <- changes, do: rowid
    assert length(new) == length(changes)
    receive_rowids(feed, last, Enum.reverse(new, rowids))
  end

  test "subscribers hear of the tables and the database that they want", %{feed: feed, s: s} do
    {:ok, _} = EctoLibSql.execute_batch(s, "CREATE TABLE u (a); CREATE TEMP TABLE x (a)")
    :ok = ChangeFeed.subscribe(feed, tables: ["u", "x"])

    {:ok, _} =
      EctoLibSql.execute_batch(s, """
      INSERT INTO t VALUES (1);
      BEGIN; INSERT INTO t VALUES (2); INSERT INTO u VALUES (1); INSERT INTO x VALUES (1); COMMIT
      """)

    assert_receive {ChangeFeed, ^feed, {:changes, changes}}, 5_000
    assert changes == [{:insert, "main", "u", 1}, {:insert, "temp", "x", 1}]
    :ok = ChangeFeed.subscribe(feed, database: "temp")
    {:ok, _} = EctoLibSql.execute_batch(s, "INSERT INTO t VALUES (3); INSERT INTO x VALUES (2)")
    assert_receive {ChangeFeed, ^feed, {:changes, [{:insert, "temp", "x", 2}]}}, 5_000
    :ok = ChangeFeed.unsubscribe(feed)
    insert!(s, 4)
    :ok = ChangeFeed.unsubscribe(feed)
    refute_received {ChangeFeed, _, _}
  end

  test "a slow subscriber is told what it has missed, and holds up nobody", context do
    %{path: path} = context
    feed = :"feed_#{System.unique_integer([:positive])}"
    start_supervised!({ChangeFeed, name: feed, mailbox: 10})
    s = writer(path, feed)
    test = self()

    slow =
      spawn_link(fn ->
        :ok = ChangeFeed.subscribe(feed)
        send(test, :subscribed)
        receive(do: (:go -> :ok))
        for _ <- 1..11, do: receive(do: ({ChangeFeed, _, event} -> send(test, {:slow, event})))
      end)

    assert_receive :subscribed, 5_000
    :ok = ChangeFeed.subscribe(feed)

    for id <- 1..50, expected = inserted([id]) do
      insert!(s, id)
      assert_receive {ChangeFeed, ^feed, ^expected}, 5_000
    end

    send(slow, :go)
    for id <- 1..10, event = inserted([id]), do: assert_receive({:slow, ^event}, 5_000)
    assert_receive {:slow, {:overflow, 40}}, 5_000
  end

  test "what does not fit into the feed's buffer is told to all", %{path: path} do
    feed = :"feed_#{System.unique_integer([:positive])}"
    start_supervised!({ChangeFeed, name: feed, buffer: 5})
    s = writer(path, feed)
    :ok = ChangeFeed.subscribe(feed, tables: ["t"])
    :ok = EctoLibSql.run(s, "INSERT INTO t SELECT i FROM (#{count_to(6)})")
    insert!(s, 7)
    assert_receive {ChangeFeed, ^feed, {:overflow, 6}}, 5_000
    assert_receive {ChangeFeed, ^feed, {:changes, [{:insert, "main", "t", 7}]}}, 5_000
  end

  test "has the rows' values where the option asks for them", %{feed: feed, path: path} do
    s = writer(path, {feed, values: true})
    :ok = ChangeFeed.subscribe(feed, tables: ["t"])
    insert!(s, 1)
    assert_receive {ChangeFeed, ^feed, {:changes, [change]}}, 5_000
    assert change == {:insert, "main", "t", 1, %{old: nil, new: %{"id" => 1}}}
  end

  test "outlasts a reset of the connection", %{feed: feed, s: s} do
    :ok = ChangeFeed.subscribe(feed)
    {:ok, _} = EctoLibSql.begin(s)
    insert!(s, 1)
    :ok = EctoLibSql.reset_connection(s)
    insert!(s, 2)
    assert_receive {ChangeFeed, ^feed, event}, 5_000
    assert event == inserted([2])
  end

  test "that crashes and is started again has what was told meanwhile", %{feed: feed, s: s} do
    :sys.suspend(feed)
    insert!(s, 1)
    pid = Process.whereis(feed)
    Process.exit(pid, :kill)
    wait_until(fn -> Process.whereis(feed) not in [nil, pid] end)
    # The first transaction may have been told to nobody before this process was there.
    insert!(s, 2)
    :ok = ChangeFeed.subscribe(feed)
    insert!(s, 3)
    expected = inserted([3])
    assert_receive {ChangeFeed, ^feed, ^expected}, 5_000
  end

  test "that is stopped is no longer there for new connections", %{feed: feed, s: s, path: path} do
    :ok = stop_supervised!({ChangeFeed, feed})
    insert!(s, 1)

    assert {:error, %Error{message: message}} =
             EctoLibSql.connect(database: path, change_feed: feed)

    assert message =~ "no change feed #{inspect(feed)} is running"
    start_supervised!({ChangeFeed, name: feed})
    :ok = ChangeFeed.subscribe(feed)
    insert!(s, 2)
    assert_receive {ChangeFeed, ^feed, event}, 5_000
    assert event == inserted([2])
  end

  test "forgets subscribers that die", %{feed: feed} do
    {pid, monitor} = spawn_monitor(fn -> ChangeFeed.subscribe(feed) end)
    assert_receive {:DOWN, ^monitor, _, ^pid, _}, 5_000
    wait_until(fn -> :sys.get_state(feed).subscribers == %{} end)
  end

  test "takes no options that are none", %{feed: feed} do
    assert {:error, %Error{code: :invalid_option, message: message}} =
             EctoLibSql.connect(database: ":memory:", change_feed: "feed")

    assert message =~ "change_feed takes the name of an EctoLibSql.ChangeFeed"

    for option <- [true, {feed, []}, {feed, values: 1}, {"feed", values: true}] do
      assert {:error, %Error{code: :invalid_option}} =
               EctoLibSql.connect(database: ":memory:", change_feed: option)
    end

    assert {:error, %Error{code: :unsupported}} =
             EctoLibSql.connect(uri: "http://localhost:1", change_feed: feed)

    for opts <- [[], [name: "feed"], [name: :a_feed, buffer: 0], [name: :a_feed, mailbox: :all]],
        do: assert_raise(ArgumentError, fn -> ChangeFeed.start_link(opts) end)

    for opts <- [[tables: "t"], [tables: [:t]], [database: :main], [table: "t"]],
        do: assert_raise(ArgumentError, fn -> ChangeFeed.subscribe(feed, opts) end)
  end
end
