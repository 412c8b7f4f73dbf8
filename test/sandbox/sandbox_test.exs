if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.SandboxTest do
    use ExUnit.Case, async: true

    alias Ecto.Adapters.SQL.Sandbox
    alias EctoLibSql.Test.Mode

    defmodule Repo do
      use Ecto.Repo, otp_app: :ecto_libsql, adapter: Ecto.Adapters.LibSql
    end

    setup do
      path =
        Path.join(
          System.tmp_dir!(),
          "ecto_libsql_#{System.pid()}_#{System.unique_integer([:positive])}.db"
        )

      config = [
        database: path,
        pool: Sandbox,
        pool_size: 3,
        busy_timeout: 200,
        name: nil,
        log: false
      ]

      on_exit(fn -> Ecto.Adapters.LibSql.storage_down(config) end)

      repo = start_supervised!({Repo, Mode.repo(config)})
      Repo.put_dynamic_repo(repo)
      Sandbox.mode(repo, :auto)
      Repo.query!("CREATE TABLE t (a UNIQUE)")
      Sandbox.mode(repo, :manual)
      %{repo: repo}
    end

    defp insert(value), do: Repo.query("INSERT INTO t VALUES (?)", [value])
    defp values, do: Repo.query!("SELECT a FROM t ORDER BY a").rows |> List.flatten()

    # In a process that owns no connection and has no caller that does.
    defp elsewhere(repo, fun) do
      parent = self()

      spawn_link(fn ->
        Repo.put_dynamic_repo(repo)

        answer =
          try do
            fun.()
          rescue
            error -> error
          end

        send(parent, {:elsewhere, answer})
      end)

      assert_receive {:elsewhere, answer}, 5000
      answer
    end

    describe "manual mode" do
      test "rolls back at checkin what was done", %{repo: repo} do
        assert_raise DBConnection.OwnershipError, fn -> values() end

        :ok = Sandbox.checkout(repo)
        {:ok, _} = insert(1)
        {:ok, _} = Repo.transaction(fn -> insert(2) end)
        assert values() == [1, 2]
        :ok = Sandbox.checkin(repo)

        :ok = Sandbox.checkout(repo)
        assert values() == []
        :ok = Sandbox.checkin(repo)
      end

      test "rolls back when the owner dies", %{repo: repo} do
        elsewhere(repo, fn ->
          Sandbox.checkout(repo)
          insert(1)
        end)

        :ok = Sandbox.checkout(repo)
        assert {:ok, _} = insert(1)
      end

      test "lets others in who are allowed", %{repo: repo} do
        :ok = Sandbox.checkout(repo)
        {:ok, _} = insert(1)
        owner = self()
        assert %DBConnection.OwnershipError{} = elsewhere(repo, &values/0)

        assert elsewhere(repo, fn ->
                 Sandbox.allow(repo, owner, self())
                 values()
               end) == [1]
      end

      test "does not keep readers from each other", %{repo: repo} do
        :ok = Sandbox.checkout(repo)
        assert values() == []

        assert elsewhere(repo, fn ->
                 Sandbox.checkout(repo)
                 insert(2)
                 values()
               end) == [2]
      end

      test "can be without a transaction", %{repo: repo} do
        :ok = Sandbox.checkout(repo, sandbox: false)
        {:ok, _} = insert(1)
        :ok = Sandbox.checkin(repo)

        :ok = Sandbox.checkout(repo)
        assert values() == [1]
      end
    end

    describe "shared mode" do
      test "lets everybody in", %{repo: repo} do
        :ok = Sandbox.checkout(repo)
        :ok = Sandbox.mode(repo, {:shared, self()})
        {:ok, _} = insert(1)
        assert elsewhere(repo, &values/0) == [1]
      end

      test "works with start_owner!", %{repo: repo} do
        owner = Sandbox.start_owner!(repo, shared: true)
        {:ok, _} = insert(1)
        assert elsewhere(repo, &values/0) == [1]
        :ok = Sandbox.stop_owner(owner)

        Sandbox.mode(repo, :manual)
        :ok = Sandbox.checkout(repo)
        assert values() == []
      end
    end

    test "auto mode works outside of any transaction, as mix ecto.migrate needs it", %{repo: repo} do
      Sandbox.mode(repo, :auto)
      {:ok, _} = insert(1)
      Sandbox.mode(repo, :manual)
      :ok = Sandbox.checkout(repo)
      assert values() == [1]
    end

    test "unboxed_run/2 commits", %{repo: repo} do
      Sandbox.unboxed_run(repo, fn -> insert(1) end)
      :ok = Sandbox.checkout(repo)
      assert values() == [1]
    end

    describe "inside the sandbox" do
      setup %{repo: repo} do
        Sandbox.checkout(repo)
      end

      test "a transaction is a savepoint: it rolls back alone" do
        {:ok, _} = insert(1)

        assert {:error, :no} =
                 Repo.transaction(fn ->
                   insert(2)
                   Repo.rollback(:no)
                 end)

        assert values() == [1]
        assert {:ok, _} = Repo.transaction(fn -> insert(3) end)
        assert values() == [1, 3]
      end

      test "transactions nest as outside of it" do
        assert {:error, :rollback} =
                 Repo.transaction(fn ->
                   insert(1)
                   {:error, :inner} = Repo.transaction(fn -> Repo.rollback(:inner) end)
                 end)

        assert values() == []

        assert {:ok, {:ok, _}} = Repo.transaction(fn -> Repo.transaction(fn -> insert(2) end) end)
        assert values() == [2]
      end

      test "an exception undoes its transaction only" do
        {:ok, _} = insert(1)

        assert_raise RuntimeError, fn ->
          Repo.transaction(fn ->
            insert(2)
            raise "no"
          end)
        end

        assert values() == [1]
      end

      test "savepoints can be set by hand" do
        Repo.transaction(fn ->
          {:ok, _} = insert(1)
          Repo.query!("SAVEPOINT mine")
          {:ok, _} = insert(2)
          Repo.query!("ROLLBACK TO mine")
          Repo.query!("RELEASE mine")
        end)

        assert values() == [1]
      end

      test "an error undoes its statement only" do
        {:ok, _} = insert(1)
        assert {:error, %EctoLibSql.Error{code: :constraint_unique}} = insert(1)
        assert {:error, %EctoLibSql.Error{}} = Repo.query("nonsense")

        assert {:ok, {:error, _}} =
                 Repo.transaction(fn ->
                   insert(2)
                   insert(2)
                 end)

        assert values() == [1, 2]
      end

      test "any mode of a transaction is a savepoint" do
        for mode <- [:immediate, :deferred, :exclusive, :savepoint],
            do:
              assert(
                {:ok, {:ok, _}} =
                  Repo.transaction(fn -> insert(mode |> to_string()) end, mode: mode)
              )

        assert length(values()) == 4
      end

      test "streams and checkouts work" do
        for i <- 1..5, do: insert(i)

        assert {:ok, [2, 2, 1]} =
                 Repo.transaction(fn ->
                   Repo.get_dynamic_repo()
                   |> Ecto.Adapters.SQL.stream("SELECT a FROM t", [], max_rows: 2)
                   |> Enum.map(& &1.num_rows)
                 end)

        assert Repo.checkout(fn -> Repo.transaction(fn -> values() end) end) ==
                 {:ok, [1, 2, 3, 4, 5]}
      end
    end

    test "works on a database in memory" do
      repo =
        start_supervised!(
          {Repo,
           Mode.repo(database: ":memory:", pool: Sandbox, pool_size: 2, name: nil, log: false)},
          id: :memory
        )

      Repo.put_dynamic_repo(repo)
      Repo.query!("CREATE TABLE t (a)")
      Sandbox.mode(repo, :manual)

      for _ <- 1..3 do
        :ok = Sandbox.checkout(repo)
        {:ok, _} = insert(1)
        assert values() == [1]
        :ok = Sandbox.checkin(repo)
      end
    end
  end
end
