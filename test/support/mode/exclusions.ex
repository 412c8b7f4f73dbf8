defmodule EctoLibSql.Test.Mode.Exclusions do
  @moduledoc false
  # Which tests do not run in a mode: `test/modes/<mode>.exs` lists them, with a reason for each.

  alias EctoLibSql.Test.Mode

  defstruct elsewhere: [], tests: []

  @type reason :: String.t()
  @type t :: %__MODULE__{elsewhere: [{Path.t(), reason()}], tests: [{atom(), reason()}]}

  @doc "Those of the adapter's own tests, or of Ecto's suites."
  @spec of(:adapter | :suites) :: t()
  def of(kind) do
    path = Path.expand("../../modes/#{Mode.mode()}.exs", __DIR__)

    if File.exists?(path) do
      {lists, _binding} = Code.eval_file(path)

      %__MODULE__{
        elsewhere:
          for({file, reason} <- flat(lists[:elsewhere]), do: {Path.expand(file), reason}),
        tests: for({name, reason} <- flat(lists[kind]), do: {String.to_atom(name), reason})
      }
    else
      %__MODULE__{}
    end
  end

  defp flat(reasons),
    do: for({reason, names} <- reasons || [], name <- names, do: {name, reason})

  @doc "For ExUnit's `:exclude`."
  @spec filters(t()) :: keyword()
  def filters(%__MODULE__{elsewhere: files, tests: tests}),
    do: for({file, _} <- files, do: {:file, file}) ++ for({name, _} <- tests, do: {:test, name})
end
