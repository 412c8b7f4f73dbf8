defmodule EctoLibSql.BlobTest do
  use ExUnit.Case, async: true

  import EctoLibSql.Test.Database

  alias EctoLibSql.{Blob, Error}

  @moduletag :tmp_dir

  setup context do
    s = connect_file!(context)
    :ok = EctoLibSql.run(s, "CREATE TABLE files (id INTEGER PRIMARY KEY, content BLOB, size INT)")
    %{s: s}
  end

  defp insert(s, id, content),
    do: EctoLibSql.run(s, "INSERT INTO files VALUES (?, ?, 0)", [id, {:blob, content}])

  defp content(s, id) do
    {:ok, [content]} = EctoLibSql.query_one(s, "SELECT content FROM files WHERE id = ?", [id])
    content
  end

  defp make_room(s, id, size),
    do: EctoLibSql.run(s, "INSERT INTO files VALUES (?, zeroblob(?), 0)", [id, size])

  describe "open" do
    test "names what is not there or cannot be opened", %{s: s} do
      :ok = insert(s, 1, "abc")
      :ok = EctoLibSql.run(s, "CREATE TABLE keyed (k TEXT PRIMARY KEY, b BLOB) WITHOUT ROWID")

      for {table, column, rowid, message} <- [
            {"nope", "content", 1, "no such table: main.nope"},
            {"files", "nope", 1, ~s(no such column: "nope")},
            {"files", "content", 2, "no such rowid: 2"},
            {"files", "size", 1, "cannot open value of type integer"},
            {"keyed", "b", 1, "cannot open table without rowid: keyed"}
          ] do
        assert {:error, %Error{message: ^message}} = Blob.open(s, table, column, rowid)
      end

      assert listed(s).blobs == []
    end

    test "refuses arguments that are none", %{s: s} do
      for {table, rowid} <- [{:files, 1}, {<<255>>, 1}, {"a\0b", 1}, {"files", "1"}] do
        assert {:error, %Error{code: :invalid_argument}} = Blob.open(s, table, "content", rowid)
      end

      assert {:error, %Error{code: :invalid_argument}} =
               Blob.open(s, "files", "content", 0x10000000000000000)

      assert_raise ArgumentError, ~r/:mode takes :read or :write/, fn ->
        Blob.open(s, "files", "content", 1, mode: :both)
      end
    end

    test "in a temporary and in an attached database", %{s: s} do
      :ok = EctoLibSql.run(s, "CREATE TEMP TABLE drafts (content BLOB)")
      :ok = EctoLibSql.run(s, "INSERT INTO drafts VALUES (x'0102')")
      :ok = EctoLibSql.run(s, "ATTACH ':memory:' AS other")
      :ok = EctoLibSql.run(s, "CREATE TABLE other.files (content BLOB)")
      :ok = EctoLibSql.run(s, "INSERT INTO other.files VALUES (x'03')")

      {:ok, draft} = Blob.open(s, "drafts", "content", 1, database: "temp")
      assert {:ok, <<1, 2>>} = Blob.read(draft, 0, 2)
      {:ok, other} = Blob.open(s, "files", "content", 1, database: "other")
      assert {:ok, <<3>>} = Blob.read(other, 0, 1)
    end

    test "a text, too", %{s: s} do
      :ok = EctoLibSql.run(s, "INSERT INTO files VALUES (1, 'grüße', 0)")
      {:ok, blob} = Blob.open(s, "files", "content", 1)
      assert {:ok, "grüße"} = Blob.read(blob, 0, blob.size)
    end

    test "is listed until it is closed", %{s: s} do
      :ok = insert(s, 1, "abc")
      {:ok, blob} = Blob.open(s, "files", "content", 1)
      assert [%{id: id, sql: "main.files.content of row 1"}] = listed(s).blobs
      assert id == blob.id
      assert :ok = Blob.close(blob)
      assert :ok = Blob.close(blob)
      assert listed(s).blobs == []
      assert {:error, %Error{code: :blob_closed}} = Blob.read(blob, 0, 1)
    end
  end

  describe "read" do
    test "only what is there", %{s: s} do
      :ok = insert(s, 1, "abc")
      {:ok, blob} = Blob.open(s, "files", "content", 1)
      assert blob.size == 3
      assert {:ok, "bc"} = Blob.read(blob, 1, 2)
      assert {:ok, ""} = Blob.read(blob, 3, 0)

      for {offset, length} <- [{2, 2}, {4, 0}, {0, 0x7FFFFFFFFFFFFFFF}, {0x7FFFFFFFFFFFFFFF, 1}] do
        message = "#{length} bytes from byte #{offset} on are not in a blob of 3 bytes"

        assert {:error, %Error{code: :invalid_argument, message: ^message}} =
                 Blob.read(blob, offset, length)
      end

      for {offset, length} <- [{-1, 1}, {0, -1}, {"0", 1}, {0, nil}] do
        assert {:error, %Error{code: :invalid_argument}} = Blob.read(blob, offset, length)
      end

      assert {:ok, "abc"} = Blob.read(blob, 0, 3)
    end

    test "goes on to another row", %{s: s} do
      for id <- 1..3, do: :ok = insert(s, id, String.duplicate("x", id))
      {:ok, blob} = Blob.open(s, "files", "content", 1)

      assert {:ok, %Blob{size: 3} = third} = Blob.reopen(blob, 3)
      assert {:ok, "xxx"} = Blob.read(third, 0, 3)
      assert {:error, %Error{message: "no such rowid: 4"}} = Blob.reopen(third, 4)
      assert {:error, %Error{code: :blob_closed}} = Blob.read(third, 0, 1)
    end

    test "expires with its row", %{s: s} do
      :ok = insert(s, 1, "abc")
      {:ok, blob} = Blob.open(s, "files", "content", 1)
      :ok = EctoLibSql.run(s, "DELETE FROM files")
      assert {:error, %Error{code: :blob_expired}} = Blob.read(blob, 0, 1)
      assert :ok = Blob.close(blob)
    end

    test "sees the database as it was", %{s: s, tmp_dir: dir} do
      :ok = insert(s, 1, "old")
      writer = connect_file!(%{tmp_dir: dir})
      {:ok, blob} = Blob.open(s, "files", "content", 1)
      :ok = EctoLibSql.run(writer, "UPDATE files SET content = 'new'")
      assert {:ok, "old"} = Blob.read(blob, 0, 3)
    end
  end

  describe "write" do
    test "wants a transaction that may", %{s: s} do
      :ok = insert(s, 1, "abc")

      assert {:error, %Error{code: :no_transaction}} =
               Blob.open(s, "files", "content", 1, mode: :write)

      {:ok, s} = EctoLibSql.begin(s, behavior: :read_only)

      assert {:error, %Error{code: :readonly}} =
               Blob.open(s, "files", "content", 1, mode: :write)

      {:ok, blob} = Blob.open(s, "files", "content", 1)
      assert {:error, %Error{code: :readonly}} = Blob.write(blob, 0, "x")
      {:ok, s} = EctoLibSql.rollback(s)
      assert content(s, 1) == "abc"
    end

    test "is there with the commit, and gone with a rollback", %{s: s, tmp_dir: dir} do
      :ok = make_room(s, 1, 4)
      reader = connect_file!(%{tmp_dir: dir})

      {:ok, s} = EctoLibSql.begin(s)
      {:ok, blob} = Blob.open(s, "files", "content", 1, mode: :write)
      assert :ok = Blob.write(blob, 1, ["a", ?b])
      assert {:ok, <<0, "ab", 0>>} = Blob.read(blob, 0, 4)
      assert content(reader, 1) == <<0, 0, 0, 0>>
      {:ok, s} = EctoLibSql.commit(s)
      assert content(reader, 1) == <<0, "ab", 0>>
      assert {:error, %Error{code: :blob_closed}} = Blob.write(blob, 0, "x")

      {:ok, s} = EctoLibSql.begin(s)
      {:ok, blob} = Blob.open(s, "files", "content", 1, mode: :write)
      assert :ok = Blob.write(blob, 0, "wxyz")
      {:ok, s} = EctoLibSql.rollback(s)
      assert content(s, 1) == <<0, "ab", 0>>
    end

    test "never beyond the blob's end", %{s: s} do
      :ok = make_room(s, 1, 2)

      EctoLibSql.transaction(s, fn s ->
        {:ok, blob} = Blob.open(s, "files", "content", 1, mode: :write)
        assert {:error, %Error{code: :invalid_argument}} = Blob.write(blob, 1, "ab")
        assert :ok = Blob.write(blob, 1, "a")
        assert_raise Error, ~r/not in a blob of 2 bytes/, fn -> Enum.into(["a", "bc"], blob) end
      end)
    end

    test "not to an indexed column", %{s: s} do
      :ok = insert(s, 1, "abc")
      :ok = EctoLibSql.run(s, "CREATE INDEX i ON files (content)")

      EctoLibSql.transaction(s, fn s ->
        assert {:error, %Error{message: "cannot open indexed column for writing"}} =
                 Blob.open(s, "files", "content", 1, mode: :write)
      end)
    end

    test "waits for its turn behind another writer", %{s: s, tmp_dir: dir} do
      :ok = make_room(s, 1, 1)
      other = connect_file!(%{tmp_dir: dir})
      {:ok, s} = EctoLibSql.begin(s, behavior: :immediate)

      task =
        Task.async(fn ->
          {:ok, other} = EctoLibSql.begin(other)
          {:ok, blob} = Blob.open(other, "files", "content", 1, mode: :write)
          :ok = Blob.write(blob, 0, "x")
          {:ok, _} = EctoLibSql.commit(other)
        end)

      wait_until(fn -> match?({:ok, %{queue: 1}}, EctoLibSql.write_gate(s)) end)
      {:ok, s} = EctoLibSql.commit(s)
      Task.await(task)
      assert content(s, 1) == "x"
    end
  end

  test "its process's death rolls the writing back and closes it", %{s: s} do
    :ok = make_room(s, 1, 3)
    test = self()

    {pid, ref} =
      spawn_monitor(fn ->
        {:ok, s} = EctoLibSql.begin(s)
        {:ok, blob} = Blob.open(s, "files", "content", 1, mode: :write)
        :ok = Blob.write(blob, 0, "abc")
        send(test, :written)
        receive do: (:never -> :ok)
      end)

    assert_receive :written
    Process.exit(pid, :kill)
    assert_receive {:DOWN, ^ref, :process, ^pid, :killed}
    wait_until(fn -> match?(%{blobs: [], transaction: nil}, listed(s)) end)
    assert content(s, 1) == <<0, 0, 0>>
    assert :ok = EctoLibSql.run(s, "DELETE FROM files")
  end

  @tag :capture_log
  test "is no other connection's", %{s: s, tmp_dir: dir} do
    :ok = insert(s, 1, "abc")
    other = connect_file!(%{tmp_dir: dir})
    {:ok, blob} = Blob.open(s, "files", "content", 1)

    assert {:error, %Error{code: :wrong_connection}} =
             Blob.read(%{blob | state: other}, 0, 1)

    assert {:error, %Error{code: :blob_closed}} = Blob.read(%{blob | id: "nonsense"}, 0, 1)
    EctoLibSql.disconnect(s)
    assert {:error, %Error{code: :connection_closed}} = Blob.read(blob, 0, 1)
  end

  test "a reset closes it", %{s: s} do
    :ok = insert(s, 1, "abc")
    {:ok, blob} = Blob.open(s, "files", "content", 1)
    :ok = EctoLibSql.reset_connection(s)
    assert {:error, %Error{code: :blob_closed}} = Blob.read(blob, 0, 1)
  end

  test "500 MB go in and out in parts", %{s: s} do
    size = 500_000_000
    part = :binary.copy("0123456789", 100_000)
    parts = div(size, byte_size(part))
    :ok = make_room(s, 1, size)
    :erlang.garbage_collect()

    {:ok, _} =
      EctoLibSql.transaction(
        s,
        fn s ->
          {:ok, blob} = Blob.open(s, "files", "content", 1, mode: :write)
          part |> Stream.duplicate(parts) |> Enum.into(blob)
        end,
        timeout: :infinity
      )

    {:ok, blob} = Blob.open(s, "files", "content", 1)
    assert blob.size == size

    assert blob |> Blob.stream(byte_size(part)) |> Enum.count(&(&1 == part)) == parts
    # Binaries of the parts, not of the whole.
    assert :erlang.memory(:binary) < div(size, 2)
  end
