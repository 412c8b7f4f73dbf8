if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.PoolTest do
    # What EctoLibSql.Pool says of repos.

    use EctoLibSql.Test.PoolCase, async: true

    import Ecto.Query, only: [from: 2]

    @moduletag :capture_log

    alias DBConnection.ConnectionError
    alias Ecto.Adapters.SQL.Sandbox
    alias EctoLibSql.Pool
    alias EctoLibSql.Test.Mode

    defmodule Repo do
      use Ecto.Repo, otp_app: :ecto_libsql, adapter: Ecto.Adapters.LibSql
    end

    defp start_repo(opts) do
      opts = Keyword.merge([database: ":memory:", name: nil, log: false], opts)
      repo = start_supervised!({Repo, Mode.repo(opts)}, id: make_ref())
      Repo.put_dynamic_repo(repo)
      repo
    end

    defp hold_repo(repo, run) do
      hold(fn held ->
        Repo.put_dynamic_repo(repo)
        run.(held)
      end)
    end

    describe "metrics" do
      test "are had by the repo, its dynamic repo's pid, and a name" do
        repo = start_repo(pool_size: 3)
        Repo.query!("SELECT 1")
        assert %{size: 3, checkouts: 1} = Pool.metrics(Repo)
        assert %{size: 3, checkouts: 1} = Pool.metrics(repo)

        name = :"repo_#{System.unique_integer([:positive])}"
        start_repo(pool_size: 4, name: name)
        assert %{size: 4, checkouts: 0} = Pool.metrics(name)
      end

      test "say who is in a transaction, and what a checkout holds" do
        repo = start_repo(database: tmp_file(), pool_size: 2)
        one = hold_repo(repo, fn held -> Repo.transaction(held) end)
        two = hold_repo(repo, fn held -> Repo.checkout(held) end)

        assert %{busy: 2, holders: holders} = Pool.metrics(repo)
        assert %{transaction: age} = Enum.find(holders, &(&1.pid == one))
        assert is_integer(age)
        assert %{transaction: nil, held: held} = Enum.find(holders, &(&1.pid == two))
        assert is_integer(held)
        Enum.each([one, two], &release/1)
      end

      test "of several pools are added up" do
        name = :"repo_#{System.unique_integer([:positive])}"
        repo = start_repo(name: name, pool_size: 2, pool_count: 2)
        wait_until(fn -> Pool.metrics(repo).idle == 4 end)
        pids = for _ <- 1..2, do: hold_repo(repo, fn held -> Repo.checkout(held) end)
        assert %{size: 4, busy: 2, idle: 2, checkouts: 2, opened: 4} = Pool.metrics(repo)
        assert {:ok, %{status: :ok}} = EctoLibSql.health(repo)
        Enum.each(pids, &release/1)
      end

      test "of a pool that the repo chose say what can be seen" do
        repo = start_repo(pool: DBConnection.ConnectionPool, pool_size: 2)
        Repo.query!("SELECT 1")
        wait_until(fn -> Pool.metrics(repo).idle == 2 end)
        pid = hold_repo(repo, fn held -> Repo.checkout(held) end)

        assert %{size: 2, busy: 1, idle: 1, queue_length: 0, checkouts: nil} =
                 Pool.metrics(repo)

        release(pid)
      end

      test "count a transaction with its queries and streams as one checkout" do
        repo = start_repo(pool_size: 1)

        Repo.transaction(fn ->
          assert [[[1]]] = Ecto.Adapters.SQL.stream(repo, "SELECT 1") |> Enum.map(& &1.rows)
          assert [[1]] = Repo.query!("SELECT 1").rows
          assert %{busy: 1, checkouts: 1} = Pool.metrics(repo)
        end)
      end
    end

    describe "the sandbox" do
      test "shows connections by who owns them, and who uses them" do
        repo = start_repo(pool: Sandbox, pool_size: 2)
        Sandbox.mode(repo, :manual)
        assert %{size: 2, busy: 0, checkouts: nil, utilisation: nil} = Pool.metrics(repo)

        :ok = Sandbox.checkout(repo)
        test = self()
        assert %{busy: 1, holders: [%{pid: ^test, held: nil} = holder]} = Pool.metrics(repo)
        assert is_integer(holder.transaction)

        user =
          hold(fn held ->
            Repo.put_dynamic_repo(repo)
            Sandbox.allow(repo, test, self())
            Repo.checkout(held)
          end)

        assert %{busy: 1, holders: [%{pid: ^user}]} = Pool.metrics(repo)
        release(user)
        assert {:ok, %{status: :ok, latency: latency}} = EctoLibSql.health(repo)
        assert is_integer(latency)
        Sandbox.checkin(repo)
        wait_until(fn -> Pool.metrics(repo).busy == 0 end)
        assert {:error, %DBConnection.OwnershipError{}} = EctoLibSql.health(repo)
      end
    end

    describe "an exhausted repo" do
      setup do
        repo = start_repo([pool_size: 1] ++ impatient())
        # A replica is there when it has all of its primary's database.
        wait_until(fn -> Pool.metrics(repo).idle == 1 end)
        pid = hold_repo(repo, fn held -> Repo.transaction(held) end)
        on_exit(fn -> Process.exit(pid, :kill) end)
        %{says: ~r/Its only connection is in use:\n\n  \* #{inspect(pid)}.*in a transaction/}
      end

      test "says who holds its connections, whatever was called", %{says: says} do
        assert {:error, %ConnectionError{reason: :queue_timeout, message: message}} =
                 Repo.query("SELECT 1")

        assert message =~ says

        for call <- [
              fn -> Repo.query!("SELECT 1") end,
              fn -> Repo.all(from(t in "sqlite_schema", select: t.name)) end,
              fn -> Repo.insert_all("t", [%{a: 1}]) end,
              fn -> Repo.transaction(fn -> :ok end) end,
              fn -> Repo.checkout(fn -> :ok end) end,
              fn -> Repo.query_many!("SELECT 1; SELECT 2") end,
              fn -> Repo.explain(:all, from(t in "sqlite_schema", select: t.name)) end
            ] do
          error = assert_raise ConnectionError, says, call
          assert error.reason == :queue_timeout
        end
      end
    end
  end
end
