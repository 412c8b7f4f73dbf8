if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.StatisticsTest do
    use ExUnit.Case, async: true

    import Ecto.Query

    defmodule Repo do
      use Ecto.Repo, otp_app: :ecto_libsql, adapter: Ecto.Adapters.LibSql
    end

    defmodule Item do
      use Ecto.Schema

      schema "items" do
        field(:name, :string)
      end
    end

    @moduletag :tmp_dir

    setup %{tmp_dir: dir} do
      start_supervised!(
        {Repo,
         database: Path.join(dir, "statistics.db"),
         pool_size: 2,
         log: false,
         telemetry_prefix: [:statistics_test],
         slow_query: [threshold: 0, expanded_sql: true, redact: [2]]}
      )

      Repo.query!("CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT)")
      Repo.query!("INSERT INTO items (name) VALUES ('a'), ('b'), ('c')")
      :ok
    end

    def tell(event, measurements, metadata, test),
      do: send(test, {event, measurements, metadata})

    defp listen(event) do
      test = self()
      :ok = :telemetry.attach({event, test}, event, &__MODULE__.tell/4, test)
      on_exit(fn -> :telemetry.detach({event, test}) end)
    end

    test "a repo's query has them in its result" do
      assert %{rows: [[1]], statistics: %{fullscan_step: 2, run: 1}} =
               Repo.query!("SELECT id FROM items WHERE name = ?", ["a"], statistics: true)

      assert Repo.query!("SELECT 1").statistics == nil
    end

    test "and any other function's telemetry event has its result" do
      listen([:statistics_test, :query])
      assert [%Item{name: "b"}] = Repo.all(from(Item, where: [name: "b"]), statistics: true)

      assert_receive {[:statistics_test, :query], _, %{result: {:ok, %{statistics: statistics}}}}
      assert %{fullscan_step: 2, rows_read: 3} = statistics

      assert {:ok, _} = Repo.insert(%Item{name: "d"}, statistics: true)
      assert_receive {[:statistics_test, :query], _, %{result: {:ok, %{statistics: statistics}}}}
      assert %{rows_written: 1} = statistics
    end

    test "every connection of a repo tells its slow queries, with what is asked for" do
      listen([:ecto_libsql, :slow_query])
      test = self()
      Repo.query!("SELECT ?, ?", ["shown", "hidden"])

      assert_receive {[:ecto_libsql, :slow_query], %{duration: _, run: 1},
                      %{sql: "SELECT ?, ?", expanded_sql: expanded, pid: ^test}},
                     5_000

      assert expanded == "SELECT 'shown', '[redacted]'"

      Repo.checkout(fn ->
        task = Task.async(fn -> Repo.query!("SELECT 'other connection'") end)
        Task.await(task)
      end)

      assert_receive {_, _, %{sql: "SELECT 'other connection'"}}, 5_000
      assert {:ok, _} = Repo.transaction(fn -> Repo.query!("SELECT 'in a transaction'") end)
      assert_receive {_, _, %{sql: "SELECT 'in a transaction'"}}, 5_000
      assert_receive {_, _, %{sql: "COMMIT"}}, 5_000
    end

    test "the option is checked where the repo is started" do
      assert_raise ArgumentError, ~r/slow_query takes/, fn ->
        EctoLibSql.Connection.child_spec(database: ":memory:", slow_query: :yes)
      end
    end
  end
end
