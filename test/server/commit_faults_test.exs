defmodule EctoLibSql.Server.CommitFaultsTest do
  # COMMITs whose request or answer is lost: all of the transaction is there, or nothing, and where
  # nobody can know which, the error says so.
  use ExUnit.Case, async: true

  import EctoLibSql.Test.Database, only: [rows: 2]

  alias EctoLibSql.Error
  alias EctoLibSql.Test.{Sqld, TcpProxy}

  @moduletag :sqld
  @moduletag :capture_log

  # Enough for every byte of COMMIT's request and answer, and more.
  @bytes Enum.concat([0..40//8, 41..600//31])

  setup do
    server = Sqld.start!()
    proxy = TcpProxy.start!(server.http_port)
    direct = connect!(Sqld.url(server))
    :ok = EctoLibSql.run(direct, "CREATE TABLE t (round, half)")
    %{server: server, proxy: proxy, direct: direct, s: connect!(TcpProxy.url(proxy))}
  end

  defp connect!(uri) do
    {:ok, s} = EctoLibSql.connect(uri: uri, transaction_scope: :connection, breaker: false)
    on_exit(fn -> EctoLibSql.disconnect(s) end)
    s
  end

  # Leaves the transaction open.
  defp write(s, round) do
    {:ok, _} = EctoLibSql.begin(s)
    for half <- [1, 2], do: :ok = EctoLibSql.run(s, "INSERT INTO t VALUES (?, ?)", [round, half])
  end

  defp halves(s, round), do: length(rows(s, "SELECT half FROM t WHERE round = #{round}"))

  for {fault, side} <- [cut_requests: "request", cut: "answer"] do
    test "cut at any byte of the #{side}", %{s: s, direct: direct, proxy: proxy} do
      outcomes =
        for {bytes, round} <- Enum.with_index(@bytes) do
          write(s, round)
          TcpProxy.set(proxy, {unquote(fault), bytes})
          committed = EctoLibSql.commit(s)
          TcpProxy.set(proxy, :none)

          assert EctoLibSql.autocommit?(s)
          there = halves(direct, round)

          case committed do
            {:ok, _} -> assert there == 2
            {:error, %Error{code: :commit_unknown}} -> assert there in [0, 2]
          end

          if unquote(fault) == :cut, do: assert(there == 2)
          elem(committed, 0)
        end

      # Some of the cuts were in the middle of it, some came too late.
      assert :ok in outcomes
      assert :error in outcomes
    end
  end

  test "a server that dies before COMMIT came", %{server: server, s: s, proxy: proxy} = context do
    write(s, 1)
    TcpProxy.set(proxy, {:hold_requests, self()})
    commit = Task.async(fn -> commit_here(s) end)
    assert_receive {:held, :request, _link}, 5_000
    Sqld.kill(server)
    TcpProxy.set(proxy, :none)
    assert {:error, %Error{code: :commit_unknown}} = Task.await(commit)
    Sqld.restart(server)
    assert halves(context.direct, 1) == 0
    write(s, 2)
    assert {:ok, _} = EctoLibSql.commit(s)
    assert halves(context.direct, 2) == 2
  end

  test "a server that dies once COMMIT is done",
       %{server: server, s: s, proxy: proxy} = context do
    for {fault, round} <- [{{:cut, 0}, 1}, {:none, 2}] do
      write(s, round)
      TcpProxy.set(proxy, {:hold_answers, self()})
      commit = Task.async(fn -> commit_here(s) end)
      assert_receive {:held, :response, _link}, 5_000
      Sqld.kill(server)
      TcpProxy.set(proxy, fault)
      committed = Task.await(commit)

      if fault == :none,
        do: assert({:ok, _} = committed),
        else: assert({:error, %Error{code: :commit_unknown}} = committed)

      TcpProxy.set(proxy, :none)
      Sqld.restart(server)
      assert halves(context.direct, round) == 2
    end
  end

  test "no answer within the deadline", %{s: s, proxy: proxy, direct: direct} do
    for {fault, round} <- [hold_requests: 1, hold_answers: 2] do
      write(s, round)
      TcpProxy.set(proxy, {fault, self()})

      assert {:error, %Error{code: :commit_unknown, message: message}} =
               EctoLibSql.commit(s, timeout: 200)

      assert message =~ "deadline"
      assert_received {:held, _side, _link}
      # What was held comes to nobody: the call has given its connection up.
      TcpProxy.set(proxy, :none)
      assert halves(direct, round) in [0, 2]
      write(s, -round)
      assert {:ok, _} = EctoLibSql.commit(s)
    end
  end

  test "RELEASE of the outermost savepoint is a COMMIT", %{s: s, proxy: proxy, direct: direct} do
    :ok = EctoLibSql.create_savepoint(s, "a")
    :ok = EctoLibSql.run(s, "INSERT INTO t VALUES (1, 1)")
    TcpProxy.set(proxy, {:cut, 0})

    assert {:error, %Error{code: :commit_unknown}} =
             EctoLibSql.release_savepoint_by_name(s, "a")

    TcpProxy.set(proxy, :none)
    assert halves(direct, 1) == 1
  end

  test "a transactional batch is one round trip, of which all or nothing is there", context do
    %{s: s, proxy: proxy, direct: direct} = context
    assert rows(s, "SELECT 1") == [[1]]

    for {fault, bytes, round} <-
          for(f <- [:cut, :cut_requests], b <- @bytes, do: {f, b})
          |> Enum.with_index(fn {f, b}, round -> {f, b, round} end) do
      statements = for half <- [1, 2], do: {"INSERT INTO t VALUES (?, ?)", [round, half]}
      TcpProxy.set(proxy, {fault, bytes})
      batch = EctoLibSql.batch_transactional(s, statements)
      TcpProxy.set(proxy, :none)
      there = halves(direct, round)

      case batch do
        {:ok, _} -> assert there == 2
        {:error, %Error{code: :connection_lost}} -> assert there in [0, 2]
      end
    end
  end

  # As in the process that began it.
  defp commit_here(s), do: EctoLibSql.commit(s)
end
