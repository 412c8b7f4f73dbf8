defmodule EctoLibSql.EncryptionTest do
  use ExUnit.Case, async: true

  import EctoLibSql.Test.Database

  alias EctoLibSql.{Error, FileControl, Pragma, Session}

  @moduletag :encryption
  @moduletag :tmp_dir
  @key "a secret of some length"

  defp create(dir, opts) do
    path = Path.join(dir, "secret.db")
    s = connect!([database: path] ++ opts)
    :ok = EctoLibSql.run(s, "CREATE TABLE t AS SELECT 'plain words' AS a")
    {:ok, _} = EctoLibSql.checkpoint(s, :truncate)
    EctoLibSql.disconnect(s)
    path
  end

  test "the right key opens the file, which shows nothing of its content", %{tmp_dir: dir} do
    path = create(dir, encryption_key: @key)
    refute File.read!(path) =~ "plain words"
    refute File.read!(path) =~ "SQLite format 3"
    s = connect!(database: path, encryption_key: @key)
    assert rows(s, "SELECT a FROM t") == [["plain words"]]
    assert {:ok, :wal} = Pragma.get_journal_mode(s)
    assert {:ok, []} = Pragma.integrity_check(s)
  end

  test "a wrong or missing key is a clear error and changes nothing", %{tmp_dir: dir} do
    path = create(dir, encryption_key: @key)
    content = File.read!(path)

    assert {:error, %Error{code: :notadb, message: message}} =
             EctoLibSql.connect(database: path, encryption_key: "another")

    assert message =~ "the key is wrong"
    refute message =~ "another"

    assert {:error, %Error{code: :notadb, message: message}} = EctoLibSql.connect(database: path)
    assert message =~ "needs an encryption_key"
    assert File.read!(path) == content
  end

  test "a plain file that is given a key is a clear error and stays plain", %{tmp_dir: dir} do
    path = create(dir, [])

    assert {:error, %Error{code: :notadb, message: message}} =
             EctoLibSql.connect(database: path, encryption_key: @key)

    assert message =~ "not encrypted"
    assert rows(connect!(database: path), "SELECT a FROM t") == [["plain words"]]
  end

  test "frames are inserted, and not read", %{tmp_dir: dir} do
    plain = connect!(database: Path.join(dir, "plain.db"), journal_mode: :wal)
    :ok = EctoLibSql.run(plain, "CREATE TABLE t AS SELECT 'plain words' AS a")
    {:ok, frames} = EctoLibSql.Wal.read_frames(plain, 1)

    path = Path.join(dir, "secret.db")
    secret = connect!(database: path, journal_mode: :wal, encryption_key: @key)
    assert {:ok, _} = EctoLibSql.Wal.insert_frames(secret, frames)
    assert rows(secret, "SELECT a FROM t") == [["plain words"]]
    refute File.read!(path <> "-wal") =~ "plain words"
    {:ok, _} = EctoLibSql.checkpoint(secret, :truncate)
    refute File.read!(path) =~ "plain words"
    assert {:ok, []} = Pragma.integrity_check(connect!(database: path, encryption_key: @key))

    :ok = EctoLibSql.run(secret, "DELETE FROM t")
    assert {:error, %Error{code: :unsupported}} = EctoLibSql.Wal.read_frame(secret, 1)
  end

  test "the key may be any bytes", %{tmp_dir: dir} do
    key = <<0, 255, 1, 0>>
    path = create(dir, encryption_key: key)
    assert rows(connect!(database: path, encryption_key: key), "SELECT a FROM t") != []
    assert {:error, _} = EctoLibSql.connect(database: path, encryption_key: <<0, 255, 1, 1>>)
  end

  test "the bytes that the encryption reserves are left to it", %{tmp_dir: dir} do
    s = connect!(database: create(dir, encryption_key: @key), encryption_key: @key)
    {:ok, bytes} = FileControl.reserved_bytes(s)
    assert {:error, %Error{code: :unsupported}} = FileControl.set_reserved_bytes(s, 0)
    :ok = EctoLibSql.run(s, "VACUUM")
    assert {:ok, ^bytes} = FileControl.reserved_bytes(s)
    assert rows(s, "SELECT a FROM t") == [["plain words"]]
  end

  test "changes are recorded, and applied", %{tmp_dir: dir} do
    s = connect!(database: create(dir, encryption_key: @key), encryption_key: @key)
    :ok = EctoLibSql.run(s, "CREATE TABLE keyed (k PRIMARY KEY)")
    {:ok, session} = Session.create(s)
    :ok = EctoLibSql.run(s, "INSERT INTO keyed VALUES (1)")
    {:ok, changeset} = Session.changeset(session)
    assert {:ok, %{applied: 1}} = Session.apply(s, changeset, invert: true)
    assert rows(s, "SELECT * FROM keyed") == []
  end

  test "SQL reaches no file of the system", %{tmp_dir: dir} do
    s = connect!(database: create(dir, encryption_key: @key), encryption_key: @key)
    target = Path.join(dir, "target")

    for sql <- [
          "SELECT readfile('/etc/hostname')",
          "SELECT writefile('#{target}', 'y')",
          "SELECT lsmode(1)",
          "SELECT name FROM fsdir('/etc')",
          "CREATE VIRTUAL TABLE temp.v USING csv(filename = '/etc/hostname')"
        ] do
      assert {:error, %Error{code: :error, message: message}} = EctoLibSql.query(s, sql)
      assert message =~ ~r/no such (function|table|module)/
    end

    refute File.exists?(target)
    known = s |> rows("SELECT name FROM pragma_function_list") |> List.flatten()
    assert [] = Enum.filter(known, &(&1 in ["readfile", "writefile", "lsmode", "edit"]))
  end
end
