defmodule EctoLibSql.RetryTest do
  use ExUnit.Case, async: true

  import EctoLibSql.Test.Database

  alias EctoLibSql.Error

  @moduletag :tmp_dir

  setup context do
    s = connect_file!(context, busy_timeout: 0)
    :ok = EctoLibSql.run(s, "CREATE TABLE t (a UNIQUE)")
    holder = connect_file!(context)
    {:ok, _} = EctoLibSql.begin(holder)
    %{s: s, holder: holder}
  end

  defp insert(s, a, opts), do: EctoLibSql.query(s, "INSERT INTO t (a) VALUES (?)", [a], opts)

  # Counts how often it is run.
  defp counted(fun) do
    fn s ->
      tried = Process.get(:attempts, 0) + 1
      Process.put(:attempts, tried)
      fun.(s, tried)
    end
  end

  describe "a call" do
    test "is made again until it succeeds", %{s: s, holder: holder} do
      waiting = Task.async(fn -> insert(s, 1, retry: 1_000) end)
      {:ok, _} = EctoLibSql.commit(holder)
      assert {:ok, %{changes: 1}} = Task.await(waiting)
    end

    test "is made no more often than the option says", %{s: s} do
      assert {:error, %Error{code: :busy}} = insert(s, 1, retry: 2)
      assert {:error, %Error{code: :busy}} = EctoLibSql.run(s, "DELETE FROM t", [], retry: 1)
      assert {:error, %Error{code: :busy}} = EctoLibSql.begin(s, retry: 1)

      assert {:error, %Error{code: :busy}} =
               EctoLibSql.batch_transactional(s, [{"DELETE FROM t", []}], retry: 1)
    end

    test "takes the connection's option where it does not say", %{holder: holder} = context do
      s = connect_file!(context, busy_timeout: 0, retry: 1_000)
      waiting = Task.async(fn -> insert(s, 1, []) end)
      {:ok, _} = EctoLibSql.commit(holder)
      assert {:ok, _} = Task.await(waiting)
    end

    test "is not made again inside a transaction", %{s: s} do
      {:ok, _} = EctoLibSql.begin(s, behavior: :deferred)
      assert {:error, %Error{code: :busy}} = insert(s, 1, retry: 1_000_000)
    end

    test "is not made again for an error that stays", %{s: s, holder: holder} do
      {:ok, _} = EctoLibSql.rollback(holder)
      {:ok, _} = insert(s, 1, [])
      assert {:error, %Error{code: :constraint_unique}} = insert(s, 1, retry: 1_000_000)

      assert {:error, %Error{code: :error}} =
               EctoLibSql.query(s, "nonsense", [], retry: 1_000_000)
    end
  end

  describe "transaction/3" do
    test "runs the whole function again, whether its error is answered or raised", %{
      s: s,
      holder: holder
    } do
      {:ok, _} = EctoLibSql.rollback(holder)
      stale = %Error{code: :busy_snapshot, message: "stale"}

      for {fail, n} <- [{&{:error, &1}, 1}, {&raise/1, 2}] do
        Process.delete(:attempts)

        run = fn s, tried ->
          {:ok, _} = EctoLibSql.query(s, "CREATE TEMP TABLE IF NOT EXISTS own (tried)")
          {:ok, _} = EctoLibSql.query(s, "INSERT INTO own VALUES (?)", [{n, tried} |> inspect()])
          if tried < 3, do: fail.(stale), else: tried
        end

        assert {:ok, 3} = EctoLibSql.transaction(s, counted(run), retry: 5)
      end

      # What the attempts before had done was rolled back.
      assert rows(s, "SELECT tried FROM own") == [["{1, 3}"], ["{2, 3}"]]
    end

    test "begins anew when others write", %{s: s, holder: holder} do
      run = fn s, tried ->
        if tried == 3, do: {:ok, _} = EctoLibSql.commit(holder)
        with {:ok, %{changes: 1}} <- insert(s, 1, []), do: {:ok, tried}
      end

      assert {:ok, 3} =
               EctoLibSql.transaction(s, counted(run), behavior: :deferred, retry: 5)
    end

    test "gives the last error when it has failed too often", %{s: s} do
      never = counted(fn _s, _tried -> :never end)
      assert {:error, %Error{code: :busy}} = EctoLibSql.transaction(s, never, retry: 2)
      assert Process.get(:attempts) == nil

      assert_raise Error, "stale", fn ->
        raising =
          counted(fn _s, _tried -> raise %Error{code: :busy_snapshot, message: "stale"} end)

        EctoLibSql.transaction(s, raising, behavior: :deferred, retry: 3)
      end

      assert Process.get(:attempts) == 4
      assert EctoLibSql.autocommit?(s)
    end

    test "is not run again for the function's own errors", %{s: s} do
      for fail <- [fn -> {:error, :mine} end, fn -> raise "mine" end, fn -> throw(:mine) end] do
        Process.delete(:attempts)
        failing = counted(fn _s, _tried -> fail.() end)

        catch_error_or_value(fn ->
          EctoLibSql.transaction(s, failing, behavior: :deferred, retry: 3)
        end)

        assert Process.get(:attempts) == 1
      end
    end
  end

  defp catch_error_or_value(fun) do
    fun.()
  catch
    _kind, _reason -> :raised
  end

  test "the option is checked", context do
    assert {:error, %Error{code: :invalid_option, message: message}} =
             EctoLibSql.connect(database: Path.join(context.tmp_dir, "x.db"), retry: -1)

    assert message =~ "retry takes an integer of 0 or more, got: -1"
  end
end
