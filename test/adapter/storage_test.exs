if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.StorageTest do
    use ExUnit.Case, async: true

    alias Ecto.Adapters.LibSql

    setup do
      directory =
        Path.join(
          System.tmp_dir!(),
          "ecto_libsql_#{System.pid()}_#{System.unique_integer([:positive])}"
        )

      on_exit(fn -> File.rm_rf!(directory) end)
      %{directory: directory, path: Path.join(directory, "a b.db")}
    end

    test "goes up and down, with its directory and its companions", %{path: path} do
      config = [database: path, pool_size: 2, otp_app: :my_app, telemetry_prefix: [:a]]
      assert LibSql.storage_status(config) == :down
      assert LibSql.storage_down(config) == {:error, :already_down}
      assert LibSql.storage_up(config) == :ok
      assert LibSql.storage_status(config) == :up
      assert LibSql.storage_up(config) == {:error, :already_up}

      for suffix <- ["-wal", "-shm", "-migration-lock"], do: File.write!(path <> suffix, "")
      assert LibSql.storage_down(config) == :ok
      assert File.ls!(Path.dirname(path)) == []
    end

    test "knows the file of a URI", %{path: path} do
      config = [database: "file:#{URI.encode(path)}?cache=private"]
      assert LibSql.storage_up(config) == :ok
      assert File.exists?(path)
      assert LibSql.storage_status(database: path) == :up
      assert LibSql.storage_down(database: "file://#{URI.encode(path)}") == :ok
      refute File.exists?(path)
    end

    test "of a database in memory is always up" do
      for database <- [":memory:", "file::memory:?cache=shared", "file:x?vfs=memdb"] do
        assert LibSql.storage_status(database: database) == :up
        assert LibSql.storage_up(database: database) == {:error, :already_up}
        assert LibSql.storage_down(database: database) == :ok
      end
    end

    test "says what is wrong", %{directory: directory} do
      assert {:error, "database is missing" <> _} = LibSql.storage_up([])
      File.write!(directory, "a file")
      assert {:error, message} = LibSql.storage_up(database: Path.join(directory, "x.db"))
      assert message =~ directory

      assert {:error, "unknown option :databas" <> _} =
               LibSql.storage_up(database: directory <> "2.db", databas: 1)
    end
  end
end
