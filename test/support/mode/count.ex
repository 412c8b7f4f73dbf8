defmodule EctoLibSql.Test.Mode.Count do
  @moduledoc false
  # Counts, as a formatter of ExUnit, what a mode ran, against what passes locally: those tests that are
  # not left out in every mode. `mix test.repo` runs all tests, and gives each of its runs the file
  # ECTO_LIBSQL_COUNTS to write its numbers to: then an exclusion that is no test's fails the run, and
  # too few tests that passed, in all, the last one.

  use GenServer

  alias EctoLibSql.Test.Mode
  alias EctoLibSql.Test.Mode.Exclusions

  @least 95

  defstruct [:exclusions, :name, passed: 0, failed: 0, excluded: []]

  @doc "ExUnit's options for a mode, beside what is left out everywhere."
  @spec options(:adapter | :suites, [term()]) :: keyword()
  def options(kind, exclude) do
    Application.put_env(:ecto_libsql, __MODULE__, kind)
    exclude = exclude ++ Exclusions.filters(Exclusions.of(kind))
    [exclude: exclude, formatters: [ExUnit.CLIFormatter, __MODULE__]]
  end

  @impl true
  def init(_opts) do
    kind = Application.fetch_env!(:ecto_libsql, __MODULE__)
    name = if kind == :suites, do: "Ecto's integration suites", else: "the adapter's tests"
    {:ok, %__MODULE__{exclusions: Exclusions.of(kind), name: name}}
  end

  @impl true
  def handle_cast({:test_finished, %ExUnit.Test{} = test}, count),
    do: {:noreply, note(test, count)}

  def handle_cast({:suite_finished, _times}, count) do
    report(count)
    {:noreply, count}
  end

  def handle_cast(_event, count), do: {:noreply, count}

  defp note(%{state: {:excluded, _}, name: name} = test, count) do
    if not elsewhere?(test, count) and List.keymember?(count.exclusions.tests, name, 0),
      do: %{count | excluded: [name | count.excluded]},
      else: count
  end

  defp note(%{state: {:skipped, _}}, count), do: count
  defp note(%{state: nil}, count), do: %{count | passed: count.passed + 1}
  defp note(_failed, count), do: %{count | failed: count.failed + 1}

  defp elsewhere?(%{tags: %{file: file}}, count),
    do: List.keymember?(count.exclusions.elsewhere, file, 0)

  defp report(%__MODULE__{passed: passed, failed: failed, excluded: excluded} = count) do
    locally = passed + failed + length(excluded)

    IO.puts("""

    ECTO_LIBSQL_MODE=#{Mode.mode()}, #{count.name}: #{passed + failed} of #{locally} ran, #{passed} passed, \
    #{failed} failed, #{length(excluded)} excluded: #{percent(passed, locally)} % of what passes locally
    """)

    for {reason, tests} <- Enum.group_by(count.exclusions.tests, &elem(&1, 1), &elem(&1, 0)),
        number = Enum.count(excluded, &(&1 in tests)),
        number > 0,
        do: IO.puts("  * #{number} excluded: #{reason}")

    with path when path != nil <- System.get_env("ECTO_LIBSQL_COUNTS") do
      check_names(count)
      File.write!(path, "#{passed} #{locally}\n", [:append])
      check_sum(File.read!(path))
    end
  end

  defp check_names(count) do
    unknown = for {name, _reason} <- count.exclusions.tests, name not in count.excluded, do: name
    twice = Enum.uniq(count.excluded -- Enum.uniq(count.excluded))

    for {problem, names} <- [
          {"No test is called", unknown},
          {"More than one test is called", twice}
        ],
        name <- names do
      IO.puts("#{problem} #{name}, which the mode excludes.")
      fail()
    end
  end

  # The last run's.
  defp check_sum(counts) do
    with [_, _] = lines <- String.split(counts, "\n", trim: true) do
      [passed, locally] =
        lines
        |> Enum.map(fn line -> line |> String.split() |> Enum.map(&String.to_integer/1) end)
        |> Enum.zip_with(&Enum.sum/1)

      percent = percent(passed, locally)
      IO.puts("\nECTO_LIBSQL_MODE=#{Mode.mode()}, in all: #{passed} of #{locally}: #{percent} %")

      if percent < @least do
        IO.puts("That is less than #{@least} %.")
        fail()
      end
    end
  end

  defp percent(_passed, 0), do: 0.0
  defp percent(passed, locally), do: Float.floor(100 * passed / locally, 1)

  defp fail, do: System.at_exit(fn _status -> exit({:shutdown, 1}) end)
end
