defmodule EctoLibSql.Function.ScalarTest do
  # Functions of a row that Elixir code evaluates.
  use ExUnit.Case, async: true

  import EctoLibSql.Test.Database
  import EctoLibSql.Test.Functions

  alias EctoLibSql.{Error, Function}

  @moduletag :tmp_dir

  describe "a scalar function" do
    test "gets arguments as a result has them, and answers as parameters are" do
      test = self()

      s =
        create!(connect!(), "pass", 1, fn given ->
          send(test, {:got, given})
          given
        end)

      for {given, type} <- [
            {nil, "null"},
            {1, "integer"},
            {-0x8000000000000000, "integer"},
            {1.5, "real"},
            {:inf, "real"},
            {"text", "text"},
            {"", "text"},
            {"a\0ü", "text"}
          ] do
        assert rows(s, "SELECT pass(?1), typeof(pass(?1))", [given]) == [[given, type]]
        assert_received {:got, ^given}
      end

      assert failure(s, "SELECT pass(x'00ff80')") =~ "text is to be UTF-8"
      assert_received {:got, <<0, 255, 128>>}
    end

    test "answers everything that can be stored" do
      for {answer, sql, stored} <- [
            {true, "f()", 1},
            {false, "f()", 0},
            {{:blob, <<0, 255>>}, "hex(f())", "00FF"},
            {{:blob, ""}, "typeof(f())", "blob"},
            {~D[2026-11-22], "f()", "2026-11-22"},
            {~U[2026-11-22 10:00:00Z], "f()", "2026-11-22T10:00:00"},
            {String.duplicate("ü", 100_000), "length(f())", 100_000}
          ] do
        assert connect!() |> create!("f", 0, fn -> answer end) |> value(sql) == stored
      end
    end

    test "takes as many arguments as it says" do
      sum = fn numbers -> Enum.sum(numbers) end
      s = connect!() |> create!("summed", -1, sum) |> create!("summed", 2, &(&1 * 100 + &2))
      assert value(s, "summed()") == 0
      assert value(s, "summed(1, 2, 3)") == 6
      assert value(s, "summed(1, 2)") == 102

      many = Enum.map_join(1..127, ", ", &to_string/1)
      assert value(s, "summed(#{many})") == Enum.sum(1..127)

      s = create!(s, "none", 0, fn -> 7 end)
      assert value(s, "none()") == 7

      assert {:error, %Error{code: :error, message: "wrong number of arguments" <> _}} =
               EctoLibSql.query(s, "SELECT none(1)")
    end

    test "runs in the process that calls, with everything that this one has" do
      s = create!(connect!(), "me", 0, fn -> inspect(self()) end)
      assert value(s, "me()") == inspect(self())
      assert Task.await(Task.async(fn -> value(s, "me()") end)) != inspect(self())
    end

    test "is replaced and removed" do
      s = connect!() |> create!("f", 1, &(&1 + 1)) |> create!("f", 2, &(&1 + &2))
      assert value(s, "f(1)") == 2
      s = create!(s, "F", 1, &(&1 + 10))
      assert value(s, "f(1)") == 11

      :ok = Function.remove(s, "f", 1)
      assert {:error, %Error{code: :error}} = EctoLibSql.query(s, "SELECT f(1)")
      assert value(s, "f(1, 2)") == 3

      assert {:error, %Error{code: :invalid_argument, message: message}} =
               Function.remove(s, "f", 1)

      assert message =~ ~s(no function of 1 argument(s\) was created as "f")
      assert s |> create!("f", 1, & &1) |> value("f(1)") == 1
    end

    test "is not replaced under a cursor" do
      s = connect!() |> table!(10) |> create!("f", 1, & &1)
      {:ok, cursor} = EctoLibSql.declare(s, "SELECT f(a) FROM t")
      {:cont, _} = EctoLibSql.fetch(s, cursor, 2)

      assert {:error, %Error{code: :busy, message: message}} =
               Function.create_scalar(s, "f", 1, &(&1 + 1))

      assert message =~ "active statements"
      assert {:error, %Error{code: :busy}} = Function.remove(s, "f", 1)

      assert {:halt, %{rows: [[3] | _]}} = EctoLibSql.fetch(s, cursor, 20)
      assert s |> create!("f", 1, &(&1 + 1)) |> value("f(1)") == 2
    end

    test "does not take the place of one that others made" do
      s = connect!(functions: [:regexp])

      for name <- ["lower", "ABS", "ecto_decimal_add", "regexp", "count"] do
        assert {:error, %Error{code: :invalid_argument, message: message}} =
                 Function.create_scalar(s, name, 2, &{&1, &2})

        assert message =~ "the connection has a function #{name} already"
      end

      assert {:error, %Error{code: :invalid_argument}} =
               Function.create_collation(s, "nocase", fn _, _ -> :eq end)

      assert value(s, "lower('A')") == "a"
    end

    test "is refused with a reason" do
      s = connect!()

      for {args, reason} <- [
            {["", 0, fn -> 1 end], "a string of 1 to 255 bytes"},
            {[String.duplicate("a", 256), 0, fn -> 1 end], "a string of 1 to 255 bytes"},
            {["a\0", 0, fn -> 1 end], "a string"},
            {[<<255>>, 0, fn -> 1 end], "a string"},
            {[:f, 0, fn -> 1 end], "a string"},
            {["f", 128, & &1], "from 0 to 127"},
            {["f", -2, & &1], "from 0 to 127"},
            {["f", "1", & &1], "from 0 to 127"},
            {["f", 2, & &1], "a function of 2 argument(s)"},
            {["f", 1, {String, :upcase, 2}], "a function of 1 argument(s)"},
            {["f", 1, nil], "a function of 1 argument(s)"},
            {["f", 1, & &1, [pure: true]], "no option :pure"},
            {["f", 1, & &1, [deterministic: 1]], "deterministic takes true or false"},
            {["f", 1, & &1, :deterministic], "a keyword list"}
          ] do
        assert {:error, %Error{code: :invalid_argument, message: message}} =
                 apply(Function, :create_scalar, [s | args])

        assert message =~ reason
      end

      long = String.duplicate("f", 255)
      assert s |> create!(long, 0, fn -> 1 end) |> value("#{long}()") == 1
    end
  end

  describe "a function that fails" do
    test "names itself and the reason, and its statement with it" do
      s =
        connect!()
        |> create!("raises", 0, fn -> raise ArgumentError, "not today" end)
        |> create!("throws", 0, fn -> throw(:ball) end)
        |> create!("exits", 0, fn -> exit(:shutdown) end)
        |> create!("errors", 0, fn -> :erlang.error(:badarith) end)

      assert failure(s, "SELECT raises()") ==
               "the function raises failed: ** (ArgumentError) not today"

      assert failure(s, "SELECT throws()") =~ "the function throws failed: ** (throw) :ball"
      assert failure(s, "SELECT exits()") =~ "the function exits failed: ** (exit) shutdown"
      assert failure(s, "SELECT errors()") =~ "bad argument in arithmetic"
      assert value(s, "1") == 1
    end

    test "is one whose answer cannot be stored, too" do
      for answer <- [
            {1, 2},
            [],
            :atom,
            %{a: 1},
            self(),
            make_ref(),
            0x8000000000000000,
            <<255>>,
            <<1::3>>,
            {:blob, 1},
            {:blob, <<1::3>>},
            %URI{},
            &is_list/1
          ] do
        s = create!(connect!(), "f", 0, fn -> answer end)

        assert failure(s, "SELECT f()") =~
                 "the function f answered #{inspect(answer, limit: 5)}: "
      end

      s = create!(connect!(), "f", 0, fn -> <<255>> end)
      assert failure(s, "SELECT f()") =~ "text is to be UTF-8"
    end

    test "leaves nothing of its statement", context do
      s =
        context
        |> connect_file!()
        |> table!(10)
        |> create!("f", 1, fn a -> if a == 7, do: raise("seven"), else: a end)

      insert = "INSERT INTO t (a) SELECT f(a) FROM t"
      assert failure(s, insert) =~ "seven"
      assert rows(s, "SELECT count(*) FROM t") == [[10]]

      # A transaction goes on without it.
      assert {:ok, :done} =
               EctoLibSql.transaction(s, fn s ->
                 :ok = EctoLibSql.run(s, "INSERT INTO t (a) VALUES (11)")
                 assert failure(s, insert) =~ "seven"
                 :ok = EctoLibSql.run(s, "INSERT INTO t (a) VALUES (12)")
                 :done
               end)

      assert rows(s, "SELECT count(*) FROM t") == [[12]]

      batch = [{"DELETE FROM t WHERE a > 10", []}, {insert, []}]

      assert {:error, %Error{code: :function, index: 1}} =
               EctoLibSql.batch_transactional(s, batch)

      assert rows(s, "SELECT count(*) FROM t") == [[12]]
    end
  end

  describe "a state from before" do
    test "does all but call the function" do
      before = connect!()
      s = create!(before, "f", 0, fn -> 1 end)
      assert value(before, "1") == 1

      assert {:error, %Error{code: :function, message: message}} =
               EctoLibSql.query(before, "SELECT f()")

      assert message =~ "run it with the state"
      assert value(s, "f()") == 1
    end
  end

  describe "a schema" do
    test "may use what says so" do
      s = connect!() |> table!(3)
      s = create!(s, "mine", 1, &(&1 * 2))
      s = create!(s, "open", 1, &(&1 * 2), direct_only: false)
      s = create!(s, "safe", 1, &(&1 * 2), direct_only: false, innocuous: true)
      flags = [direct_only: false, innocuous: true, deterministic: true]
      s = create!(s, "pure", 1, &(&1 * 2), flags)

      for name <- ["mine", "open", "safe", "pure"] do
        :ok = EctoLibSql.run(s, "CREATE VIEW v_#{name} AS SELECT #{name}(a) FROM t")
      end

      for name <- ["mine", "open"] do
        assert {:error, %Error{message: "unsafe use of " <> _}} =
                 EctoLibSql.query(s, "SELECT * FROM v_#{name}")
      end

      for name <- ["safe", "pure"] do
        assert rows(s, "SELECT * FROM v_#{name}") == [[2], [4], [6]]
      end

      assert {:error, %Error{message: message}} =
               EctoLibSql.query(s, "CREATE INDEX t_safe ON t (safe(a))")

      assert message =~ "non-deterministic"

      :ok = EctoLibSql.run(s, "CREATE INDEX t_pure ON t (pure(a))")
      :ok = EctoLibSql.run(s, "CREATE TABLE u (a CHECK (pure(a) > 2), b AS (pure(a)) STORED)")
      :ok = EctoLibSql.run(s, "INSERT INTO u (a) VALUES (2)")

      assert {:error, %Error{code: :constraint_check}} =
               EctoLibSql.query(s, "INSERT INTO u (a) VALUES (1)")

      assert rows(s, "SELECT b FROM u") == [[4]]
      assert rows(s, "SELECT id FROM t WHERE pure(a) = 4") == [[2]]

      :ok =
        EctoLibSql.run(
          s,
          "CREATE TRIGGER tr AFTER INSERT ON t BEGIN INSERT INTO u (a) VALUES (safe(new.a)); END"
        )

      :ok = EctoLibSql.run(s, "INSERT INTO t (a) VALUES (50)")
      assert rows(s, "SELECT max(a) FROM u") == [[100]]
      assert rows(s, "PRAGMA integrity_check") == [["ok"]]
      :ok = EctoLibSql.run(s, "VACUUM")
      :ok = EctoLibSql.run(s, "ANALYZE")
    end
  end

  describe "random functions" do
    test "answer or fail, and crash nothing" do
      :rand.seed(:exsss, {4, 5, 6})
      s = connect!() |> table!(20)

      s =
        for n <- 0..3, reduce: s do
          s -> create!(s, "f", n, random_function(n))
        end

      {:ok, s} =
        Function.create_window(s, "w", 1,
          init: nil,
          step: fn _, _ -> random_answer() end,
          inverse: fn _, _ -> random_answer() end,
          finalize: fn _ -> random_answer() end
        )

      for _ <- 1..300 do
        sql =
          Enum.random([
            "SELECT f(), f(a), f(a, 1), f(a, a, a) FROM t",
            "SELECT w(a) OVER (ROWS #{:rand.uniform(5)} PRECEDING) FROM t",
            "SELECT f(w(a)) FROM t GROUP BY a % #{:rand.uniform(5)}",
            "UPDATE t SET a = f(a) WHERE id % 7 = f()",
            "SELECT * FROM t ORDER BY f(a), f(a, id)",
            "INSERT INTO t (a) SELECT f(a) FROM t LIMIT 2"
          ])

        case EctoLibSql.query(s, sql) do
          {:ok, _} -> :ok
          {:error, %Error{code: code}} -> assert code == :function
        end
      end

      assert rows(s, "PRAGMA integrity_check") == [["ok"]]
      refute_received _
    end

    defp random_function(0), do: fn -> random_answer() end
    defp random_function(1), do: fn _ -> random_answer() end
    defp random_function(2), do: fn _, _ -> random_answer() end
    defp random_function(3), do: fn _, _, _ -> random_answer() end

    defp random_answer do
      case :rand.uniform(24) do
        1 -> raise "random"
        2 -> throw(:random)
        3 -> Enum.random([self(), {1}, <<255>>, %{}, 0x8000000000000000])
        n when n < 8 -> nil
        n when n < 14 -> :rand.uniform(10)
        n when n < 18 -> "text#{n}"
        n when n < 21 -> {:blob, :rand.bytes(5)}
        _ -> :rand.uniform()
      end
    end
  end
end
