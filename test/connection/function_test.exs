if Code.ensure_loaded?(DBConnection) do
  defmodule EctoLibSql.Connection.FunctionTest do
    # Functions that Elixir code evaluates, on the connections of a pool.
    use EctoLibSql.Test.PoolCase, async: true

    alias EctoLibSql.{Error, Query, Result}

    @moduletag :capture_log

    @functions [
      :regexp,
      {:scalar, "me", 0, {__MODULE__, :me, 0}},
      {:scalar, "asked", 1, {__MODULE__, :asked, 1}},
      {:aggregate, "joined", 1, init: "", step: {__MODULE__, :join, 2}}
    ]

    def me, do: inspect(self())
    def join(word, words), do: words <> word

    # What the process's dictionary says is done.
    def asked(question), do: Process.get(:asked).(question)

    defp start(opts), do: start_pool([functions: @functions, database: tmp_file()] ++ opts)

    defp ask(conn, sql, opts \\ []) do
      with {:ok, _query, %Result{rows: rows}} <-
             DBConnection.execute(conn, %Query{statement: sql}, [], opts),
           do: {:ok, rows}
    end

    test "are on each of them, and run in the client" do
      pool = start(pool_size: 3)
      sql = "SELECT me(), joined(value), 'a' REGEXP 'a' FROM json_each('[\"a\", \"b\"]')"

      tasks =
        for _ <- 1..12 do
          Task.async(fn -> {ask(pool, sql), [[inspect(self()), "ab", 1]]} end)
        end

      for {{:ok, rows}, expected} <- Task.await_many(tasks), do: assert(rows == expected)

      stream = fn conn ->
        conn
        |> DBConnection.stream(%Query{statement: "SELECT me() FROM json_each('[1, 2, 3]')"}, [],
          max_rows: 1
        )
        |> Enum.flat_map(& &1.rows)
      end

      me = inspect(self())
      assert DBConnection.transaction(pool, stream) == {:ok, [[me], [me], [me]]}
    end

    test "may ask another connection of the pool, and not their own" do
      pool = start(pool_size: 2)
      Process.put(:asked, fn sql -> ask(pool, sql) |> inspect() end)
      assert ask(pool, "SELECT asked('SELECT 1')") == {:ok, [["{:ok, [[1]]}"]]}

      DBConnection.transaction(pool, fn conn ->
        Process.put(:asked, fn sql ->
          ask(conn, sql) |> elem(1) |> Map.fetch!(:code) |> inspect()
        end)

        assert ask(conn, "SELECT asked('SELECT 1')") == {:ok, [[":inside_function"]]}
        assert ask(conn, "SELECT 2") == {:ok, [[2]]}
      end)

      assert ask(pool, "SELECT 3") == {:ok, [[3]]}
    end

    test "that want the only connection of their pool fail in time" do
      pool = start([pool_size: 1] ++ impatient())
      wait_until(fn -> EctoLibSql.Pool.metrics(pool).idle == 1 end)
      Process.put(:asked, fn sql -> {:ok, _} = ask(pool, sql) end)

      assert {:error, %Error{code: :function, message: message}} =
               ask(pool, "SELECT asked('SELECT 1')")

      assert message =~ "connection not available"
      assert ask(pool, "SELECT 1") == {:ok, [[1]]}
    end

    test "that fail roll nothing back but their statement" do
      pool = start(pool_size: 1)
      Process.put(:asked, fn _ -> raise "no" end)
      {:ok, _} = ask(pool, "CREATE TABLE t (a)")

      assert {:ok, :done} =
               DBConnection.transaction(pool, fn conn ->
                 {:ok, _} = ask(conn, "INSERT INTO t VALUES (1)")

                 assert {:error, %Error{code: :function}} =
                          ask(conn, "INSERT INTO t SELECT asked(1)")

                 :done
               end)

      assert ask(pool, "SELECT a FROM t") == {:ok, [[1]]}
    end

    test "leave the connection of a client that is killed to others" do
      pool = start(pool_size: 1)
      test = self()

      client =
        spawn(fn ->
          Process.put(:asked, fn _ -> send(test, :inside) && Process.sleep(:infinity) end)
          ask(pool, "SELECT asked(1)")
        end)

      assert_receive :inside
      Process.exit(client, :kill)
      me = inspect(self())
      assert ask(pool, "SELECT me()") == {:ok, [[me]]}
    end

    test "are ended by the statement's timeout" do
      pool = start(pool_size: 1)
      Process.put(:asked, fn _ -> Process.sleep(120) end)

      assert {:error, %Error{code: :timeout}} =
               ask(pool, "SELECT asked(1)", timeout: 100, statement_deadline: now() + 20)

      assert {:ok, [[1]]} = ask(pool, "SELECT 1")
    end

    defp now, do: System.monotonic_time(:millisecond)

    test "are checked when the pool is started" do
      assert_raise ArgumentError, ~r/:nope is none/, fn ->
        EctoLibSql.Connection.child_spec(database: ":memory:", functions: [:nope])
      end
    end
  end
end
