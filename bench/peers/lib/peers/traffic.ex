defmodule Peers.Traffic do
  @moduledoc """
  Hundreds of writers and readers at once for a while, and how the rest of the VM fares: how soon
  a plain `GenServer.call/2` elsewhere is answered, what the schedulers do, whether the memory
  grows.

  Writers and readers have a pool each, since a writer that waits for the lock keeps its
  connection. The pools are told to be patient: hundreds wait for 20 connections by intention.
  Writers' transactions are IMMEDIATE for both contestants; the deferred ones that ecto_sqlite3
  begins by default fail as soon as somebody else has written.
  """

  alias Peers.{Contestant, Counter, Figures, Histogram, Memory, OwnVM, Table}

  @full %{clients: 200, pool_size: 20, seconds: 60}
  @quick %{clients: 1, pool_size: 1, seconds: 1}
  @patient [queue_target: 60_000, queue_interval: 60_000, timeout: 60_000]

  defmodule Echo do
    @moduledoc false
    use GenServer

    def start_link, do: GenServer.start_link(__MODULE__, nil)

    @impl true
    def init(state), do: {:ok, state}

    @impl true
    def handle_call(request, _from, state), do: {:reply, request, state}
  end

  @spec table(boolean(), Path.t()) :: iodata()
  def table(quick?, _plots) do
    size = if quick?, do: @quick, else: @full

    columns =
      for contestant <- Contestant.all(), do: OwnVM.call(__MODULE__, :run, [contestant, size])

    names = for {name, _} <- hd(columns), do: name

    rows =
      for name <- names, do: [name | Enum.map(columns, &(List.keyfind(&1, name, 0) |> elem(1)))]

    [
      "#{size.clients} writers and as many readers for #{size.seconds} s, a pool of ",
      "#{size.pool_size} for each kind.\n\n",
      Table.markdown(["" | Contestant.all()], rows)
    ]
  end

  @doc """
  The figures of a contestant, in this VM.
  """
  @spec run(Contestant.t(), map(), Path.t()) :: [{String.t(), String.t()}]
  def run(contestant, size, dir) do
    database = Path.join(dir, "traffic.db")
    [{repo, writers}, {_, readers}] = for _ <- 1..2, do: pool(contestant, database, size)
    Counter.create(repo, [1, 2])
    {:ok, echo} = Echo.start_link()

    idle = answers(echo, 2, fn -> [] end)
    clients = start(repo, [writers: writers, readers: readers], size)
    answers = answers(echo, size.seconds, fn -> quarters(size.seconds) end)
    rates = rates(clients, size.seconds)
    stop(clients)
    describe(idle, answers, rates, clients)
  end

  defp pool(contestant, database, size),
    do: Contestant.start(contestant, database, size.pool_size, @patient)

  ## The clients

  defp start(repo, pools, size) do
    errors = :ets.new(:errors, [:public])
    stop = :atomics.new(1, [])

    roles =
      for {role, pool} <- pools, into: %{} do
        times = Histogram.new()
        step = step(repo, role)

        tasks =
          for _ <- 1..size.clients do
            Task.async(fn ->
              repo.put_dynamic_repo(pool)
              repeat(step, times, errors, stop)
            end)
          end

        {role, {times, tasks}}
      end

    %{roles: roles, errors: errors, stop: stop}
  end

  defp stop(clients) do
    :atomics.put(clients.stop, 1, 1)
    tasks = for {_, {_, tasks}} <- clients.roles, task <- tasks, do: task
    Task.yield_many(tasks, timeout: 10_000, on_timeout: :kill_task)
  end

  defp step(repo, :writers) do
    increment = fn -> for id <- [1, 2], do: Counter.increment(repo, id) end
    fn -> {:ok, _} = repo.transaction(increment, mode: :immediate) end
  end

  defp step(repo, :readers), do: fn -> %{n: _} = repo.get!(Counter, 1) end

  defp repeat(step, times, errors, stop) do
    if :atomics.get(stop, 1) == 0 do
      try do
        Histogram.time(times, step)
      rescue
        error -> note(errors, Contestant.error(error))
      end

      repeat(step, times, errors, stop)
    end
  end

  defp note(errors, kind), do: :ets.update_counter(errors, kind, 1, {kind, 0})

  ## What is watched

  # The answers' times, one call after the other with a millisecond between them, while `meanwhile`
  # watches or that many seconds pass.
  defp answers(echo, seconds, meanwhile) do
    times = Histogram.new()
    stop = :atomics.new(1, [])
    caller = Task.async(fn -> call(echo, times, stop) end)
    sample = :scheduler.sample_all()
    started = System.monotonic_time(:millisecond)
    memory = meanwhile.()
    Process.sleep(max(started + seconds * 1_000 - System.monotonic_time(:millisecond), 0))
    schedulers = :scheduler.utilization(sample, :scheduler.sample_all())
    :atomics.put(stop, 1, 1)
    Task.await(caller)
    %{times: times, schedulers: schedulers, memory: memory}
  end

  defp call(echo, times, stop) do
    if :atomics.get(stop, 1) == 0 do
      Histogram.time(times, fn -> GenServer.call(echo, :ping, :infinity) end)
      Process.sleep(1)
      call(echo, times, stop)
    end
  end

  defp quarters(seconds) do
    for _ <- 1..4 do
      Process.sleep(div(seconds * 1_000, 4))
      %{resident: Memory.resident(), beam: :erlang.memory(:total)}
    end
  end

  defp rates(clients, seconds) do
    for {role, {times, _}} <- clients.roles,
        into: %{},
        do: {role, Figures.decimals(Histogram.count(times) / seconds)}
  end

  defp describe(idle, answers, rates, clients) do
    %{writers: {writes, _}, readers: {reads, _}} = clients.roles

    [
      {"errors", errors(clients.errors)},
      {"writes a second", rates.writers},
      {"reads a second", rates.readers},
      {"write p50 / p99 / longest", times(writes, [50, 99, 100])},
      {"read p50 / p99 / longest", times(reads, [50, 99, 100])},
      {"GenServer.call p50 / p99 / p99.9 / longest", times(answers.times, [50, 99, 99.9, 100])},
      {"the same before, with nothing else to do", times(idle.times, [50, 99, 99.9, 100])},
      {"schedulers: normal, dirty CPU, dirty I/O", utilization(answers.schedulers)},
      {"resident memory after each quarter", quarters(answers.memory, :resident)},
      {"the BEAM's memory after each quarter", quarters(answers.memory, :beam)}
    ]
  end

  defp errors(table) do
    case :ets.tab2list(table) do
      [] -> "none"
      errors -> Enum.map_join(errors, ", ", fn {kind, count} -> "#{count} #{kind}" end)
    end
  end

  defp times(histogram, percents),
    do: Enum.map_join(percents, " / ", &(histogram |> Histogram.percentile(&1) |> Figures.time()))

  # Of each kind's threads together, in percent of one thread.
  defp utilization(schedulers) do
    Enum.map_join([:normal, :cpu, :io], ", ", fn kind ->
      used = for {^kind, _id, used, _percent} <- schedulers, do: used
      "#{round(Enum.sum(used) * 100)} % of #{length(used)}"
    end)
  end

  defp quarters(samples, kind),
    do: Enum.map_join(samples, " / ", &(&1 |> Map.fetch!(kind) |> Memory.megabytes()))
end
