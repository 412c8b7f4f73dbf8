if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule EctoLibSql.TwoVMsTest do
    # Readers and writers of two VMs on one file.
    use ExUnit.Case, async: false

    alias EctoLibSql.Test.{LoadRepo, OtherVM, Traffic}

    @moduletag :tmp_dir
    @moduletag :capture_log
    @moduletag timeout: 180_000

    setup %{tmp_dir: dir} do
      database = Path.join(dir, "shared.db")
      Traffic.create(database)

      %{
        database: database,
        pools: Traffic.start_pools(database, &start_supervised!({LoadRepo, &1}, id: make_ref())),
        vm: OtherVM.start!()
      }
    end

    for clients <- [10, 200] do
      test "#{clients} writers and readers each: no error, both make progress", context do
        arguments = [context.database, unquote(clients), 5_000]

        there =
          Task.async(fn ->
            OtherVM.call(context.vm, Traffic, :run_alone, arguments, :infinity)
          end)

        here = Traffic.run(context.pools, unquote(clients), 5_000)
        there = Task.await(there, :infinity)

        assert here.errors == []
        assert there.errors == []

        for vm <- [here, there] do
          assert Enum.sum(vm.writes) > 0
          assert Enum.sum(vm.reads) > 0
        end

        LoadRepo.put_dynamic_repo(context.pools.readers)
        assert Traffic.counted() == Enum.sum(here.writes) + Enum.sum(there.writes)
      end
    end
  end
end
