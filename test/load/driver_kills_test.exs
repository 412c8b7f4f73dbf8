defmodule EctoLibSql.DriverKillsTest do
  # A thousand processes with connections of their own, killed in the middle of what they do.
  use ExUnit.Case, async: false

  import EctoLibSql.Test.Database, only: [count_to: 1]

  alias EctoLibSql.Test.Killing

  @moduletag :tmp_dir
  @moduletag timeout: 180_000

  @places [:open, :read, :long_read, :begin, :write, :commit, :long_write, :single, :cursor]

  test "1,000 kills leave no lock, no entry, and no half of a transaction", %{tmp_dir: dir} do
    database = Path.join(dir, "kills.db")
    Killing.create(database)

    killed =
      Killing.kill_many(1_000, @places, fn worker ->
        Killing.at(worker, :open)
        {:ok, s} = EctoLibSql.connect(database: database, busy_timeout: 60_000)
        {:ok, read} = EctoLibSql.prepare(s, "SELECT n FROM counter")
        work(worker, s, read, 1)
      end)

    for place <- @places, do: assert(Map.get(killed.places, place, 0) > 0)
    Killing.assert_sound(database, killed)
  end

  defp work(worker, s, read, number) do
    :ok = step(:rand.uniform(6), worker, s, read, number)
    work(worker, s, read, number + 1)
  end

  defp step(1, worker, s, read, _number) do
    Killing.at(worker, :read)
    {:ok, %{rows: [[_]]}} = EctoLibSql.query_stmt(s, read)
    :ok
  end

  defp step(2, worker, s, _read, _number) do
    Killing.at(worker, :long_read)
    {:ok, [300_000]} = EctoLibSql.query_one(s, Killing.long_read())
    :ok
  end

  defp step(3, worker, s, _read, _number) do
    Killing.at(worker, :cursor)
    {:ok, cursor} = EctoLibSql.declare(s, count_to(2_000))
    fetch_all(s, cursor)
    EctoLibSql.deallocate(s, cursor)
  end

  defp step(4, worker, s, _read, number) do
    Killing.at(worker, :single)
    {sql, params} = Killing.single(worker, number)
    :ok = EctoLibSql.run(s, sql, params)
    Killing.acknowledge(worker, :single, number)
    :ok
  end

  defp step(5, worker, s, _read, _number),
    do: transaction(worker, s, :long_write, Killing.long_write())

  defp step(6, worker, s, _read, number) do
    :ok = transaction(worker, s, :write, Killing.transaction(worker, number))
    Killing.acknowledge(worker, :log, number)
    :ok
  end

  defp transaction(worker, s, place, statements) do
    Killing.at(worker, :begin)
    {:ok, s} = EctoLibSql.begin(s)
    Killing.at(worker, place)
    for {sql, params} <- statements, do: :ok = EctoLibSql.run(s, sql, params)
    Killing.at(worker, :commit)
    {:ok, _} = EctoLibSql.commit(s)
    :ok
  end

  defp fetch_all(s, cursor) do
    case EctoLibSql.fetch(s, cursor, 50) do
      {:cont, _} -> fetch_all(s, cursor)
      {:halt, _} -> :ok
    end
  end
end
