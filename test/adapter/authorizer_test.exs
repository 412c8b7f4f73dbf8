if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.AuthorizerTest do
    # Repos whose connections have a policy, beside one that writes, on one file.

    use EctoLibSql.Test.PoolCase, async: true

    import Ecto.Query

    alias EctoLibSql.Error

    @moduletag :capture_log

    defmodule Writer do
      use Ecto.Repo, otp_app: :ecto_libsql, adapter: Ecto.Adapters.LibSql
    end

    defmodule Reporting do
      use Ecto.Repo, otp_app: :ecto_libsql, adapter: Ecto.Adapters.LibSql
    end

    defmodule User do
      use Ecto.Schema

      schema "users" do
        field(:name, :string)
        field(:password_hash, :string)
      end
    end

    @policy [:read_only, columns: [users: {:except, [:password_hash]}]]

    setup do
      database = tmp_file()
      start_supervised!({Writer, database: database, pool_size: 1})

      Writer.query!("CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, password_hash TEXT)")
      Writer.query!("CREATE UNIQUE INDEX users_name ON users (name)")
      Writer.insert!(%User{name: "Ada", password_hash: "secret"})
      %{database: database}
    end

    defp start_reporting(database, opts \\ []) do
      defaults = [database: database, pool_size: 2, authorizer: @policy]
      start_supervised!({Reporting, Keyword.merge(defaults, opts)})
    end

    test "columns are hidden from a reporting repo", %{database: database} do
      start_reporting(database)
      assert Reporting.all(from(u in User, select: {u.id, u.name})) == [{1, "Ada"}]
      assert Reporting.aggregate(User, :count) == 1

      error = assert_raise Error, fn -> Reporting.all(User) end

      assert %{code: :auth, denied: %{action: :read, table: "users", column: "password_hash"}} =
               error

      assert error.statement =~ "password_hash"
    end

    test "every connection has the policy, and goes on after a denial", %{database: database} do
      start_reporting(database)

      for _ <- 1..6 do
        assert {:error, %Error{code: :auth, denied: %{action: :delete}}} =
                 Reporting.query("DELETE FROM users")

        assert {:ok, %{rows: [["Ada"]]}} = Reporting.query("SELECT name FROM users")
      end

      tasks =
        for _ <- 1..20 do
          Task.async(fn ->
            Reporting.transaction(fn ->
              assert {:error, %Error{code: :auth}} =
                       Reporting.query("UPDATE users SET name = 'x'")

              Reporting.query!("SELECT name FROM users").rows
            end)
          end)
        end

      assert tasks |> Task.await_many() |> Enum.uniq() == [{:ok, [["Ada"]]}]
      assert Enum.count(EctoLibSql.connections(), &(&1.database == database)) == 3
    end

    test "a client that is killed leaves the policy in place", %{database: database} do
      start_reporting(database, pool_size: 1)
      test = self()

      {pid, monitor} =
        spawn_monitor(fn ->
          Reporting.checkout(fn ->
            Reporting.query("DELETE FROM users")
            send(test, :holds)
            Process.sleep(:infinity)
          end)
        end)

      assert_receive :holds, 5_000
      Process.exit(pid, :kill)
      assert_receive {:DOWN, ^monitor, :process, ^pid, :killed}, 5_000
      assert {:error, %Error{code: :auth}} = Reporting.query("DELETE FROM users")
      assert Reporting.query!("SELECT name FROM users").rows == [["Ada"]]
    end

    test "a repo that writes within its policy", %{database: database} do
      start_reporting(database, authorizer: [:no_ddl, {:deny, :delete, table: "users"}])
      assert {:ok, user} = Reporting.insert(%User{name: "Joe"})

      assert_raise Error, ~r/does not allow delete: table "users"/, fn ->
        Reporting.delete(user)
      end

      # What names the constraint is the driver's own.
      assert {:error, changeset} =
               %User{name: "Ada"}
               |> Ecto.Changeset.change()
               |> Ecto.Changeset.unique_constraint(:name, name: :users_name)
               |> Reporting.insert()

      assert [name: {"has already been taken", _}] = changeset.errors
      assert_raise Error, ~r/does not allow/, fn -> Reporting.query!("CREATE TABLE t (a)") end
    end

    test "denials are telemetry, also of streams, batches and other processes", %{
      database: database
    } do
      start_reporting(database)
      test = self()
      event = [:ecto_libsql, :authorizer, :denied]

      :telemetry.attach(
        inspect(test),
        event,
        fn ^event, measurements, metadata, _config ->
          if metadata.database == database, do: send(test, {self(), measurements, metadata})
        end,
        nil
      )

      on_exit(fn -> :telemetry.detach(inspect(test)) end)

      sql = "DELETE FROM users"
      {:error, _} = Reporting.query(sql)

      assert_receive {^test, %{count: 1},
                      %{sql: ^sql, action: :delete, object: "users"} = metadata}

      assert %{conn_id: id, denied: %{database: "main"}} = metadata
      assert is_binary(id)

      task = Task.async(fn -> Reporting.query("SELECT password_hash FROM users") end)
      %{pid: pid} = task
      assert {:error, %Error{code: :auth}} = Task.await(task)

      assert_receive {^pid, _,
                      %{action: :read, object: "users", denied: %{column: "password_hash"}}}

      assert_raise Error, fn ->
        Reporting.transaction(fn -> User |> Reporting.stream() |> Enum.to_list() end)
      end

      assert_receive {^test, _, %{denied: %{column: "password_hash"}}}
      refute_received {_pid, _, _}
    end

    test "the databases of :attach are attached, and no others", %{database: database} do
      archive = tmp_file()
      {:ok, s} = EctoLibSql.connect(database: archive)
      :ok = EctoLibSql.run(s, "CREATE TABLE old (a)")
      :ok = EctoLibSql.disconnect(s)

      start_reporting(database, attach: [archive: archive])
      assert Reporting.query!("SELECT * FROM archive.old").rows == []
      assert {:error, %Error{code: :auth}} = Reporting.query("ATTACH ':memory:' AS more")
      assert {:error, %Error{code: :auth}} = Reporting.query("INSERT INTO archive.old VALUES (1)")
    end

    test "its copy in the sandbox has the policy, too", %{database: database} do
      start_reporting(database,
        pool: Ecto.Adapters.SQL.Sandbox,
        sandbox: :clone,
        authorizer: [:no_ddl, columns: [users: {:except, [:password_hash]}]]
      )

      Ecto.Adapters.SQL.Sandbox.mode(Reporting, :manual)

      for _ <- 1..3 do
        :ok = Ecto.Adapters.SQL.Sandbox.checkout(Reporting)
        assert Reporting.query!("SELECT name FROM users").rows == [["Ada"]]
        Reporting.query!("INSERT INTO users (name) VALUES ('Joe')")
        assert {:error, %Error{code: :auth}} = Reporting.query("SELECT password_hash FROM users")
        assert {:error, %Error{code: :auth}} = Reporting.query("CREATE TABLE t (a)")
        :ok = Ecto.Adapters.SQL.Sandbox.checkin(Reporting)
      end
    end

    test "a wrong policy stops the repo from being started", %{database: database} do
      assert {:error, {{%ArgumentError{message: message}, _}, _}} =
               start_supervised({Reporting, database: database, authorizer: [{:deny, :erase}]})

      assert message =~ "authorizer takes a policy"
      assert message =~ ":erase is no action"
    end

    test "health and figures go on", %{database: database} do
      start_reporting(database, authorizer: [default: :deny])

      # That it is answered says that the pool's connection is there, which health does not wait for.
      assert {:error, %Error{code: :auth}} = Reporting.query("SELECT 1")
      assert {:ok, %{status: :ok}} = EctoLibSql.health(Reporting)
    end
  end
end
