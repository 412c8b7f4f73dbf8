defmodule EctoLibSql.Server.UUIDTest do
  use ExUnit.Case, async: true

  import EctoLibSql.Test.Database, only: [rows: 2, rows: 3]
  import EctoLibSql.Test.Replicas

  alias EctoLibSql.{Error, UUID}
  alias EctoLibSql.Test.Sqld
  alias EctoLibSql.UUID.SQL

  @moduletag :sqld
  @moduletag :capture_log
  @moduletag :tmp_dir

  @uuid "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"

  setup_all do
    %{server: Sqld.start!()}
  end

  setup context do
    %{primary: primary!(context), replica: connect!(context, functions: [:uuid])}
  end

  defp assert_made(value, version, storage) do
    assert {byte_size(value), UUID.version(value)} ==
             {if(storage == :text, do: 36, else: 16), {:ok, version}}
  end

  test "plain SQL makes, converts and reads them at a server and on a replica", context do
    for s <- [context.primary, context.replica] do
      for version <- [4, 7], storage <- [:text, :binary] do
        [[value]] = rows(s, "SELECT #{SQL.generate(version, storage)}")
        assert_made(value, version, storage)
      end

      sql =
        "SELECT #{SQL.convert("?1", :text)}, #{SQL.convert("?1", :binary)}, #{SQL.timestamp("?1")}"

      all = [@uuid, UUID.parse!(@uuid), "2022-02-22T19:22:22.000000"]
      assert rows(s, sql, [String.upcase(@uuid)]) == [all]
      assert rows(s, sql, [{:blob, UUID.parse!(@uuid)}]) == [all]

      for none <- ["abc", nil, 7, {:blob, "abc"}],
          do: assert(rows(s, sql, [none]) == [[nil, nil, nil]])
    end
  end

  test "a default fills in whoever inserts: a server, a replica, a file of its own", context do
    table = "t#{System.unique_integer([:positive])}"

    columns =
      for version <- [4, 7], storage <- [:text, :binary] do
        {"#{storage}#{version}", version, storage}
      end

    definitions =
      Enum.map_join(columns, ", ", fn {name, version, storage} ->
        "#{name} DEFAULT (#{SQL.generate(version, storage)}) CHECK (#{SQL.check(name, storage)})"
      end)

    :ok = EctoLibSql.run(context.primary, "CREATE TABLE #{table} (n, #{definitions})")
    {:ok, _} = EctoLibSql.sync(context.replica)

    for s <- [context.primary, context.replica],
        do: :ok = EctoLibSql.run(s, "INSERT INTO #{table} (n) VALUES (1), (2)")

    {:ok, _} = EctoLibSql.sync(context.replica)

    for s <- [context.primary, context.replica], {name, version, storage} <- columns do
      values = s |> rows("SELECT #{name} FROM #{table}") |> List.flatten()
      assert length(Enum.uniq(values)) == 4
      for value <- values, do: assert_made(value, version, storage)
    end

    for s <- [context.primary, context.replica], {name, _version, _storage} <- columns do
      assert {:error, %Error{constraint: %{kind: :check}}} =
               EctoLibSql.query(s, "INSERT INTO #{table} (#{name}) VALUES ('abc')")
    end

    assert rows(context.primary, "SELECT count(*) FROM #{table}") == [[4]]
  end

  test "what servers have by these names is no engine's: nothing may rest on it", context do
    assert [[id]] = rows(context.replica, "SELECT uuid7_blob()")
    assert_made(id, 7, :binary)

    assert {:error, %Error{message: message}} =
             EctoLibSql.query(context.primary, "SELECT uuid7_blob()")

    assert message =~ "no such function: uuid7_blob"

    many =
      "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 1000) "

    ids = context.primary |> rows(many <> "SELECT uuid7() FROM n") |> List.flatten()
    assert ids != Enum.sort(ids)
  end
end
