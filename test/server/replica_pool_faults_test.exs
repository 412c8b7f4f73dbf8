if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule EctoLibSql.Server.ReplicaPoolFaultsTest do
    # A repo over a replica whose primary or file goes away and comes back.
    use ExUnit.Case, async: true

    import EctoLibSql.Test.Database, only: [wait_until: 1]
    import EctoLibSql.Test.Replicas

    alias EctoLibSql.{Error, Replication}
    alias EctoLibSql.Test.Sqld

    @moduletag :sqld
    @moduletag :capture_log
    @moduletag :tmp_dir

    defmodule Repo do
      use Ecto.Repo, otp_app: :ecto_libsql, adapter: Ecto.Adapters.LibSql
    end

    defmodule Item do
      use Ecto.Schema

      schema "items" do
        field(:name, :string)
      end
    end

    @items "CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT)"

    setup context do
      server = Sqld.start!()
      primary = primary!(%{server: server})
      :ok = EctoLibSql.run(primary, @items)
      opts = options(%{server: server, tmp_dir: context.tmp_dir}, sync: 100, breaker: false)
      repo = start_supervised!({Repo, [pool_size: 3, name: nil, log: false] ++ opts})
      Repo.put_dynamic_repo(repo)
      Repo.insert!(%Item{name: "first"})
      %{server: server, primary: primary, repo: repo, path: opts[:database]}
    end

    defp names(primary),
      do: EctoLibSql.query!(primary, "SELECT name FROM items ORDER BY id").rows |> List.flatten()

    defp code(fun) do
      fun.()
      :none
    rescue
      error in Error -> error.code
    end

    test "the primary dies in a transaction, which is lost and not run again", context do
      %{server: server, primary: primary} = context

      lost =
        code(fn ->
          Repo.transaction(
            fn ->
              Repo.insert!(%Item{name: "half"})
              Sqld.restart(server)
              Repo.insert!(%Item{name: "other half"})
            end,
            retry: 3
          )
        end)

      assert lost == :transaction_lost
      assert Repo.aggregate(Item, :count) == 1
      assert {:ok, _} = Repo.transaction(fn -> Repo.insert!(%Item{name: "whole"}) end)
      assert Repo.aggregate(Item, :count) == 2
      assert names(primary) == ["first", "whole"]
    end

    test "the primary is away: reads go on, and all is well when it is back", context do
      %{server: server, primary: primary, repo: repo} = context
      Sqld.kill(server)

      for _ <- 1..20, do: assert([%Item{name: "first"}] = Repo.all(Item))
      assert code(fn -> Repo.insert!(%Item{name: "refused"}) end) == :connection_refused
      wait_until(fn -> match?({:ok, %{state: :stale}}, Replication.status(repo)) end)
      assert {:ok, %{status: :degraded}} = EctoLibSql.health(repo)

      Sqld.restart(server)
      Repo.insert!(%Item{name: "second"})
      assert Repo.aggregate(Item, :count) == 2
      wait_until(fn -> match?({:ok, %{state: :ok, lag: 0}}, Replication.status(repo)) end)
      assert names(primary) == ["first", "second"]
    end

    test "the primary is made anew and empty under the pool", %{server: server} do
      Sqld.recreate(server)
      wait_until(fn -> code(fn -> Repo.all(Item) end) == :error end)
      Repo.query!(@items)
      Repo.insert!(%Item{name: "new"})
      assert [%Item{name: "new"}] = Repo.all(Item)
    end

    for {what, change} <- [deleted: :delete, damaged: :damage] do
      test "the file is #{what} under the pool", %{path: path, primary: primary, repo: repo} do
        unquote(change)(path)

        # In each of them, reads are right or say what is wrong.
        wait_until(fn ->
          case code(fn -> assert [%Item{name: "first"}] = Repo.all(Item) end) do
            :none -> match?({:ok, %{resets: 1, state: :ok}}, Replication.status(repo))
            code -> assert(code in [:connection_closed, :cantopen]) && false
          end
        end)

        Repo.insert!(%Item{name: "second"})
        assert Repo.aggregate(Item, :count) == 2
        assert names(primary) == ["first", "second"]
      end
    end

    defp delete(path), do: for(file <- Path.wildcard(path <> "*"), do: File.rm!(file))

    # All of it, the log as well: what a reader has in its cache stays right.
    defp damage(path) do
      for file <- [path, path <> "-wal"],
          {:ok, %{size: size}} when size > 0 <- [File.stat(file)] do
        {:ok, open} = :file.open(file, [:read, :write, :raw, :binary])
        :ok = :file.pwrite(open, 0, :crypto.strong_rand_bytes(size))
        :ok = :file.close(open)
      end
    end
  end
end
