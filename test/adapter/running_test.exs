if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.RunningTest do
    # What is not logged can only be seen while nobody else logs.
    use ExUnit.Case, async: false

    import Ecto.Query
    import ExUnit.CaptureLog

    alias EctoLibSql.Test.Mode

    defmodule Repo do
      use Ecto.Repo, otp_app: :ecto_libsql, adapter: Ecto.Adapters.LibSql
    end

    defmodule Item do
      use Ecto.Schema

      schema "items" do
        field(:name, :string)
      end
    end

    @endless "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"

    setup do
      start_supervised!({Repo, Mode.repo(database: ":memory:", pool_size: 2, log: :info)})
      Repo.query!("CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT)", [], log: false)
      Repo.insert_all(Item, [%{name: "a"}, %{name: "b"}, %{name: "c"}], log: false)
      :ok
    end

    describe "explain" do
      @describetag :capture_log

      test "draws the plan as SQLite's shell does" do
        query = from(i in Item, join: j in Item, on: j.name == i.name, order_by: i.name)

        assert Repo.explain(:all, query) =~
                 ~r/\AQUERY PLAN\n\|--SCAN i0\n\|--.*SEARCH i1.*\n`--USE TEMP B-TREE FOR ORDER BY\z/s
      end

      test "shows what is done for what under it" do
        query = from(i in Item, union_all: ^from(j in Item))

        assert Repo.explain(:all, query) == """
               QUERY PLAN
               `--COMPOUND QUERY
                  |--LEFT-MOST SUBQUERY
                  |  `--SCAN i0
                  `--UNION ALL
                     `--SCAN i0\
               """
      end

      test "lists instructions" do
        assert text = Repo.explain(:all, Item, type: :instructions)
        assert text =~ "| addr | opcode"
        assert text =~ "OpenRead"
      end

      test "answers maps" do
        assert [%{"detail" => "SCAN i0"}] = Repo.explain(:all, Item, format: :map)

        assert [%{"opcode" => "Init"} | _] =
                 Repo.explain(:all, Item, format: :map, type: :instructions)
      end

      test "runs what it analyzes, and takes it back" do
        assert Repo.explain(:delete_all, Item, analyze: true) =~ ~r/\nRun: 3 rows in [\d.]+ ms\z/
        assert Repo.aggregate(Item, :count) == 3
        assert [_, %{"rows" => 3}] = Repo.explain(:all, Item, analyze: true, format: :map)

        Repo.explain(:delete_all, Item, analyze: true, wrap_in_transaction: false)
        assert Repo.aggregate(Item, :count) == 0
      end

      test "of updates changes nothing" do
        Repo.explain(:update_all, from(i in Item, update: [set: [name: "x"]]))
        assert Repo.aggregate(from(i in Item, where: i.name == "x"), :count) == 0
      end

      test "names an option that it does not know" do
        for {name, value} <- [type: :verbose, format: :yaml] do
          assert_raise ArgumentError, ~r/explain: #{name} takes one of .* got: :#{value}/, fn ->
            Repo.explain(:all, Item, [{name, value}])
          end
        end
      end
    end

    @tag :capture_log
    test "a warm query answers its result alone, so that Ecto does not write its cache again" do
      %{pid: pool, sql: connection} = Ecto.Adapter.lookup_meta(Repo)
      {:ok, query, _result} = connection.prepare_execute(pool, "name", "SELECT 1", [], [])
      assert {:ok, %EctoLibSql.Result{rows: [[1]]}} = connection.execute(pool, query, [], [])
    end

    describe "query helpers" do
      @describetag :capture_log

      test "query_many answers every result" do
        assert {:ok, [%{rows: [[1]]}, %{rows: nil, num_rows: 3}, %{rows: [["x"]]}]} =
                 Repo.query_many(
                   "SELECT 1; UPDATE items SET name = 'x'; SELECT DISTINCT name FROM items"
                 )

        assert {:error, %EctoLibSql.Error{index: 1}} = Repo.query_many("SELECT 1; SELECT nope")
        assert_raise EctoLibSql.Error, fn -> Repo.query_many!("nope") end

        assert_raise EctoLibSql.Error, ~r/no parameters/, fn ->
          Repo.query_many!("SELECT ?", [1])
        end
      end

      test "to_sql answers SQL that runs" do
        query = from(i in Item, where: i.name == ^"b", select: i.id)
        assert {sql, ["b"]} = Repo.to_sql(:all, query)
        assert Repo.query!(sql, ["b"]).rows == [[2]]
        assert {^sql, ["b"]} = Repo.to_sql(:all, query)
        assert {"DELETE" <> _, []} = Repo.to_sql(:delete_all, Item)
      end

      test "table_exists? knows tables, views and temporary ones" do
        Repo.query!("CREATE VIEW seen AS SELECT 1")

        for table <- ["items", "ITEMS", "seen"],
            do: assert(Ecto.Adapters.SQL.table_exists?(Repo, table))

        refute Ecto.Adapters.SQL.table_exists?(Repo, "nope")
        refute Ecto.Adapters.SQL.table_exists?(Repo, "items_id")
      end

      test "an error has SQLite's code, the statement and the place" do
        assert {:error, %EctoLibSql.Error{code: :error, statement: "SELECT 1 FROM nope"}} =
                 Repo.query("SELECT 1 FROM nope")

        assert {:error, %EctoLibSql.Error{offset: 7}} = Repo.query("SELECT nope")
      end

      test "prepare takes :named and :unnamed" do
        for prepare <- [:named, :unnamed, :named],
            do: assert([_, _, _] = Repo.all(Item, prepare: prepare))

        assert_raise ArgumentError, ~r/:prepare/, fn -> Repo.all(Item, prepare: :always) end
      end
    end

    describe "streams" do
      @describetag :capture_log

      test "fetch max_rows at a time, lazily" do
        assert {:ok, ["a", "b"]} =
                 Repo.transaction(fn ->
                   from(i in Item, order_by: i.id, select: i.name)
                   |> Repo.stream(max_rows: 1)
                   |> Enum.take(2)
                 end)
      end

      test "may write what they read" do
        Repo.transaction(fn ->
          for item <- Repo.stream(Item, max_rows: 1),
              do: item |> Ecto.Changeset.change(name: item.name <> "!") |> Repo.update!()
        end)

        assert Repo.all(from(i in Item, order_by: i.id, select: i.name)) == ["a!", "b!", "c!"]
      end

      test "preload" do
        assert {:ok, [%Item{}, %Item{}, %Item{}]} =
                 Repo.transaction(fn -> Item |> Repo.stream(max_rows: 2) |> Enum.to_list() end)
      end

      test "want a transaction" do
        assert_raise RuntimeError, ~r/outside of transaction/, fn ->
          Item |> Repo.stream() |> Enum.to_list()
        end
      end
    end

    describe "connections" do
      @describetag :capture_log

      test "are kept through timeouts" do
        log =
          capture_log(fn ->
            for _ <- 1..3 do
              assert {:error, %EctoLibSql.Error{code: :timeout}} =
                       Repo.query(@endless, [], timeout: 50)
            end

            assert {:ok, {:error, %EctoLibSql.Error{code: :timeout}}} =
                     Repo.transaction(fn -> Repo.query(@endless, [], timeout: 50) end)
          end)

        refute log =~ "disconnected"
      end

      test "can all be dropped, and the database stays" do
        assert :ok = Repo.disconnect_all(0)
        for _ <- 1..4, do: assert(Repo.aggregate(Item, :count) == 3)
      end

      test "can be checked out" do
        refute Repo.checked_out?()

        Repo.checkout(fn ->
          assert Repo.checked_out?()
          refute Repo.in_transaction?()
          Repo.query!("CREATE TEMP TABLE mine (a)")
          assert Repo.query!("SELECT * FROM mine").rows == []
          Repo.query!("DROP TABLE mine")
        end)
      end
    end

    describe "telemetry and logging" do
      test "say what ran" do
        log = capture_log(fn -> Repo.all(from(i in Item, where: i.name == ^"b")) end)
        assert log =~ "QUERY OK"
        assert log =~ ~s(FROM "items")
        assert log =~ ~s(["b"])
        assert log =~ "db="

        assert capture_log(fn -> Repo.query("nope") end) =~ "QUERY ERROR"
        assert capture_log(fn -> Repo.transaction(fn -> :ok end) end) =~ "begin"
        assert capture_log(fn -> Repo.all(Item, log: false) end) == ""
      end

      test "carry measurements and metadata" do
        parent = self()
        event = [:ecto, :adapters, :lib_sql, :running_test, :repo, :query]

        :telemetry.attach(parent, event, &__MODULE__.note/4, parent)
        Repo.all(Item, telemetry_options: [:mine], log: false)
        :telemetry.detach(parent)

        assert_received {%{query_time: _, decode_time: _, queue_time: _, total_time: _},
                         %{source: "items", options: [:mine], result: {:ok, %{num_rows: 3}}}}
      end
    end

    def note(_event, measurements, metadata, pid),
      do: if(self() == pid, do: send(pid, {measurements, metadata}))

    describe "a repo's configuration" do
      test "takes what a generated application has" do
        path =
          Path.join(
            System.tmp_dir!(),
            "ecto_libsql_#{System.pid()}_#{System.unique_integer([:positive])}.db"
          )

        on_exit(fn -> Ecto.Adapters.LibSql.storage_down(database: path) end)

        start_supervised!(
          {Repo,
           database: path,
           name: nil,
           pool_size: 3,
           stacktrace: true,
           show_sensitive_data_on_connection_error: true,
           migration_timestamps: [type: :utc_datetime],
           migration_primary_key: [type: :binary_id],
           migration_lock: false,
           priv: "priv/repo",
           journal_mode: :wal,
           cache_size: -64_000,
           temp_store: :memory,
           busy_timeout: 5000,
           foreign_keys: :on,
           default_transaction_mode: :immediate},
          id: :full
        )
      end

      test "with an unknown option does not start" do
        Process.flag(:trap_exit, true)

        assert {:error, {%ArgumentError{message: "unknown option :databse" <> _}, _}} =
                 Repo.start_link(databse: "x.db", database: "y.db", name: nil)
      end
    end
  end
end
