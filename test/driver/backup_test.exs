defmodule EctoLibSql.BackupTest do
  use ExUnit.Case, async: true

  import EctoLibSql.Test.Database

  alias EctoLibSql.{Backup, Error, Pragma}

  @moduletag :tmp_dir

  setup %{tmp_dir: dir} = context do
    s = connect_file!(context)
    :ok = EctoLibSql.run(s, "CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
    fill(s, 1..500)
    %{s: s, copy: Path.join(dir, "copy.db")}
  end

  defp fill(s, ids) do
    rows = for id <- ids, do: {"INSERT INTO t VALUES (?, ?)", [id, String.duplicate("x", 1_000)]}
    {:ok, _} = EctoLibSql.batch_transactional(s, rows)
  end

  defp count(s), do: hd(hd(rows(s, "SELECT count(*) FROM t")))

  defp count_in(path, opts \\ []) do
    {:ok, s} = EctoLibSql.connect([database: path, read_only: true] ++ opts)
    assert {:ok, []} = Pragma.integrity_check(s)
    count = count(s)
    EctoLibSql.disconnect(s)
    count
  end

  # Nothing but the databases that a test knows of.
  defp partials(dir), do: Path.wildcard(Path.join(dir, "*.partial*"))

  describe "to_file" do
    test "copies what is committed, in steps that are told", %{s: s, copy: copy, tmp_dir: dir} do
      test = self()

      assert {:ok, %{pages: pages, bytes: bytes}} =
               Backup.to_file(s, copy, pages: 10, progress: &send(test, {:progress, &1}))

      assert bytes == pages * 4096
      assert File.stat!(copy).size == bytes
      assert count_in(copy) == 500
      assert partials(dir) == []

      told = told()
      assert length(told) == div(pages + 9, 10)
      assert Enum.all?(told, &(&1.total == pages))
      assert List.last(told).remaining == 0
      assert told == Enum.sort_by(told, & &1.remaining, :desc)
    end

    defp told do
      receive do
        {:progress, progress} -> [progress | told()]
      after
        0 -> []
      end
    end

    test "of one moment, while others write", %{s: s, copy: copy} do
      writes = fn %{remaining: remaining} ->
        if remaining > 0, do: fill(s, (count(s) + 1)..(count(s) + 10))
      end

      assert {:ok, _} = Backup.to_file(s, copy, pages: 10, progress: writes)
      assert count_in(copy) == 500
      assert count(s) > 600
    end

    test "in a transaction: what is committed", %{s: s, copy: copy} do
      {:ok, s} = EctoLibSql.begin(s)
      fill_one(s)
      assert {:ok, _} = Backup.to_file(s, copy)
      assert count_in(copy) == 500
      {:ok, s} = EctoLibSql.rollback(s)
      assert count(s) == 500
    end

    defp fill_one(s), do: :ok = EctoLibSql.run(s, "INSERT INTO t VALUES (1000, 'y')")

    test "with a journal instead of a log", %{tmp_dir: dir, copy: copy} do
      s = connect!(database: Path.join(dir, "journal.db"), journal_mode: :delete)
      :ok = EctoLibSql.run(s, "CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
      fill(s, 1..100)
      test = self()

      # What is written between two steps is in the copy, which begins anew.
      write_once = fn _progress ->
        if !Process.put(test, true), do: fill(s, 101..110)
      end

      assert {:ok, _} = Backup.to_file(s, copy, pages: 5, progress: write_once)
      assert count_in(copy) == 110
    end

    test "called off leaves nothing", %{s: s, copy: copy, tmp_dir: dir} do
      assert {:error, %Error{code: :cancelled}} =
               Backup.to_file(s, copy, pages: 5, progress: fn _ -> :cancel end)

      refute File.exists?(copy)
      assert partials(dir) == []
    end

    test "nor does one whose progress function fails", %{s: s, copy: copy, tmp_dir: dir} do
      assert_raise RuntimeError, fn ->
        Backup.to_file(s, copy, progress: fn _ -> raise "no" end)
      end

      assert partials(dir) == []
      refute File.exists?(copy)
    end

    test "never replaces a file unless it is asked to", %{s: s, copy: copy} do
      File.write!(copy, "mine")
      assert {:error, %Error{code: :invalid_argument, message: message}} = Backup.to_file(s, copy)
      assert message =~ "#{copy} is there already"
      assert File.read!(copy) == "mine"
      assert {:ok, _} = Backup.to_file(s, copy, overwrite: true)
      assert count_in(copy) == 500
    end

    test "names a directory that is not there", %{s: s, tmp_dir: dir} do
      path = Path.join([dir, "nowhere", "copy.db"])
      assert {:error, %Error{code: :cantopen, message: message}} = Backup.to_file(s, path)
      assert message =~ "nowhere"
    end

    test "refuses options that are none", %{s: s, copy: copy} do
      assert_raise ArgumentError, ~r/:pages takes 1 to 65535/, fn ->
        Backup.to_file(s, copy, pages: 0)
      end

      assert_raise ArgumentError, fn -> Backup.to_file(s, copy, page: 1) end
    end

    test "of databases in memory, with and without a name", %{copy: copy} do
      for database <- [":memory:", "file:/backup_test?vfs=memdb"] do
        s = connect!(database: database)
        :ok = EctoLibSql.run(s, "CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
        fill(s, 1..20)
        assert {:ok, _} = Backup.to_file(s, copy, overwrite: true)
        assert count_in(copy) == 20
      end
    end

    test "a process that dies leaves nothing under the name", %{s: s, copy: copy} do
      test = self()

      {pid, ref} =
        spawn_monitor(fn ->
          Backup.to_file(s, copy,
            pages: 5,
            progress: fn _ ->
              send(test, :going)
              receive do: (:never -> :ok)
            end
          )
        end)

      assert_receive :going
      Process.exit(pid, :kill)
      assert_receive {:DOWN, ^ref, :process, ^pid, :killed}
      refute File.exists?(copy)
      wait_until(fn -> not Enum.any?(EctoLibSql.connections(), &(&1.owner == pid)) end)
      assert count(s) == 500
    end
  end

  describe "vacuum_into" do
    test "leaves the gaps out", %{s: s, copy: copy} do
      :ok = EctoLibSql.run(s, "DELETE FROM t WHERE id > 100")
      {:ok, pages} = Pragma.get_page_count(s)
      assert {:ok, figures} = Backup.vacuum_into(s, copy)
      assert figures.pages < div(pages, 2)
      assert count_in(copy) == 100
    end

    test "not within a transaction, which lives on", %{s: s, copy: copy, tmp_dir: dir} do
      {:ok, s} = EctoLibSql.begin(s)
      fill_one(s)
      assert {:error, %Error{message: message}} = Backup.vacuum_into(s, copy)
      assert message =~ "cannot VACUUM from within a transaction"
      {:ok, s} = EctoLibSql.commit(s)
      assert count(s) == 501
      assert partials(dir) == []
    end
  end

  describe "restore" do
    test "brings the backup back, for every connection", %{s: s, copy: copy, tmp_dir: dir} do
      other = connect_file!(%{tmp_dir: dir})
      {:ok, _} = Backup.to_file(s, copy)
      :ok = EctoLibSql.run(s, "DELETE FROM t")
      :ok = EctoLibSql.run(s, "CREATE TABLE later (a)")
      assert count(other) == 0

      assert :ok = Backup.restore(s, copy)
      assert count(s) == 500
      assert count(other) == 500
      assert {:error, %Error{}} = EctoLibSql.query(other, "SELECT * FROM later")
      assert {:ok, []} = Pragma.integrity_check(other)
    end

    test "who reads meanwhile keeps what was there", %{s: s, copy: copy, tmp_dir: dir} do
      {:ok, _} = Backup.to_file(s, copy)
      :ok = EctoLibSql.run(s, "DELETE FROM t")
      reader = connect_file!(%{tmp_dir: dir})
      {:ok, reader} = EctoLibSql.begin(reader, behavior: :deferred)
      assert count(reader) == 0
      assert :ok = Backup.restore(s, copy)
      assert count(reader) == 0
      {:ok, reader} = EctoLibSql.commit(reader)
      assert count(reader) == 500
    end

    test "refuses what is damaged, or no database", %{s: s, copy: copy} do
      {:ok, %{bytes: bytes}} = Backup.to_file(s, copy)
      {:ok, file} = File.open(copy, [:read, :write, :raw, :binary])
      :ok = :file.pwrite(file, div(bytes, 2), :binary.copy(<<0xAA>>, 4096))
      File.close(file)
      assert {:error, %Error{code: code, message: message}} = Backup.restore(s, copy)
      assert code == :corrupt
      assert message =~ copy

      File.write!(copy, :binary.copy("no database ", 1_000))
      assert {:error, %Error{code: :notadb}} = Backup.restore(s, copy)
      assert {:error, %Error{code: :cantopen}} = Backup.restore(s, copy <> ".missing")
      assert count(s) == 500
    end
  end

  test "to_connection copies over another connection's database", %{s: s} do
    memory = connect!()
    :ok = EctoLibSql.run(memory, "CREATE TABLE gone (a)")
    assert :ok = Backup.to_connection(s, memory)
    assert count(memory) == 500
    assert {:error, %Error{}} = EctoLibSql.query(memory, "SELECT * FROM gone")

    assert {:error, %Error{code: :invalid_argument}} = Backup.to_connection(s, s)
  end

  describe "to_connection in steps" do
    setup %{tmp_dir: dir, s: s} do
      target = connect!(database: Path.join(dir, "target.db"))
      :ok = EctoLibSql.run(target, "CREATE TABLE before (a)")
      :ok = EctoLibSql.run(target, "INSERT INTO before VALUES (1)")
      {:ok, pages} = Pragma.get_page_count(s)
      %{target: target, pages: pages, reader: connect!(database: target.database)}
    end

    defp before(s), do: rows(s, "SELECT a FROM before")

    test "tells each, to a function or a process", context do
      %{s: s, target: target, reader: reader, pages: pages} = context
      test = self()

      assert :ok =
               Backup.to_connection(s, target,
                 pages: 20,
                 progress: fn told ->
                   # Who reads goes on with what was there.
                   if told.remaining > 0, do: assert(before(reader) == [[1]])
                   send(test, {:progress, told})
                 end
               )

      told = told()
      assert length(told) == div(pages + 19, 20)
      assert Enum.all?(told, &(&1.total == pages))
      for copy <- [target, reader], do: assert(count(copy) == 500)
      assert {:ok, []} = Pragma.integrity_check(target)

      reference = make_ref()
      memory = connect!()
      assert :ok = Backup.to_connection(s, memory, pages: 50, progress: {test, reference})
      assert_received {Backup, ^reference, %{remaining: remaining, total: ^pages}}
      assert remaining == pages - 50
      assert count(memory) == 500

      assert :ok = Backup.to_connection(s, memory, progress: test)
      assert_received {Backup, other, %{remaining: 0, total: ^pages}} when other != reference
      # A database in memory is copied at once.
      assert :ok = Backup.to_connection(memory, target, progress: {test, reference}, pages: 1)
      assert_received {Backup, ^reference, %{remaining: 0}}
    end

    test "copies one moment, while others write both", context do
      %{s: s, target: target, reader: writer} = context
      :ok = EctoLibSql.set_busy_timeout(writer, 60_000)
      test = self()

      assert :ok =
               Backup.to_connection(s, target,
                 pages: 40,
                 progress: fn %{remaining: remaining} ->
                   fill(s, [1_000 + remaining])

                   unless Process.get(:waits) do
                     Process.put(:waits, true)

                     spawn_link(fn ->
                       :ok = EctoLibSql.run(writer, "CREATE TABLE written AS SELECT 9")
                       send(test, :wrote)
                     end)

                     wait_until_queued(target, 1)
                   end
                 end
               )

      # It has waited, and met what was copied.
      assert_receive :wrote, 60_000
      assert count(target) == 500
      assert count(s) > 500
    end

    test "keeps the connection for the copy", %{s: s, target: target} do
      {:ok, statement} = EctoLibSql.prepare(target, "SELECT a FROM before")
      other = connect!()

      check = fn _told ->
        for call <- [
              &EctoLibSql.query(&1, "SELECT 1"),
              &EctoLibSql.query_stmt(&1, statement, []),
              &EctoLibSql.begin/1,
              &EctoLibSql.commit/1,
              &EctoLibSql.execute_batch(&1, "SELECT 1"),
              &EctoLibSql.checkpoint(&1, :passive),
              &EctoLibSql.Wal.insert_begin/1,
              &Backup.serialize/1,
              &Backup.to_connection(&1, other),
              &Backup.to_connection(s, &1),
              &Backup.to_connection(s, &1, pages: 1)
            ] do
          assert {:error, %Error{code: :backup}} = call.(target)
        end
      end

      Backup.to_connection(s, target,
        pages: 60,
        progress: fn told ->
          if told.remaining > 0, do: check.(told)
        end
      )

      assert count(target) == 500
    end

    test "changes nothing where it is called off or fails", %{s: s, target: target} do
      calls_off = fn _told -> :cancel end

      assert {:error, %Error{code: :cancelled}} =
               Backup.to_connection(s, target, pages: 5, progress: calls_off)

      assert before(target) == [[1]]

      assert_raise RuntimeError, fn ->
        Backup.to_connection(s, target, pages: 5, progress: fn _told -> raise "stop" end)
      end

      assert before(target) == [[1]]

      for ends <- [&EctoLibSql.rollback/1, &EctoLibSql.reset_connection/1] do
        assert {:error, %Error{code: :invalid_argument, message: message}} =
                 Backup.to_connection(s, target,
                   pages: 5,
                   progress: fn _told -> ends.(target) end
                 )

        assert message =~ "no backup is under way"
        assert before(target) == [[1]]
      end

      {:ok, target} = EctoLibSql.begin(target)

      assert {:error, %Error{code: :transaction_open}} =
               Backup.to_connection(s, target, pages: 5)

      {:ok, _} = EctoLibSql.rollback(target)
      EctoLibSql.disconnect(target)

      assert {:error, %Error{code: :connection_closed}} =
               Backup.to_connection(s, target, pages: 5)
    end

    test "can be cancelled by another process", %{s: s, target: target} do
      test = self()
      reference = make_ref()

      copier =
        Task.async(fn ->
          # One step at a time: the next begins when the test says so.
          receive do: (:go -> :ok)
          Backup.to_connection(s, target, pages: 1, progress: {test, reference})
        end)

      :ok = Backup.cancel(copier.pid, reference)
      send(copier.pid, :go)
      assert {:error, %Error{code: :cancelled}} = Task.await(copier)
      assert_received {Backup, ^reference, %{remaining: _}}
      assert_received {Backup, ^reference, %{error: %Error{code: :cancelled}}}
      assert before(target) == [[1]]
    end

    test "ends with the copying process", %{s: s, target: shared, reader: reader} do
      test = self()
      waits = fn _told -> send(test, :stepped) && Process.sleep(:infinity) end

      # One that has opened the connection, and one that uses another's.
      for connect <- [
            fn -> EctoLibSql.connect(database: shared.database) end,
            fn -> {:ok, shared} end
          ] do
        victim =
          spawn(fn ->
            {:ok, target} = connect.()
            Backup.to_connection(s, target, pages: 5, progress: waits)
          end)

        assert_receive :stepped, 5_000
        assert {:ok, %{holder: %{pid: ^victim}}} = EctoLibSql.write_gate(reader)
        kill(victim)
        wait_until(fn -> match?({:ok, %{holder: nil}}, EctoLibSql.write_gate(reader)) end)
        assert before(reader) == [[1]]
        assert :ok = EctoLibSql.run(reader, "UPDATE before SET a = 1")
      end

      assert before(shared) == [[1]]
    end

    test "refuses listeners that are none", %{s: s, target: target} do
      for progress <- [1, :pid, fn -> :ok end, {self(), 1}] do
        assert_raise ArgumentError, ~r/:progress takes/, fn ->
          Backup.to_connection(s, target, progress: progress)
        end
      end
    end
  end

  describe "serialize and deserialize" do
    test "a file's bytes, with what is in its log only", %{s: s} do
      assert {:ok, image} = Backup.serialize(s)
      assert {:ok, memory} = Backup.deserialize(image)
      assert rows(memory, "SELECT * FROM t") == rows(s, "SELECT * FROM t")
      fill(memory, 501..1_500)
      assert count(memory) == 1_500
      assert count(s) == 500
      assert {:ok, []} = Pragma.integrity_check(memory)
      EctoLibSql.disconnect(memory)
    end

    test "an empty database" do
      assert {:ok, image} = Backup.serialize(connect!())
      assert {:ok, memory} = Backup.deserialize(image)
      assert rows(memory, "SELECT * FROM sqlite_schema") == []
      EctoLibSql.disconnect(memory)
    end

    test "no database, or a damaged one", %{s: s} do
      garbage = :binary.copy("no database ", 1_000)
      assert {:error, %Error{code: :notadb}} = Backup.deserialize(garbage)

      {:ok, image} = Backup.serialize(s)
      half = div(byte_size(image), 2)

      for damaged <- [
            binary_part(image, 0, half),
            binary_part(image, 0, half) <> :binary.copy(<<0xAA>>, half),
            binary_part(image, 0, 100)
          ] do
        assert {:error, %Error{code: code}} = Backup.deserialize(damaged)
        assert code in [:corrupt, :notadb]
      end

      assert [_only_s] = Enum.filter(EctoLibSql.connections(), &(&1.owner == self()))
    end
  end

  @tag :encryption
  test "an encrypted database's copy has the same key", %{tmp_dir: dir, copy: copy} do
    key = "a key of thirty-two bytes or more"
    s = connect!(database: Path.join(dir, "secret.db"), encryption_key: key)
    :ok = EctoLibSql.run(s, "CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
    fill(s, 1..20)
    assert {:error, %Error{code: :notadb}} = Backup.to_file(s, copy)
    assert {:ok, _} = Backup.to_file(s, copy, encryption_key: key)
    assert {:error, %Error{code: :notadb}} = EctoLibSql.connect(database: copy)
    assert count_in(copy, encryption_key: key) == 20
    :ok = EctoLibSql.run(s, "DELETE FROM t")
    assert :ok = Backup.restore(s, copy, encryption_key: key)
    assert count(s) == 20
  end
end
