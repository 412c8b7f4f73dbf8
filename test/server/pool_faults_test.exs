if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule EctoLibSql.Server.PoolFaultsTest do
    # A repo whose server goes away and comes back.
    use ExUnit.Case, async: true

    import EctoLibSql.Test.Database, only: [wait_until: 1]

    alias EctoLibSql.Error
    alias EctoLibSql.Test.{Ledger, Sqld, TcpProxy, TlsProxy}

    @moduletag :sqld
    @moduletag :capture_log

    defmodule Repo do
      use Ecto.Repo, otp_app: :ecto_libsql, adapter: Ecto.Adapters.LibSql
    end

    defmodule Item do
      use Ecto.Schema

      schema "items" do
        field(:name, :string)
      end
    end

    @pool 4
    @items "CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT)"
    # Long enough for the server to be sent it once for each stream, and then its number.
    @long "SELECT name FROM items WHERE name <> '#{String.duplicate("x", 400)}'"

    setup do
      server = Sqld.start!()
      proxy = TcpProxy.start!(server.http_port)
      {:ok, direct} = EctoLibSql.connect(uri: Sqld.url(server))
      :ok = EctoLibSql.run(direct, @items)
      repo = start_repo(TcpProxy.url(proxy))
      %{server: server, proxy: proxy, direct: direct, repo: repo}
    end

    defp start_repo(uri, opts \\ []) do
      opts = [uri: uri, pool_size: @pool, breaker: false, name: nil, log: false] ++ opts
      repo = start_supervised!({Repo, opts}, id: make_ref())
      Repo.put_dynamic_repo(repo)
      repo
    end

    defp in_repo(repo, fun) do
      Task.async(fn ->
        Repo.put_dynamic_repo(repo)
        fun.()
      end)
    end

    # On every connection of the pool at once.
    defp on_each(repo, fun) do
      tasks =
        for _ <- 1..@pool do
          test = self()

          in_repo(repo, fn ->
            Repo.checkout(fn ->
              send(test, {:has_one, self()})
              receive do: (:go_on -> fun.())
            end)
          end)
        end

      for _ <- tasks, do: assert_receive({:has_one, _}, 5_000)
      for task <- tasks, do: send(task.pid, :go_on)
      Task.await_many(tasks)
    end

    defp error(fun) do
      fun.()
      :none
    rescue
      error in Error -> error.code
    end

    defp names(direct),
      do: EctoLibSql.query!(direct, "SELECT name FROM items ORDER BY id").rows |> List.flatten()

    test "the pool works on when the server is back", %{server: server, repo: repo} = context do
      connections = fn -> connections(TcpProxy.url(context.proxy)) end
      on_each(repo, fn -> Repo.query!("SELECT 1") end)
      before = connections.()
      assert length(before) == @pool
      Sqld.kill(server)

      for _ <- 1..3 do
        codes = on_each(repo, fn -> error(fn -> Repo.insert!(%Item{name: "a"}) end) end)
        assert Enum.all?(codes, &(&1 in [:connection_refused, :connection_lost]))
      end

      Sqld.restart(server)
      on_each(repo, fn -> Repo.insert!(%Item{name: "b"}) end)
      assert Repo.aggregate(Item, :count) == @pool
      # They are the same, not new ones: no error of a server closes a connection.
      assert connections.() == before
      assert Process.alive?(repo)
    end

    defp connections(database),
      do: for(%{id: id, database: ^database} <- EctoLibSql.connections(), do: id)

    test "who has a connection when the server dies is told, and nobody's work is run twice",
         %{server: server, repo: repo} = context do
      {:ok, runs} = Agent.start_link(fn -> 0 end)
      test = self()

      task =
        in_repo(repo, fn ->
          error(fn ->
            Repo.transaction(
              fn ->
                Agent.update(runs, &(&1 + 1))
                Repo.insert!(%Item{name: "half"})
                send(test, :in_it)
                receive do: (:go_on -> :ok)
                Repo.insert!(%Item{name: "other half"})
              end,
              retry: 3
            )
          end)
        end)

      assert_receive :in_it, 5_000
      Sqld.restart(server)
      send(task.pid, :go_on)
      assert Task.await(task) == :transaction_lost
      assert Agent.get(runs, & &1) == 1
      assert names(context.direct) == []
      assert {:ok, _} = Repo.transaction(fn -> Repo.insert!(%Item{name: "whole"}) end)
      assert names(context.direct) == ["whole"]
    end

    test "an error that is caught in a transaction does not hide that it is lost", context do
      code =
        error(fn ->
          Repo.transaction(fn ->
            Repo.insert!(%Item{name: "1"})
            Sqld.restart(context.server)
            {:error, %Error{}} = Repo.query("SELECT 1")
            # As a program does that takes a failed query for harmless.
            {:error, %Error{}} = Repo.query("INSERT INTO items (name) VALUES ('2')")
            :done
          end)
        end)

      assert code == :transaction_lost
      assert names(context.direct) == []
    end

    test "a COMMIT without an answer is raised as what it is", %{proxy: proxy} = context do
      code =
        error(fn ->
          Repo.transaction(
            fn ->
              Repo.insert!(%Item{name: "a"})
              Repo.insert!(%Item{name: "b"})
              TcpProxy.set(proxy, {:cut, 0})
            end,
            retry: 3
          )
        end)

      TcpProxy.set(proxy, :none)
      assert code == :commit_unknown
      assert names(context.direct) == ["a", "b"]
      assert Repo.aggregate(Item, :count) == 2
    end

    test "a frozen server: each call ends by its deadline, and the pool lives on", context do
      %{server: server, repo: repo} = context
      Sqld.freeze(server)

      codes =
        1..(3 * @pool)
        |> Enum.map(fn _ ->
          in_repo(repo, fn ->
            try do
              Repo.query!("SELECT 1", [], timeout: 300)
            rescue
              error in [Error, DBConnection.ConnectionError] -> Map.get(error, :code, :queue)
            end
          end)
        end)
        |> Task.await_many(10_000)

      assert :timeout in codes
      assert Enum.all?(codes, &(&1 in [:timeout, :queue]))
      Sqld.thaw(server)
      on_each(repo, fn -> Repo.query!("SELECT 1") end)
    end

    test "a server that was made anew and empty under the pool", context do
      %{server: server, repo: repo} = context
      for _ <- 1..3, do: on_each(repo, fn -> Repo.query!(@long) end)
      {:ok, prepared} = EctoLibSql.prepare(context.direct, "SELECT count(*) FROM items")

      lost =
        error(fn ->
          Repo.transaction(fn ->
            Repo.insert!(%Item{name: "old"})
            Sqld.recreate(server)
            Repo.query!(@items)
          end)
        end)

      assert lost == :transaction_lost
      codes = on_each(repo, fn -> error(fn -> Repo.query!(@long) end) end)
      assert codes == List.duplicate(:error, @pool)
      assert {:error, %Error{message: message}} = Repo.query(@long)
      assert message =~ "no such table: items"

      Repo.query!(@items)
      on_each(repo, fn -> Repo.insert!(%Item{name: "new"}) end)
      for _ <- 1..2, do: on_each(repo, fn -> Repo.query!(@long) end)
      assert {:ok, [@pool]} = EctoLibSql.query_one(context.direct, prepared)
    end

    test "a stream that is cut raises and is never just shorter", context do
      %{proxy: proxy} = context
      rows = 500
      names = for n <- 1..rows, do: %{name: String.duplicate("n", 50) <> "#{n}"}
      Repo.insert_all(Item, names)

      stream = fn -> Item |> Repo.stream(max_rows: 50) |> Enum.to_list() end
      {:ok, all} = Repo.transaction(stream)
      assert length(all) == rows

      for bytes <- [0, 1, 300, 2_000, 20_000] do
        code =
          error(fn ->
            Repo.transaction(
              fn ->
                Repo.query!("SELECT 1")
                TcpProxy.set(proxy, {:cut, bytes})
                assert length(stream.()) == rows
              end,
              mode: :deferred
            )
          end)

        TcpProxy.set(proxy, :none)
        assert code in [:connection_lost, :transaction_lost]
      end

      assert {:ok, ^all} = Repo.transaction(stream)
    end

    test "insert_all and queries through a slow and late network", context do
      %{proxy: proxy} = context
      TcpProxy.set(proxy, {:late, 30})
      names = for n <- 1..50, do: %{name: "n#{n}"}
      assert {50, nil} = Repo.insert_all(Item, names)

      assert {:ok, %Item{}} = Repo.transaction(fn -> Repo.insert!(%Item{name: "last"}) end)

      TcpProxy.set(proxy, {:slow, 20_000})
      assert length(Repo.all(Item)) == 51

      TcpProxy.set(proxy, {:slow, 1_000})
      assert error(fn -> Repo.all(Item, timeout: 200) end) == :timeout
      TcpProxy.set(proxy, :none)
      assert length(Repo.all(Item)) == 51
    end

    @tag :tmp_dir
    test "a TLS proxy that dies takes no write along that was acknowledged", context do
      tls = TlsProxy.start!(context.server.http_port, context.tmp_dir)
      front = TcpProxy.start!(tls.port)
      uri = "https://localhost:#{TcpProxy.port(front)}"
      start_repo(uri, ca_file: tls.ca_file)
      Repo.insert!(%Item{name: "before"})

      code =
        error(fn ->
          Repo.transaction(fn ->
            Repo.insert!(%Item{name: "lost"})
            TcpProxy.set(front, :refuse)
            Repo.insert!(%Item{name: "lost, too"})
          end)
        end)

      assert code in [:transaction_lost, :connection_refused]
      assert error(fn -> Repo.insert!(%Item{name: "refused"}) end) == :connection_refused
      # Now one that takes connections, but is no TLS any more.
      TcpProxy.set(front, {:cut, 0})
      assert error(fn -> Repo.insert!(%Item{name: "cut"}) end) in [:tls, :connection_refused]
      TcpProxy.set(front, :none)
      Repo.insert!(%Item{name: "after"})
      assert names(context.direct) == ["before", "after"]
    end

    test "many write through the pool while the server is killed", %{server: server} = context do
      Ledger.create(context.direct)
      repo = start_repo(Sqld.url(server))

      write = fn repo, writer, number ->
        Repo.put_dynamic_repo(repo)

        Repo.transaction(fn ->
          for {sql, params} <- Ledger.entry(writer, number), do: Repo.query!(sql, params)
        end)
      end

      ledger = Ledger.start(2 * @pool, fn -> repo end, write)

      for _ <- 1..3 do
        Ledger.await_acknowledged(ledger, 20)
        Sqld.restart(server)
      end

      Ledger.await_acknowledged(ledger, 20)
      ledger |> Ledger.stop() |> Ledger.compare(context.direct)
    end

    test "health says that the server is away, and that it is back", %{server: server} do
      Repo.query!("SELECT 1")
      assert {:ok, _} = EctoLibSql.health(Repo)
      Sqld.kill(server)
      assert {:error, %Error{}} = EctoLibSql.health(Repo)
      Sqld.restart(server)
      wait_until(fn -> match?({:ok, _}, EctoLibSql.health(Repo)) end)
    end
  end
end
