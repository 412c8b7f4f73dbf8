defmodule EctoLibSql.WalTest do
  use ExUnit.Case, async: true

  import EctoLibSql.Test.Database
  import EctoLibSql.Test.WalShipping

  alias EctoLibSql.{Error, Wal}
  alias EctoLibSql.Test.OtherVM
  alias EctoLibSql.Wal.Frame

  @moduletag :tmp_dir

  setup %{tmp_dir: dir} do
    connect = fn name, opts ->
      connect!([database: Path.join(dir, name), journal_mode: :wal] ++ opts)
    end

    source = connect.("source.db", [])
    :ok = Wal.disable_checkpoint(source)
    :ok = EctoLibSql.run(source, "CREATE TABLE t (id INTEGER PRIMARY KEY, a)")
    for n <- 1..3, do: :ok = insert(source, n)
    %{source: source, target: connect.("target.db", []), connect: connect}
  end

  defp insert(s, n), do: EctoLibSql.run(s, "INSERT INTO t (a) VALUES (zeroblob(5000) || ?)", [n])

  defp count(s) do
    {:ok, [count]} = EctoLibSql.query_one(s, "SELECT count(*) FROM t")
    count
  end

  defp all_frames(s) do
    {:ok, count} = Wal.frame_count(s)
    s |> frames(1, count) |> Enum.to_list()
  end

  describe "frames" do
    test "are counted and read", %{source: s} do
      assert {:ok, count} = Wal.frame_count(s)
      assert {:ok, frames} = Wal.read_frames(s, 1)
      assert length(frames) == count
      assert Enum.map(frames, & &1.number) == Enum.to_list(1..count)
      assert %Frame{page: 1, data: "SQLite format 3\0" <> _ = data} = hd(frames)
      assert byte_size(data) == 4096
      # Each of the four transactions ends with one that commits.
      assert Enum.count(frames, &Frame.commit?/1) == 4
      assert {:ok, [pages]} = EctoLibSql.query_one(s, "SELECT * FROM pragma_page_count")
      assert %Frame{db_size: ^pages} = List.last(frames)
      assert [_one] = frames |> Enum.map(& &1.salt) |> Enum.uniq()
      third = Enum.at(frames, 2)
      assert {:ok, ^third} = Wal.read_frame(s, 3)
      assert {:ok, [_, ^third]} = Wal.read_frames(s, 2, max: 2)
    end

    test "that are not there", %{source: s} do
      {:ok, count} = Wal.frame_count(s)

      for number <- [0, count + 1, 0xFFFFFFFF] do
        assert {:error, %Error{code: :invalid_argument, message: message}} =
                 Wal.read_frame(s, number)

        assert message == "there is no frame #{number} in the write-ahead log: it has #{count}"
      end

      for number <- [-1, 0x1_0000_0000, 1.5, "1", nil] do
        assert {:error, %Error{code: :invalid_argument}} = Wal.read_frame(s, number)
        assert {:error, %Error{code: :invalid_argument}} = Wal.read_frames(s, 1, max: number)
      end
    end

    test "have other numbers after a checkpoint, and another salt", %{source: s} do
      {:ok, %{salt: salt}} = Wal.read_frame(s, 1)
      {:ok, %{busy: false}} = EctoLibSql.checkpoint(s, :restart)
      :ok = insert(s, 4)
      {:ok, count} = Wal.frame_count(s)
      assert count < 8
      assert {:ok, %{salt: other}} = Wal.read_frame(s, 1)
      assert other != salt
      {:ok, %{busy: false}} = EctoLibSql.checkpoint(s, :truncate)
      assert {:ok, 0} = Wal.frame_count(s)
    end

    test "are those of the transaction's snapshot", %{source: s, connect: connect} do
      writer = connect.("source.db", [])
      {:ok, count} = Wal.frame_count(s)
      {:ok, s} = EctoLibSql.begin(s, behavior: :deferred)
      assert count(s) == 3
      :ok = insert(writer, 4)
      assert {:ok, ^count} = Wal.frame_count(s)
      assert {:ok, %{busy: true}} = EctoLibSql.checkpoint(writer, :restart, timeout: 50)
      assert {:ok, frames} = Wal.read_frames(s, 1)
      assert length(frames) == count
      {:ok, s} = EctoLibSql.rollback(s)

      # What is in the file keeps no log: readers that need nothing else do not see it go.
      {:ok, _} = EctoLibSql.checkpoint(writer, :full)
      {:ok, s} = EctoLibSql.begin(s, behavior: :deferred)
      assert count(s) == 4
      :ok = insert(writer, 5)
      assert {:error, %Error{code: :wal_restarted}} = Wal.read_frames(s, 1)
    end

    test "wait for who writes", %{source: s, connect: connect} do
      writer = connect.("source.db", [])
      {:ok, before} = Wal.frame_count(s)
      {:ok, writer} = EctoLibSql.begin(writer)
      :ok = insert(writer, 4)
      task = Task.async(fn -> Wal.frame_count(s) end)
      wait_until_queued(s, 1)
      {:ok, _} = EctoLibSql.commit(writer)
      assert {:ok, count} = Task.await(task)
      assert count > before

      {:ok, _} = EctoLibSql.begin(writer)
      :ok = EctoLibSql.set_busy_timeout(s, 20)
      assert {:error, %Error{code: :busy}} = Wal.frame_count(s)
      assert {:error, %Error{code: :busy}} = Wal.insert_begin(s)
      :ok = EctoLibSql.set_busy_timeout(s, 60_000)
      assert {:error, %Error{code: :busy}} = Wal.insert_begin(s, timeout: 20)
    end
  end

  describe "inserting" do
    test "makes a copy, for all its connections", %{source: s, target: target, connect: connect} do
      reader = connect.("target.db", read_only: true)
      frames = all_frames(s)
      count = length(frames)
      assert {:ok, ^count} = Wal.insert_frames(target, frames)
      for copy <- [target, reader], do: assert(contents(copy) == contents(s))
      assert contents(target).faults == []
      for copy <- [s, target], do: {:ok, _} = EctoLibSql.checkpoint(copy, :truncate)
      assert pages(target) == pages(s)
    end

    test "frame by frame shows each transaction at its commit", context do
      %{source: s, target: target, connect: connect} = context
      reader = connect.("target.db", [])
      :ok = Wal.insert_begin(target)

      Enum.reduce(all_frames(s), 0, fn frame, committed ->
        # Bytes are as good.
        frame = if rem(frame.number, 2) == 0, do: Frame.to_binary(frame), else: frame
        assert :ok = Wal.insert_frame(target, frame)
        {:ok, frame} = if is_binary(frame), do: Frame.from_binary(frame), else: {:ok, frame}
        committed = committed + if Frame.commit?(frame), do: 1, else: 0
        if committed > 0, do: assert(count(reader) == committed - 1)
        committed
      end)

      assert :ok = Wal.insert_end(target)
      assert contents(target) == contents(s)
    end

    test "quick reads see what was inserted", %{source: s, target: target, connect: connect} do
      ship(s, target, nil)
      reader = connect.("target.db", [])
      for _ <- 1..5, do: assert(count(reader) == 3)
      {:ok, done} = Wal.frame_count(s)

      Enum.reduce(4..20, done, fn n, done ->
        :ok = insert(s, n)
        {:ok, now} = Wal.frame_count(s)
        {:ok, _} = Wal.insert_frames(target, frames(s, done + 1, now))
        assert count(reader) == n
        assert count(target) == n
        now
      end)
    end

    test "is all or nothing", %{source: s, target: target} do
      frames = all_frames(s)
      short = %{List.last(frames) | data: <<0::4095*8>>}
      half = frames |> Enum.drop(-1) |> Kernel.++([%{List.last(frames) | db_size: 0}])

      for {bad, message} <- [
            {frames ++ [short], "a frame of 4119 bytes: this database's have 4120"},
            {[short | frames], "a frame of 4119 bytes"},
            {half, "the last frame does not commit"},
            {frames ++ [%{hd(frames) | page: 0, db_size: 1}], "a frame without a page number"},
            {frames ++ [""], "a frame of 0 bytes"},
            {frames ++ [:nonsense], "a frame is to be a binary"}
          ] do
        assert {:error, %Error{code: :invalid_argument} = error} = Wal.insert_frames(target, bad)
        assert error.message =~ message

        assert rows(target, "SELECT * FROM sqlite_schema") == []
      end

      assert_raise RuntimeError, fn ->
        frames
        |> Stream.map(&if(&1.number > 5, do: raise("stop"), else: &1))
        |> then(&Wal.insert_frames(target, &1))
      end

      assert {:ok, 0} = Wal.insert_frames(target, [])
      assert {:ok, %{holder: nil}} = EctoLibSql.write_gate(target)
      ship(s, target, nil)
      assert contents(target) == contents(s)
    end

    test "is all that the connection does", %{source: s, target: target, connect: connect} do
      other = connect.("target.db", [])
      {_salt, done} = ship(s, target, nil)
      for n <- 4..6, do: :ok = insert(s, n)
      for _ <- 1..3, do: assert(count(target) == 3)
      {:ok, statement} = EctoLibSql.prepare(target, "SELECT 1")
      :ok = Wal.insert_begin(target)

      for call <- [
            &Wal.insert_begin/1,
            &Wal.frame_count/1,
            &Wal.read_frame(&1, 1),
            &Wal.insert_frames(&1, []),
            &Wal.disable_checkpoint/1,
            &EctoLibSql.query(&1, "SELECT count(*) FROM t"),
            &EctoLibSql.query(&1, "DELETE FROM t"),
            &EctoLibSql.query_stmt(&1, statement, []),
            &EctoLibSql.execute_batch(&1, "SELECT 1; SELECT 2"),
            &EctoLibSql.execute_transactional_batch(&1, "SELECT 1; SELECT 2"),
            &EctoLibSql.batch(&1, [{"SELECT 1", []}]),
            &EctoLibSql.begin/1,
            &EctoLibSql.commit/1,
            &EctoLibSql.create_savepoint(&1, "a"),
            &EctoLibSql.checkpoint(&1, :truncate),
            &EctoLibSql.cacheflush/1,
            &EctoLibSql.prepare(&1, "SELECT 1"),
            &EctoLibSql.declare(&1, "SELECT 1"),
            &EctoLibSql.Backup.serialize/1,
            &EctoLibSql.Backup.to_connection(&1, other),
            &EctoLibSql.Blob.open(&1, "t", "a", 1),
            &EctoLibSql.Native.data_versions/1
          ] do
        assert {:error, %Error{code: :wal_insertion} = error} = call.(target)
        assert error.message =~ "frames are being inserted"
      end

      assert :ok = EctoLibSql.ping(target)

      for frame <- Enum.drop(all_frames(s), done), do: :ok = Wal.insert_frame(target, frame)

      assert :ok = Wal.insert_end(target)
      assert count(target) == 6
      assert {:error, %Error{code: :no_wal_insertion}} = Wal.insert_end(target)

      assert {:error, %Error{code: :no_wal_insertion}} =
               Wal.insert_frame(target, hd(all_frames(s)))
    end

    test "keeps other writers waiting, and not readers", context do
      %{source: s, target: target, connect: connect} = context
      ship(s, target, nil)
      writer = connect.("target.db", [])
      :ok = Wal.insert_begin(target)
      assert {:ok, %{holder: %{pid: pid}}} = EctoLibSql.write_gate(writer)
      assert pid == self()
      assert count(writer) == 3
      task = Task.async(fn -> insert(writer, 4) end)
      wait_until_queued(target, 1)
      :ok = Wal.insert_end(target)
      assert :ok = Task.await(task)
      assert count(target) == 4
    end

    test "waits for another program's lock, and keeps it waiting", context do
      %{source: s, target: target} = context
      ship(s, target, nil)
      :ok = EctoLibSql.set_busy_timeout(target, 30)
      other = OtherVM.start!() |> OtherVM.connect!(database: target.database, busy_timeout: 30)
      {:ok, _} = OtherVM.run(other, :begin)
      assert {:error, %Error{code: :busy}} = Wal.insert_begin(target)
      assert {:error, %Error{code: :busy}} = Wal.frame_count(target)
      {:ok, _} = OtherVM.run(other, :rollback)
      :ok = Wal.insert_begin(target)
      assert {:error, %Error{code: :busy}} = OtherVM.run(other, :query, ["DELETE FROM t"])
      :ok = Wal.insert_end(target)
      assert {:ok, _} = OtherVM.run(other, :query, ["DELETE FROM t"])
      assert count(target) == 0
    end

    @tag :capture_log
    test "is the process's that began it", %{source: s, target: target} do
      :ok = Wal.insert_begin(target)
      [frame | _] = all_frames(s)

      for call <- [
            fn -> Wal.insert_frame(target, frame) end,
            fn -> Wal.insert_end(target) end,
            fn -> EctoLibSql.rollback(target) end
          ] do
        assert {:error, %Error{code: :not_transaction_owner}} =
                 call |> Task.async() |> Task.await()
      end

      assert :ok = Wal.insert_end(target)
    end

    test "is ended by its process's death, and what was not committed with it", context do
      %{source: s, target: target, connect: connect} = context
      frames = all_frames(s)
      other = connect.("target.db", busy_timeout: 60_000)

      # The connection's owner, and a process that only uses it.
      for kind <- [:owner, :user] do
        {victim, used} =
          start_victim(fn ->
            used = if kind == :owner, do: connect_here(target.database), else: target
            :ok = Wal.insert_begin(used)
            for frame <- frames, do: :ok = Wal.insert_frame(used, %{frame | db_size: 0})
            used
          end)

        assert %{transaction: %{owner: ^victim}} = listed(used)
        kill(victim)
        wait_until(fn -> match?({:ok, %{holder: nil}}, EctoLibSql.write_gate(other)) end)
        assert rows(other, "SELECT count(*) FROM sqlite_schema") == [[0]]
      end

      ship(s, target, nil)
      assert contents(other) == contents(s)
    end

    defp connect_here(database) do
      {:ok, s} = EctoLibSql.connect(database: database)
      s
    end

    test "is ended by rollback, reset and disconnect", %{target: target, connect: connect} do
      other = connect.("target.db", busy_timeout: 1_000)
      frame = %Frame{page: 2, data: :crypto.strong_rand_bytes(4096)}

      for end_it <- [
            &EctoLibSql.rollback/1,
            &EctoLibSql.reset_connection/1,
            &EctoLibSql.disconnect/1
          ] do
        own = connect.("target.db", [])
        :ok = Wal.insert_begin(own)
        :ok = Wal.insert_frame(own, frame)
        end_it.(own)
        assert :ok = EctoLibSql.run(other, "CREATE TABLE IF NOT EXISTS t (a)")
        assert {:ok, _} = EctoLibSql.query(other, "INSERT INTO t VALUES (1)")
      end

      assert count(target) == 3
    end

    test "is not for all databases", %{source: s, target: target, connect: connect, tmp_dir: dir} do
      [frame | _] = frames = all_frames(s)
      memory = connect!()
      plain = connect!(database: Path.join(dir, "plain.db"), journal_mode: :delete)

      for s <- [memory, plain], call <- [&Wal.insert_begin/1, &Wal.frame_count/1] do
        assert {:error, %Error{code: :invalid_argument, message: message}} = call.(s)
        assert message =~ "not in WAL mode"
      end

      for only_reads <- [[read_only: true], [custom_pragmas: [query_only: true]]] do
        reader = connect.("source.db", only_reads)
        assert {:ok, _} = Wal.frame_count(reader)
        assert {:ok, _} = Wal.read_frames(reader, 1)
        assert {:error, %Error{code: :readonly}} = Wal.insert_begin(reader)
        assert {:error, %Error{code: :readonly}} = Wal.insert_frames(reader, frames)
        assert count(reader) == 3
      end

      small = connect.("small.db", page_size: 512)
      :ok = EctoLibSql.run(small, "CREATE TABLE own (a)")
      assert {:error, %Error{code: :invalid_argument} = error} = Wal.insert_frames(small, frames)
      assert error.message =~ "a frame of 4120 bytes: this database's have 536"

      for behavior <- [:deferred, :immediate] do
        {:ok, target} = EctoLibSql.begin(target, behavior: behavior)
        assert {:error, %Error{code: :invalid_argument} = error} = Wal.insert_begin(target)
        assert error.message =~ "in a transaction"
        {:ok, _} = EctoLibSql.rollback(target)
      end

      for mode <- [:remote, :replica] do
        elsewhere = %{s | mode: mode}

        for call <- [
              &Wal.frame_count/1,
              &Wal.read_frame(&1, 1),
              &Wal.insert_begin/1,
              &Wal.insert_frame(&1, frame),
              &Wal.insert_end/1,
              &Wal.insert_frames(&1, frames),
              &Wal.disable_checkpoint/1,
              &Wal.enable_checkpoint/1
            ] do
          assert {:error, %Error{code: :unsupported, message: "EctoLibSql.Wal is" <> _}} =
                   call.(elsewhere)
        end
      end

      EctoLibSql.disconnect(s)
      assert {:error, %Error{code: :connection_closed}} = Wal.frame_count(s)
      assert {:error, %Error{code: :connection_closed}} = Wal.insert_begin(s)
    end
  end

  describe "checkpoints" do
    test "are not made where they are off, also at the end", %{tmp_dir: dir} do
      database = Path.join(dir, "off.db")
      {:ok, s} = EctoLibSql.connect(database: database, journal_mode: :wal)
      :ok = EctoLibSql.Pragma.set_wal_autocheckpoint(s, 1)
      %{size: empty} = File.stat!(database)
      :ok = Wal.disable_checkpoint(s)
      :ok = EctoLibSql.run(s, "CREATE TABLE t (id INTEGER PRIMARY KEY, a)")
      for n <- 1..5, do: :ok = insert(s, n)
      assert File.stat!(database).size == empty
      :ok = EctoLibSql.disconnect(s)
      assert File.stat!(database).size == empty

      {:ok, s} = EctoLibSql.connect(database: database)
      assert count(s) == 5
      :ok = Wal.disable_checkpoint(s)
      :ok = EctoLibSql.reset_connection(s)
      :ok = EctoLibSql.disconnect(s)
      assert File.stat!(database).size > empty
      refute File.exists?(database <> "-wal")
    end

    test "are made again after so many frames", %{tmp_dir: dir} do
      s = connect!(database: Path.join(dir, "on.db"), journal_mode: :wal)
      :ok = Wal.disable_checkpoint(s)
      :ok = Wal.enable_checkpoint(s)
      assert {:ok, 1000} = EctoLibSql.Pragma.get_wal_autocheckpoint(s)
      :ok = EctoLibSql.Pragma.set_wal_autocheckpoint(s, 2)
      :ok = EctoLibSql.run(s, "CREATE TABLE t (id INTEGER PRIMARY KEY, a)")
      %{size: before} = File.stat!(s.database)
      :ok = insert(s, 1)
      assert File.stat!(s.database).size > before
    end

    test "follow the option after a reset", %{tmp_dir: dir} do
      s =
        connect!(
          database: Path.join(dir, "option.db"),
          journal_mode: :wal,
          wal_auto_check_point: 77
        )

      :ok = Wal.disable_checkpoint(s)
      :ok = EctoLibSql.reset_connection(s)
      assert {:ok, 77} = EctoLibSql.Pragma.get_wal_autocheckpoint(s)
    end
  end
end
