defmodule EctoLibSql.BadFilesTest do
  use ExUnit.Case, async: true

  import EctoLibSql.Test.Database

  alias EctoLibSql.{Error, Pragma}

  @moduletag :tmp_dir

  defp good_database(dir, rows \\ 1000) do
    path = Path.join(dir, "good.db")
    s = connect!(database: path)
    :ok = EctoLibSql.run(s, "CREATE TABLE t (a, b)")
    :ok = EctoLibSql.run(s, "INSERT INTO t SELECT i, 'row ' || i FROM (#{count_to(rows)})")
    EctoLibSql.disconnect(s)
    path
  end

  test "a file that is no database", %{tmp_dir: dir} do
    path = Path.join(dir, "text.db")
    content = String.duplicate("This is no database. ", 100)
    File.write!(path, content)

    assert {:error, %Error{code: :notadb, extended_code: 26, message: message}} =
             EctoLibSql.connect(database: path)

    assert message =~ "#{path} is not a database"
    assert File.read!(path) == content
  end

  test "a directory, and a directory that is not there", %{tmp_dir: dir} do
    assert {:error, %Error{code: code, message: message}} = EctoLibSql.connect(database: dir)
    assert code in [:cantopen, :cantopen_isdir]
    assert message =~ dir

    path = Path.join([dir, "nowhere", "x.db"])

    assert {:error, %Error{code: :cantopen, message: message}} =
             EctoLibSql.connect(database: path)

    assert message =~ path
    assert message =~ "No such file or directory"
  end

  test "a path with a NUL byte" do
    assert {:error, %Error{code: :invalid_argument, message: message}} =
             EctoLibSql.connect(database: "a\0b.db")

    assert message =~ "NUL byte"
  end

  test "a directory that nobody may write" do
    # Nobody can create files in /proc, root included.
    assert {:error, %Error{code: :cantopen, message: message}} =
             EctoLibSql.connect(database: "/proc/ecto_libsql.db")

    assert message =~ "/proc/ecto_libsql.db"
  end

  test "a truncated file is an error, and not made worse", %{tmp_dir: dir} do
    path = good_database(dir)
    whole = File.read!(path)
    truncated = binary_part(whole, 0, 3 * 4096)
    File.write!(path, truncated)

    assert {:error, %Error{code: :corrupt, message: message}} = EctoLibSql.connect(database: path)
    assert message =~ path
    assert File.read!(path) == truncated

    File.write!(path, whole)
    s = connect!(database: path)
    assert rows(s, "SELECT count(*) FROM t") == [[1000]]
  end

  test "a page that is overwritten is found, and the rest can be read", %{tmp_dir: dir} do
    path = good_database(dir)
    {:ok, file} = File.open(path, [:read, :write, :binary])
    :ok = :file.pwrite(file, 5 * 4096, :binary.copy(<<0xFF>>, 4096))
    File.close(file)
    s = connect!(database: path)
    assert {:error, %Error{code: :corrupt}} = EctoLibSql.query(s, "SELECT count(b) FROM t")
    assert {:error, %Error{code: :corrupt}} = Pragma.integrity_check(s)
    assert rows(s, "SELECT b FROM t WHERE rowid = 1") == [["row 1"]]
  end

  test "a header that is cut off", %{tmp_dir: dir} do
    path = good_database(dir)
    header = path |> File.read!() |> binary_part(0, 50)
    File.write!(path, header)
    assert {:error, %Error{code: code, message: message}} = EctoLibSql.connect(database: path)
    assert code in [:notadb, :corrupt]
    assert message =~ path
    assert File.read!(path) == header
  end

  test "a database that may grow no further keeps what it has", %{tmp_dir: dir} do
    path = good_database(dir)
    s = connect!(database: path)
    {:ok, pages} = Pragma.get_page_count(s)
    {:ok, _} = EctoLibSql.Native.pragma_query(s, "max_page_count", pages + 2)

    {:ok, s} = EctoLibSql.begin(s)
    :ok = EctoLibSql.run(s, "UPDATE t SET b = 'changed' WHERE a = 1")

    assert {:error, %Error{code: :full, extended_code: 13, message: message}} =
             EctoLibSql.query(s, "INSERT INTO t SELECT 0, hex(randomblob(2000)) FROM t")

    assert message =~ "full"
    {:ok, _} = EctoLibSql.rollback(s)
    assert_sound(s, 1000)
  end

  # Mounting needs root on Linux; elsewhere the test above stands for it.
  if :os.type() == {:unix, :linux} and match?({"0\n", 0}, System.cmd("id", ["-u"])) do
    test "a disk that is full loses nothing that was there", %{tmp_dir: dir} do
      disk = Path.join(dir, "disk")
      File.mkdir_p!(disk)

      case System.cmd("mount", ["-t", "tmpfs", "-o", "size=512k", "tmpfs", disk],
             stderr_to_stdout: true
           ) do
        {_, 0} ->
          on_exit(fn -> System.cmd("umount", ["-l", disk]) end)
          fill_disk(disk)

        {reason, _} ->
          # Root in a container that may not mount.
          IO.puts("not run: a full disk (mount: #{String.trim(reason)})")
      end
    end
  end

  defp fill_disk(disk) do
    path = good_database(disk, 100)
    s = connect!(database: path)

    assert {:error, %Error{code: code, message: message}} =
             EctoLibSql.query(
               s,
               "INSERT INTO t SELECT i, randomblob(1000) FROM (#{count_to(10_000)})"
             )

    assert code in [:full, :ioerr_write, :ioerr_shmsize]
    assert message =~ ~r/full|I\/O|No space/
    assert_sound(s, 100)
    EctoLibSql.disconnect(s)
    assert_sound(connect!(database: path), 100)
  end

  defp assert_sound(s, count) do
    assert {:ok, []} = Pragma.integrity_check(s)

    assert rows(s, "SELECT count(*), min(b), count(DISTINCT b) FROM t") == [
             [count, "row 1", count]
           ]
  end
end
