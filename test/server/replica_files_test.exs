defmodule EctoLibSql.Server.ReplicaFilesTest do
  # What is made of a replica's file: copies, and blobs that are read in parts.
  use ExUnit.Case, async: true

  import EctoLibSql.Test.Database, only: [rows: 2]
  import EctoLibSql.Test.Replicas

  alias EctoLibSql.{Backup, Blob, Error, Pragma}
  alias EctoLibSql.Test.Sqld

  @moduletag :sqld
  @moduletag :tmp_dir

  setup do
    %{server: Sqld.start!()}
  end

  setup context do
    primary = primary!(context)
    :ok = EctoLibSql.run(primary, "CREATE TABLE files (id INTEGER PRIMARY KEY, content BLOB)")
    :ok = EctoLibSql.run(primary, "INSERT INTO files VALUES (1, x'0102030405')")
    %{primary: primary, s: connect!(context)}
  end

  test "a backup of the copy, and a binary of it", %{s: s, tmp_dir: dir} do
    path = Path.join(dir, "backup.db")
    assert {:ok, %{pages: pages}} = Backup.to_file(s, path)
    assert pages > 0
    {:ok, copy} = EctoLibSql.connect(database: path)
    assert rows(copy, "SELECT id, content FROM files") == [[1, <<1, 2, 3, 4, 5>>]]
    assert {:ok, []} = Pragma.integrity_check(copy)
    EctoLibSql.disconnect(copy)

    assert {:ok, image} = Backup.serialize(s)
    assert {:ok, memory} = Backup.deserialize(image)
    assert rows(memory, "SELECT id FROM files") == [[1]]
    EctoLibSql.disconnect(memory)

    # The replica follows on.
    :ok = EctoLibSql.run(s, "INSERT INTO files VALUES (2, NULL)")
    assert rows(s, "SELECT count(*) FROM files") == [[2]]
  end

  test "what would write it is refused", %{s: s, primary: primary, tmp_dir: dir} do
    path = Path.join(dir, "backup.db")
    {:ok, _} = Backup.to_file(s, path)

    for s <- [s, primary] do
      assert {:error, %Error{code: :unsupported}} = Backup.restore(s, path)
      assert {:error, %Error{code: :unsupported}} = Backup.vacuum_into(s, path <> "2")

      assert {:error, %Error{code: :unsupported}} =
               Blob.open(s, "files", "content", 1, mode: :write)
    end

    assert {:error, %Error{code: :unsupported}} = Backup.to_file(primary, path <> "3")
    assert {:error, %Error{code: :unsupported}} = Backup.serialize(primary)
    assert {:error, %Error{code: :unsupported}} = Blob.open(primary, "files", "content", 1)
    assert rows(s, "SELECT count(*) FROM files") == [[1]]
  end

  test "a blob is read in parts", %{s: s} do
    assert {:ok, blob} = Blob.open(s, "files", "content", 1)
    assert {:ok, <<3, 4>>} = Blob.read(blob, 2, 2)
    assert blob |> Blob.stream(2) |> Enum.to_list() == [<<1, 2>>, <<3, 4>>, <<5>>]
    assert :ok = Blob.close(blob)
  end
end
