defmodule EctoLibSql.LifecycleTest do
  # The application's stop, the VM's, and the library's module loaded anew: each in a VM of its own.
  use ExUnit.Case, async: true

  import EctoLibSql.Test.Database

  alias EctoLibSql.{Error, Native}
  alias EctoLibSql.Test.{Lifecycle, OtherVM}

  @moduletag :tmp_dir
  @moduletag :capture_log
  @moduletag timeout: 120_000

  setup %{tmp_dir: dir} do
    vm = OtherVM.start!()
    # What is refused is logged.
    :ok = OtherVM.call(vm, :logger, :set_primary_config, [:level, :none])
    %{vm: vm, dir: dir, database: Path.join(dir, "test.db")}
  end

  defp there(vm, function, arguments \\ []),
    do: OtherVM.call(vm, Lifecycle, function, arguments)

  describe "the application's stop" do
    test "releases all that is open, and a start begins anew", %{vm: vm, dir: dir} = context do
      # What the first use takes for good (the library itself, a scheduler's files) is there before.
      :ok = there(vm, :use_all, [dir])
      :ok = there(vm, :stop)
      before = there(vm, :resources)

      for _ <- 1..3 do
        :ok = there(vm, :start)
        holders = there(vm, :hold_all, [dir])
        assert there(vm, :connections) > 5
        :ok = there(vm, :stop)

        for {holder, codes} <- holders, do: assert(there(vm, :ended, [holder]) in codes)

        assert there(vm, :connections) == 0
        assert there(vm, :resources) == before
        # Nobody has a lock: only who has the file alone can leave WAL mode.
        s = connect!(database: context.database)
        assert {:ok, :delete} = EctoLibSql.Pragma.set_journal_mode(s, :delete)
        assert {:ok, :wal} = EctoLibSql.Pragma.set_wal_mode(s)
        EctoLibSql.disconnect(s)

        for opts <- [[database: context.database], [uri: "http://localhost:1"]] do
          assert {:error, %Error{code: :stopped}} = OtherVM.call(vm, EctoLibSql, :connect, [opts])
        end
      end

      :ok = there(vm, :start)
      assert there(vm, :use_all, [dir]) == :ok
    end

    test "can be repeated, and needs no connection", %{vm: vm} do
      for _ <- 1..3 do
        :ok = there(vm, :stop)
        :ok = there(vm, :start)
      end
    end
  end

  describe "the VM's end" do
    test "does not wait for queries and servers", %{vm: vm, dir: dir} do
      :ok = there(vm, :use_all, [dir])
      _holders = there(vm, :hold_all, [dir])
      monitor = Process.monitor(vm)
      :ok = OtherVM.call(vm, :init, :stop, [])
      assert_receive {:DOWN, ^monitor, :process, ^vm, reason}, 30_000
      assert reason in [:normal, :noproc]
    end

    test "without the application's stop", %{vm: vm, dir: dir, database: database} do
      _holders = there(vm, :hold_all, [dir])
      monitor = Process.monitor(vm)
      catch_exit(OtherVM.call(vm, :erlang, :halt, [0]))
      assert_receive {:DOWN, ^monitor, :process, ^vm, _reason}, 30_000
      assert {:ok, []} = EctoLibSql.Pragma.integrity_check(connect!(database: database))
    end
  end

  describe "the module loaded anew" do
    test "in place is refused, and connections go on", %{vm: vm, dir: dir} do
      _holders = there(vm, :hold_all, [dir])
      count = there(vm, :connections)

      for _ <- 1..3 do
        assert {:error, :on_load_failure} = OtherVM.call(vm, :code, :load_file, [Native])
        assert there(vm, :connections) == count
        assert :ok = there(vm, :use_all, [dir])
      end
    end

    test "after it was deleted goes on with the connections that are open", context do
      %{vm: vm, dir: dir, database: database} = context
      :ok = there(vm, :use_all, [dir])
      other = OtherVM.connect!(vm, database: database)
      {:ok, _} = OtherVM.run(other, :query, ["CREATE TABLE t (id INTEGER PRIMARY KEY, a)"])
      {:ok, _} = OtherVM.run(other, :query, ["INSERT INTO t (a) VALUES ('before')"])
      holders = there(vm, :hold_all, [dir])

      for _ <- 1..3 do
        # Kills who is in a call.
        there(vm, :delete_module)

        assert {:ok, %{rows: [[1]]}} =
                 OtherVM.run(other, :query, ["SELECT count(*) FROM t WHERE a = 'before'"])

        assert :ok = there(vm, :use_all, [dir])
      end

      # Those that were opened before end with their processes all the same.
      for {holder, _codes} <- holders,
          do: true = OtherVM.call(vm, Process, :exit, [holder, :kill])

      wait_until(fn -> there(vm, :connections) == 1 end)
      :ok = there(vm, :stop)
      assert there(vm, :connections) == 0
      :ok = there(vm, :start)
      assert :ok = there(vm, :use_all, [dir])
    end

    test "from another path is refused until the application is stopped", context do
      %{vm: vm, dir: dir, database: database} = context
      other = OtherVM.connect!(vm, database: database)
      {:ok, _} = OtherVM.run(other, :query, ["CREATE TABLE t (a)"])
      next = there(vm, :copy_application, [dir])
      there(vm, :delete_module)
      assert {:ok, _} = OtherVM.run(other, :query, ["SELECT * FROM t"])

      there(vm, :switch_to, [next])
      assert {:error, :on_load_failure} = OtherVM.call(vm, :code, :load_file, [Native])
      there(vm, :delete_module)
      assert {:error, :on_load_failure} = OtherVM.call(vm, :code, :load_file, [Native])

      # A release that restarts the application does this.
      there(vm, :switch_back)
      {:module, Native} = OtherVM.call(vm, :code, :load_file, [Native])
      assert {:ok, _} = OtherVM.run(other, :query, ["SELECT * FROM t"])
      :ok = there(vm, :stop)
      there(vm, :delete_module)
      there(vm, :switch_to, [next])
      {:module, Native} = OtherVM.call(vm, :code, :load_file, [Native])
      :ok = there(vm, :start)
      assert :ok = there(vm, :use_all, [dir])
      assert {:error, %Error{code: :connection_closed}} = OtherVM.run(other, :query, ["SELECT 1"])
    end
  end

  describe "in 1,000 connections" do
    # Of no use where the system does not say.
    if File.dir?("/proc/self/fd") do
      test "nothing stays open", %{vm: vm, dir: dir} do
        :ok = there(vm, :use_all, [dir])
        :ok = there(vm, :cycle, [dir, 100])
        before = there(vm, :resources)
        memory = there(vm, :memory)
        :ok = there(vm, :cycle, [dir, 1_000])
        assert there(vm, :resources) == before
        assert there(vm, :memory) - memory < 20_000
      end
    end
  end
end
