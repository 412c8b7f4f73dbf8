defmodule EctoLibSql.Function.AggregateTest do
  # Aggregates and window functions that Elixir code evaluates.
  use ExUnit.Case, async: true

  import EctoLibSql.Test.Database
  import EctoLibSql.Test.Functions

  alias EctoLibSql.{Error, Function}

  describe "aggregates and windows" do
    @words "json_each('[\"a\",\"b\",\"c\",\"d\"]')"

    defp joined(s) do
      {:ok, s} =
        Function.create_window(s, "joined", 1,
          init: [],
          step: &(&2 ++ [&1]),
          inverse: fn oldest, [oldest | rest] -> rest end,
          finalize: &Enum.join/1
        )

      s
    end

    test "step, finalize, and begin anew for each group" do
      {:ok, s} =
        Function.create_aggregate(connect!(), "weighted", 2,
          init: {0, 0},
          step: fn value, weight, {sum, weights} -> {sum + value * weight, weights + weight} end,
          finalize: fn {sum, weights} -> if weights == 0, do: nil, else: sum / weights end
        )

      sql =
        "WITH t(g, v, w) AS (VALUES (1, 2, 1), (2, 5, 1), (1, 8, 3)) SELECT g, weighted(v, w) FROM t GROUP BY g"

      assert rows(s, sql) == [[1, 6.5], [2, 5.0]]
      assert rows(s, "SELECT weighted(a, a) FROM (SELECT 1 AS a) WHERE a > 1") == [[nil]]

      {:ok, s} =
        Function.create_aggregate(s, "listed", -1,
          init: 0,
          step: fn list, n -> n + length(list) end
        )

      assert value(s, "listed(1, 2, 3)") == 3
    end

    test "slide" do
      s = joined(connect!())
      assert value(s, "joined(value) FROM #{@words}") == "abcd"

      for {frame, expected} <- [
            {"ORDER BY id", ["a", "ab", "abc", "abcd"]},
            {"ORDER BY id ROWS 1 PRECEDING", ["a", "ab", "bc", "cd"]},
            {"ORDER BY id ROWS BETWEEN 1 FOLLOWING AND 2 FOLLOWING", ["bc", "cd", "d", ""]}
          ] do
        sql = "SELECT joined(value) OVER (#{frame}) FROM #{@words}"
        assert s |> rows(sql) |> List.flatten() == expected
      end
    end

    test "are no windows without an inverse" do
      {:ok, s} = Function.create_aggregate(connect!(), "summed", 1, init: 0, step: &(&1 + &2))
      assert value(s, "summed(value) FROM json_each('[1, 2]')") == 3

      assert {:error, %Error{code: :error, message: message}} =
               EctoLibSql.query(s, "SELECT summed(value) OVER () FROM json_each('[1]')")

      assert message =~ "may not be used as a window function"
    end

    test "go on over a cursor's pauses, in the process that began" do
      s = connect!() |> table!(5_000)

      {:ok, s} =
        Function.create_window(s, "summed", 1, init: 0, step: &(&1 + &2), inverse: &(&2 - &1))

      sql = "SELECT summed(a) OVER (ORDER BY id) FROM t"
      expected = Enum.scan(1..5_000, &+/2)
      assert s |> rows(sql) |> List.flatten() == expected

      streamed = s |> EctoLibSql.stream(sql, [], max_rows: 100) |> Enum.to_list()
      assert List.flatten(streamed) == expected

      {:ok, cursor} = EctoLibSql.declare(s, sql)
      {:cont, _} = EctoLibSql.fetch(s, cursor, 10)
      other = Task.async(fn -> EctoLibSql.fetch(s, cursor, 10) end)

      assert {:error, %Error{code: :function, message: message}} = Task.await(other)
      assert message =~ "another process was given the rows before"
      assert value(s, "1") == 1
    end

    test "leave nothing in the process" do
      s = connect!() |> table!(3_000) |> joined()
      before = Process.get_keys()
      {:ok, cursor} = EctoLibSql.declare(s, "SELECT joined(a) OVER (ROWS 1 PRECEDING) FROM t")
      {:cont, _} = EctoLibSql.fetch(s, cursor, 10)
      :ok = EctoLibSql.deallocate(s, cursor)

      {:ok, s} =
        Function.create_aggregate(s, "odd", 1,
          init: 0,
          step: fn a, _ -> if(a == 9, do: raise("9"), else: a) end
        )

      assert failure(s, "SELECT odd(a) FROM t") =~ "9"
      assert failure(s, "SELECT count(*) FROM (SELECT odd(a) FROM t GROUP BY a % 4)") =~ "9"
      assert Process.get_keys() -- before == []
      refute_received _
    end

    test "fail in each of their parts" do
      callbacks = [
        init: 0,
        step: fn a, n -> if(a == "step", do: raise("step"), else: n + 1) end,
        inverse: fn a, n -> if(a == "inverse", do: raise("inverse"), else: n - 1) end,
        value: fn n -> if(n == 3, do: raise("value"), else: n) end,
        finalize: fn n -> if(n == 2, do: raise("finalize"), else: n) end
      ]

      {:ok, s} = Function.create_window(connect!(), "f", 1, callbacks)
      window = &"SELECT f(value) OVER (ROWS 2 PRECEDING) FROM json_each('#{&1}')"
      assert failure(s, "SELECT f('step')") =~ "step"
      assert failure(s, window.(~s(["inverse", 1, 1, 1]))) =~ ~r/inverse|value/
      assert failure(s, window.("[1, 2, 3]")) =~ "value"
      assert failure(s, "SELECT f(value) FROM json_each('[1, 2]')") =~ "finalize"
      assert value(s, "f(1)") == 1
    end

    test "are refused with a reason" do
      for {callbacks, reason} <- [
            {[step: &{&1, &2}], ":init is missing"},
            {[init: 0], ":step is missing"},
            {[init: 0, step: & &1], "step is a function of 2 argument(s)"},
            {[init: 0, step: &{&1, &2}, inverse: 1], "no callback :inverse"},
            {[init: 0, step: &{&1, &2}, finalize: 1], "finalize is a function of 1"},
            {:none, "a keyword list"}
          ] do
        assert {:error, %Error{code: :invalid_argument, message: message}} =
                 Function.create_aggregate(connect!(), "f", 1, callbacks)

        assert message =~ reason
      end
    end
  end
end
