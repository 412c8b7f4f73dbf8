defmodule Ecto.Adapters.LibSql.UUID.LocalTest do
  # What needs a file, or the engine's functions in a default: local databases.
  use EctoLibSql.MigrationCase

  import EctoLibSql.Migration

  alias EctoLibSql.UUID

  @sqlite System.find_executable("sqlite3")

  @tag repo: [functions: [:uuid]]
  test "monotonic: true ascends within a statement, and fails for connections without the function" do
    migrate(fn ->
      create table(:t) do
        add(:a, :string, default: uuid_default(version: 7, monotonic: true))
        add(:b, :binary, default: uuid_default(version: 7, monotonic: true, storage: :binary))
      end
    end)

    Repo.query!(
      "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 500) INSERT INTO t (id) SELECT i FROM n"
    )

    for column <- ["a", "b"] do
      ids = List.flatten(rows("SELECT #{column} FROM t ORDER BY id"))
      assert ids == Enum.sort(ids)
      assert length(Enum.uniq(ids)) == 500
      for id <- ids, do: assert(UUID.version(id) == {:ok, 7})
    end

    migrate(fn -> convert_uuid(:t, :a, to: :binary) end)
    assert sql_of("t") =~ ~s|"a" BLOB DEFAULT (uuid7_blob())|
    migrate(fn -> convert_uuid(:t, :a, to: :binary) end, direction: :backward)
    assert sql_of("t") =~ ~s|"a" TEXT DEFAULT (uuid7())|
  end

  @tag :tmp_dir
  test "other connections and programs insert by the plain defaults, and are refused by the checks",
       %{tmp_dir: dir} do
    path = Path.join(dir, "uuid.db")
    stop_supervised!(Repo)

    pid =
      start_supervised!(
        {Repo, database: path, pool_size: 1, log: false, name: nil, functions: [:uuid]}
      )

    Repo.put_dynamic_repo(pid)

    migrate(fn ->
      create table(:t, primary_key: false) do
        add(:id, :uuid,
          primary_key: true,
          default: uuid_default(version: 7),
          check: uuid_check(:id)
        )

        add(:token, :string, default: uuid_default(storage: :text))
      end

      create table(:monotonic) do
        add(:id7, :string, default: uuid_default(version: 7, monotonic: true))
      end
    end)

    {:ok, s} = EctoLibSql.connect(database: path)
    assert {:ok, _} = EctoLibSql.query(s, "INSERT INTO t DEFAULT VALUES")

    assert {:error, %{message: message}} =
             EctoLibSql.query(s, "INSERT INTO monotonic DEFAULT VALUES")

    assert message =~ "unknown function: uuid7()"
    assert {:ok, _} = EctoLibSql.query(s, "INSERT INTO monotonic (id7) VALUES ('given')")

    assert {:error, %{code: :constraint_check}} =
             EctoLibSql.query(s, "INSERT INTO t (id) VALUES ('abc')")

    EctoLibSql.disconnect(s)

    if @sqlite do
      inserted = "INSERT INTO t DEFAULT VALUES; INSERT INTO t DEFAULT VALUES;"
      assert {"", 0} = System.cmd(@sqlite, [path, inserted], stderr_to_stdout: true)

      assert {refused, status} =
               System.cmd(@sqlite, [path, "INSERT INTO t (id) VALUES ('abc')"],
                 stderr_to_stdout: true
               )

      assert status != 0 and refused =~ "id_is_uuid"
    end

    made = rows("SELECT id, token FROM t")
    assert length(made) == if(@sqlite, do: 3, else: 1)
    for row <- made, do: assert(Enum.map(row, &UUID.version/1) == [{:ok, 7}, {:ok, 4}])
  end

  @tag :tmp_dir
  test "convert_uuid takes the prefix of an attached database", %{tmp_dir: dir} do
    stop_supervised!(Repo)
    other = Path.join(dir, "other.db")
    opts = [database: ":memory:", attach: [other: other], pool_size: 1, log: false, name: nil]
    Repo.put_dynamic_repo(start_supervised!({Repo, opts}))

    migrate(fn ->
      create table(:t, prefix: "other", primary_key: false) do
        add(:id, :string, primary_key: true)
      end
    end)

    id = UUID.generate()
    Repo.query!("INSERT INTO other.t VALUES (?)", [id])
    steps = fn -> convert_uuid(:t, :id, to: :binary, prefix: "other") end
    migrate(steps)
    assert rows("SELECT id FROM other.t") == [[UUID.parse!(id)]]
    migrate(steps, direction: :backward)
    assert rows("SELECT id FROM other.t") == [[id]]

    # That of the migration's run, where there is no option.
    Process.put(EctoLibSql.MigrationCase.Steps, fn -> convert_uuid(:t, :id, to: :binary) end)
    steps = EctoLibSql.MigrationCase.Steps
    args = [Repo, Repo.config(), 1, steps, :forward, :change, :up, [log: false, prefix: "other"]]
    apply(Ecto.Migration.Runner, :run, args)
    assert rows("SELECT id FROM other.t") == [[UUID.parse!(id)]]
  end
end
