if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.CloneTest do
    # `sandbox: :clone`: each sandboxed connection works on a copy of its own.
    use ExUnit.Case, async: true

    import ExUnit.CaptureLog
    import EctoLibSql.Test.Database, only: [endless: 0, kill: 1, wait_until: 1]

    alias Ecto.Adapters.SQL.Sandbox

    defmodule Repo do
      use Ecto.Repo, otp_app: :ecto_libsql, adapter: Ecto.Adapters.LibSql
    end

    defmodule Account do
      use Ecto.Schema

      schema "accounts" do
        field(:email, :string)
        field(:balance, :decimal)
        has_many(:orders, Ecto.Adapters.LibSql.CloneTest.Order)
      end
    end

    defmodule Order do
      use Ecto.Schema

      schema "orders" do
        field(:token, :binary_id)
        belongs_to(:account, Account)
      end
    end

    defmodule CreateTables do
      use Ecto.Migration

      def change do
        create table(:accounts) do
          add :email, :string, null: false
          add :balance, :decimal
        end

        create unique_index(:accounts, [:email])
        create constraint(:accounts, :solvent, check: "email <> 'poor'")

        create table(:orders) do
          add :token, :binary_id
          add :account_id, references(:accounts)
        end
      end
    end

    defmodule AddPhone do
      use Ecto.Migration

      def change do
        alter table(:accounts) do
          add :phone, :string
        end
      end
    end

    setup tags do
      path = Map.get_lazy(tags, :database, &tmp_file/0)

      config =
        [database: path, pool: Sandbox, sandbox: :clone, pool_size: 3, name: nil, log: false]
        |> Keyword.merge(tags[:repo] || [])

      unless path == ":memory:", do: migrate_file(config, 1, CreateTables)
      repo = start_supervised!({Repo, config})
      Repo.put_dynamic_repo(repo)
      if path == ":memory:", do: migrate(repo, 1, CreateTables)
      Sandbox.mode(repo, :manual)
      %{repo: repo, path: path, config: config}
    end

    defp tmp_file do
      name = "ecto_libsql_#{System.pid()}_#{System.unique_integer([:positive])}.db"
      path = Path.join(System.tmp_dir!(), name)
      on_exit(fn -> Ecto.Adapters.LibSql.storage_down(database: path) end)
      path
    end

    # As mix ecto.migrate does it, with a repo that has two connections.
    defp migrate_file(config, version, migration) do
      config = Keyword.merge(config, pool_size: 2, busy_timeout: 5000)
      repo = start_supervised!({Repo, config}, id: :migrator)
      Repo.put_dynamic_repo(repo)
      migrate(repo, version, migration)
      stop_supervised!(:migrator)
    end

    defp migrate(repo, version, migration) do
      Sandbox.unboxed_run(repo, fn ->
        :ok = Ecto.Migrator.up(Repo, version, migration, dynamic_repo: repo, log: false)
      end)
    end

    defp insert!(email), do: Repo.insert!(%Account{email: email})

    defp emails,
      do: Repo.query!("SELECT email FROM accounts ORDER BY email").rows |> List.flatten()

    # What is really in the file.
    defp in_file(path, sql \\ "SELECT email FROM accounts ORDER BY email") do
      {:ok, s} = EctoLibSql.connect(database: path)
      rows = EctoLibSql.query!(s, sql).rows
      EctoLibSql.disconnect(s)
      List.flatten(rows)
    end

    # Without those of the migrator, whose end may still be under way.
    defp connections(path) do
      for %{database: ^path, id: id, owner: owner} <- EctoLibSql.connections(),
          Process.alive?(owner),
          do: id
    end

    # A process that does what it is asked to, one thing after the other: another test, a worker.
    defp start_worker(repo) do
      test = self()

      spawn_link(fn ->
        Repo.put_dynamic_repo(repo)
        work(test)
      end)
    end

    defp work(test) do
      receive do
        {:run, fun} ->
          answer =
            try do
              fun.()
            rescue
              error -> error
            end

          send(test, {:ran, self(), answer})
          work(test)

        :stop ->
          :ok
      end
    end

    defp run(worker, fun) do
      send(worker, {:run, fun})
      assert_receive {:ran, ^worker, answer}, 5000
      answer
    end

    defp stop(worker) do
      monitor = Process.monitor(worker)
      send(worker, :stop)
      assert_receive {:DOWN, ^monitor, :process, ^worker, :normal}, 5000
    end

    describe "a test" do
      test "sees the migrated database and what it wrote itself", %{repo: repo, path: path} do
        Sandbox.unboxed_run(repo, fn -> insert!("seed") end)

        for _ <- 1..4 do
          :ok = Sandbox.checkout(repo)
          assert emails() == ["seed"]
          insert!("own")
          {:ok, _} = Repo.transaction(fn -> insert!("too") end)
          assert emails() == ["own", "seed", "too"]
          :ok = Sandbox.checkin(repo)
        end

        assert in_file(path) == ["seed"]
      end

      # Less time for a lock than the test would wait for: there is none.
      @tag repo: [busy_timeout: 1000]
      test "writes while others write, with transactions open", %{repo: repo, path: path} do
        tests = for _ <- 1..3, do: start_worker(repo)
        for test <- tests, do: assert(run(test, fn -> Sandbox.checkout(repo) end) == :ok)

        # Each is in a transaction that has written when the next one begins.
        transactions =
          for test <- tests do
            me = self()

            send(
              test,
              {:run,
               fn ->
                 Repo.transaction(fn ->
                   account = insert!("same")
                   send(me, {:written, self()})
                   receive do: (:commit -> Repo.insert!(%Order{account_id: account.id}))
                 end)
               end}
            )

            assert_receive {:written, ^test}, 5000
            test
          end

        for test <- transactions do
          send(test, :commit)
          assert_receive {:ran, ^test, {:ok, %Order{}}}, 5000
        end

        for test <- tests, do: assert(run(test, &emails/0) == ["same"])
        assert in_file(path) == []
      end

      test "finds the same file as its neighbours, whoever comes and goes", %{repo: repo} do
        1..60
        |> Task.async_stream(
          fn i ->
            Repo.put_dynamic_repo(repo)
            :ok = Sandbox.checkout(repo, queue_target: 5000)
            [] = emails()
            for j <- 1..20, do: insert!("#{i}-#{j}")
            20 = length(emails())
            :ok = Sandbox.checkin(repo)
          end,
          max_concurrency: 3,
          timeout: 30_000
        )
        |> Enum.each(&assert &1 == {:ok, :ok})
      end

      test "may change the schema", %{repo: repo} do
        for _ <- 1..2 do
          :ok = Sandbox.checkout(repo)
          Repo.query!("CREATE TABLE extra (a)")
          Repo.query!("ALTER TABLE accounts ADD COLUMN extra")
          Repo.query!("DROP TABLE orders")
          Repo.query!("CREATE TEMP TABLE mine (a)")
          Repo.query!("UPDATE accounts SET extra = 1")
          :ok = Sandbox.checkin(repo)
        end

        :ok = Sandbox.checkout(repo)
        assert Repo.all(Order) == []
        assert {:error, %EctoLibSql.Error{}} = Repo.query("SELECT extra FROM accounts")
      end

      test "has the constraints, with their names", %{repo: repo} do
        :ok = Sandbox.checkout(repo)
        insert!("a")

        changeset = fn fields ->
          %Account{}
          |> Ecto.Changeset.change(fields)
          |> Ecto.Changeset.unique_constraint(:email)
          |> Ecto.Changeset.check_constraint(:email, name: :solvent)
        end

        assert {:error, %{errors: [email: {"has already been taken", _}]}} =
                 Repo.insert(changeset.(email: "a"))

        assert {:error, %{errors: [email: {"is invalid", _}]}} =
                 Repo.insert(changeset.(email: "poor"))

        assert {:error, %{errors: [account: {"does not exist", _}]}} =
                 %Order{account_id: 0}
                 |> Ecto.Changeset.change()
                 |> Ecto.Changeset.assoc_constraint(:account)
                 |> Repo.insert()

        assert emails() == ["a"]
      end

      test "has the connection's functions", %{repo: repo} do
        :ok = Sandbox.checkout(repo)
        for n <- ["0.1", "0.2"], do: Repo.insert!(%Account{email: n, balance: Decimal.new(n)})
        assert Repo.aggregate(Account, :sum, :balance) == Decimal.new("0.3")
      end

      test "nests transactions, and rolls them back alone", %{repo: repo} do
        :ok = Sandbox.checkout(repo)
        insert!("a")

        assert {:error, :no} =
                 Repo.transaction(fn ->
                   insert!("b")
                   {:ok, _} = Repo.transaction(fn -> insert!("c") end)
                   Repo.rollback(:no)
                 end)

        for mode <- [:immediate, :deferred, :exclusive, :transaction] do
          assert {:ok, _} = Repo.transaction(fn -> insert!("#{mode}") end, mode: mode)
        end

        assert emails() == ["a", "deferred", "exclusive", "immediate", "transaction"]
      end

      test "streams", %{repo: repo} do
        :ok = Sandbox.checkout(repo)
        for i <- 1..5, do: insert!("#{i}")

        assert {:ok, [1, 2, 3, 4, 5]} =
                 Repo.transaction(fn ->
                   Account |> Repo.stream(max_rows: 2) |> Enum.map(& &1.id)
                 end)
      end
    end

    describe "the database's changes" do
      test "are there from the next checkout on, not in one that is under way", context do
        %{repo: repo, path: path} = context
        :ok = Sandbox.checkout(repo)
        insert!("mine")

        other = start_worker(repo)
        run(other, fn -> Sandbox.unboxed_run(repo, fn -> insert!("seed") end) end)
        assert in_file(path) == ["seed"]
        assert emails() == ["mine"]

        for worker <- [other, start_worker(repo)] do
          assert run(worker, fn ->
                   :ok = Sandbox.checkout(repo)
                   emails()
                 end) == ["seed"]
        end

        assert emails() == ["mine"]
        :ok = Sandbox.checkin(repo)
        :ok = Sandbox.checkout(repo)
        assert emails() == ["seed"]
      end

      test "by another repo's migrations, too", %{repo: repo, config: config} do
        :ok = Sandbox.checkout(repo)
        :ok = Sandbox.checkin(repo)

        migrate_file(config, 2, AddPhone)

        Repo.put_dynamic_repo(repo)
        :ok = Sandbox.checkout(repo)
        Repo.query!("INSERT INTO accounts (email, phone) VALUES ('a', '1')")
        assert Repo.query!("SELECT phone FROM accounts").rows == [["1"]]
      end

      test "are there while they are only in the write-ahead log", %{repo: repo, path: path} do
        {:ok, writer} = EctoLibSql.connect(database: path, wal_auto_check_point: 0)
        {:ok, _} = EctoLibSql.query(writer, "INSERT INTO accounts (email) VALUES ('logged')")
        assert File.stat!(path <> "-wal").size > 0

        :ok = Sandbox.checkout(repo)
        assert emails() == ["logged"]
        insert!("a")
        :ok = Sandbox.checkin(repo)

        {:ok, _} = EctoLibSql.query(writer, "DELETE FROM accounts")
        :ok = Sandbox.checkout(repo)
        assert emails() == []
      end

      @tag repo: [journal_mode: :delete]
      test "are there without a write-ahead log", %{repo: repo} do
        Sandbox.unboxed_run(repo, fn -> insert!("seed") end)
        :ok = Sandbox.checkout(repo)
        assert emails() == ["seed"]
        insert!("a")
        :ok = Sandbox.checkin(repo)
        Sandbox.unboxed_run(repo, fn -> insert!("more") end)
        :ok = Sandbox.checkout(repo)
        assert emails() == ["more", "seed"]
      end
    end

    describe "what a test cannot take along" do
      # With one connection, the next test has the same one.
      @describetag repo: [pool_size: 1]

      for {what, statements} <- %{
            "a COMMIT by hand" => ["COMMIT"],
            "a COMMIT and a write after it" => ["COMMIT", :insert],
            "a COMMIT and a BEGIN" => ["COMMIT", "BEGIN"],
            "a ROLLBACK by hand" => ["ROLLBACK"],
            "a ROLLBACK and a write after it" => ["ROLLBACK", :insert],
            "a transaction after a COMMIT" => ["COMMIT", :transaction],
            "a table after a COMMIT" => ["COMMIT", "CREATE TABLE left_over (a)"],
            "a temporary table after a COMMIT" => ["COMMIT", "CREATE TEMP TABLE left_over (a)"],
            "a temporary table between a COMMIT and a BEGIN" => [
              "COMMIT",
              "CREATE TEMP TABLE left_over (a)",
              "BEGIN"
            ],
            "an attached database" => ["ATTACH ':memory:' AS left_over"],
            "an attached database after a COMMIT" => ["COMMIT", "ATTACH ':memory:' AS left_over"]
          } do
        test what, %{repo: repo, path: path} do
          :ok = Sandbox.checkout(repo)
          connections = connections(path)
          insert!("a")

          for statement <- unquote(statements) do
            case statement do
              :insert -> insert!("b")
              :transaction -> {:ok, _} = Repo.transaction(fn -> insert!("b") end)
              sql -> Repo.query!(sql)
            end
          end

          :ok = Sandbox.checkin(repo)
          :ok = Sandbox.checkout(repo)
          assert emails() == []

          assert Repo.query!("SELECT name FROM pragma_database_list WHERE name <> 'temp'").rows ==
                   [["main"]]

          assert {:error, %EctoLibSql.Error{}} = Repo.query("SELECT * FROM left_over")
          insert!("a")

          # Nor does it cost the connection. (One of the setup's may still be closing before.)
          assert [connection] = connections(path)
          assert connection in connections
          assert in_file(path) == []
        end
      end

      test "what its process left when it was killed", %{repo: repo} do
        worker = start_worker(repo)
        Process.unlink(worker)

        run(worker, fn ->
          :ok = Sandbox.checkout(repo)
          insert!("a")
        end)

        kill(worker)
        :ok = Sandbox.checkout(repo)
        assert emails() == []
      end

      test "what its process did when it was killed", %{repo: repo} do
        worker = start_worker(repo)
        Process.unlink(worker)
        :ok = run(worker, fn -> Sandbox.checkout(repo) end)

        capture_log(fn ->
          send(
            worker,
            {:run,
             fn ->
               Repo.transaction(fn ->
                 insert!("a")
                 Repo.query!(endless(), [], timeout: :infinity)
               end)
             end}
          )

          wait_until(fn ->
            Enum.any?(EctoLibSql.connections(), &match?(%{running: %{owner: ^worker}}, &1))
          end)

          kill(worker)
          :ok = Sandbox.checkout(repo)
          assert emails() == []
        end)
      end

      test "a transaction that SQLite rolled back", %{repo: repo} do
        :ok = Sandbox.checkout(repo)
        insert!("a")
        {:error, _} = Repo.query("INSERT OR ROLLBACK INTO accounts (email) VALUES ('a')")
        assert {:error, %EctoLibSql.Error{code: :transaction_lost}} = Repo.query("SELECT 1")
        :ok = Sandbox.checkin(repo)
        :ok = Sandbox.checkout(repo)
        assert emails() == []
      end
    end

    describe "processes" do
      test "are let in where they are allowed", %{repo: repo} do
        :ok = Sandbox.checkout(repo)
        insert!("a")
        worker = start_worker(repo)
        assert %DBConnection.OwnershipError{} = run(worker, &emails/0)

        :ok = Sandbox.allow(repo, self(), worker)
        assert run(worker, fn -> insert!("b") && emails() end) == ["a", "b"]
        assert emails() == ["a", "b"]
        stop(worker)
        assert emails() == ["a", "b"]
      end

      test "are let in as tasks of the test", %{repo: repo} do
        :ok = Sandbox.checkout(repo)

        for(i <- 1..10, do: Task.async(fn -> Repo.put_dynamic_repo(repo) && insert!("#{i}") end))
        |> Task.await_many()

        assert length(emails()) == 10
      end

      test "are all let in in shared mode", %{repo: repo} do
        :ok = Sandbox.checkout(repo)
        :ok = Sandbox.mode(repo, {:shared, self()})
        insert!("a")
        worker = start_worker(repo)
        assert run(worker, fn -> insert!("b") && emails() end) == ["a", "b"]
        assert emails() == ["a", "b"]
      end

      test "have an owner apart from the test", %{repo: repo} do
        for shared <- [true, false], _ <- 1..2 do
          owner = Sandbox.start_owner!(repo, shared: shared)
          assert emails() == []
          insert!("a")
          worker = start_worker(repo)
          unless shared, do: :ok = Sandbox.allow(repo, owner, worker)
          assert run(worker, fn -> insert!("b") && emails() end) == ["a", "b"]
          :ok = Sandbox.stop_owner(owner)
          Sandbox.mode(repo, :manual)
        end
      end
    end

    describe "outside of the sandbox" do
      test "unboxed_run/2 is on the file", %{repo: repo, path: path} do
        :ok = Sandbox.checkout(repo)
        insert!("sandboxed")
        Sandbox.unboxed_run(repo, fn -> insert!("a") end)
        assert in_file(path) == ["a"]
        Sandbox.unboxed_run(repo, fn -> Repo.delete_all(Account) end)
        assert in_file(path) == []
      end

      test "a checkout with sandbox: false is on the file", %{repo: repo, path: path} do
        :ok = Sandbox.checkout(repo, sandbox: false)
        insert!("a")
        assert in_file(path) == ["a"]
      end

      test "auto mode is on the file", %{repo: repo, path: path} do
        Sandbox.mode(repo, :auto)
        insert!("a")
        assert in_file(path) == ["a"]
      end

      test "a transaction is on the file, whatever its mode", %{repo: repo, path: path} do
        Sandbox.mode(repo, :auto)

        for mode <- [:immediate, :deferred, :exclusive, :transaction, :savepoint],
            do: {:ok, _} = Repo.transaction(fn -> insert!("#{mode}") end, mode: mode)

        assert {:error, :no} =
                 Repo.transaction(fn -> insert!("no") && Repo.rollback(:no) end,
                   mode: :transaction
                 )

        assert length(in_file(path)) == 5
      end
    end

    describe "options" do
      @tag repo: [
             foreign_keys: false,
             uuid_type: :binary,
             case_sensitive_like: true,
             custom_pragmas: [recursive_triggers: true]
           ]
      test "are the same as the file's", %{repo: repo} do
        :ok = Sandbox.checkout(repo)
        Repo.insert!(%Order{account_id: 0, token: Ecto.UUID.generate()})
        assert Repo.query!("SELECT typeof(token) FROM orders").rows == [["blob"]]
        assert Repo.query!("SELECT 'a' LIKE 'A'").rows == [[0]]
        assert Repo.query!("PRAGMA recursive_triggers").rows == [[1]]
      end

      test "a file that is opened for reading only is read only", %{config: config, path: path} do
        stop_supervised!(Repo)
        reader = start_supervised!({Repo, Keyword.merge(config, mode: :read_only)}, id: :reader)
        Repo.put_dynamic_repo(reader)
        Sandbox.mode(reader, :manual)
        :ok = Sandbox.checkout(reader)
        assert emails() == []
        assert {:error, %EctoLibSql.Error{code: :readonly}} = Repo.query("DELETE FROM accounts")
        assert in_file(path) == []
      end

      test "attached databases are copied, too", %{config: config} do
        archive = tmp_file()
        {:ok, s} = EctoLibSql.connect(database: archive)

        {:ok, _} =
          EctoLibSql.query(s, "CREATE TABLE accounts (id INTEGER PRIMARY KEY, email, balance)")

        config = Keyword.merge(config, attach: [archive: archive, scratch: ":memory:"])
        repo = start_supervised!({Repo, config}, id: :attaching)
        Repo.put_dynamic_repo(repo)
        Sandbox.mode(repo, :manual)

        for _ <- 1..2 do
          :ok = Sandbox.checkout(repo)
          insert!("main")
          Repo.insert!(%Account{email: "old"}, prefix: "archive")
          Repo.query!("CREATE TABLE scratch.t (a)")
          assert [%{email: "old"}] = Repo.all(Account, prefix: "archive")
          :ok = Sandbox.checkin(repo)
        end

        assert in_file(archive) == []
        {:ok, _} = EctoLibSql.query(s, "INSERT INTO accounts (email) VALUES ('older')")
        :ok = Sandbox.checkout(repo)
        assert [%{email: "older"}] = Repo.all(Account, prefix: "archive")
        assert emails() == []
        EctoLibSql.disconnect(s)
      end

      test "are checked" do
        for {wrong, message} <- [
              {[sandbox: :yes], "sandbox takes :transaction or :clone, got: :yes"},
              {[sandbox: :clone, encryption_key: "k"],
               "sandbox: :clone does not go with encryption_key"}
            ] do
          assert_raise ArgumentError, ~r/^#{message}/, fn ->
            EctoLibSql.Connection.child_spec([database: "never.db"] ++ wrong)
          end
        end
      end

      @tag repo: [sandbox: :transaction, busy_timeout: 200]
      test "the default is the database itself", %{repo: repo} do
        :ok = Sandbox.checkout(repo)
        insert!("a")
        other = start_worker(repo)

        assert {:error, %EctoLibSql.Error{code: :busy}} =
                 run(other, fn ->
                   :ok = Sandbox.checkout(repo)
                   Repo.query("INSERT INTO accounts (email) VALUES ('b')")
                 end)
      end
    end

    @tag database: ":memory:"
    test "a database in memory is cloned like a file", %{repo: repo} do
      Sandbox.unboxed_run(repo, fn -> insert!("seed") end)
      workers = for _ <- 1..3, do: start_worker(repo)

      for worker <- workers, do: run(worker, fn -> Sandbox.checkout(repo) && insert!("a") end)
      for worker <- workers, do: assert(run(worker, &emails/0) == ["a", "seed"])
      for worker <- workers, do: stop(worker)

      for _ <- 1..3 do
        :ok = Sandbox.checkout(repo)
        assert emails() == ["seed"]
        :ok = Sandbox.checkin(repo)
      end
    end

    test "an interrupted query does not cost the sandbox", %{repo: repo} do
      :ok = Sandbox.checkout(repo)
      insert!("a")
      assert {:error, %EctoLibSql.Error{code: :timeout}} = Repo.query(endless(), [], timeout: 50)
      assert emails() == ["a"]
    end

    @tag repo: [
           journal_mode: :delete,
           busy_timeout: 0,
           pool_size: 1,
           backoff_min: 1,
           backoff_max: 10
         ]
    test "a database that cannot be read is an error of the checkout", context do
      %{repo: repo, path: path} = context
      :ok = Sandbox.checkout(repo)
      :ok = Sandbox.checkin(repo)
      {:ok, s} = EctoLibSql.connect(database: path, journal_mode: :delete)
      {:ok, _} = EctoLibSql.query(s, "BEGIN EXCLUSIVE")

      capture_log(fn ->
        assert_raise EctoLibSql.Error, ~r/locked/, fn -> Sandbox.checkout(repo) end
        :ok = EctoLibSql.disconnect(s)
        :ok = Sandbox.checkout(repo)
      end)

      assert emails() == []
    end
  end
end
