defmodule Mix.Tasks.Compare do
  @shortdoc "Runs the tests async and sync, and prints how long both took"

  @moduledoc """
  Runs the tests in each way several times, in turns, and prints the medians of what ExUnit says that
  it took, and the failures of all runs.

      mix compare [--runs 5]

    * async, each test on a copy of the database: the tests as they are
    * the same, one after the other
    * one after the other on the file, in transactions that are rolled back: how tests on SQLite
      are usually run
    * async on the file, which has one writer at a time
  """

  use Mix.Task

  @ways [
    {"async, sandbox: :clone", sync: "0", sandbox: "clone"},
    {"sync, sandbox: :clone", sync: "1", sandbox: "clone"},
    {"sync, sandbox: :transaction", sync: "1", sandbox: "transaction"},
    {"async, sandbox: :transaction", sync: "0", sandbox: "transaction"}
  ]

  @impl Mix.Task
  def run(args) do
    {opts, []} = OptionParser.parse!(args, strict: [runs: :integer])
    runs = Keyword.get(opts, :runs, 5)

    # Not the first run's business.
    {_, 0} = mix(["do", "deps.get", "+", "ecto.drop", "--quiet", "+", "compile"], [])

    measured =
      for _ <- 1..runs, {way, settings} <- @ways do
        {way, test(settings)}
      end

    for {way, _} <- @ways do
      results = for {^way, result} <- measured, do: result
      seconds = results |> Enum.map(& &1.seconds) |> Enum.sort()
      tests = results |> Enum.map(& &1.tests) |> Enum.max()
      failures = results |> Enum.map(& &1.failures) |> Enum.sum()

      Mix.shell().info(
        "#{String.pad_trailing(way, 30)} #{tests} tests in #{median(seconds)} s " <>
          "(#{hd(seconds)} to #{List.last(seconds)} s in #{runs} runs), #{failures} failures"
      )
    end
  end

  defp test(settings) do
    env = [{"SHOP_SYNC", settings[:sync]}, {"SHOP_SANDBOX", settings[:sandbox]}]
    {output, _status} = mix(["test"], env)
    [_, seconds] = Regex.run(~r/Finished in ([\d.]+) seconds/, output)
    [_, tests, failures] = Regex.run(~r/(\d+) tests, (\d+) failures?/, output)

    %{
      seconds: String.to_float(seconds),
      tests: String.to_integer(tests),
      failures: String.to_integer(failures)
    }
  end

  defp mix(args, env),
    do: System.cmd("mix", args, env: [{"MIX_ENV", "test"} | env], stderr_to_stdout: true)

  defp median(sorted), do: Enum.at(sorted, div(length(sorted), 2))
end
