defmodule EctoLibSql.LimitsTest do
  use ExUnit.Case, async: true

  import EctoLibSql.Test.Database

  alias EctoLibSql.{DbConfig, Error, FileControl, HeapLimit, Limits}

  # Each with a value, and a statement that is beyond it.
  @broken [
    {:length, 1_000, "SELECT zeroblob(1001)", :toobig, "too big"},
    {:sql_length, 1_000, "SELECT '#{String.duplicate("a", 1_000)}'", :toobig, "too long"},
    {:column, 2, "SELECT 1, 2, 3", :error, "too many columns"},
    {:expr_depth, 3, "SELECT ((((1 + 1) + 1) + 1) + 1) + random()", :error, "too large"},
    {:compound_select, 2, "SELECT 1 UNION SELECT 2 UNION SELECT 3", :error, "too many terms"},
    {:function_arg, 2, "SELECT max(1, 2, 3)", :error, "too many arguments"},
    {:attached, 0, "ATTACH ':memory:' AS other", :error, "too many attached databases"},
    {:like_pattern_length, 3, "SELECT 'a' LIKE 'aaaa'", :error, "pattern too complex"},
    {:variable_number, 2, "SELECT ?3", :error, "between ?1 and ?2"},
    {:trigger_depth, 0, "INSERT INTO t VALUES (1)", :error, "too many levels of trigger"}
  ]

  setup do
    s = connect!()
    :ok = EctoLibSql.run(s, "CREATE TABLE t (a)")

    :ok =
      EctoLibSql.run(
        s,
        "CREATE TRIGGER again AFTER INSERT ON t BEGIN SELECT random(); END"
      )

    %{s: s}
  end

  for {name, value, sql, code, message} <- @broken do
    test "#{name} is kept", %{s: s} do
      name = unquote(name)
      {:ok, before} = Limits.get(s, name)

      assert {:ok, %{previous: ^before, effective: unquote(value)}} =
               Limits.set(s, name, unquote(value))

      assert {:ok, unquote(value)} = Limits.get(s, name)
      assert {:error, %Error{code: unquote(code), message: message}} = query(s, unquote(sql))
      assert message =~ unquote(message)

      # Only that statement failed, and the limit goes up again.
      assert rows(s, "SELECT 1") == [[1]]
      assert {:ok, %{effective: ^before}} = Limits.set(s, name, before)
      refute match?({:error, %Error{message: ^message}}, query(s, unquote(sql)))
    end
  end

  test "vdbe_op is kept: what needs more instructions has no memory for them", %{s: s} do
    long = "SELECT 1 WHERE " <> Enum.map_join(1..900, " AND ", fn _ -> "random() > random()" end)
    assert {:ok, _} = EctoLibSql.query(s, long)
    {:ok, _} = Limits.set(s, :vdbe_op, 1_000)
    assert {:error, %Error{code: :nomem}} = EctoLibSql.query(s, long <> " ")
    assert rows(s, "SELECT 1") == [[1]]
  end

  defp query(s, sql), do: EctoLibSql.query(s, sql, List.duplicate(1, params(sql)))

  defp params(sql), do: if(sql =~ "?3", do: 3, else: 0)

  test "all of them are read at once, and are what SQLite's documentation says", %{s: s} do
    {:ok, limits} = Limits.get(s)
    assert limits |> Map.keys() |> Enum.sort() == Enum.sort(Limits.names())
    assert %{length: 1_000_000_000, column: 2_000, attached: 10, worker_threads: 0} = limits
  end

  test "more than there is comes to what there is", %{s: s} do
    for name <- Limits.names(), name != :worker_threads do
      {:ok, most} = Limits.get(s, name)
      assert {:ok, %{previous: ^most, effective: ^most}} = Limits.set(s, name, 0x7FFFFFFF)
    end

    assert {:ok, %{previous: 0, effective: 8}} = Limits.set(s, :worker_threads, 0x7FFFFFFF)
  end

  test "a quick read does not get around a limit", %{s: s} do
    sql = "SELECT hex(zeroblob(?))"
    for _ <- 1..5, do: assert([[_]] = rows(s, sql, [600]))
    {:ok, _} = Limits.set(s, :length, 1_000)
    assert {:error, %Error{code: :toobig}} = EctoLibSql.query(s, sql, [600])
    assert [[_]] = rows(s, sql, [400])
    assert {:ok, 1_000} = Limits.get(s, :length)
  end

  test "what is no limit, and no value of one, is refused and named", %{s: s} do
    for name <- [:lenght, "length", nil, 7, {:length}] do
      assert {:error, %Error{code: :invalid_argument, message: message}} = Limits.get(s, name)
      assert message =~ inspect(name)
      assert {:error, %Error{code: :invalid_argument}} = Limits.set(s, name, 5_000)
    end

    {:ok, before} = Limits.get(s)

    for name <- Limits.names(), value <- [-1, nil, 1.5, "7", :infinity, 0x80000000, [1]] do
      assert {:error, %Error{code: :invalid_argument, message: message}} =
               Limits.set(s, name, value)

      assert message =~ "#{name}"
    end

    assert {:ok, ^before} = Limits.get(s)
  end

  describe "too low for the driver" do
    test "are refused where a transaction could not end", %{s: s} do
      for name <- [:length, :sql_length, :vdbe_op], value <- [0, 1, 999] do
        assert {:error, %Error{code: :invalid_argument, message: message}} =
                 Limits.set(s, name, value)

        assert message =~ "from 1000"

        assert {:error, %Error{code: :invalid_option, message: message}} =
                 EctoLibSql.connect(database: ":memory:", limits: [{name, value}])

        assert message =~ "limits"
        assert message =~ "1000"
      end
    end

    test "all at their least leave a connection that works, and a reset lifts them", %{s: s} do
      {:ok, before} = Limits.get(s)
      {:ok, _} = EctoLibSql.query(s, "CREATE TEMP TABLE gone (a, b, c)")
      {:ok, _} = EctoLibSql.query(s, "ATTACH ':memory:' AS other")

      for name <- Limits.names() do
        least = if name in [:length, :sql_length, :vdbe_op], do: 1_000, else: 0
        assert {:ok, %{effective: ^least}} = Limits.set(s, name, least)
      end

      assert {:ok, :done} =
               EctoLibSql.transaction(s, fn s ->
                 assert :ok = EctoLibSql.create_savepoint(s, "point")
                 assert {:error, %Error{}} = EctoLibSql.query(s, "SELECT 1")
                 assert {:error, %Error{}} = EctoLibSql.query(s, "INSERT INTO t VALUES (1)")
                 assert :ok = EctoLibSql.rollback_to_savepoint_by_name(s, "point")
                 assert :ok = EctoLibSql.release_savepoint_by_name(s, "point")
                 :done
               end)

      assert {:ok, s} = EctoLibSql.begin(s)
      assert {:ok, s} = EctoLibSql.rollback(s)
      assert {:ok, s} = EctoLibSql.begin(s)
      assert :ok = EctoLibSql.ping(s)
      assert :ok = EctoLibSql.reset_connection(s)
      assert {:ok, ^before} = Limits.get(s)
      assert EctoLibSql.autocommit?(s)
      assert {:error, %Error{message: message}} = EctoLibSql.query(s, "SELECT * FROM gone")
      assert message =~ "no such table"
    end

    test "a connection of which all options are at their least is opened and reset" do
      limits =
        for name <- Limits.names(),
            do: {name, if(name in [:length, :sql_length, :vdbe_op], do: 1_000, else: 0)}

      s = connect!(limits: limits)
      assert {:ok, read} = Limits.get(s)
      assert read == Map.new(limits)
      assert :ok = EctoLibSql.reset_connection(s)
      assert {:ok, ^read} = Limits.get(s)
    end
  end

  describe "the option" do
    test "holds, and again after a reset" do
      s = connect!(limits: [attached: 1, column: 5])
      assert {:ok, %{attached: 1, column: 5, expr_depth: 1_000}} = Limits.get(s)
      {:ok, _} = Limits.set(s, :attached, 3)
      {:ok, _} = Limits.set(s, :expr_depth, 7)
      :ok = EctoLibSql.reset_connection(s)
      assert {:ok, %{attached: 1, column: 5, expr_depth: 1_000}} = Limits.get(s)
    end

    test "that is none is refused, and named" do
      for {limits, part} <- [
            {[lenght: 1], "sql_length"},
            {[attached: -1], "attached"},
            {[attached: "1"], "attached"},
            {%{attached: 1}, "keyword list"},
            {:none, "keyword list"}
          ] do
        assert {:error, %Error{code: :invalid_option, message: message}} =
                 EctoLibSql.connect(database: ":memory:", limits: limits)

        assert message =~ "limits takes"
        assert message =~ part
      end
    end
  end

  describe "a database on a server" do
    # Opening asks nobody: there is no server.
    setup do
      {:ok, s} = EctoLibSql.connect(uri: "http://localhost:1")
      on_exit(fn -> EctoLibSql.disconnect(s) end)
      %{s: s}
    end

    test "has none of what is set on a connection here, and says so", %{s: s} do
      for call <- [
            &Limits.get/1,
            &Limits.get(&1, :length),
            &Limits.set(&1, :length, 5_000),
            &DbConfig.get/1,
            &DbConfig.set(&1, :defensive, true),
            &DbConfig.reset_database/1,
            &FileControl.reserved_bytes/1,
            &FileControl.set_reserved_bytes(&1, 8),
            &HeapLimit.release_memory/1
          ],
          mode <- [:remote, :replica] do
        assert {:error, %Error{code: :unsupported, message: message}} = call.(%{s | mode: mode})
        assert message =~ "is for local databases"
        assert message =~ "#{mode}"
      end
    end

    test "takes no such options" do
      for option <- [limits: [length: 5_000], db_config: [defensive: true], nofollow: true] do
        assert {:error, %Error{code: :unsupported, message: message}} =
                 EctoLibSql.connect([uri: "http://localhost:1"] ++ [option])

        assert message =~ "#{elem(option, 0)}"
      end
    end
  end

  describe "misuse" do
    test "of a closed connection", %{s: s} do
      :ok = EctoLibSql.disconnect(s)
      assert {:error, %Error{code: :connection_closed}} = Limits.get(s)
      assert {:error, %Error{code: :connection_closed}} = Limits.set(s, :column, 5)
    end

    test "in another process's transaction", %{s: s} do
      {:ok, s} = EctoLibSql.begin(s)

      ExUnit.CaptureLog.capture_log(fn ->
        assert {:error, %Error{code: :not_transaction_owner}} =
                 Task.await(Task.async(fn -> Limits.set(s, :column, 5) end))
      end)

      assert {:ok, 2_000} = Limits.get(s, :column)
    end

    test "while a cursor is open changes nothing of its rows", %{s: s} do
      rows =
        s
        |> EctoLibSql.stream(count_to(100), [], max_rows: 10)
        |> Enum.map(fn row ->
          {:ok, _} = Limits.set(s, :column, 0)
          row
        end)

      assert length(rows) == 100
    end
  end
end
