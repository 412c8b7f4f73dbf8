if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule EctoLibSql.Load.FrozenServerTest do
    # A server that does not answer for 30 seconds, under a pool of clients with deadlines of a second.
    use ExUnit.Case, async: true

    import EctoLibSql.Test.Database, only: [wait_until: 1]

    alias EctoLibSql.Error
    alias EctoLibSql.Test.{Ledger, Sqld}

    @moduletag :sqld
    @moduletag :capture_log
    @moduletag timeout: 180_000

    defmodule Repo do
      use Ecto.Repo, otp_app: :ecto_libsql, adapter: Ecto.Adapters.LibSql
    end

    @frozen 30_000
    @deadline 1_000
    # What a client may take longer than its statements' deadlines: one for BEGIN and the time in the
    # queue, and what the machine is busy with.
    @slack 5_000

    test "each call ends by its deadline, and nothing acknowledged is lost" do
      server = Sqld.start!()
      {:ok, s} = EctoLibSql.connect(uri: Sqld.url(server))
      Ledger.create(s)
      opts = [uri: Sqld.url(server), pool_size: 4, breaker: false, name: nil, log: false]
      repo = start_supervised!({Repo, opts})
      longest = :atomics.new(1, [])

      write = fn repo, writer, number ->
        Repo.put_dynamic_repo(repo)
        began = System.monotonic_time(:millisecond)

        try do
          Repo.transaction(
            fn ->
              for {sql, params} <- Ledger.entry(writer, number),
                  do: Repo.query!(sql, params, timeout: @deadline)
            end,
            timeout: @deadline
          )
        after
          note(longest, System.monotonic_time(:millisecond) - began)
        end
      end

      ledger = Ledger.start(8, fn -> repo end, write)
      Ledger.await_acknowledged(ledger, 20)
      Sqld.freeze(server)
      Process.send_after(self(), :thaw, @frozen)
      assert_receive :thaw, 2 * @frozen
      # While it is frozen, too.
      assert {:error, %Error{code: :timeout}} = EctoLibSql.query(s, "SELECT 1", [], timeout: 200)
      Sqld.thaw(server)
      Ledger.await_acknowledged(ledger, 20)
      entries = Ledger.stop(ledger)
      Ledger.compare(entries, s)
      assert map_size(Ledger.outcomes(entries)) > 1
      assert :atomics.get(longest, 1) < @frozen - @slack
      Repo.put_dynamic_repo(repo)
      wait_until(fn -> match?({:ok, _}, EctoLibSql.health(Repo)) end)
    end

    defp note(longest, took) do
      was = :atomics.get(longest, 1)

      if took > was and :atomics.compare_exchange(longest, 1, was, took) != :ok,
        do: note(longest, took)
    end
  end
end
