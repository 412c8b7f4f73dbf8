defmodule EctoLibSql.Offline.DriverTest do
  use ExUnit.Case, async: true

  import EctoLibSql.Test.Database, only: [rows: 2]

  alias EctoLibSql.{Error, Offline}
  alias EctoLibSql.Test.SyncServer

  @moduletag :tmp_dir
  @moduletag :capture_log

  setup do
    %{server: SyncServer.start!()}
  end

  defp connect(server, path, opts \\ []) do
    base = [uri: SyncServer.url(server), database: path, offline: true, sync: false]
    EctoLibSql.connect(Keyword.merge(base, opts))
  end

  defp connect!(server, path, opts \\ []) do
    {:ok, s} = connect(server, path, opts)
    s
  end

  defp with_table(server, path) do
    s = connect!(server, path)
    :ok = EctoLibSql.run(s, "CREATE TABLE t (id INTEGER PRIMARY KEY, x TEXT)")
    {:ok, %{pushed: pushed}} = Offline.push(s)
    assert pushed > 0
    s
  end

  defp insert(s, text), do: {:ok, _} = EctoLibSql.query(s, "INSERT INTO t (x) VALUES (?)", [text])
  defp texts(s), do: s |> rows("SELECT x FROM t ORDER BY id") |> List.flatten()

  defp at_server(server, dir) do
    path = SyncServer.database(server, Path.join(dir, "at the server"))
    {:ok, s} = EctoLibSql.connect(database: path)
    assert rows(s, "PRAGMA integrity_check") == [["ok"]]
    found = texts(s)
    EctoLibSql.disconnect(s)
    found
  end

  test "what one copy writes, another gets", %{server: server, tmp_dir: dir} do
    one = with_table(server, Path.join(dir, "a.db"))
    assert one.mode == :offline
    two = connect!(server, Path.join(dir, "b.db"))
    insert(one, "first")
    assert {:ok, %{pending: pending, frame: frame, generation: 1}} = Offline.status(one)
    assert pending > 0

    assert {:ok, %{pushed: ^pending, pulled: 0, frame: pushed}} = Offline.sync(one)
    assert pushed == frame + pending
    assert {:ok, %{frame_no: ^pushed, frames_synced: ^pending}} = EctoLibSql.sync(two)
    assert texts(two) == ["first"]
    insert(two, "second")
    {:ok, _} = Offline.push(two)
    assert {:ok, %{pulled: pulled}} = Offline.pull(one)
    assert pulled > 0
    assert texts(one) == ["first", "second"]
    assert at_server(server, dir) == ["first", "second"]
    assert {:ok, %{status: :ok, mode: :offline}} = EctoLibSql.health(one)

    assert {:ok, status} = Offline.status(one)
    assert %{pending: 0, last_error: nil, last_sync: %DateTime{}} = status
    assert status.bytes_sent > 4096 and status.bytes_received > 4096
  end

  test "a copy opens without its server, and catches up", %{server: server, tmp_dir: dir} do
    path = Path.join(dir, "a.db")
    server |> with_table(path) |> EctoLibSql.disconnect()

    s = connect!(%{server | port: 1}, path)
    insert(s, "offline")
    assert {:error, %Error{code: :connection_refused}} = Offline.sync(s)
    assert {:ok, %{last_error: %Error{code: :connection_refused}}} = Offline.status(s)
    assert texts(s) == ["offline"]
    EctoLibSql.disconnect(s)

    assert {:ok, %{pushed: _}} = server |> connect!(path) |> Offline.sync()
    assert at_server(server, dir) == ["offline"]
  end

  test "without a copy the server is needed", %{server: server, tmp_dir: dir} do
    path = Path.join(dir, "a.db")
    assert {:error, %Error{code: :connection_refused}} = connect(%{server | port: 1}, path)
    refute File.exists?(path)
    # The folder is not made up either.
    assert {:error, %Error{code: :invalid_argument}} = connect(server, Path.join(dir, "no/a.db"))
  end

  test "a conflict is told, and nothing is lost", %{server: server, tmp_dir: dir} do
    path = Path.join(dir, "b.db")
    one = with_table(server, Path.join(dir, "a.db"))
    two = connect!(server, path)
    insert(one, "one's")
    {:ok, _} = Offline.push(one)
    insert(two, "two's")

    for sync <- [&Offline.sync/1, &Offline.push/1, &Offline.pull/1] do
      assert {:error, %Error{code: :sync_conflict, message: message}} = sync.(two)
      assert message =~ "frames that were not pushed"
    end

    assert texts(two) == ["two's"]
    assert {:error, %Error{code: :busy}} = Offline.set_aside(path)
    EctoLibSql.disconnect(two)

    assert {:ok, aside} = Offline.set_aside(path)
    fresh = connect!(server, path)
    assert texts(fresh) == ["one's"]
    {:ok, old} = EctoLibSql.connect(database: aside, mode: :read_only)
    assert texts(old) == ["two's"]
    for text <- texts(old), do: insert(fresh, text)
    {:ok, _} = Offline.push(fresh)
    assert at_server(server, dir) == ["one's", "two's"]
    assert {:ok, nil} = Offline.set_aside(Path.join(dir, "none.db"))
  end

  test "a sync ends with its deadline, and local work goes on", %{server: server, tmp_dir: dir} do
    s = with_table(server, Path.join(dir, "a.db"))
    insert(s, "x")
    SyncServer.fail(server, :push, "hang")
    assert {:error, %Error{code: :timeout}} = Offline.push(s, timeout: 200)
    insert(s, "y")
    SyncServer.recover(server)
    {:ok, _} = Offline.push(s)
    assert at_server(server, dir) == ["x", "y"]
    assert Process.info(self(), :messages) == {:messages, []}
  end

  test "a connection that is cut, and a server that fails", %{server: server, tmp_dir: dir} do
    s = with_table(server, Path.join(dir, "a.db"))

    for {kind, opts, code} <- [
          {"cut_before", [], :connection_lost},
          {"cut_after", [], :connection_lost},
          {"cut_within", [], :connection_lost},
          {"status", [number: 500, text: "no"], :server_error},
          {"status", [number: 404], :not_found},
          {"garbled", [], :protocol_error}
        ] do
      insert(s, kind)
      SyncServer.fail(server, :push, kind, opts)
      assert {:error, %Error{code: ^code}} = Offline.push(s)
      assert {:ok, _} = Offline.push(s)
    end

    assert at_server(server, dir) == texts(s)
  end

  test "a token is renewed where a function answers it", %{server: server, tmp_dir: dir} do
    SyncServer.require_token(server, "first")
    path = Path.join(dir, "a.db")
    assert {:error, %Error{code: :unauthorized}} = connect(server, path)
    token = :counters.new(1, [])
    renewed = fn -> Enum.at(["first", "second"], :counters.get(token, 1)) end
    s = connect!(server, path, auth_token: renewed)
    assert is_function(s.auth_token)
    SyncServer.require_token(server, "second")
    :counters.add(token, 1, 1)
    assert {:ok, _} = Offline.sync(s)
  end

  if Code.ensure_loaded?(:telemetry) do
    test "a copy syncs by itself, and tells", %{server: server, tmp_dir: dir} do
      path = Path.join(dir, "b.db")
      one = with_table(server, Path.join(dir, "a.db"))
      parent = self()
      handler = "#{inspect(__MODULE__)} #{path}"
      events = for event <- [:sync, :failed], do: [:ecto_libsql, :offline, event]

      tell = fn event, figures, metadata, _ ->
        if metadata.database == path, do: send(parent, {List.last(event), figures, metadata})
      end

      :telemetry.attach_many(handler, events, tell, nil)
      on_exit(fn -> :telemetry.detach(handler) end)
      two = connect!(server, path, sync: 20)
      insert(one, "from one")
      {:ok, _} = Offline.push(one)
      # The first one is that of the opening.
      assert_receive {:sync, %{pulled: pulled, pushed: 0}, _} when pulled > 0, 10_000
      EctoLibSql.Test.Database.wait_until(fn -> texts(two) == ["from one"] end)
      insert(two, "from two")
      assert_receive {:sync, %{pushed: pushed}, _} when pushed > 0, 10_000
      SyncServer.fail(server, :pull, "status", number: 401)
      assert_receive {:failed, %{}, %{error: %Error{code: :unauthorized}}}, 10_000
      assert at_server(server, dir) == ["from one", "from two"]
      EctoLibSql.disconnect(two)
    end
  end

  test "a process that dies frees the copy", %{server: server, tmp_dir: dir} do
    path = Path.join(dir, "a.db")
    server |> with_table(path) |> EctoLibSql.disconnect()
    {pid, monitor} = spawn_monitor(fn -> exit({:opened, connect!(server, path).conn_id}) end)
    assert_receive {:DOWN, ^monitor, :process, ^pid, {:opened, _}}, 10_000

    EctoLibSql.Test.Database.wait_until(fn ->
      match?({:ok, path} when is_binary(path), Offline.set_aside(path))
    end)
  end

  test "another process of the machine is kept out", %{server: server, tmp_dir: dir} do
    path = Path.join(dir, "a.db")
    s = with_table(server, path)

    script =
      "import fcntl, sys; fcntl.flock(open(sys.argv[1], 'w'), fcntl.LOCK_EX | fcntl.LOCK_NB)"

    if python = System.find_executable("python3") do
      args = ["-c", script, path <> "-offline-lock"]
      assert {_, 1} = System.cmd(python, args, stderr_to_stdout: true)
      EctoLibSql.disconnect(s)
      assert {_, 0} = System.cmd(python, args, stderr_to_stdout: true)
    end
  end

  test "options that do not fit are named", %{tmp_dir: dir} do
    path = Path.join(dir, "a.db")
    uri = "http://127.0.0.1:1"

    for {opts, code, part} <- [
          {[offline: true], :invalid_option, "uri"},
          {[offline: true, uri: uri], :invalid_option, "database"},
          {[offline: true, database: path], :invalid_option, "uri"},
          {[offline: :yes, uri: uri, database: path], :invalid_option, "offline"},
          {[offline: true, uri: uri, database: ":memory:"], :invalid_option, "memory"},
          {[offline: true, uri: uri, database: "file:a"], :invalid_option, "URI"},
          {[offline: true, uri: uri, database: path, sync: 0], :invalid_option, "sync"},
          {[offline: true, uri: uri, database: path, read_your_writes: true], :invalid_option,
           "replica"},
          {[offline: true, uri: uri, database: path, encryption_key: "k"], :unsupported,
           "encryption_key"},
          {[offline: true, uri: uri, database: path, page_size: 8192], :unsupported, "4096"},
          {[offline: true, uri: uri, database: path, journal_mode: :delete], :unsupported, "wal"},
          {[offline: true, uri: uri, database: path, failover: [uri]], :unsupported, "failover"},
          {[offline: true, uri: uri, database: path, nonsense: 1], :invalid_option, "nonsense"},
          {[offline: true, uri: "ftp://x", database: path], :invalid_argument, "scheme"}
        ] do
      assert {:error, %Error{code: ^code, message: message}} = EctoLibSql.connect(opts)
      assert message =~ part
    end

    {:ok, local} = EctoLibSql.connect(database: path, offline: false)
    assert local.mode == :local
    assert {:error, %Error{code: :unsupported, message: message}} = Offline.push(local)
    assert message =~ "offline: true"
  end
end