end

# The module is not even expanded where there is no StreamData.
if Code.ensure_loaded?(ExUnitProperties) do
  defmodule EctoLibSql.BlobPropertyTest do
    use ExUnit.Case, async: true
    use ExUnitProperties

    import EctoLibSql.Test.Database

    alias EctoLibSql.Blob

    setup do
      s = connect!()
      :ok = EctoLibSql.run(s, "CREATE TABLE files (id INTEGER PRIMARY KEY, content BLOB)")
      :ok = EctoLibSql.run(s, "INSERT INTO files VALUES (1, zeroblob(100))")
      %{s: s}
    end

    property "writes and reads what a binary would hold", %{s: s} do
      range = bind(integer(0..100), &tuple({constant(&1), binary(max_length: 100 - &1)}))

      check all(writes <- list_of(range, max_length: 8), chunk <- integer(1..120), max_runs: 50) do
        :ok = EctoLibSql.run(s, "UPDATE files SET content = zeroblob(100)")

        {:ok, expected} =
          EctoLibSql.transaction(s, fn s ->
            {:ok, blob} = Blob.open(s, "files", "content", 1, mode: :write)

            Enum.reduce(writes, :binary.copy(<<0>>, 100), fn {offset, data}, whole ->
              :ok = Blob.write(blob, offset, data)
              size = byte_size(data)
              <<before::binary-size(^offset), _::binary-size(^size), rest::binary>> = whole
              before <> data <> rest
            end)
          end)

        {:ok, blob} = Blob.open(s, "files", "content", 1)
        assert blob |> Blob.stream(chunk) |> Enum.join() == expected
        :ok = Blob.close(blob)
      end
    end
  end
end
