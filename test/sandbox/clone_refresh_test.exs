if Code.ensure_loaded?(DBConnection) do
  defmodule EctoLibSql.CloneRefreshTest do
    # When a clone is made anew, and when its ROLLBACK is all. A copy changes the clone's data
    # version, so that the versions noted with it tell one copy from the next.
    use ExUnit.Case, async: true

    import EctoLibSql.Test.Database, only: [wait_until: 1]

    alias EctoLibSql.{Connection, Query}

    @moduletag :tmp_dir

    setup %{tmp_dir: dir} = tags do
      path = Path.join(dir, "test.db")
      opts = [database: path, sandbox: :clone, attach: [archive: Path.join(dir, "archive.db")]]
      {:ok, state} = Connection.connect(opts ++ (tags[:connection] || []))
      on_exit(fn -> Connection.disconnect(:normal, state) end)
      state = execute(state, "CREATE TABLE t (a)")
      state = execute(state, "CREATE TABLE archive.u (a)")
      {:ok, other} = EctoLibSql.connect(database: path)
      %{state: state, other: other}
    end

    defp execute(state, sql) do
      {:ok, _query, _result, state} =
        Connection.handle_execute(%Query{statement: sql}, [], [], state)

      state
    end

    defp rows(state, sql) do
      {:ok, _query, result, _state} =
        Connection.handle_execute(%Query{statement: sql}, [], [], state)

      result.rows
    end

    # As Ecto's sandbox begins and ends a test.
    defp checkout(state) do
      {:ok, _, state} = Connection.handle_begin([mode: :transaction], state)
      state
    end

    defp checkin(state) do
      {:ok, _, state} = Connection.handle_rollback([mode: :transaction], state)
      state
    end

    # A test's work, and which copy it worked on.
    defp run(state, statements \\ []) do
      state = Enum.reduce(statements, checkout(state), &execute(&2, &1))
      copy = state.clone.versions
      {copy, checkin(state)}
    end

    test "no copy is made before there is a test", %{state: state} do
      assert state.clone.versions == nil
      {:ok, _, state} = Connection.handle_begin([mode: :deferred], state)
      {:ok, _, state} = Connection.handle_commit([mode: :deferred], state)
      assert state.clone.versions == nil
    end

    test "tests that follow each other have the same copy", %{state: state} do
      {copy, state} = run(state, ["INSERT INTO t VALUES (1)", "CREATE TABLE v (a)"])
      {^copy, state} = run(state, ["INSERT INTO archive.u VALUES (1)", "DROP TABLE t"])
      # More than the page cache holds.
      {^copy, state} = run(state, ["INSERT INTO t VALUES (zeroblob(20000000))"])
      {^copy, state} = run(state, ["CREATE TEMP TABLE w (a)"])
      {^copy, state} = run(state)
      assert state |> checkout() |> rows("SELECT * FROM t, u") == []
    end

    test "a read of the file costs no copy", %{state: state, other: other} do
      {copy, state} = run(state)
      {:ok, _} = EctoLibSql.query(other, "SELECT * FROM t")
      assert rows(state, "SELECT * FROM t") == []
      assert {^copy, _state} = run(state)
    end

    test "a commit costs one: by the connection itself, by another, to an attached database",
         %{state: state, other: other} do
      {first, state} = run(state)
      {second, state} = state |> execute("INSERT INTO t VALUES (1)") |> run()
      {:ok, _} = EctoLibSql.query(other, "INSERT INTO t VALUES (2)")
      {third, state} = run(state)
      {fourth, state} = state |> execute("INSERT INTO archive.u VALUES (3)") |> run()
      {^fourth, state} = run(state)
      assert length(Enum.uniq([first, second, third, fourth])) == 4

      assert state |> checkout() |> rows("SELECT a FROM t UNION SELECT a FROM u") == [
               [1],
               [2],
               [3]
             ]
    end

    test "so does a commit to the clone", %{state: state} do
      {first, state} = run(state, ["COMMIT"])
      {second, state} = run(state, ["COMMIT", "INSERT INTO t VALUES (1)", "BEGIN"])
      {third, state} = run(state)
      assert length(Enum.uniq([first, second, third])) == 3
      assert state |> checkout() |> rows("SELECT a FROM t") == []
    end

    test "the connection is the file's again after a test", %{state: state, other: other} do
      {_, state} = run(state)
      execute(state, "INSERT INTO t VALUES (1)")
      assert {:ok, %{rows: [[1]]}} = EctoLibSql.query(other, "SELECT a FROM t")
    end

    test "a commit in the mode of the sandbox is the clone's", %{state: state, other: other} do
      state = state |> checkout() |> execute("INSERT INTO t VALUES (1)")
      {:ok, _, state} = Connection.handle_commit([mode: :transaction], state)
      assert {:ok, %{rows: []}} = EctoLibSql.query(other, "SELECT a FROM t")
      assert rows(state, "SELECT a FROM t") == []
      assert state |> checkout() |> rows("SELECT a FROM t") == []
    end

    test "a transaction that was left open on the file is an error", %{state: state} do
      state = execute(state, "BEGIN")

      assert {:error, %EctoLibSql.Error{code: :transaction_open}, state} =
               Connection.handle_begin([mode: :transaction], state)

      state |> execute("ROLLBACK") |> checkout()
    end

    test "a wrong option is an error of the connection, too", %{tmp_dir: dir} do
      for wrong <- [[sandbox: :yes], [sandbox: :clone, encryption_key: "k"]] do
        opts = [database: Path.join(dir, "wrong.db")] ++ wrong
        assert {:error, %EctoLibSql.Error{code: code}} = Connection.connect(opts)
        assert code in [:invalid_option, :encryption]
      end
    end

    test "disconnecting closes both connections, in a test too", %{tmp_dir: dir} do
      open = fn -> Enum.count(EctoLibSql.connections(), &(&1.owner == self())) end
      before = open.()

      for work <- [& &1, &checkout/1] do
        {:ok, state} = Connection.connect(database: Path.join(dir, "test.db"), sandbox: :clone)
        assert open.() == before + 2
        Connection.disconnect(:normal, work.(state))
        assert open.() == before
      end
    end

    test "they end with their process", %{tmp_dir: dir} do
      test = self()

      {pid, monitor} =
        spawn_monitor(fn ->
          {:ok, _} = Connection.connect(database: Path.join(dir, "test.db"), sandbox: :clone)
          send(test, {:open, Enum.count(EctoLibSql.connections(), &(&1.owner == self()))})
        end)

      assert_receive {:open, 2}, 5000
      assert_receive {:DOWN, ^monitor, :process, ^pid, :normal}, 5000
      wait_until(fn -> not Enum.any?(EctoLibSql.connections(), &(&1.owner == pid)) end)
    end

    test "an option that cannot be had leaves no connection behind", %{tmp_dir: dir} do
      before = Enum.count(EctoLibSql.connections(), &(&1.owner == self()))
      opts = [database: Path.join(dir, "test.db"), sandbox: :clone]
      missing = [load_extensions: [Path.join(dir, "missing.so")]]

      assert {:error, %EctoLibSql.Error{code: :load_extension}} =
               Connection.connect(opts ++ missing)

      assert Enum.count(EctoLibSql.connections(), &(&1.owner == self())) == before
    end
  end
end
