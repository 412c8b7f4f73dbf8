defmodule EctoLibSql.MemoryStatisticsTest do
  use ExUnit.Case, async: true

  import EctoLibSql.Test.Database

  alias EctoLibSql.{Error, Native}
  alias EctoLibSql.Test.OtherVM

  @configuration "config :ecto_libsql, memory_statistics: true"

  # Takes eight megabytes.
  @allocate "SELECT length(hex(zeroblob(4000000)))"

  describe "without the configuration" do
    test "there are no statistics" do
      connect!()
      refute Native.memory_statistics(true)
    end

    test "the options that need them are refused, and named with the configuration" do
      for {option, name} <- [
            {[soft_heap_limit: 1_000_000], "soft_heap_limit"},
            {[hard_heap_limit: 1_000_000], "hard_heap_limit"},
            {[custom_pragmas: [soft_heap_limit: 1]], "soft_heap_limit"},
            {[custom_pragmas: ["main.HARD_heap_limit": 1]], "hard_heap_limit"}
          ] do
        assert {:error, %Error{code: :unsupported, message: message}} =
                 EctoLibSql.connect([database: ":memory:"] ++ option)

        assert message =~ name
        assert message =~ @configuration
      end
    end

    test "the pragmas are read and not set" do
      s = connect!()
      assert {:ok, 0} = Native.pragma_query(s, "soft_heap_limit")

      for name <- ["soft_heap_limit", "hard_heap_limit"] do
        assert {:error, %Error{code: :unsupported, message: message}} =
                 Native.pragma_query(s, name, 1_000_000)

        assert message =~ name
        assert message =~ @configuration
      end

      assert {:ok, 0} = Native.pragma_query(s, "soft_heap_limit")
    end
  end

  describe "with the configuration" do
    setup do: %{vm: OtherVM.start!(memory_statistics: true)}

    test "a hard limit is kept", %{vm: vm} do
      s = OtherVM.connect!(vm, database: ":memory:", hard_heap_limit: 2_000_000)
      assert {:error, %Error{code: :nomem}} = OtherVM.run(s, :query, [@allocate])
      assert {:ok, %{rows: [[1]]}} = OtherVM.run(s, :query, ["SELECT 1"])
    end

    test "limits are set as options, as custom pragmas and later", %{vm: vm} do
      limit = &OtherVM.run(&1, :query, ["PRAGMA soft_heap_limit"])

      s = OtherVM.connect!(vm, database: ":memory:", soft_heap_limit: 3_000_000)
      assert {:ok, %{rows: [[3_000_000]]}} = limit.(s)

      s = OtherVM.connect!(vm, database: ":memory:", custom_pragmas: [soft_heap_limit: 4_000_000])
      assert {:ok, %{rows: [[4_000_000]]}} = limit.(s)

      {_vm, holder} = s
      set = [holder, Native, :pragma_query, ["soft_heap_limit", 5_000_000]]
      assert {:ok, 5_000_000} = OtherVM.call(vm, Agent, :get, set)
    end
  end

  test "a configuration that is neither true nor false: nothing is opened" do
    vm = OtherVM.start!(memory_statistics: :on)

    assert {:error, %Error{code: :invalid_option, message: message}} =
             OtherVM.call(vm, EctoLibSql, :connect, [[database: ":memory:"]])

    assert message =~ "takes true or false, got: :on"
  end
end
