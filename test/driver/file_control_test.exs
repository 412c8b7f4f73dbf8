defmodule EctoLibSql.FileControlTest do
  use ExUnit.Case, async: true

  import EctoLibSql.Test.Database

  alias EctoLibSql.{Error, FileControl, Pragma}

  @moduletag :tmp_dir

  # Byte 20 of the file's header says it.
  defp on_disk(path) do
    <<_::binary-size(20), bytes, _::binary>> = File.read!(path)
    bytes
  end

  defp filled(s) do
    :ok =
      EctoLibSql.run(
        s,
        "CREATE TABLE t AS SELECT i, hex(randomblob(500)) AS v FROM (#{count_to(200)})"
      )

    rows(s, "SELECT count(*), sum(length(v)) FROM t")
  end

  test "are reserved in a database that is empty", %{tmp_dir: dir} do
    for bytes <- [0, 8, 32, 255] do
      path = Path.join(dir, "#{bytes}.db")
      s = connect!(database: path, journal_mode: :delete)
      assert :ok = FileControl.set_reserved_bytes(s, bytes)
      content = filled(s)
      assert {:ok, ^bytes} = FileControl.reserved_bytes(s)
      assert on_disk(path) == bytes

      other = connect!(database: path)
      assert {:ok, ^bytes} = FileControl.reserved_bytes(other)
      assert rows(other, "SELECT count(*), sum(length(v)) FROM t") == content
      assert {:ok, []} = Pragma.integrity_check(other)
    end
  end

  test "are reserved by VACUUM in one that has content, and others read on", %{tmp_dir: dir} do
    path = Path.join(dir, "wal.db")
    s = connect!(database: path)
    other = connect!(database: path)
    content = filled(s)
    assert rows(other, "SELECT count(*), sum(length(v)) FROM t") == content
    assert :ok = FileControl.set_reserved_bytes(s, 16)
    assert {:ok, 16} = FileControl.reserved_bytes(s)
    assert {:ok, 0} = FileControl.reserved_bytes(other)
    :ok = EctoLibSql.run(s, "VACUUM")
    assert rows(other, "SELECT count(*), sum(length(v)) FROM t") == content
    assert {:ok, 16} = FileControl.reserved_bytes(other)
    {:ok, _} = EctoLibSql.checkpoint(s, :truncate)
    assert on_disk(path) == 16
    assert {:ok, []} = Pragma.integrity_check(other)

    # No fewer than there are.
    :ok = FileControl.set_reserved_bytes(s, 0)
    :ok = EctoLibSql.run(s, "VACUUM")
    assert {:ok, 16} = FileControl.reserved_bytes(s)
    assert rows(s, "SELECT count(*), sum(length(v)) FROM t") == content
  end

  test "of an attached database are its own", %{tmp_dir: dir} do
    s = connect!()
    {:ok, _} = EctoLibSql.query(s, "ATTACH ? AS other", [Path.join(dir, "other.db")])
    assert :ok = FileControl.set_reserved_bytes(s, 12, database: "other")
    :ok = EctoLibSql.run(s, "CREATE TABLE other.t (a)")
    assert {:ok, 12} = FileControl.reserved_bytes(s, database: "other")
    assert {:ok, 0} = FileControl.reserved_bytes(s)
  end

  test "take a number that there is, and a database that there is" do
    s = connect!()

    for bytes <- [-1, 256, 1.0, nil, "8", 0x100000000] do
      assert {:error, %Error{code: :invalid_argument, message: message}} =
               FileControl.set_reserved_bytes(s, bytes)

      assert message =~ "0 to 255"
    end

    for database <- ["nowhere", "", "main\0", <<255>>, :main, 7] do
      assert {:error, %Error{code: :invalid_argument}} =
               FileControl.reserved_bytes(s, database: database)

      assert {:error, %Error{code: :invalid_argument}} =
               FileControl.set_reserved_bytes(s, 8, database: database)
    end

    assert {:ok, 0} = FileControl.reserved_bytes(s)
    :ok = EctoLibSql.disconnect(s)
    assert {:error, %Error{code: :connection_closed}} = FileControl.reserved_bytes(s)
    assert {:error, %Error{code: :connection_closed}} = FileControl.set_reserved_bytes(s, 8)
  end

  test "are left alone while a transaction or a cursor is open", %{tmp_dir: dir} do
    s = connect!(database: Path.join(dir, "open.db"))
    {:ok, s} = EctoLibSql.begin(s)

    assert {:error, %Error{code: :transaction_open, message: message}} =
             FileControl.set_reserved_bytes(s, 40)

    assert message =~ "set_reserved_bytes"
    {:ok, s} = EctoLibSql.rollback(s)
    content = filled(s)
    {:ok, cursor} = EctoLibSql.declare(s, "SELECT * FROM t")
    {:cont, _} = EctoLibSql.fetch(s, cursor, 2)
    assert {:error, %Error{code: :transaction_open}} = FileControl.set_reserved_bytes(s, 40)
    :ok = EctoLibSql.deallocate(s, cursor)
    assert :ok = FileControl.set_reserved_bytes(s, 40)
    assert rows(s, "SELECT count(*), sum(length(v)) FROM t") == content
  end
end
