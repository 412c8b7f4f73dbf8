if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.ReadOnlyTest do
    # A repo that only reads, beside one that writes, on one file.

    use EctoLibSql.Test.PoolCase, async: true

    import Ecto.Query

    alias EctoLibSql.Error

    @moduletag :capture_log

    defmodule Writer do
      use Ecto.Repo, otp_app: :ecto_libsql, adapter: Ecto.Adapters.LibSql
    end

    defmodule Reader do
      use Ecto.Repo, otp_app: :ecto_libsql, adapter: Ecto.Adapters.LibSql, read_only: true
    end

    # Read-only by its connections alone.
    defmodule LooseReader do
      use Ecto.Repo, otp_app: :ecto_libsql, adapter: Ecto.Adapters.LibSql
    end

    defmodule Item do
      use Ecto.Schema

      schema "items" do
        field(:name, :string)
      end
    end

    defmodule CreateItems do
      use Ecto.Migration

      def change do
        create table(:items) do
          add(:name, :string)
        end
      end
    end

    setup do
      database = tmp_file()
      on_exit(fn -> File.rm(database <> "-migration-lock") end)
      %{database: database}
    end

    defp start_writer(database) do
      writer =
        start_supervised!({Writer, database: database, pool_size: 3, name: nil, log: false})

      Writer.put_dynamic_repo(writer)
      :ok = Ecto.Migrator.up(Writer, 1, CreateItems, log: false, dynamic_repo: writer)
      Writer.insert!(%Item{name: "a"})
      writer
    end

    defp start_reader(database, repo \\ Reader, opts \\ []) do
      opts = [database: database, read_only: true, pool_size: 2, name: nil, log: false] ++ opts
      reader = start_supervised!({repo, opts})
      repo.put_dynamic_repo(reader)
      reader
    end

    test "reads what the other writes", %{database: database} do
      start_writer(database)
      start_reader(database)
      assert Reader.all(from(i in Item, select: i.name)) == ["a"]
      Writer.insert!(%Item{name: "b"})
      assert Reader.all(from(i in Item, select: i.name, order_by: i.id)) == ["a", "b"]
      assert Reader.transaction(fn -> Reader.aggregate(Item, :count) end) == {:ok, 2}
    end

    test "reads on while the other is in a write transaction", %{database: database} do
      start_writer(database)
      start_reader(database)

      Writer.transaction(fn ->
        Writer.insert!(%Item{name: "b"})
        for _ <- 1..100, do: assert(Reader.aggregate(Item, :count) == 1)
        assert Reader.transaction(fn -> Reader.aggregate(Item, :count) end) == {:ok, 1}
      end)

      assert Reader.aggregate(Item, :count) == 2
    end

    test "reads on when every connection of the other waits to write", %{database: database} do
      writer = start_writer(database)
      start_reader(database)

      holder =
        hold(fn held ->
          Writer.put_dynamic_repo(writer)
          Writer.transaction(held)
        end)

      waiting =
        for name <- ["b", "c"] do
          Task.async(fn ->
            Writer.put_dynamic_repo(writer)
            Writer.insert!(%Item{name: name})
          end)
        end

      wait_until(fn -> EctoLibSql.Pool.metrics(writer).busy == 3 end)
      assert {:ok, %{status: :busy}} = EctoLibSql.health(writer)
      assert Reader.aggregate(Item, :count) == 1

      release(holder)
      Task.await_many(waiting)
      assert Reader.aggregate(Item, :count) == 3
    end

    test "can be the other in tests", %{database: database} do
      writer = start_writer(database)
      Reader.put_dynamic_repo(writer)
      assert Reader.aggregate(Item, :count) == 1
      assert EctoLibSql.Pool.metrics(Reader).size == 3
    end

    test "has no functions that write", %{database: database} do
      start_writer(database)
      refute function_exported?(Reader, :insert, 2)
      refute function_exported?(Reader, :delete_all, 2)
      assert function_exported?(Reader, :all, 2)
    end

    test "refuses a write that comes another way", %{database: database} do
      start_writer(database)
      start_reader(database)

      for run <- [
            fn -> Reader.query("INSERT INTO items (name) VALUES ('x')") end,
            fn -> Reader.query("CREATE TABLE other (a)") end,
            fn -> Reader.query("PRAGMA user_version = 3") end,
            fn -> elem(Reader.transaction(fn -> Reader.query("DELETE FROM items") end), 1) end,
            fn ->
              elem(
                Reader.transaction(fn -> Reader.query("DELETE FROM items") end, mode: :immediate),
                1
              )
            end
          ] do
        assert {:error, %Error{code: :readonly}} = run.()
      end

      assert Reader.aggregate(Item, :count) == 1
    end

    test "refuses writes of a repo that has the functions", %{database: database} do
      start_writer(database)
      start_reader(database, LooseReader)

      error = assert_raise Error, fn -> LooseReader.insert!(%Item{name: "x"}) end
      assert error.code == :readonly
      error = assert_raise Error, fn -> LooseReader.delete_all(Item) end
      assert error.code == :readonly
    end

    test "says what to do when there is no file yet, and follows when there is", %{
      database: database
    } do
      reader = start_reader(database, Reader, [backoff_min: 5, backoff_max: 5] ++ impatient())

      error = assert_raise DBConnection.ConnectionError, fn -> Reader.all(Item) end

      assert error.message =~
               "a read-only connection does not create the file: open it for writing"

      assert {:error, %Error{code: :cantopen}} = EctoLibSql.health(reader)
      refute File.exists?(database)

      start_writer(database)
      wait_until(fn -> match?({:ok, %{status: :ok}}, EctoLibSql.health(reader)) end)
      assert Reader.aggregate(Item, :count) == 1
    end

    test "follows migrations, and refuses to run them", %{database: database} do
      writer = start_writer(database)
      reader = start_reader(database)
      assert Reader.query!("SELECT * FROM items").columns == ["id", "name"]

      Writer.query!("ALTER TABLE items ADD COLUMN more TEXT")
      assert Reader.query!("SELECT * FROM items").columns == ["id", "name", "more"]

      error =
        assert_raise Error, fn ->
          Ecto.Migrator.down(Reader, 1, CreateItems, log: false, dynamic_repo: reader)
        end

      assert error.code == :readonly
      assert Ecto.Migrator.migrated_versions(Writer, dynamic_repo: writer) == [1]
    end

    test "is checked with the other options" do
      connect = &EctoLibSql.connect([database: "x.db", read_only: true] ++ &1)

      assert {:error, %Error{code: :invalid_option, message: message}} = connect.(mode: :create)
      assert message =~ "read_only: true and mode: :create contradict each other"
      assert {:error, %Error{code: :invalid_option}} = connect.(mode: :read_write)
      assert {:error, %Error{code: :cantopen}} = connect.(mode: :read_only)

      assert {:error, %Error{code: :invalid_option, message: "read_only takes one of" <> _}} =
               EctoLibSql.connect(database: "x.db", read_only: :yes)

      assert {:error, %Error{code: :invalid_option}} =
               EctoLibSql.connect(database: "x.db", read_only: false, mode: :read_only)

      assert {:error, %Error{code: :invalid_option}} =
               EctoLibSql.connect(database: ":memory:", read_only: true)
    end
  end
end
