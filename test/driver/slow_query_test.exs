defmodule EctoLibSql.SlowQueryTest do
  use ExUnit.Case, async: true

  import EctoLibSql.Test.Database

  alias EctoLibSql.Error

  test "the option is checked" do
    for option <- [
          -1,
          1.5,
          :slow,
          [1],
          [],
          [threshold: -1],
          [threshold: 1, other: 1],
          [threshold: 1, expanded_sql: 1],
          [threshold: 1, expanded_sql: true],
          [threshold: 1, redact: true],
          [threshold: 1, expanded_sql: true, redact: :all]
        ] do
      assert {:error, %Error{code: :invalid_option, message: "slow_query takes" <> _}} =
               EctoLibSql.connect(database: ":memory:", slow_query: option)
    end

    assert connect!(slow_query: nil).mode == :local
  end

  if Code.ensure_loaded?(:telemetry) do
    @event [:ecto_libsql, :slow_query]

    setup do
      test = self()
      handler = "slow queries of #{inspect(test)}"

      :ok = :telemetry.attach(handler, @event, &__MODULE__.tell/4, test)

      on_exit(fn -> :telemetry.detach(handler) end)
    end

    def tell(@event, measurements, metadata, test),
      do: send(test, {:slow, measurements, metadata})

    def raise_always(_event, _measurements, _metadata, _config), do: raise("no")

    defp slow(%{conn_id: conn_id}) do
      assert_receive {:slow, measurements, %{conn_id: ^conn_id} = metadata}, 5_000
      {measurements, metadata}
    end

    defp none(%{conn_id: conn_id}), do: refute_receive({:slow, _, %{conn_id: ^conn_id}}, 50)

    defp slow_sql,
      do: "SELECT count(*), ? FROM (#{count_to(1_000_000)})"

    test "a statement that takes too long is told, and no other" do
      patient = connect!(slow_query: 60_000)
      [[1_000_000, "secret"]] = rows(patient, slow_sql(), ["secret"])
      none(patient)
      s = connect!(slow_query: 20)
      [[1_000_000, "secret"]] = rows(s, slow_sql(), ["secret"])
      {measurements, metadata} = slow(s)
      assert System.convert_time_unit(measurements.duration, :native, :millisecond) >= 20
      assert %{run: 1, vm_step: steps, rows_read: _} = measurements
      assert steps > 1_000_000

      assert metadata == %{
               conn_id: s.conn_id,
               database: ":memory:",
               sql: slow_sql(),
               pid: self()
             }
    end

    test "every one is told with a threshold of 0, each run once, quick reads too" do
      s = connect!(slow_query: 0)
      :ok = EctoLibSql.run(s, "CREATE TABLE t (a)")
      assert {_, %{sql: "CREATE TABLE t (a)"}} = slow(s)

      for _ <- 1..20 do
        [[1]] = rows(s, "SELECT 1")
        assert {%{run: 1}, %{sql: "SELECT 1"}} = slow(s)
      end

      none(s)
    end

    test "a reset leaves it" do
      s = connect!(slow_query: 0)
      :ok = EctoLibSql.reset_connection(s)
      rows(s, "SELECT 'after'")
      wait_until(fn -> match?({_, %{sql: "SELECT 'after'"}}, slow(s)) end)
    end

    test "expanded SQL comes on request, without what is redacted" do
      s =
        connect!(slow_query: [threshold: 0, expanded_sql: true, redact: [:secret, "password"]])

      rows(s, "SELECT :name, :secret", name: "Ada", secret: "xyzzy")
      assert {_, %{expanded_sql: "SELECT 'Ada', '[redacted]'"}} = slow(s)
      s = connect!(slow_query: [threshold: 0, expanded_sql: true, redact: true])
      rows(s, "SELECT ?, 'x'", ["Ada"])
      assert {_, %{expanded_sql: "SELECT ?, '[redacted]'"}} = slow(s)
    end

    test "a handler that raises is detached, and the connection works on" do
      handler = "raises #{inspect(self())}"

      ExUnit.CaptureLog.capture_log(fn ->
        :telemetry.attach(handler, @event, &__MODULE__.raise_always/4, nil)
        s = connect!(slow_query: 0)
        rows(s, "SELECT 1")
        assert {_, %{sql: "SELECT 1"}} = slow(s)
        rows(s, "SELECT 2")
        assert {_, %{sql: "SELECT 2"}} = slow(s)
      end)

      :telemetry.detach(handler)
    end
  end
end
