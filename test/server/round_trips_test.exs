defmodule EctoLibSql.Server.RoundTripsTest do
  # How often a server is asked: calls of the driver, and of a repo. Tracing is the whole VM's.
  use ExUnit.Case, async: false

  import EctoLibSql.Test.NifCalls, only: [nif_calls: 1]

  alias EctoLibSql.Geo
  alias EctoLibSql.Test.Sqld

  @moduletag :sqld
  @moduletag :capture_log

  defp round_trips(fun), do: Enum.count(nif_calls(fun), &(&1 == :remote_call))

  test "of the driver" do
    {:ok, s} = EctoLibSql.connect(uri: Sqld.url(Sqld.start!()))
    :ok = EctoLibSql.run(s, "CREATE TABLE t (a)")
    insert = {"INSERT INTO t VALUES (?)", [1]}

    for {trips, work} <- [
          {0, fn -> EctoLibSql.autocommit?(s) end},
          {1, fn -> EctoLibSql.query(s, "SELECT 1") end},
          {1, fn -> EctoLibSql.batch_transactional(s, List.duplicate(insert, 100)) end},
          {3, fn -> EctoLibSql.transaction(s, &EctoLibSql.run(&1, "DELETE FROM t")) end},
          {2, fn -> s |> EctoLibSql.stream("SELECT 1") |> Enum.to_list() end}
        ] do
      assert round_trips(work) == trips
    end

    EctoLibSql.disconnect(s)
  end

  if Code.ensure_loaded?(Ecto.Adapters.SQL) do
    defmodule Repo do
      use Ecto.Repo, otp_app: :ecto_libsql, adapter: Ecto.Adapters.LibSql
    end

    defmodule Item do
      use Ecto.Schema

      schema "items" do
        field(:name, :string)
      end
    end

    defmodule Place do
      use Ecto.Schema

      schema "places" do
        field(:p, Geo.Point)
      end
    end

    defmodule Places do
      use Ecto.Migration
      def change, do: create(EctoLibSql.Migration.spatial_index(:places, :p))
    end

    # The pool's processes make some calls; so all processes are looked at.
    defp sent(work) do
      :erlang.trace_pattern({EctoLibSql.Native, :remote_call, :_}, true, [:local])
      :erlang.trace(:processes, true, [:call])
      Task.await(Task.async(work))
      :erlang.trace(:processes, false, [:call])
      :erlang.trace_pattern({EctoLibSql.Native, :remote_call, :_}, false, [:local])
      delivered = :erlang.trace_delivered(:all)
      assert_receive {:trace_delivered, :all, ^delivered}
      count_sent()
    end

    defp count_sent do
      receive do
        {:trace, _pid, :call, {EctoLibSql.Native, :remote_call, _args}} -> 1 + count_sent()
      after
        0 -> 0
      end
    end

    test "of a repo" do
      start_supervised!({Repo, uri: Sqld.url(Sqld.start!()), pool_size: 1, log: false})
      Repo.query!("CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT UNIQUE)")
      rows = for i <- 1..500, do: %{name: "n#{i}"}

      for {trips, work} <- [
            {1, fn -> Repo.insert!(%Item{name: "a"}) end},
            {1, fn -> Repo.get!(Item, 1) end},
            {1, fn -> Repo.insert_all(Item, rows) end},
            {3, fn -> Repo.transaction(fn -> Repo.insert!(%Item{name: "b"}) end) end},
            {5,
             fn ->
               Repo.transaction(fn -> for n <- ~w(x y z), do: Repo.insert!(%Item{name: n}) end)
             end}
          ] do
        assert sent(work) == trips
      end
    end

    test "of questions about places" do
      start_supervised!({Repo, uri: Sqld.url(Sqld.start!()), pool_size: 1, log: false})
      Repo.query!("CREATE TABLE places (id INTEGER PRIMARY KEY, p TEXT)")

      Repo.checkout(fn ->
        Ecto.Migration.Runner.run(Repo, Repo.config(), 1, Places, :forward, :change, :up,
          log: false
        )
      end)

      points = for i <- 1..50, do: {i, i}

      for {trips, index} <- [{1, false}, {1, true}, {2, Repo}],
          search <- [
            &Geo.within(Place, {0, 0}, 10, index: &1),
            &Geo.nearest(Place, {0, 0}, 10, index: &1),
            &Geo.nearest_each(Place, :p, points, 10, index: &1),
            &Geo.within_each(Place, :p, points, 10, index: &1)
          ] do
        assert sent(fn -> Repo.all(search.(index)) end) == trips
      end
    end
  end
end
