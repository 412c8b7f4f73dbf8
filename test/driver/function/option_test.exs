defmodule EctoLibSql.Function.OptionTest do
  # The option `:functions`, and what a reset makes of it.
  use ExUnit.Case, async: true

  import EctoLibSql.Test.Database
  import EctoLibSql.Test.Functions

  alias EctoLibSql.{Error, Function}

  @moduletag :tmp_dir

  describe "a reset" do
    test "brings back what options have chosen, and drops the rest" do
      functions = [
        :regexp,
        {:scalar, "twice", 1, {__MODULE__, :twice, 1}, deterministic: true},
        {:aggregate, "summed", 1, init: 0, step: &Kernel.+/2},
        {:collation, "by_length", &__MODULE__.length_order/2}
      ]

      s = connect!(functions: functions)
      assert value(s, "twice(4)") == 8
      assert value(s, "summed(value) FROM json_each('[1, 2]')") == 3
      assert value(s, "'bb' > 'c' COLLATE by_length") == 1

      s = create!(s, "twice", 1, &(&1 * 3))
      s = create!(s, "other", 0, fn -> 1 end)
      :ok = Function.remove(s, "summed", 1)
      assert value(s, "twice(4) + other()") == 13

      :ok = EctoLibSql.reset_connection(s)
      assert value(s, "twice(4)") == 8
      assert value(s, "summed(value) FROM json_each('[1, 2]')") == 3
      assert {:error, %Error{code: :error}} = EctoLibSql.query(s, "SELECT other()")
      assert value(s, "'a' REGEXP 'a'") == 1
    end

    def twice(number), do: 2 * number
    def length_order(a, b), do: EctoLibSql.Test.Functions.by_length(a, b)
  end

  describe "the option" do
    test "names what is wrong", %{tmp_dir: dir} do
      for {functions, reason} <- [
            {[{:scalar, "f", 1, &{&1, &2}}], "a function of 1 argument(s)"},
            {[:regexp, {:scalar, "", 0, fn -> 1 end}], "1 to 255 bytes"},
            {[{"f", 0, fn -> 1 end}], "a function is {:scalar"},
            {[{:aggregate, "f", 1, []}], ":init is missing"}
          ] do
        assert {:error, %Error{code: :invalid_option, message: message}} =
                 EctoLibSql.connect(database: ":memory:", functions: functions)

        assert message =~ reason
      end

      path = Path.join(dir, "refused.db")

      assert {:error, %Error{code: :invalid_argument, message: message}} =
               EctoLibSql.connect(
                 database: path,
                 functions: [{:scalar, "abs", 1, {__MODULE__, :twice, 1}}]
               )

      assert message =~ "abs"
      refute Enum.any?(EctoLibSql.connections(), &(&1.database == path))
    end

    test "with Elixir's functions is for local databases", %{tmp_dir: dir} do
      functions = [{:scalar, "twice", 1, {__MODULE__, :twice, 1}}]

      for opts <- [
            [uri: "http://localhost:1"],
            [uri: "http://localhost:1", database: Path.join(dir, "replica.db")]
          ] do
        assert {:error, %Error{code: :unsupported, message: message}} =
                 EctoLibSql.connect([functions: functions] ++ opts)

        assert message =~ "functions"
      end

      remote = %EctoLibSql.State{conn_id: "x", mode: :remote, database: "x"}

      assert {:error, %Error{code: :unsupported, message: message}} =
               Function.create_scalar(remote, "f", 0, fn -> 1 end)

      assert message =~ "EctoLibSql.Function.create_scalar"
      assert {:error, %Error{code: :unsupported}} = Function.remove(remote, "f", 0)
    end
  end

  # In a process that is no test's.
end
