defmodule EctoLibSql.SessionTest do
  use ExUnit.Case, async: true

  import EctoLibSql.Test.Database

  alias EctoLibSql.{Error, Session}

  @moduletag :tmp_dir

  @schema [
    "CREATE TABLE items (id INTEGER PRIMARY KEY, a, b)",
    "CREATE TABLE pairs (x TEXT, y TEXT, v BLOB, PRIMARY KEY (x, y)) WITHOUT ROWID",
    "CREATE TABLE keyless (a)"
  ]

  setup context do
    %{s: with_schema(connect_file!(context)), other: with_schema(connect!())}
  end

  defp with_schema(s) do
    for sql <- @schema, do: :ok = EctoLibSql.run(s, sql)
    s
  end

  defp run!(s, sql, params \\ []), do: :ok = EctoLibSql.run(s, sql, params)

  defp items(s), do: rows(s, "SELECT * FROM items ORDER BY id")

  # The changeset of what `fun` changes.
  defp changeset_of(s, opts \\ [], fun) do
    {:ok, session} = Session.create(s, opts)
    fun.()
    {:ok, changeset} = Session.changeset(session)
    :ok = Session.close(session)
    changeset
  end

  defp inserting(s, id, a),
    do: changeset_of(s, fn -> run!(s, "INSERT INTO items VALUES (?, ?, NULL)", [id, a]) end)

  defp ops(changeset), do: for(c <- Session.changes(changeset), do: {c.op, c.table, c.old, c.new})

  describe "a session" do
    test "records what its connection changes, until now", %{s: s} do
      run!(s, "INSERT INTO items VALUES (1, 'x', 'y'), (2, 1.5, x'00')")
      {:ok, session} = Session.create(s)
      assert {:ok, ""} = Session.changeset(session)
      run!(s, "UPDATE items SET a = NULL WHERE id = 1")
      run!(s, "DELETE FROM items WHERE id = 2")
      run!(s, "INSERT INTO pairs VALUES ('k', 'l', x'ff')")
      {:ok, changeset} = Session.changeset(session)

      assert Enum.sort(ops(changeset)) == [
               {:delete, "items", [2, 1.5, <<0>>], nil},
               {:insert, "pairs", nil, ["k", "l", <<255>>]},
               {:update, "items", [1, "x", :undefined], [:undefined, nil, :undefined]}
             ]

      {:ok, patchset} = Session.patchset(session)

      assert Enum.sort(ops(patchset)) == [
               {:delete, "items", [2, :undefined, :undefined], nil},
               {:insert, "pairs", nil, ["k", "l", <<255>>]},
               {:update, "items", [1, :undefined, :undefined], [:undefined, nil, :undefined]}
             ]

      assert {:ok, %{kind: :patchset, changes: 3, tables: tables}} = Session.info(patchset)

      assert %{name: "pairs", columns: 3, pk: [0, 1], changes: 1} =
               Enum.find(tables, &(&1.name == "pairs"))

      # It records on.
      run!(s, "DELETE FROM pairs")
      {:ok, changeset} = Session.changeset(session)
      assert {:ok, %{changes: 2}} = Session.info(changeset)
    end

    test "does not record what was rolled back, or is as it was", %{s: s} do
      {:ok, session} = Session.create(s)

      EctoLibSql.transaction(s, fn s ->
        run!(s, "INSERT INTO items VALUES (1, 1, 1)")
        {:error, :taken_back}
      end)

      run!(s, "SAVEPOINT p")
      run!(s, "INSERT INTO items VALUES (2, 1, 1)")
      run!(s, "ROLLBACK TO p")
      run!(s, "RELEASE p")
      run!(s, "INSERT INTO items VALUES (3, 1, 1)")
      run!(s, "DELETE FROM items WHERE id = 3")
      assert {:ok, %{empty: false}} = Session.status(session)
      assert {:ok, ""} = Session.changeset(session)
    end

    test "does not record tables without a primary key, unless it is to", %{s: s, other: other} do
      work = fn -> run!(s, "INSERT INTO keyless (rowid, a) VALUES (5, 'x')") end
      assert changeset_of(s, work) == ""
      run!(s, "DELETE FROM keyless")

      assert {:error, %Error{code: :invalid_argument, message: message}} =
               Session.create(s, tables: ["keyless"])

      assert message =~ "main.keyless has no primary key"
      changeset = changeset_of(s, [tables: ["keyless"], rowids: true], work)
      assert ops(changeset) == [{:insert, "keyless", nil, [5, "x"]}]
      assert {:ok, %{applied: 1}} = Session.apply(other, changeset)
      assert rows(other, "SELECT rowid, a FROM keyless") == [[5, "x"]]
    end

    test "records the tables that it is to, in the database that it is to", %{s: s} do
      run!(s, "ATTACH ':memory:' AS more")
      run!(s, "CREATE TABLE more.items (id INTEGER PRIMARY KEY)")
      {:ok, some} = Session.create(s, tables: ["PAIRS"])
      {:ok, more} = Session.create(s, database: "more")
      run!(s, "INSERT INTO items VALUES (1, 1, 1)")
      run!(s, "INSERT INTO pairs VALUES ('a', 'b', NULL)")
      run!(s, "INSERT INTO more.items VALUES (7)")
      {:ok, changeset} = Session.changeset(some)
      assert [{:insert, _, nil, ["a", "b", nil]}] = ops(changeset)
      {:ok, changeset} = Session.changeset(more)
      assert [{:insert, "items", nil, [7]}] = ops(changeset)

      assert :ok = Session.attach(some, "items")
      run!(s, "INSERT INTO items VALUES (2, 1, 1)")
      {:ok, changeset} = Session.changeset(some)
      assert {:ok, %{changes: 2}} = Session.info(changeset)
      assert :ok = Session.attach(some, :all)
      run!(s, "CREATE TABLE later (k PRIMARY KEY)")
      run!(s, "INSERT INTO later VALUES (1)")
      {:ok, changeset} = Session.changeset(some)
      assert {:ok, %{changes: 3}} = Session.info(changeset)
    end

    test "is disabled and enabled, and says how it stands", %{s: s} do
      {:ok, session} = Session.create(s)

      assert {:ok, %{enabled: true, indirect: false, empty: true, memory: 0}} =
               Session.status(session)

      :ok = Session.disable(session)
      run!(s, "INSERT INTO items VALUES (1, 1, 1)")
      assert {:ok, %{enabled: false, empty: true}} = Session.status(session)
      :ok = Session.enable(session)
      :ok = Session.set_indirect(session, true)
      run!(s, "INSERT INTO items VALUES (2, 1, 1)")
      {:ok, changeset} = Session.changeset(session)
      assert [%{indirect: true, new: [2, 1, 1]}] = Enum.to_list(Session.changes(changeset))
      assert {:ok, %{indirect: true, empty: false, memory: memory}} = Session.status(session)
      assert memory > 0
    end

    test "has what triggers do as indirect", %{s: s} do
      run!(s, """
      CREATE TRIGGER t AFTER INSERT ON items BEGIN
        INSERT INTO pairs VALUES (new.id, '', NULL);
      END
      """)

      changeset = changeset_of(s, fn -> run!(s, "INSERT INTO items VALUES (1, 1, 1)") end)

      assert %{"items" => false, "pairs" => true} =
               Map.new(Session.changes(changeset), &{&1.table, &1.indirect})
    end

    test "records what is written to a blob", %{s: s} do
      run!(s, "INSERT INTO items VALUES (1, zeroblob(3), 1)")

      changeset =
        changeset_of(s, fn ->
          EctoLibSql.transaction(s, fn s ->
            {:ok, blob} = EctoLibSql.Blob.open(s, "items", "a", 1, mode: :write)
            :ok = EctoLibSql.Blob.write(blob, 1, "x")
          end)
        end)

      assert [{:update, "items", [1, <<0, 0, 0>>, _], [_, <<0, ?x, 0>>, _]}] = ops(changeset)
    end

    test "goes on over a new column, and fails over other alterations", %{s: s} do
      {:ok, session} = Session.create(s)
      run!(s, "INSERT INTO items VALUES (1, 1, 1)")
      run!(s, "ALTER TABLE items ADD COLUMN c DEFAULT 7")
      {:ok, changeset} = Session.changeset(session)
      assert [{:insert, "items", nil, [1, 1, 1, 7]}] = ops(changeset)
      run!(s, "ALTER TABLE items DROP COLUMN c")

      for _ <- 1..2 do
        assert {:error, %Error{code: :schema, message: message}} = Session.changeset(session)
        assert message =~ "the session has lost track"
      end

      assert :ok = Session.close(session)
    end

    test "cannot record tables with generated columns, and says so", %{s: s} do
      run!(s, "CREATE TABLE g (id INTEGER PRIMARY KEY, a, twice AS (a * 2))")

      assert {:error, %Error{code: :invalid_argument, message: message}} =
               Session.create(s, tables: ["g"])

      assert message =~ "main.g has a generated column, twice"
      {:ok, session} = Session.create(s)
      run!(s, "INSERT INTO items VALUES (1, 1, 1)")
      assert {:ok, _} = Session.changeset(session)
      run!(s, "INSERT INTO g (a) VALUES (1)")
      assert {:error, %Error{code: :schema}} = Session.changeset(session)
    end

    test "names what is not there", %{s: s} do
      for {opts, message} <- [
            {[database: "nope"], ~s(there is no database "nope" on this connection)},
            {[tables: ["nope"]], "there is no table main.nope"},
            {[tables: ["items", "a\0b"]], ~S(the table's name holds a NUL byte: "a\0b")},
            {[tables: [:items]], "a table's name is to be a string"},
            {[tables: "items"], "the tables are to be :all, or a list of names"},
            {[database: <<255>>], "the database's name is not valid UTF-8"}
          ] do
        assert {:error, %Error{code: :invalid_argument, message: ^message}} =
                 Session.create(s, opts)
      end

      assert {:error, %Error{code: :invalid_argument, message: message}} =
               Session.create(s, tables: [String.duplicate("x", 1_000_001)])

      assert message =~ "a table's name cannot have 1000001 bytes"

      assert_raise ArgumentError, ~r/:rowids takes true or false/, fn ->
        Session.create(s, rowids: 1)
      end

      assert_raise ArgumentError, ~r/unknown keys/, fn -> Session.create(s, table: "items") end
      assert listed(s).sessions == []
    end
  end

  describe "diff" do
    test "records how a table differs from another database's", %{s: s} do
      run!(s, "ATTACH ':memory:' AS old")
      run!(s, "CREATE TABLE old.items (id INTEGER PRIMARY KEY, a, b)")
      run!(s, "INSERT INTO items VALUES (1, 1, 1), (2, 2, 'new'), (3, 3, 3)")
      run!(s, "INSERT INTO old.items VALUES (2, 2, 'old'), (3, 3, 3), (4, 4, 4)")
      {:ok, session} = Session.create(s, tables: [])
      assert :ok = Session.diff(session, "old", "items")
      {:ok, changeset} = Session.changeset(session)

      assert Enum.sort(ops(changeset)) == [
               {:delete, "items", [4, 4, 4], nil},
               {:insert, "items", nil, [1, 1, 1]},
               {:update, "items", [2, :undefined, "old"], [:undefined, :undefined, "new"]}
             ]

      # It left no transaction.
      assert EctoLibSql.autocommit?(s)
    end

    test "names what cannot be compared", %{s: s} do
      run!(s, "ATTACH ':memory:' AS old")
      run!(s, "CREATE TABLE old.items (id INTEGER PRIMARY KEY, a)")
      run!(s, "CREATE TABLE old.keyless (a)")
      {:ok, session} = Session.create(s)

      for {from, table, message} <- [
            {"nope", "items", ~s(there is no database "nope" on this connection)},
            {"old", "nope", "there is no table main.nope"},
            {"old", "pairs", "there is no table old.pairs"},
            {"old", "items", "table schemas do not match"}
          ] do
        assert {:error, %Error{message: ^message}} = Session.diff(session, from, table)
      end

      assert {:error, %Error{message: message}} = Session.diff(session, "old", "keyless")
      assert message =~ "has no primary key"
      assert {:ok, ""} = Session.changeset(session)
    end
  end

  describe "who may use a session" do
    test "it is listed until it is closed, and can be closed twice", %{s: s} do
      {:ok, session} = Session.create(s, tables: ["items", "pairs"])
      assert [%{id: id, sql: "items, pairs of main"}] = listed(s).sessions
      assert id == session.id
      assert :ok = Session.close(session)
      assert :ok = Session.close(session)
      assert listed(s).sessions == []
      assert {:error, %Error{code: :session_closed}} = Session.changeset(session)
      assert {:error, %Error{code: :session_closed}} = Session.status(session)
      assert {:error, %Error{code: :session_closed}} = Session.attach(session, "items")
    end

    @tag :capture_log
    test "no other connection", %{s: s, other: other} do
      {:ok, session} = Session.create(s)
      stolen = %{session | state: other}

      for use <- [
            &Session.changeset/1,
            &Session.status/1,
            &Session.enable/1,
            &Session.close/1,
            &Session.diff(&1, "main", "items")
          ],
          do: assert({:error, %Error{code: :wrong_connection}} = use.(stolen))

      assert {:ok, ""} = Session.changeset(session)
    end

    test "nobody with an id that is none, or another item's", %{s: s} do
      {:ok, statement} = EctoLibSql.prepare(s, "SELECT 1")

      for id <- ["", "nope", :nope, nil, statement, String.duplicate("0", 36)] do
        session = %Session{id: id, state: s}
        assert {:error, %Error{code: code}} = Session.changeset(session)
        assert code in [:session_closed, :wrong_connection]
      end
    end

    test "it ends with its connection, and with a reset", %{s: s, other: other} do
      {:ok, session} = Session.create(s)
      :ok = EctoLibSql.reset_connection(s)
      assert {:error, %Error{code: :session_closed}} = Session.changeset(session)
      assert listed(s).sessions == []

      {:ok, session} = Session.create(other)
      :ok = EctoLibSql.disconnect(other)
      assert {:error, %Error{code: :connection_closed}} = Session.changeset(session)
    end

    test "it is closed when its process dies, and the connection goes on", %{s: s} do
      Task.await(Task.async(fn -> {:ok, _} = Session.create(s) end))
      wait_until(fn -> listed(s).sessions == [] end)
      run!(s, "INSERT INTO items VALUES (1, 1, 1)")
    end

    test "another process uses it while no other's transaction is open", %{s: s} do
      {:ok, session} = Session.create(s)
      run!(s, "INSERT INTO items VALUES (1, 1, 1)")

      assert {:ok, <<_, _::binary>>} =
               Task.await(Task.async(fn -> Session.changeset(session) end))

      {:ok, s} = EctoLibSql.begin(s)

      ExUnit.CaptureLog.capture_log(fn ->
        assert {:error, %Error{code: :not_transaction_owner}} =
                 Task.await(Task.async(fn -> Session.changeset(session) end))
      end)

      {:ok, _} = EctoLibSql.rollback(s)
    end
  end

  describe "apply" do
    test "makes another database equal", %{s: s, other: other} do
      changeset =
        changeset_of(s, fn ->
          run!(s, "INSERT INTO items VALUES (1, 'x', 9e999), (2, x'00ff', NULL)")
          run!(s, "INSERT INTO pairs VALUES ('a', 'b', NULL)")
        end)

      assert {:ok, %{applied: 3, omitted: 0, replaced: 0, conflicts: [], skipped: []}} =
               Session.apply(other, changeset)

      assert items(other) == items(s)
      assert rows(other, "SELECT * FROM pairs") == [["a", "b", nil]]
    end

    test "resolves each kind of conflict as it is told to", %{s: s, other: other} do
      run!(other, "CREATE UNIQUE INDEX u ON items (b)")
      run!(s, "INSERT INTO items VALUES (1, 'old', 1), (2, 'old', 2), (3, 'old', 3)")
      run!(other, "INSERT INTO items VALUES (1, 'theirs', 1), (4, 'theirs', 4), (6, 'theirs', 5)")

      changeset =
        changeset_of(s, fn ->
          run!(s, "UPDATE items SET a = 'mine' WHERE id = 1")
          run!(s, "DELETE FROM items WHERE id = 2")
          run!(s, "INSERT INTO items VALUES (4, 'mine', 40), (5, 'mine', 5)")
        end)

      kinds = [data: 1, not_found: 2, conflict: 4, constraint: 5]

      for {kind, id} <- kinds do
        others = for {other, _} <- kinds, other != kind, do: {other, :omit}

        assert {:error, %Error{code: :changeset_conflict, message: message}} =
                 Session.apply(other, changeset, conflict: others)

        assert message =~ "(#{id}, "
        assert message =~ "the changeset was not applied"
      end

      assert [[1, "theirs", 1] | _] = items(other)

      assert {:ok, %{applied: 2, omitted: 2, replaced: 2, conflicts: conflicts}} =
               Session.apply(other, changeset,
                 conflict: [
                   data: :replace,
                   not_found: :omit,
                   conflict: :replace,
                   constraint: :omit
                 ]
               )

      conflicts = Map.new(conflicts, &{&1.kind, &1})

      assert %{
               op: :update,
               table: "items",
               resolution: :replace,
               indirect: false,
               old: [1, "old", :undefined],
               new: [:undefined, "mine", :undefined],
               conflicting: [1, "theirs", 1]
             } = conflicts.data

      assert %{op: :delete, old: [2, "old", 2], new: nil, conflicting: nil, resolution: :omit} =
               conflicts.not_found

      assert %{op: :insert, new: [4, "mine", 40], conflicting: [4, "theirs", 4]} =
               conflicts.conflict

      assert %{op: :insert, new: [5, "mine", 5], conflicting: nil} = conflicts.constraint
      assert items(other) == [[1, "mine", 1], [4, "mine", 40], [6, "theirs", 5]]
    end

    test "counts all conflicts, and describes the first", %{s: s, other: other} do
      changeset =
        changeset_of(s, fn ->
          for id <- 1..10, do: run!(s, "INSERT INTO items VALUES (?, 1, 1)", [id])
        end)

      {:ok, %{applied: 10}} = Session.apply(other, changeset)

      assert {:ok, %{omitted: 10, applied: 0, conflicts: [_, _, _]}} =
               Session.apply(other, changeset, conflict: :omit, max_conflicts: 3)

      assert {:ok, %{omitted: 0, conflicts: []}} =
               Session.apply(other, changeset, ignore_noop: true)
    end

    test "foreign keys are checked at its end", %{s: s, other: other} do
      for s <- [s, other] do
        run!(s, "CREATE TABLE parents (id INTEGER PRIMARY KEY)")

        run!(s, """
        CREATE TABLE children (id INTEGER PRIMARY KEY, parent REFERENCES parents ON DELETE CASCADE)
        """)
      end

      changeset =
        changeset_of(s, fn ->
          run!(s, "INSERT INTO parents VALUES (1)")
          run!(s, "INSERT INTO children VALUES (1, 1)")
        end)

      assert {:error, %Error{code: :changeset_conflict, message: message}} =
               Session.apply(other, changeset, tables: ["children"])

      assert message =~ "foreign keys would be violated"

      assert {:ok, %{conflicts: [%{kind: :foreign_key, resolution: :omit} = conflict]}} =
               Session.apply(other, changeset,
                 tables: ["children"],
                 conflict: [foreign_key: :omit]
               )

      assert map_size(conflict) == 2
      assert rows(other, "PRAGMA foreign_key_check") != []
      run!(other, "DELETE FROM children")
      assert {:ok, %{applied: 2}} = Session.apply(other, changeset)

      # What a parent's deletion took with it is in the changeset, and not there any more.
      changeset = changeset_of(s, fn -> run!(s, "DELETE FROM parents") end)
      assert {:ok, %{changes: 2}} = Session.info(changeset)
      assert {:ok, %{applied: 2}} = Session.apply(other, changeset, no_action: true)
      assert rows(other, "SELECT * FROM children") == []
    end

    test "in a transaction it is a part of that", %{s: s, other: other} do
      changeset = inserting(s, 1, "x")

      assert {:error, :no} =
               EctoLibSql.transaction(other, fn other ->
                 run!(other, "INSERT INTO items VALUES (2, 'y', NULL)")
                 {:ok, _} = Session.apply(other, changeset)
                 [[1, _, _], [2, _, _]] = items(other)
                 {:error, :no}
               end)

      assert items(other) == []

      assert {:ok, :yes} =
               EctoLibSql.transaction(other, fn other ->
                 run!(other, "INSERT INTO items VALUES (1, 'mine', NULL)")
                 {:error, %Error{code: :changeset_conflict}} = Session.apply(other, changeset)
                 {:ok, :yes}
               end)

      assert items(other) == [[1, "mine", nil]]
    end

    test "refuses tables that do not fit, or skips them", %{s: s, other: other} do
      run!(s, "CREATE TABLE missing (id INTEGER PRIMARY KEY)")
      run!(s, "CREATE TABLE wider (id INTEGER PRIMARY KEY, a)")
      run!(s, "CREATE TABLE rekeyed (id INTEGER PRIMARY KEY, a)")
      run!(other, "CREATE TABLE wider (id INTEGER PRIMARY KEY)")
      run!(other, "CREATE TABLE rekeyed (id, a PRIMARY KEY)")

      for {table, message} <- [
            {"missing", "there is no table missing"},
            {"wider", "the table wider has 1 columns, and its changes have 2"},
            {"rekeyed", "the table rekeyed has another primary key than its changes"}
          ] do
        changeset =
          changeset_of(s, fn ->
            run!(s, "INSERT INTO #{table} DEFAULT VALUES")
            run!(s, "REPLACE INTO items VALUES (1, ?, NULL)", [table])
          end)

        message = "the changeset was not applied: " <> message

        assert {:error, %Error{code: :changeset_schema, message: ^message}} =
                 Session.apply(other, changeset)

        assert {:ok, %{applied: 1, skipped: [^table]}} =
                 Session.apply(other, changeset, unknown_tables: :skip, conflict: :replace)

        assert {:ok, %{applied: 1, skipped: []}} =
                 Session.apply(other, changeset, tables: ["ITEMS"], conflict: :replace)
      end
    end

    test "refuses what is no changeset, and options that are none", %{s: s} do
      run!(s, "CREATE VIEW v AS SELECT 1 AS id")
      good = inserting(s, 1, 1)

      for bad <- [:x, 1, nil, [good], ~c"abc"] do
        assert {:error, %Error{code: :invalid_argument}} = Session.apply(s, bad)
        assert {:error, %Error{code: :invalid_argument}} = Session.invert(bad)
        assert {:error, %Error{code: :invalid_argument}} = Session.info(bad)
        assert {:error, %Error{code: :invalid_argument}} = Session.concat([good, bad])
        assert {:error, %Error{code: :invalid_argument}} = Session.rebase(good, [bad])
        assert_raise Error, fn -> Enum.to_list(Session.changes(bad)) end
      end

      assert {:error, %Error{code: :invalid_argument}} = Session.concat(:x)

      for bad <- ["x", "T", binary_part(good, 0, 20), good <> "x"] do
        assert {:error, %Error{code: :invalid_changeset, message: message}} =
                 Session.apply(s, bad)

        assert message =~ ~r/^the changeset is malformed at byte \d+: /
        assert {:error, %Error{code: :invalid_changeset}} = Session.invert(bad)
        assert_raise Error, fn -> Enum.to_list(Session.changes(bad)) end
      end

      for {opts, message} <- [
            {[conflict: :retry], ~r/:conflict takes :abort, :omit or :replace/},
            {[conflict: [not_found: :replace]], ~r/of which only :data and :conflict take/},
            {[conflict: [dat: :omit]], ~r/a keyword list of those by kind/},
            {[conflict: fn _ -> :omit end], ~r/:conflict takes/},
            {[invert: nil], ~r/:invert takes true or false/},
            {[unknown_tables: :ignore], ~r/:unknown_tables takes :abort or :skip/},
            {[timeout: -1], ~r/timeout takes/}
          ],
          do: assert_raise(ArgumentError, message, fn -> Session.apply(s, good, opts) end)

      assert {:error, %Error{code: :invalid_argument}} = Session.apply(s, good, tables: "items")
      assert {:error, %Error{code: :invalid_argument}} = Session.apply(s, good, max_conflicts: -1)
      assert {:error, %Error{code: :invalid_argument}} = Session.apply(%{s | conn_id: "x"}, good)

      assert {:error, %Error{code: :error, message: message}} =
               Session.apply(s, <<"T", 2, 1, 0, "v", 0, 9, 0, 1, 1::64, 5>>)

      assert message =~ "at the table v"
    end

    test "waits for its turn to write, and no longer than it may", %{s: s} = context do
      writer = connect_file!(context)
      changeset = inserting(s, 1, 1)
      run!(s, "DELETE FROM items")
      {:ok, writer} = EctoLibSql.begin(writer, behavior: :immediate)

      assert {:error, %Error{code: :busy}} = Session.apply(s, changeset, timeout: 20)

      waiting = Task.async(fn -> Session.apply(s, changeset) end)
      wait_until_queued(s, 1)
      {:ok, _} = EctoLibSql.commit(writer)
      assert {:ok, %{applied: 1}} = Task.await(waiting)
    end

    test "is stopped by a deadline and by an interrupt, and leaves nothing", %{s: s, other: other} do
      run!(other, """
      CREATE TRIGGER slow AFTER INSERT ON items BEGIN
        INSERT INTO pairs WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
        SELECT 'a', max(i), NULL FROM n;
      END
      """)

      changeset = inserting(s, 1, 1)
      assert {:error, %Error{code: :timeout}} = Session.apply(other, changeset, timeout: 50)
      applying = Task.async(fn -> Session.apply(other, changeset, timeout: :infinity) end)
      wait_until_running(other, applying.pid)
      assert {:error, %Error{code: :interrupted}} = interrupt_task(other, applying)
      assert items(other) == []
      assert EctoLibSql.autocommit?(other)
    end

    test "an owner that dies in the middle of it leaves nothing", %{s: s} = context do
      changeset = inserting(s, 1, 1)
      run!(s, "DELETE FROM items")
      path = s.database

      run!(s, """
      CREATE TRIGGER slow AFTER INSERT ON items BEGIN
        INSERT INTO pairs WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
        SELECT 'a', max(i), NULL FROM n;
      END
      """)

      test = self()

      victim =
        spawn(fn ->
          {:ok, own} = EctoLibSql.connect(database: path)
          send(test, {:connected, own})
          Session.apply(own, changeset, timeout: :infinity)
        end)

      assert_receive {:connected, own}, 5_000
      wait_until_running(own, victim)
      kill(victim)
      wait_until(fn -> listed(own) == nil end)
      assert items(connect_file!(context)) == []
    end
  end

  describe "changesets" do
    test "undo, of rows that are still as they were", %{s: s} do
      run!(s, "INSERT INTO items VALUES (1, 'a', 'b'), (2, 'c', 'd')")
      before = items(s)

      changeset =
        changeset_of(s, fn ->
          run!(s, "UPDATE items SET a = 'z' WHERE id = 1")
          run!(s, "DELETE FROM items WHERE id = 2")
          run!(s, "INSERT INTO items VALUES (3, NULL, NULL)")
        end)

      {:ok, undo} = Session.invert(changeset)
      after_work = items(s)
      assert {:ok, %{applied: 3}} = Session.apply(s, undo)
      assert items(s) == before
      assert {:ok, %{applied: 3}} = Session.apply(s, changeset)
      assert items(s) == after_work
      assert {:ok, %{applied: 3}} = Session.apply(s, changeset, invert: true)
      assert items(s) == before

      {:ok, session} = Session.create(s)
      run!(s, "DELETE FROM items")
      {:ok, patchset} = Session.patchset(session)
      assert {:error, %Error{message: message}} = Session.invert(patchset)
      assert message =~ "a patchset cannot be inverted"
      assert {:error, %Error{code: :invalid_argument}} = Session.apply(s, patchset, invert: true)
      assert {:error, %Error{code: :invalid_argument}} = Session.rebase(patchset, [])
      assert {:error, %Error{message: message}} = Session.concat(changeset, patchset)
      assert message =~ "changesets and patchsets cannot be combined"
    end

    test "one after the other are one", %{s: s, other: other} do
      first = inserting(s, 1, "x")
      second = changeset_of(s, fn -> run!(s, "UPDATE items SET a = 'y'") end)
      {:ok, both} = Session.concat(first, second)
      assert ops(both) == [{:insert, "items", nil, [1, "y", nil]}]
      assert {:ok, %{applied: 1}} = Session.apply(other, both)
      assert items(other) == items(s)

      third = changeset_of(s, fn -> run!(s, "DELETE FROM items") end)
      assert {:ok, ""} = Session.concat([first, second, third])
      assert {:ok, ""} = Session.concat([])
      assert {:ok, ^first} = Session.concat([first])
    end

    test "are rebased on what was decided", %{s: s, other: other} do
      for s <- [s, other], do: run!(s, "INSERT INTO items VALUES (1, 'base', 'base')")
      mine = changeset_of(s, fn -> run!(s, "UPDATE items SET a = 'mine', b = 'mine'") end)
      theirs = changeset_of(other, fn -> run!(other, "UPDATE items SET a = 'theirs'") end)

      {:ok, %{rebase: decided}} = Session.apply(s, theirs, conflict: [data: :omit])
      {:ok, rebased} = Session.rebase(mine, decided)

      assert ops(rebased) == [
               {:update, "items", [1, "theirs", "base"], [:undefined, "mine", "mine"]}
             ]

      assert {:ok, %{applied: 1, conflicts: []}} = Session.apply(other, rebased)
      assert items(other) == items(s)
      assert {:error, %Error{code: :invalid_changeset}} = Session.rebase(mine, "x")
      assert {:ok, ^mine} = Session.rebase(mine, [])
    end

    test "of 100,000 rows", %{s: s, other: other} do
      changeset =
        changeset_of(s, fn ->
          run!(s, """
          INSERT INTO items WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 100000)
          SELECT i, 'row ' || i, i * 1.5 FROM n
          """)
        end)

      assert {:ok, %{changes: 100_000}} = Session.info(changeset)
      assert Enum.count(Session.changes(changeset)) == 100_000
      assert [%{op: :insert}] = Enum.take(Session.changes(changeset), 1)
      assert {:ok, %{applied: 100_000}} = Session.apply(other, changeset, timeout: :infinity)
      sum = "SELECT count(*), sum(id), sum(b), max(a) FROM items"
      assert rows(other, sum) == rows(s, sum)
      assert {:ok, inverted} = Session.invert(changeset)
      assert {:ok, ""} = Session.concat(changeset, inverted)
    end
  end

  describe "with hooks" do
    test "those that tell values do not go together with a session", %{s: s} do
      :ok = EctoLibSql.add_update_hook(s, self(), values: true)
      assert {:error, %Error{code: :unsupported}} = Session.create(s)
      :ok = EctoLibSql.remove_update_hook(s)
      {:ok, session} = Session.create(s)
      run!(s, "INSERT INTO items VALUES (1, 1, 1)")
      add_hook = fn -> EctoLibSql.add_update_hook(s, self(), values: true) end
      assert {:error, %Error{code: :unsupported}} = add_hook.()
      :ok = Session.close(session)
      assert :ok = add_hook.()
    end

    test "one whose listener died is none", %{s: s} do
      {listener, :ok} =
        start_victim(fn -> EctoLibSql.add_update_hook(s, self(), values: true) end)

      kill(listener)
      wait_until(fn -> match?({:ok, _}, Session.create(s)) end)
      run!(s, "INSERT INTO items VALUES (1, 1, 1)")
    end

    test "the others tell what a changeset did, if it was applied", %{s: s, other: other} do
      changeset = inserting(s, 1, 1)
      again = inserting(s, 2, 2)
      :ok = EctoLibSql.add_update_hook(other)
      {:ok, _} = Session.apply(other, changeset)
      assert_receive {EctoLibSql.Hooks, _, {:changes, [{:insert, "main", "items", 1}]}}, 5_000
      {:ok, both} = Session.concat(again, changeset)

      EctoLibSql.transaction(other, fn other ->
        {:error, %Error{code: :changeset_conflict}} = Session.apply(other, both)
        run!(other, "INSERT INTO items VALUES (3, 3, 3)")
      end)

      assert_receive {EctoLibSql.Hooks, _, {:changes, changes}}, 5_000
      assert changes == [{:insert, "main", "items", 3}]
    end
  end

  test "on a server or a replica there are none" do
    for mode <- [:remote, :replica] do
      s = %EctoLibSql.State{conn_id: "x", mode: mode, database: "x"}

      assert {:error, %Error{code: :unsupported, message: message}} = Session.create(s)
      assert message =~ "EctoLibSql.Session.create is for local databases"
      assert {:error, %Error{code: :unsupported, message: message}} = Session.apply(s, "")
      assert message =~ "EctoLibSql.Session.apply"
    end
  end
end
