defmodule EctoLibSql.Guides.GeographyTest do
  use ExUnit.Case, async: true

  @guide "docs/geography.md"

  # What the guide runs besides its examples: modules when this file is compiled, the rest before
  # the examples.
  {modules, rest} =
    ~r/^```elixir\n(.*?)^```$/ms
    |> Regex.scan(File.read!(@guide), capture: :all_but_first)
    |> Enum.join("\n")
    |> Code.string_to_quoted!()
    |> elem(2)
    |> Enum.split_with(&match?({:defmodule, _, _}, &1))

  Code.eval_quoted({:__block__, [], modules})
  @run rest

  # As the guide has it, for its examples.
  import Ecto.Query
  import EctoLibSql.Geo.Query

  alias Earth.{Airport, Quake, Repo}
  alias EctoLibSql.Geo

  setup_all do
    EctoLibSql.Test.Data.fetch!()
    Code.eval_quoted({:__block__, [], @run})
    :ok
  end

  doctest_file(@guide)
end
