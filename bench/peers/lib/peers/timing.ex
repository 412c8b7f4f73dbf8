defmodule Peers.Timing do
  @moduledoc """
  Benchee's medians of both contestants on inputs that grow.
  """

  alias Peers.Contestant

  @silent [benchmarking: false, configuration: false, fast_warning: false]

  @doc """
  The medians in nanoseconds, for each contestant and number. `start` is called with these two, in
  the process that is measured, and answers the pool and what `run` takes.
  """
  @spec medians(
          [number],
          boolean(),
          (Contestant.t(), number -> {pid(), state}),
          (state -> term())
        ) :: %{Contestant.t() => [{number, number()}]}
        when state: term(), number: pos_integer()
  def medians(numbers, quick?, start, run) do
    jobs =
      for contestant <- Contestant.all(), into: %{} do
        {contestant,
         {fn {_pool, state} -> run.(state) end,
          before_scenario: &start.(contestant, &1),
          after_scenario: fn {pool, _state} -> Supervisor.stop(pool) end}}
      end

    suite =
      Benchee.run(jobs,
        inputs: for(number <- numbers, do: {to_string(number), number}),
        time: if(quick?, do: 0.01, else: 0.7),
        warmup: 0,
        formatters: [],
        print: @silent
      )

    for contestant <- Contestant.all(), into: %{} do
      name = to_string(contestant)

      {contestant,
       for scenario <- suite.scenarios, scenario.job_name == name do
         {scenario.input, scenario.run_time_data.statistics.median}
       end}
    end
  end
end
