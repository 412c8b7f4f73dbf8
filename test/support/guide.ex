defmodule EctoLibSql.Test.Guide do
  @moduledoc false
  # The test of a guide in docs/: `use EctoLibSql.Test.Guide, "docs/json.md"`, after what the guide's
  # examples import. Its modules are compiled with the test, the rest of its code runs before the examples.

  alias EctoLibSql.Test.Data

  defmacro __using__(guide) do
    quote do
      use ExUnit.Case, async: true

      {modules, rest} = EctoLibSql.Test.Guide.code(unquote(guide))
      Code.eval_quoted(modules)
      @rest rest

      setup_all do
        EctoLibSql.Test.Guide.run(@rest)
      end

      doctest_file(unquote(guide))
    end
  end

  @doc "The modules in a guide, and the rest of its code."
  @spec code(Path.t()) :: {Macro.t(), Macro.t()}
  def code(guide) do
    {:__block__, _, expressions} =
      ~r/^```elixir\n(.*?)^```$/ms
      |> Regex.scan(File.read!(guide), capture: :all_but_first)
      |> Enum.join("\n")
      |> Code.string_to_quoted!()

    {modules, rest} = Enum.split_with(expressions, &match?({:defmodule, _, _}, &1))
    {{:__block__, [], modules}, {:__block__, [], rest}}
  end

  @doc "Runs what is no module, on the data sets."
  @spec run(Macro.t()) :: :ok
  def run(rest) do
    Data.fetch!()
    Code.eval_quoted(rest)
    :ok
  end
end
