defmodule EctoLibSql.Server.VectorTest do
  # Vectors at a server: its libSQL reads and writes the same blobs, and the nearest of many vectors are one round
  # trip. Tracing is the whole VM's.
  use ExUnit.Case, async: false

  alias EctoLibSql.Test.Sqld
  alias EctoLibSql.Vector

  @moduletag :sqld
  @moduletag :capture_log

  @functions [
    f64: "vector64",
    f32: "vector32",
    f16: "vector16",
    fb16: "vectorb16",
    f8: "vector8",
    f1bit: "vector1bit"
  ]

  test "the server's blobs" do
    {:ok, s} = EctoLibSql.connect(uri: Sqld.url(Sqld.start!()))
    # f8 vectors with a multiple of four numbers have no bytes in them that are left to chance.
    numbers = [0.1, -2.5, 1.0e-3, 100.0]

    for {kind, function} <- @functions do
      blob = Vector.encode!(numbers, kind)
      assert {:ok, [^blob]} = EctoLibSql.query_one(s, "SELECT #{function}(?)", [inspect(numbers)])
      {:ok, ^kind, decoded} = Vector.decode(blob)
      {:ok, [f32]} = EctoLibSql.query_one(s, "SELECT vector32(?)", [{:blob, blob}])
      {:ok, :f32, as_f32} = Vector.decode(f32)
      for {x, y} <- Enum.zip(decoded, as_f32), do: assert_in_delta(x, y, 1.0e-5)
    end

    EctoLibSql.disconnect(s)
  end

  test "k-means, streamed" do
    {:ok, s} = EctoLibSql.connect(uri: Sqld.url(Sqld.start!()))
    :ok = EctoLibSql.run(s, "CREATE TABLE points (at F8_BLOB(4))")

    inserts =
      for n <- 1..1200 do
        at = for _ <- 1..4, do: rem(n, 2) * 100 + rem(n, 7)
        {"INSERT INTO points VALUES (?)", [{:blob, Vector.encode!(at, :f8)}]}
      end

    {:ok, _} = EctoLibSql.batch_transactional(s, inserts)
    {:ok, found} = Vector.k_means(s, "points", "at", 2, seed: 1)
    assert found.counts == [600, 600]
    assert found.centroids |> Enum.map(&round(hd(&1))) |> Enum.sort() == [3, 103]
    EctoLibSql.disconnect(s)
  end

  if Code.ensure_loaded?(Ecto.Adapters.SQL) do
    import Ecto.Query, only: [from: 2]

    defmodule Repo do
      use Ecto.Repo, otp_app: :ecto_libsql, adapter: Ecto.Adapters.LibSql
    end

    defmodule Item do
      use Ecto.Schema

      schema "items" do
        field(:kind, :string)
        field(:at, EctoLibSql.Vector.F32, size: 2)
      end
    end

    # The pool's processes make some calls; so all processes are looked at.
    defp sent(work) do
      :erlang.trace_pattern({EctoLibSql.Native, :remote_call, :_}, true, [:local])
      :erlang.trace(:processes, true, [:call])
      answer = Task.await(Task.async(work))
      :erlang.trace(:processes, false, [:call])
      :erlang.trace_pattern({EctoLibSql.Native, :remote_call, :_}, false, [:local])
      delivered = :erlang.trace_delivered(:all)
      assert_receive {:trace_delivered, :all, ^delivered}
      {count_sent(), answer}
    end

    defp count_sent do
      receive do
        {:trace, _pid, :call, {EctoLibSql.Native, :remote_call, _args}} -> 1 + count_sent()
      after
        0 -> 0
      end
    end

    test "one round trip, however many vectors, with and without an index" do
      start_supervised!({Repo, uri: Sqld.url(Sqld.start!()), pool_size: 1, log: false})
      Repo.query!("CREATE TABLE items (id INTEGER PRIMARY KEY, kind TEXT, at F32_BLOB(2))")
      rows = for n <- 1..60, do: %{kind: Enum.at(~w(a b c), rem(n, 3)), at: [n, 1]}
      Repo.insert_all(Item, rows)
      vectors = for n <- 1..50, do: [n + 0.1, 1]
      query = from(i in Item, where: i.kind == "a")

      for index <- [false, true] do
        if index,
          do: Repo.query!("CREATE INDEX near ON items (libsql_vector_idx(at, 'metric=l2'))")

        each = Vector.nearest_each(query, :at, vectors, 2, metric: :l2)
        assert {1, found} = sent(fn -> Repo.all(each) end)
        assert Enum.map(found, &elem(&1, 0)) == Enum.flat_map(0..49, &[&1, &1])

        for {n, %Item{id: id, kind: "a"}, distance} <- found,
            do: assert_in_delta(distance, abs(id - (n + 1.1)), 1.0e-4)

        nearest = fn n -> 3..60//3 |> Enum.sort_by(&abs(&1 - (n + 1.1))) |> Enum.take(2) end
        assert Enum.map(found, &elem(&1, 1).id) == Enum.flat_map(0..49, nearest)

        one = Vector.nearest(query, :at, [7.1, 1], 2, metric: :l2)
        assert {1, [%{id: 6}, %{id: 9}]} = sent(fn -> Repo.all(one) end)
      end
    end
  end
end
