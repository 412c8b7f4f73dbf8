defmodule EctoLibSql.HeapLimitTest do
  use ExUnit.Case, async: true

  import EctoLibSql.Test.Database

  alias EctoLibSql.{Error, HeapLimit}
  alias EctoLibSql.Test.{HeapTraffic, OtherVM}

  @moduletag :tmp_dir

  # Takes eight megabytes.
  @allocate "SELECT length(hex(zeroblob(4000000)))"

  describe "without memory statistics" do
    test "there are no limits, and the error says what is missing" do
      for call <- [
            fn -> HeapLimit.get() end,
            fn -> HeapLimit.set(hard: 1_000_000) end,
            fn -> HeapLimit.memory_used() end
          ] do
        assert {:error, %Error{code: :unsupported, message: message}} = call.()
        assert message =~ "config :ecto_libsql, memory_statistics: true"
      end
    end

    test "a configuration of limits opens nothing" do
      vm = OtherVM.start!(heap_limits: [hard: 1_000_000])

      assert {:error, %Error{code: :unsupported, message: message}} =
               OtherVM.call(vm, EctoLibSql, :connect, [[database: ":memory:"]])

      assert message =~ "memory_statistics: true"
    end

    test "memory is released all the same", context do
      s = connect_file!(context)
      :ok = EctoLibSql.run(s, "CREATE TABLE t AS SELECT zeroblob(100000) AS a")
      assert :ok = HeapLimit.release_memory(s)
      assert rows(s, "SELECT length(a) FROM t") == [[100_000]]
      :ok = EctoLibSql.disconnect(s)
      assert {:error, %Error{code: :connection_closed}} = HeapLimit.release_memory(s)
    end
  end

  test "what is no limit is refused, and nothing is set" do
    vm = OtherVM.start!(memory_statistics: true)
    {:ok, before} = OtherVM.call(vm, HeapLimit, :get, [])

    for limits <- [
          [],
          [soft: -1],
          [hard: 1.5],
          [hard: 0x8000000000000000],
          [heavy: 1],
          [hard: nil],
          %{hard: 1},
          :none,
          7
        ] do
      assert {:error, %Error{code: :invalid_argument, message: message}} =
               OtherVM.call(vm, HeapLimit, :set, [limits])

      assert message =~ inspect(limits)
      assert {:ok, ^before} = OtherVM.call(vm, HeapLimit, :get, [])
    end
  end

  test "a configuration that makes no sense opens nothing" do
    vm = OtherVM.start!(memory_statistics: true, heap_limits: [hard: :much])

    assert {:error, %Error{code: :invalid_option, message: message}} =
             OtherVM.call(vm, EctoLibSql, :connect, [[database: ":memory:"]])

    assert message =~ "heap_limits"
    assert message =~ ":much"
  end

  test "the configuration's limits hold from the first connection on, and are changed later" do
    limits = [soft: 3_000_000, hard: 6_000_000]
    vm = OtherVM.start!(memory_statistics: true, heap_limits: limits)
    s = OtherVM.connect!(vm, database: ":memory:")
    assert {:ok, %{soft: 3_000_000, hard: 6_000_000}} = OtherVM.call(vm, HeapLimit, :get, [])
    assert {:error, %Error{code: :nomem}} = OtherVM.run(s, :query, [@allocate])

    # Also upwards, and a second connection leaves it as it is.
    lifted = [soft: 0, hard: 0]
    assert {:ok, %{soft: 0, hard: 0}} = OtherVM.call(vm, HeapLimit, :set, [lifted])
    _ = OtherVM.connect!(vm, database: ":memory:")
    assert {:ok, %{soft: 0, hard: 0}} = OtherVM.call(vm, HeapLimit, :get, [])
    assert {:ok, %{rows: [[8_000_000]]}} = OtherVM.run(s, :query, [@allocate])

    # SQLite's rule: the soft limit is never above the hard one.
    set = [[hard: 5_000_000]]
    assert {:ok, %{soft: 5_000_000, hard: 5_000_000}} = OtherVM.call(vm, HeapLimit, :set, set)
  end

  test "what is used is counted, and the highest is forgotten on request" do
    vm = OtherVM.start!(memory_statistics: true)
    s = OtherVM.connect!(vm, database: ":memory:")
    used = fn options -> OtherVM.call(vm, HeapLimit, :memory_used, [options]) end
    {:ok, %{used: before}} = used.([])
    assert {:ok, %{rows: [[8_000_000]]}} = OtherVM.run(s, :query, [@allocate])
    assert {:ok, %{used: now, highest: highest}} = used.(reset: true)
    assert highest > before + 8_000_000
    assert now < before + 1_000_000
    assert {:ok, %{highest: after_reset}} = used.([])
    assert after_reset < before + 1_000_000
  end

  test "a connection's cache is released" do
    vm = OtherVM.start!(memory_statistics: true)

    path =
      Path.join(System.tmp_dir!(), "ecto_libsql_heap_#{System.unique_integer([:positive])}.db")

    on_exit(fn -> for end_ <- ["", "-wal", "-shm"], do: File.rm(path <> end_) end)
    {_vm, holder} = s = OtherVM.connect!(vm, database: path)
    fill = "CREATE TABLE t AS SELECT randomblob(1000) AS a FROM (#{count_to(1_000)})"
    {:ok, _} = OtherVM.run(s, :query, [fill])
    {:ok, %{used: full}} = OtherVM.call(vm, HeapLimit, :memory_used, [])
    assert :ok = OtherVM.call(vm, Agent, :get, [holder, HeapLimit, :release_memory, []])
    {:ok, %{used: released}} = OtherVM.call(vm, HeapLimit, :memory_used, [])
    assert released < full - 500_000
  end

  # Each round has a little more room than the one before, so that SQLite runs out of memory at other
  # places: opening, preparing, sorting, writing, committing, rolling back, closing.
  @tag timeout: 120_000
  test "running out of memory anywhere is an error, and all goes on", %{tmp_dir: dir} do
    vm = OtherVM.start!(memory_statistics: true)
    database = Path.join(dir, "scarce.db")

    %{refused: refused, done: done} =
      OtherVM.call(vm, HeapTraffic, :run, [database, 250], 110_000)

    assert refused > 100
    assert done > 100
  end
end
