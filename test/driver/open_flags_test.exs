defmodule EctoLibSql.OpenFlagsTest do
  use ExUnit.Case, async: true

  import EctoLibSql.Test.Database

  alias EctoLibSql.Error

  @moduletag :tmp_dir

  setup %{tmp_dir: dir} do
    path = Path.join(dir, "real.db")
    {:ok, s} = EctoLibSql.connect(database: path)
    :ok = EctoLibSql.run(s, "CREATE TABLE t AS SELECT 7 AS a")
    :ok = EctoLibSql.disconnect(s)
    %{path: path}
  end

  defp connect(options), do: EctoLibSql.connect(options)

  describe "nofollow" do
    test "refuses a path that goes through a symbolic link", %{path: path, tmp_dir: dir} do
      file_link = Path.join(dir, "link.db")
      folder_link = Path.join(dir, "folder")
      :ok = File.ln_s(path, file_link)
      :ok = File.ln_s(dir, folder_link)

      for link <- [file_link, Path.join(folder_link, "real.db")] do
        assert rows(connect!(database: link), "SELECT a FROM t") == [[7]]

        assert {:error, %Error{code: :cantopen_symlink, message: message}} =
                 connect(database: link, nofollow: true)

        assert message =~ link
      end

      # Where the tests' folder is itself behind a link, there is no path without one.
      if Path.expand(path) == real(path),
        do: assert(rows(connect!(database: path, nofollow: true), "SELECT a FROM t") == [[7]])
    end

    test "takes true or false" do
      assert {:error, %Error{code: :invalid_option, message: message}} =
               connect(database: ":memory:", nofollow: :yes)

      assert message =~ "nofollow takes"
    end
  end

  defp real(path) do
    {real, 0} = System.cmd("realpath", [path])
    String.trim(real)
  end

  describe "mode" do
    test ":read_write wants the file to be there", %{path: path, tmp_dir: dir} do
      missing = Path.join(dir, "missing.db")

      for mode <- [:read_write, :readwrite] do
        assert {:error, %Error{code: :cantopen}} = connect(database: missing, mode: mode)
        refute File.exists?(missing)
        assert :ok = EctoLibSql.run(connect!(database: path, mode: mode), "UPDATE t SET a = 7")
      end
    end

    test ":read_only writes nothing", %{path: path} do
      s = connect!(database: path, mode: :readonly)

      assert {:error, %Error{code: :readonly}} = EctoLibSql.run(s, "UPDATE t SET a = 8")
      assert rows(s, "SELECT a FROM t") == [[7]]
    end
  end

  describe "a URI" do
    test "has its mode", %{path: path, tmp_dir: dir} do
      s = connect!(database: "file:#{path}?mode=ro")
      assert {:error, %Error{code: :readonly}} = EctoLibSql.run(s, "UPDATE t SET a = 8")

      missing = Path.join(dir, "missing.db")
      assert {:error, %Error{code: :cantopen}} = connect(database: "file:#{missing}?mode=rw")
      refute File.exists?(missing)
      _ = connect!(database: "file:#{missing}?mode=rwc")
      assert File.exists?(missing)
    end

    test "opens a database in memory that connections share by its name" do
      name = "shared_#{System.unique_integer([:positive])}"
      uri = "file:/#{name}?vfs=memdb"
      s = connect!(database: uri)
      :ok = EctoLibSql.run(s, "CREATE TABLE t AS SELECT 7 AS a")
      assert rows(connect!(database: uri), "SELECT a FROM t") == [[7]]

      assert {:error, _} =
               EctoLibSql.query(connect!(database: "file:#{name}?mode=memory"), "SELECT a FROM t")
    end

    test "is immutable, without files beside it", %{path: path} do
      s = connect!(database: "file:#{path}?immutable=1", mode: :read_only)
      assert rows(s, "SELECT a FROM t") == [[7]]
      refute File.exists?(path <> "-shm")
    end

    test "has its path's characters escaped", %{tmp_dir: dir} do
      path = Path.join(dir, "a b?c#d.db")
      uri = "file:" <> URI.encode(path, &(URI.char_unreserved?(&1) or &1 == ?/))
      :ok = EctoLibSql.run(connect!(database: uri), "CREATE TABLE t (a)")
      assert File.exists?(path)
    end

    test "that asks for what there is not is an error that names it", %{path: path} do
      for {parameter, part} <- [
            {"mode=rwx", "no such access mode: rwx"},
            {"cache=mine", "no such cache mode: mine"},
            {"vfs=none", "no such vfs: none"}
          ] do
        assert {:error, %Error{message: message}} = connect(database: "file:#{path}?#{parameter}")
        assert message =~ part
      end

      assert {:error, %Error{message: message}} = connect(database: "file://elsewhere#{path}")
      assert message =~ "invalid uri authority"
    end

    test "may not ask for more than the mode", %{path: path} do
      assert {:error, %Error{message: message}} =
               connect(database: "file:#{path}?mode=rwc", mode: :read_only)

      assert message =~ "access mode not allowed"
    end
  end

  test "flags that are the driver's own are no options" do
    for option <- [:open_flags, :exclusive, :fullmutex, :nomutex, :private_cache, :memory] do
      assert {:error, %Error{code: :invalid_option, message: message}} =
               connect([{:database, ":memory:"}, {option, true}])

      assert message =~ "unknown option #{inspect(option)}"
    end
  end
end
