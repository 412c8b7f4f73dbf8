defmodule Library.MigrationsTest do
  # Up, down and up again, on a database of its own.
  use ExUnit.Case

  alias Ecto.Adapters.LibSql
  alias Library.Repo

  setup do
    # The same files are compiled once more for each run.
    Code.put_compiler_option(:ignore_module_conflict, true)
    name = "library_#{System.pid()}_#{System.unique_integer([:positive])}.db"
    path = Path.join(System.tmp_dir!(), name)
    config = [database: path, pool: DBConnection.ConnectionPool, pool_size: 2, name: nil]
    {:ok, pid} = start_supervised({Repo, config})
    Repo.put_dynamic_repo(pid)

    on_exit(fn ->
      Code.put_compiler_option(:ignore_module_conflict, false)
      LibSql.storage_down(database: path)
      File.rm(path <> "-migration-lock")
    end)

    %{pid: pid}
  end

  defp run(pid, direction, opts) do
    path = Application.app_dir(:library, "priv/repo/migrations")
    Ecto.Migrator.run(Repo, path, direction, [dynamic_repo: pid, log: false] ++ opts)
  end

  defp schema do
    "SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite%' AND name <> 'schema_migrations'"
    |> Repo.query!()
    |> Map.fetch!(:rows)
    |> Enum.sort()
  end

  test "up, down, redo", %{pid: pid} do
    assert length(run(pid, :up, all: true)) == 4
    up = schema()
    assert Enum.any?(up, &match?(["view", "lent_books", _], &1))

    assert length(run(pid, :down, step: 2)) == 2
    refute Enum.any?(schema(), fn [_, _, sql] -> sql =~ "books_pages_positive" end)
    assert length(run(pid, :up, all: true)) == 2
    assert schema() == up

    assert length(run(pid, :down, all: true)) == 4
    assert schema() == []
    run(pid, :up, all: true)
    assert schema() == up
  end

  test "rows survive what is built anew", %{pid: pid} do
    run(pid, :up, to: 20_260_101_000_002)

    Repo.query!(
      "INSERT INTO authors (id, name, inserted_at, updated_at) VALUES (7, 'Ada', '', '')"
    )

    Repo.query!("""
    INSERT INTO books (id, title, isbn, author_id, details, inserted_at, updated_at)
    VALUES (9, 'A', '1', 7, '{"language":"pl"}', '', '')
    """)

    run(pid, :up, all: true)
    assert Repo.query!("SELECT id, author_id, language FROM books").rows == [[9, 7, "pl"]]
    run(pid, :down, to: 20_260_101_000_003)
    assert Repo.query!("SELECT id, author_id FROM books").rows == [[9, 7]]
    assert Repo.query!("PRAGMA foreign_key_check").rows == []
  end
end
