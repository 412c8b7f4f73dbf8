defmodule EctoLibSql.Offline.KillTest do
  # The VM that has the copy is killed: what was acknowledged is there, and reaches the server once.
  use ExUnit.Case, async: true

  import EctoLibSql.Test.Database, only: [rows: 2, wait_until: 1]

  alias EctoLibSql.Offline
  alias EctoLibSql.Test.{OtherVM, SyncServer}

  @moduletag :tmp_dir
  @moduletag :capture_log

  @create "CREATE TABLE t (id INTEGER PRIMARY KEY, x TEXT)"
  @insert "INSERT INTO t (x) VALUES (?)"

  setup %{tmp_dir: dir} do
    server = SyncServer.start!()

    options = [
      uri: SyncServer.url(server),
      database: Path.join(dir, "a.db"),
      offline: true,
      sync: false
    ]

    peer = OtherVM.start!()
    connection = OtherVM.connect!(peer, options)
    :ok = OtherVM.run(connection, :run, [@create])
    {:ok, _} = OtherVM.run(connection, :sync)
    %{server: server, options: options, peer: peer, connection: connection}
  end

  defp insert(connection, text), do: {:ok, _} = OtherVM.run(connection, :query, [@insert, [text]])

  defp kill(peer) do
    pid = peer |> OtherVM.call(:os, :getpid, []) |> List.to_string()
    monitor = Process.monitor(peer)
    {_, 0} = System.cmd("kill", ["-9", pid])
    assert_receive {:DOWN, ^monitor, :process, ^peer, _}, 10_000
    # Its connection to this VM ends before its locks do.
    wait_until(fn -> match?({_, 1}, System.cmd("kill", ["-0", pid], stderr_to_stdout: true)) end)
  end

  defp texts(s), do: s |> rows("SELECT x FROM t ORDER BY id") |> List.flatten()

  defp check(server, options, dir, expected) do
    {:ok, s} = EctoLibSql.connect(options)
    assert texts(s) == expected
    assert rows(s, "PRAGMA integrity_check") == [["ok"]]
    {:ok, _} = Offline.push(s)
    assert {:ok, %{pending: 0}} = Offline.status(s)
    {:ok, _} = EctoLibSql.query(s, @insert, ["after"])
    {:ok, _} = Offline.sync(s)

    path = SyncServer.database(server, Path.join(dir, "at the server"))
    {:ok, at_server} = EctoLibSql.connect(database: path)
    assert rows(at_server, "PRAGMA integrity_check") == [["ok"]]
    assert texts(at_server) == expected ++ ["after"]
  end

  test "between two syncs", context do
    for n <- 1..20, do: insert(context.connection, "#{n}")
    kill(context.peer)
    check(context.server, context.options, context.tmp_dir, for(n <- 1..20, do: "#{n}"))
  end

  for endpoint <- [:push, :pull] do
    test "in a #{endpoint}, whose answer has not come", context do
      %{server: server, connection: connection} = context
      for n <- 1..20, do: insert(connection, "#{n}")

      expected =
        if unquote(endpoint) == :push do
          for n <- 1..20, do: "#{n}"
        else
          {:ok, _} = OtherVM.run(connection, :sync)
          other = Keyword.put(context.options, :database, Path.join(context.tmp_dir, "b.db"))
          {:ok, s} = EctoLibSql.connect(other)
          {:ok, _} = EctoLibSql.query(s, @insert, ["of another"])
          {:ok, _} = Offline.push(s)
          for(n <- 1..20, do: "#{n}") ++ ["of another"]
        end

      SyncServer.fail(server, unquote(endpoint), "hang")
      syncing = Task.async(fn -> catch_exit(OtherVM.run(connection, :sync)) end)
      SyncServer.wait_until_one_hangs(server)
      kill(context.peer)
      Task.await(syncing)
      SyncServer.recover(server)

      if unquote(endpoint) == :pull do
        {:ok, s} = EctoLibSql.connect(context.options)
        assert {:ok, %{pulled: pulled}} = Offline.pull(s)
        assert pulled > 0
        EctoLibSql.disconnect(s)
      end

      check(server, context.options, context.tmp_dir, expected)
    end
  end
end
