defmodule EctoLibSql.VfsTest do
  # Not async: it counts what is left over, and what the schedulers do.
  use ExUnit.Case, async: false

  import EctoLibSql.Test.Database

  alias EctoLibSql.{Error, Native, Vfs}
  alias EctoLibSql.Vfs.Fault

  @moduletag :tmp_dir

  defp fault!(script \\ []) do
    {:ok, vfs} = Fault.start(script)
    on_exit(fn -> Fault.stop(vfs) end)
    vfs
  end

  defp code({:error, %Error{code: code}}), do: code

  describe "the option :vfs" do
    test "opens by the VFS of that name", context do
      assert hd(Vfs.list()) == Vfs.default()
      assert "memdb" in Vfs.list()
      assert Vfs.of(connect_file!(context)) == {:ok, Vfs.default()}
      vfs = fault!()
      assert vfs in Vfs.list()
      s = connect_file!(context, vfs: vfs)
      assert Vfs.of(s) == {:ok, vfs}
      :ok = EctoLibSql.reset_connection(s)
      assert Vfs.of(s) == {:ok, vfs}
      :ok = EctoLibSql.disconnect(s)
      assert code(Vfs.of(s)) == :connection_closed
    end

    test "is checked", context do
      path = Path.join(context.tmp_dir, "a.db")
      assert {:error, error} = EctoLibSql.connect(database: path, vfs: "nobody's")
      assert error.code == :invalid_argument
      assert error.message =~ ~s(no VFS of the name "nobody's"; there are )
      assert error.message =~ "memdb"
      refute File.exists?(path)

      for vfs <- ["", :unix, 7],
          do: assert(code(EctoLibSql.connect(database: path, vfs: vfs)) == :invalid_option)

      assert code(EctoLibSql.connect(database: path, vfs: "a\0b")) == :invalid_argument
      assert code(EctoLibSql.connect(uri: "http://127.0.0.1:1", vfs: "unix")) == :unsupported

      offline = [uri: "http://127.0.0.1:1", offline: true, database: path, vfs: "unix"]
      assert code(EctoLibSql.connect(offline)) == :unsupported
    end

    test "shares a database in memory by its name, and its write gate" do
      s = connect!(database: "/vfs_test", vfs: "memdb")
      other = connect!(database: "file:/vfs_test?vfs=memdb")
      :ok = EctoLibSql.run(s, "CREATE TABLE t (a)")
      assert rows(other, "SELECT count(*) FROM t") == [[0]]
      {:ok, _} = EctoLibSql.begin(s)
      assert {:ok, %{holder: %{pid: pid}}} = EctoLibSql.write_gate(other)
      assert pid == self()
    end

    test "shares a database in memory whose readers do not wait", context do
      s = connect!(database: "shared by its name", vfs: "memory")
      :ok = EctoLibSql.run(s, "CREATE TABLE t (a)")
      assert rows(s, "PRAGMA journal_mode") == [["wal"]]
      reader = connect!(database: "shared by its name", vfs: "memory", busy_timeout: 0)
      {:ok, _} = EctoLibSql.begin(s)
      :ok = EctoLibSql.run(s, "INSERT INTO t VALUES (1)")
      for _ <- 1..3, do: assert(rows(reader, "SELECT count(*) FROM t") == [[0]])
      assert {:ok, _short} = Native.query_short(reader, "SELECT count(*) FROM t", [])
      assert {:error, %Error{code: :busy}} = EctoLibSql.run(reader, "INSERT INTO t VALUES (2)")
      {:ok, _} = EctoLibSql.commit(s)
      assert rows(reader, "SELECT count(*) FROM t") == [[1]]

      {:ok, image} = EctoLibSql.Backup.serialize(s)
      path = Path.join(context.tmp_dir, "copy.db")
      File.write!(path, image)
      assert rows(connect!(database: path), "SELECT a FROM t") == [[1]]

      # A process that dies in a transaction leaves neither that nor the name behind.
      {victim, _} =
        start_victim(fn ->
          {:ok, s} = EctoLibSql.connect(database: "shared by its name", vfs: "memory")
          {:ok, _} = EctoLibSql.begin(s)
          :ok = EctoLibSql.run(s, "DELETE FROM t")
        end)

      kill(victim)
      wait_until(fn -> match?({:ok, %{holder: nil}}, EctoLibSql.write_gate(s)) end)
      assert rows(s, "SELECT count(*) FROM t") == [[1]]
      for s <- [s, reader], do: :ok = EctoLibSql.disconnect(s)
      anew = connect!(database: "shared by its name", vfs: "memory")
      assert rows(anew, "SELECT count(*) FROM sqlite_schema") == [[0]]
    end

    test "holds for what is attached", context do
      vfs = fault!()
      s = connect_file!(context, vfs: vfs)
      :ok = EctoLibSql.run(s, "ATTACH ? AS other", [Path.join(context.tmp_dir, "other.db")])
      {:ok, before} = Fault.status(vfs)
      :ok = EctoLibSql.run(s, "CREATE TABLE other.t (a)")
      {:ok, after_writing} = Fault.status(vfs)
      assert after_writing.by_operation.write > before.by_operation.write
    end
  end

  describe "faults" do
    setup context do
      vfs = fault!()
      s = connect_file!(context, vfs: vfs)
      :ok = EctoLibSql.run(s, "CREATE TABLE t (a)")
      %{vfs: vfs, s: s}
    end

    test "are answered with the extended code, and leave the connection as it was", context do
      %{vfs: vfs, s: s} = context

      for {rule, code} <- [
            {[on: :write, file: :wal], :ioerr_write},
            {[on: :write, do: {:torn, 10}], :ioerr_write},
            {[on: :write, do: {:error, :full}], :full},
            {[on: :write, do: {:error, :ioerr_data}], :ioerr_data},
            {[on: [:shm_lock]], :ioerr_shmlock}
          ] do
        :ok = Fault.set(vfs, rules: [rule])
        assert {:error, %Error{} = error} = EctoLibSql.query(s, "INSERT INTO t VALUES (1)")
        assert error.code == code
        assert is_integer(error.extended_code)
        :ok = Fault.set(vfs, [])
        assert EctoLibSql.autocommit?(s)
        assert {:ok, %{holder: nil}} = EctoLibSql.write_gate(s)
        assert rows(s, "SELECT count(*) FROM t") == [[0]]
      end

      {:ok, log} = Fault.log(vfs)
      assert Enum.map(log, & &1.code) |> Enum.uniq() |> length() == 4
      assert Enum.all?(log, &String.starts_with?(&1.path, context.tmp_dir))
    end

    test "of the disk's space end with it", %{vfs: vfs, s: s} do
      :ok = Fault.set(vfs, space: 20_000)
      insert = &EctoLibSql.query(s, "INSERT INTO t VALUES (zeroblob(?))", [&1])
      assert {:ok, _} = insert.(100)
      assert code(insert.(100_000)) == :full
      assert {:ok, %{space: space}} = Fault.status(vfs)
      assert space < 20_000
      :ok = Fault.set(vfs, [])
      assert {:ok, _} = insert.(100_000)
      assert rows(s, "SELECT count(*) FROM t") == [[2]]
    end

    test "do not stall the schedulers when they take their time", %{vfs: vfs, s: s} do
      for _ <- 1..20, do: rows(s, "SELECT count(*) FROM t")
      # Of an ordinary connection, to which the slow database is attached.
      other = connect!()
      [[_, _, path]] = rows(s, "PRAGMA database_list")
      :ok = EctoLibSql.run(other, "ATTACH ? AS slow", ["file:#{path}?vfs=#{vfs}"])
      for _ <- 1..20, do: rows(other, "SELECT count(*) FROM slow.t")
      :ok = Fault.set(vfs, rules: [[do: {:delay, 20}]])

      for s <- [s, other], sql = "SELECT count(*) FROM #{if s == other, do: "slow."}t" do
        assert Native.query_short(s, sql, []) == :long
        assert rows(s, sql) == [[0]]
      end
    end

    test "take what was not synced when the power goes", context do
      %{vfs: vfs, s: s} = context
      {:ok, _} = EctoLibSql.checkpoint(s, :truncate)
      :ok = Fault.set(vfs, seed: 3)
      for i <- 1..20, do: EctoLibSql.query!(s, "INSERT INTO t VALUES (?)", [i])
      assert {:ok, %{unsynced_bytes: bytes, power: :on}} = Fault.status(vfs)
      assert bytes > 0
      assert {:ok, %{lost_sectors: lost}} = Fault.power_loss(vfs)
      assert lost > 0
      assert {:error, %Error{}} = EctoLibSql.query(s, "SELECT * FROM t")
      path = Path.join(context.tmp_dir, "test.db")
      assert code(EctoLibSql.connect(database: path, vfs: vfs)) == :cantopen
      :ok = EctoLibSql.disconnect(s)
      s = connect_file!(context, vfs: vfs)
      assert rows(s, "PRAGMA integrity_check") == [["ok"]]
      # A commit in WAL mode is not synced by `synchronous: :normal`.
      assert [[kept]] = rows(s, "SELECT count(*) FROM t")
      assert kept < 20
    end

    test "are over when it is stopped, and so is its name", context do
      %{vfs: vfs, s: s} = context
      :ok = Fault.set(vfs, rules: [[on: :write]])
      :ok = Fault.stop(vfs)
      refute vfs in Vfs.list()
      assert :ok = EctoLibSql.run(s, "INSERT INTO t VALUES (1)")

      for gone <- [
            Fault.stop(vfs),
            Fault.set(vfs, []),
            Fault.status(vfs),
            Fault.log(vfs),
            Fault.power_loss(vfs)
          ],
          do: assert(code(gone) == :invalid_argument)

      assert code(Fault.start([], name: vfs)) == :busy
      :ok = EctoLibSql.disconnect(s)
      assert {:ok, ^vfs} = Fault.start([], name: vfs)
    end

    test "outlive the process that started them, and its connections do not", context do
      path = Path.join(context.tmp_dir, "victim.db")

      {victim, vfs} =
        start_victim(fn ->
          {:ok, vfs} = Fault.start()
          {:ok, s} = EctoLibSql.connect(database: path, vfs: vfs)
          :ok = EctoLibSql.run(s, "CREATE TABLE t (a)")
          vfs
        end)

      kill(victim)
      wait_until(fn -> match?({:ok, %{open_files: 0}}, Fault.status(vfs)) end)
      assert :ok = Fault.stop(vfs)
    end
  end

  describe "retry" do
    setup context do
      vfs = fault!()
      s = connect_file!(context, vfs: vfs, journal_mode: :delete, cache_size: 1)
      :ok = EctoLibSql.run(s, "CREATE TABLE t (a)")
      %{vfs: vfs, s: s}
    end

    test "makes a call again that failed to read or to lock", %{vfs: vfs, s: s} do
      for {rule, code} <- [
            {[on: :lock, times: 2], :ioerr_lock},
            {[on: :access, times: 2], :ioerr_access}
          ] do
        :ok = Fault.set(vfs, rules: [rule])
        assert code(EctoLibSql.query(s, "SELECT * FROM t", [], retry: 1)) == code
        :ok = Fault.set(vfs, rules: [rule])
        assert {:ok, _} = EctoLibSql.query(s, "SELECT * FROM t", [], retry: 2)
        assert {:ok, %{faults: 2}} = Fault.status(vfs)
      end
    end

    test "makes a transaction again whose reading failed", %{vfs: vfs, s: s} do
      :ok = Fault.set(vfs, rules: [[on: :lock, times: 1]])

      assert {:ok, 1} =
               EctoLibSql.transaction(
                 s,
                 fn s -> EctoLibSql.query!(s, "INSERT INTO t VALUES (1)").changes end,
                 retry: 1
               )

      assert rows(s, "SELECT count(*) FROM t") == [[1]]
    end

    test "leaves alone what may have been written", %{vfs: vfs, s: s} do
      for operation <- [:write, :sync, :delete, :truncate] do
        :ok = Fault.set(vfs, rules: [[on: operation, times: 1]])
        reply = EctoLibSql.query(s, "INSERT INTO t VALUES (1)", [], retry: 5)

        if operation == :truncate,
          do: assert({:ok, _} = reply),
          else: assert(Atom.to_string(code(reply)) =~ "ioerr_")
      end
    end
  end

  describe "a script" do
    test "that is none says what is wrong" do
      for {script, message} <- [
            {:none, "the script is a keyword list or a map, got: :none"},
            {[rule: []], "the script has :rule, which is none of its keys"},
            {[rules: :all], "rules is a list of rules"},
            {[rules: [1 | 2]], "rules is a list of rules"},
            {[rules: [[on: :nothing]]], "rule 1: on takes one or a list of :open, :read"},
            {[rules: [[], [file: [:wal | :main]]]], "rule 2: file takes one"},
            {[rules: [[nth: 0]]], "rule 1: nth takes an integer from 1"},
            {[rules: [[probability: 2]]], "rule 1: probability takes a number from 0 to 1"},
            {[rules: [[do: :explode]]], "rule 1: do takes :error, {:error, code}"},
            {[rules: [[do: {:error, :no_code}]]], "no result code of the name no_code"},
            {[rules: [[do: {:error, :constraint}]]], "does not fail with the code 19"},
            {[rules: [[on: :read, do: :lie]]], "rule 1: lie goes with the operation sync only"},
            {[seed: -1], "seed takes an integer from 0"},
            {[space: 1.5], "space takes an integer from 0"},
            {[sector_size: 500], "sector_size takes a power of two"}
          ] do
        assert {:error, %Error{code: :invalid_argument} = error} = Fault.start(script)
        assert error.message =~ message
      end
    end

    test "of any kind, and any name, crashes nothing" do
      things = [nil, :a, 1, -1, 1.5, "", "a", <<255>>, "a\0", [], [1 | 2], %{}, {}, self()]

      for one <- things do
        assert {:error, %Error{}} = Native.fault_start(one, one)
        assert {:error, %Error{}} = Native.fault_set(one, one)

        for call <- [:fault_stop, :fault_status, :fault_log, :fault_power_loss, :vfs_of],
            do: assert({:error, %Error{}} = apply(Native, call, [one]))
      end

      whole = %{seed: 0, rules: [], space: nil, sector_size: 512}

      for key <- Map.keys(whole), thing <- things -- [nil, [], 1] do
        assert {:error, %Error{}} = Native.fault_start(nil, %{whole | key => thing})
        assert {:error, %Error{}} = Native.fault_start(nil, Map.delete(whole, key))
      end

      rule = %{
        on: [],
        files: [],
        nth: nil,
        from: nil,
        every: nil,
        probability: nil,
        times: nil,
        action: {:lie, nil, false}
      }

      for key <- Map.keys(rule), thing <- things -- [nil, [], 1, 1.5] do
        script = %{whole | rules: [%{rule | key => thing}]}
        assert {:error, %Error{}} = Native.fault_start(nil, script)
      end
    end
  end
end
