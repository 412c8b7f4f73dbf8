defmodule EctoLibSql.Server.LedgerTest do
  # Many write while their server dies or their network is cut, over and over: what was acknowledged
  # is there, and nothing is there in half.
  use ExUnit.Case, async: true

  alias EctoLibSql.Test.{Ledger, Sqld, TcpProxy}

  @moduletag :sqld
  @moduletag :capture_log

  @writers 3
  @rounds 5
  # A transaction whose answer was lost keeps the server's lock for five seconds, if somebody waits:
  # CommitFaultsTest cuts those.
  @cuts %{transaction: {[:cut_requests, :cut_requests], 5}, batch: {[:cut, :cut_requests], 20}}

  setup do
    server = Sqld.start!()
    {:ok, s} = EctoLibSql.connect(uri: Sqld.url(server))
    Ledger.create(s)
    %{server: server, s: s}
  end

  defp connect(uri) do
    fn ->
      {:ok, s} = EctoLibSql.connect(uri: uri, breaker: false)
      s
    end
  end

  defp write(:transaction, s, writer, number) do
    EctoLibSql.transaction(s, fn s ->
      Enum.reduce_while(Ledger.entry(writer, number), :ok, fn {sql, params}, _ok ->
        case EctoLibSql.query(s, sql, params) do
          {:ok, _} = done -> {:cont, done}
          error -> {:halt, error}
        end
      end)
    end)
  end

  # The outcome of a batch is as open as that of its COMMIT.
  defp write(:batch, s, writer, number) do
    with {:error, %{code: :connection_lost} = error} <-
           EctoLibSql.batch_transactional(s, Ledger.entry(writer, number)),
         do: {:error, %{error | code: :commit_unknown}}
  end

  for way <- [:transaction, :batch] do
    test "one #{way} each, and a server that is killed again and again", %{server: server, s: s} do
      write = &write(unquote(way), &1, &2, &3)
      ledger = Ledger.start(@writers, connect(Sqld.url(server)), write)

      for _round <- 1..@rounds do
        Ledger.await_acknowledged(ledger, 30)
        Sqld.restart(server)
      end

      Ledger.await_acknowledged(ledger, 30)
      entries = Ledger.stop(ledger)
      assert Ledger.outcomes(entries).acknowledged >= 30 * @rounds
      Ledger.compare(entries, s)
    end

    test "one #{way} each, and a network that is cut again and again", %{server: server, s: s} do
      write = &write(unquote(way), &1, &2, &3)
      proxy = TcpProxy.start!(server.http_port)
      ledger = Ledger.start(@writers, connect(TcpProxy.url(proxy)), write)

      {faults, acknowledged} = @cuts[unquote(way)]

      # Of each connection that there is then, in the middle of one of its next calls.
      for round <- 1..15 do
        TcpProxy.set(proxy, {Enum.at(faults, rem(round, 2)), 1_000 + :rand.uniform(2_000)})
        Ledger.await_acknowledged(ledger, acknowledged)
      end

      TcpProxy.set(proxy, :none)
      Ledger.await_acknowledged(ledger, 30)
      entries = Ledger.stop(ledger)
      assert map_size(Ledger.outcomes(entries)) > 1
      Ledger.compare(entries, s)
    end
  end
end
