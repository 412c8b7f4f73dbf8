if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.WaitingTest do
    # Repos whose writers meet: turns, time-outs, retries, and what telemetry tells of them.
    use ExUnit.Case, async: true

    import EctoLibSql.Test.Database, only: [endless: 0, kill: 1, wait_until: 1]

    alias EctoLibSql.Error

    defmodule Repo do
      use Ecto.Repo, otp_app: :ecto_libsql, adapter: Ecto.Adapters.LibSql
    end

    setup context do
      config =
        [database: database(context), pool_size: 3, name: nil, log: false]
        |> Keyword.merge(Map.get(context, :repo, []))

      on_exit(fn -> Ecto.Adapters.LibSql.storage_down(config) end)
      repo = start_supervised!({Repo, config})
      Repo.put_dynamic_repo(repo)

      # Connections that open the new file have its lock for a moment, and some tests wait for none.
      Repo.query!("CREATE TABLE t (a)", [], retry: 1_000)
      %{repo: repo, database: config[:database]}
    end

    defp database(%{memory: true}), do: ":memory:"

    defp database(_context) do
      name = "ecto_libsql_#{System.pid()}_#{System.unique_integer([:positive])}.db"
      Path.join(System.tmp_dir!(), name)
    end

    defp insert(value, opts \\ []), do: Repo.query("INSERT INTO t VALUES (?)", [value], opts)
    defp values, do: Repo.query!("SELECT a FROM t ORDER BY rowid").rows |> List.flatten()

    defp in_process(repo, fun) do
      test = self()

      spawn(fn ->
        Repo.put_dynamic_repo(repo)
        send(test, {:done, self(), fun.()})
      end)
    end

    # A process that holds the gate until it is told to go on.
    defp hold(repo) do
      test = self()

      holder =
        in_process(repo, fn ->
          Repo.transaction(fn ->
            send(test, {:holding, self()})

            receive do
              :go_on -> :ok
            end
          end)
        end)

      assert_receive {:holding, ^holder}, 5_000
      holder
    end

    defp connections(database),
      do: Enum.filter(EctoLibSql.connections(), &(&1.database == database))

    # Any of the connections knows; one whose client is killed is closed.
    defp queued(database, count) do
      wait_until(fn ->
        Enum.any?(connections(database), fn %{id: id} ->
          state = %EctoLibSql.State{conn_id: id, mode: :local, database: database}
          match?({:ok, %{queue: ^count}}, EctoLibSql.write_gate(state))
        end)
      end)
    end

    defp attach(events) do
      id = {__MODULE__, make_ref()}
      :telemetry.attach_many(id, events, &__MODULE__.notify/4, self())
      on_exit(fn -> :telemetry.detach(id) end)
    end

    @doc false
    def notify(event, measurements, metadata, test),
      do: send(test, {:event, event, measurements, metadata})

    describe "a writer" do
      test "waits for its turn, and telemetry says for how long", %{
        repo: repo,
        database: database
      } do
        attach([[:ecto_libsql, :gate, :wait]])
        holder = hold(repo)
        writer = in_process(repo, fn -> insert(1) end)
        queued(database, 1)
        send(holder, :go_on)
        assert_receive {:done, ^writer, {:ok, _}}, 5_000

        assert_receive {:event, _, %{duration: duration}, %{result: :turn, database: ^database}}
        assert duration > 0
      end

      @tag repo: [busy_timeout: 20]
      test "that waits in vain says who had the gate", %{repo: repo, database: database} do
        attach([[:ecto_libsql, :gate, :wait]])
        holder = hold(repo)
        assert {:error, %Error{code: :busy, wait: %{holder: ^holder}} = error} = insert(1)
        assert error.message =~ "write gate of #{database}, which #{inspect(holder)} has had for"
        assert_receive {:event, _, _, %{result: :busy, holder: ^holder, database: ^database}}
        send(holder, :go_on)
        assert_receive {:done, ^holder, {:ok, :ok}}
        assert {:ok, _} = insert(1)
      end

      test "shows in the pool's figures, and in its telemetry", %{repo: repo, database: database} do
        assert %{gate: %{holder: nil, queue: 0, waits: 0}} = EctoLibSql.Pool.metrics(repo)
        holder = hold(repo)
        writer = in_process(repo, fn -> insert(1) end)
        queued(database, 1)
        assert %{gate: %{holder: %{pid: ^holder}, queue: 1}} = EctoLibSql.Pool.metrics(repo)
        assert {:ok, %{gate: %{queue: 1}}} = EctoLibSql.health(repo)

        send(holder, :go_on)
        assert_receive {:done, ^writer, {:ok, _}}, 5_000
        attach([[:ecto_libsql, :pool, :metrics]])
        :ok = EctoLibSql.Pool.measure(repo)

        assert_receive {:event, _, %{gate_queue_length: 0, gate_waits: 1} = numbers,
                        %{repo: ^repo}}

        assert numbers.gate_wait_longest > 0 and numbers.gate_waited >= numbers.gate_wait_longest
      end

      test "that is killed while it waits leaves no trace", %{repo: repo, database: database} do
        holder = hold(repo)
        victim = in_process(repo, fn -> insert(1) end)
        queued(database, 1)
        kill(victim)
        queued(database, 0)
        send(holder, :go_on)
        assert {:ok, _} = insert(2)
        assert values() == [2]
      end

      test "that is killed in a transaction lets the next one in at once", %{
        repo: repo,
        database: database
      } do
        holder = hold(repo)
        writer = in_process(repo, fn -> insert(1) end)
        queued(database, 1)
        kill(holder)
        assert_receive {:done, ^writer, {:ok, _}}, 5_000
      end
    end

    describe "DBConnection's own clock" do
      # It closes the connection of who holds one for too long.
      @tag capture_log: true
      test "ends a transaction and its lock", %{repo: repo, database: database} do
        writer =
          in_process(repo, fn ->
            try do
              Repo.transaction(
                fn ->
                  {:ok, _} = insert("lost")
                  Repo.query!(endless(), [], timeout: :infinity)
                end,
                timeout: 50
              )
            rescue
              error -> error
            end
          end)

        assert_receive {:done, ^writer, %{}}, 10_000
        assert {:ok, _} = insert("kept")
        assert values() == ["kept"]
        wait_until(fn -> length(connections(database)) == 3 end)
        assert Enum.all?(connections(database), &(&1.running == nil and &1.transaction == nil))
      end

      @tag capture_log: true
      test "ends a wait for the gate", %{repo: repo, database: database} do
        holder = hold(repo)

        writer =
          in_process(repo, fn ->
            try do
              Repo.checkout(fn -> insert("lost", timeout: :infinity) end, timeout: 50)
            rescue
              error -> error
            end
          end)

        assert_receive {:done, ^writer, answer}, 10_000
        refute match?({:ok, _}, answer)
        queued(database, 0)
        send(holder, :go_on)
        assert_receive {:done, ^holder, {:ok, :ok}}
        assert {:ok, _} = insert("kept")
        assert values() == ["kept"]
      end

      @tag :memory
      @tag capture_log: true
      test "wipes no database in memory", %{repo: repo} do
        {:ok, _} = insert("kept")

        for _ <- 1..6 do
          writer =
            in_process(repo, fn ->
              try do
                Repo.checkout(fn -> Repo.query(endless(), [], timeout: :infinity) end,
                  timeout: 20
                )
              rescue
                error -> error
              end
            end)

          assert_receive {:done, ^writer, _}, 10_000
        end

        assert values() == ["kept"]
      end
    end

    describe "retry" do
      @describetag repo: [busy_timeout: 0]

      test "of a statement is seen in telemetry", %{repo: repo} do
        attach([[:ecto_libsql, :retry]])
        holder = hold(repo)
        writer = in_process(repo, fn -> insert(1, retry: 1_000) end)

        assert_receive {:event, _, %{attempt: 1, backoff: backoff},
                        %{kind: :call, error: %Error{code: :busy}}},
                       5_000

        assert backoff > 0
        send(holder, :go_on)
        assert_receive {:done, ^writer, {:ok, _}}, 5_000
        assert values() == [1]
      end

      @tag repo: [busy_timeout: 0, retry: 1_000]
      test "is the repo's option, too", %{repo: repo} do
        holder = hold(repo)
        writer = in_process(repo, fn -> insert(1) end)
        transaction = in_process(repo, fn -> Repo.transaction(fn -> insert(2) end) end)
        send(holder, :go_on)
        assert_receive {:done, ^writer, {:ok, _}}, 5_000
        assert_receive {:done, ^transaction, {:ok, {:ok, _}}}, 5_000
        assert Enum.sort(values()) == [1, 2]
      end

      test "of a transaction runs the whole function again", %{repo: repo} do
        attach([[:ecto_libsql, :retry]])
        test = self()

        stale = fn ->
          Repo.transaction(
            fn ->
              [] = Repo.query!("SELECT a FROM t WHERE a = 'mine'").rows
              send(test, {:has_read, self()})

              receive do
                :write -> Repo.query!("INSERT INTO t VALUES ('mine')")
              end
            end,
            mode: :deferred,
            retry: 2
          )
        end

        writer = in_process(repo, stale)
        assert_receive {:has_read, ^writer}
        {:ok, _} = insert("other")
        send(writer, :write)
        assert_receive {:event, _, %{attempt: 1}, %{kind: :transaction, error: error}}, 5_000
        assert error.code == :busy_snapshot
        assert_receive {:has_read, ^writer}, 5_000
        send(writer, :write)
        assert_receive {:done, ^writer, {:ok, _}}, 5_000
        assert values() == ["other", "mine"]
      end

      test "inside of a transaction is the outer one's business" do
        assert_raise Error, "stale", fn ->
          Repo.transaction(fn ->
            Repo.transaction(
              fn ->
                Process.put(:tried, Process.get(:tried, 0) + 1)
                raise %Error{code: :busy_snapshot, message: "stale"}
              end,
              retry: 5
            )
          end)
        end

        assert Process.get(:tried) == 1
      end
    end
  end
end
