defmodule EctoLibSql.Server.LoadTest do
  # Tracing is the whole VM's.
  use ExUnit.Case, async: false

  import EctoLibSql.Test.NifCalls, only: [normal: 0, nif_calls: 1]

  alias EctoLibSql.Test.Sqld

  @moduletag :sqld
  @moduletag :capture_log

  setup do
    %{server: Sqld.start!()}
  end

  test "queries and transactions use no dirty scheduler", %{server: server} do
    {:ok, s} = EctoLibSql.connect(uri: Sqld.url(server))

    calls =
      nif_calls(fn ->
        {:ok, _} = EctoLibSql.query(s, "CREATE TABLE t (a)")

        {:ok, _} =
          EctoLibSql.transaction(s, fn s -> EctoLibSql.run(s, "INSERT INTO t VALUES (?)", [1]) end)

        [[1]] = s |> EctoLibSql.stream("SELECT a FROM t") |> Enum.to_list()
      end)

    assert calls != []
    assert Enum.reject(calls, &(&1 in normal())) == []
    EctoLibSql.disconnect(s)
  end

  if Code.ensure_loaded?(DBConnection) do
    alias EctoLibSql.{Connection, Query}

    @queries 1_000
    @pool 50

    test "1,000 queries at once over a pool of 50, with no dirty scheduler", %{server: server} do
      pool =
        start_supervised!(
          {Connection, uri: Sqld.url(server), pool_size: @pool, queue_target: 30_000}
        )

      :erlang.trace_pattern({EctoLibSql.Native, :_, :_}, true, [:local])
      :erlang.trace(:processes, true, [:call])

      answers =
        1..@queries
        |> Enum.map(fn number ->
          Task.async(fn ->
            query = %Query{statement: "SELECT ?"}
            {:ok, _, result} = DBConnection.execute(pool, query, [number], timeout: 60_000)
            result.rows
          end)
        end)
        |> Task.await_many(60_000)

      :erlang.trace(:processes, false, [:call])
      :erlang.trace_pattern({EctoLibSql.Native, :_, :_}, false, [:local])
      assert answers == Enum.map(1..@queries, &[[&1]])
      calls = traced()
      assert Enum.count(calls, &(&1 == :remote_call)) >= @queries
      # Opening reads the options' files.
      assert calls |> Enum.uniq() |> Enum.reject(&(&1 in normal() or &1 == :remote_open)) == []
    end

    defp traced do
      receive do
        {:trace, _pid, :call, {EctoLibSql.Native, name, _args}} -> [name | traced()]
      after
        0 -> []
      end
    end
  end
end
