# How throughput moves with the size of a repo's pool, and what the pool's counting costs.
#
#     mix run bench/pool_size.exs [SECONDS_A_ROUND]

defmodule PoolSize do
  defmodule Repo do
    use Ecto.Repo, otp_app: :ecto_libsql, adapter: Ecto.Adapters.LibSql
  end

  defmodule Replica do
    use Ecto.Repo, otp_app: :ecto_libsql, adapter: Ecto.Adapters.LibSql, read_only: true
  end

  defmodule Item do
    use Ecto.Schema

    schema "items" do
      field(:name, :string)
      field(:price, :integer)
    end
  end

  alias EctoLibSql.Pool.{Holders, Meter}

  @sizes [1, 2, 4, 8, 16, 32, 64]
  @clients 64
  @rows 10_000
  @rounds 5

  @work [
    reads: "point reads (get!)",
    writes: "inserts, each its own transaction",
    mix: "nine reads for one insert",
    split: "the same with two repos: a pool of this size that reads, and a pool of 1 that writes"
  ]

  def run(seconds) do
    path = Path.join(System.tmp_dir!(), "ecto_libsql_pool_size_#{System.pid()}.db")
    milliseconds = round(seconds * 1000)
    IO.puts("#{@clients} clients, #{@rounds} rounds of #{seconds} s, medians")

    try do
      prepare(path)
      # The sizes take turns, so that whatever else the machine does hits all of them.
      runs = for _ <- 1..@rounds, size <- @sizes, do: {size, round_of(path, size, milliseconds)}
      for {work, title} <- @work, do: report(title, work, runs)
      counting(path)
    after
      for suffix <- ["", "-wal", "-shm"], do: File.rm(path <> suffix)
    end
  end

  defp start(repo, path, options) do
    opts = [database: path, name: nil, log: false, queue_target: 10_000, timeout: 60_000]
    {:ok, pid} = repo.start_link(opts ++ options)
    repo.put_dynamic_repo(pid)
    pid
  end

  defp stop(pid), do: Supervisor.stop(pid)

  defp prepare(path) do
    pid = start(Repo, path, pool_size: 1)
    Repo.query!("CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT, price INTEGER)")

    for ids <- Enum.chunk_every(1..@rows, 1000),
        do: Repo.insert_all(Item, for(id <- ids, do: %{id: id, name: "item #{id}", price: id}))

    stop(pid)
  end

  # {operations a second, failed operations, the slowest in milliseconds} for each kind of work.
  defp round_of(path, size, milliseconds) do
    for {work, _title} <- @work, into: %{} do
      pids = repos(work, path, size)
      together(fn -> loop(work, now() + 100, {0, 0, 0}) end)
      started = now()
      counts = together(fn -> loop(work, started + milliseconds, {0, 0, 0}) end)
      took = now() - started
      Enum.each(pids, &stop/1)
      [done, failed, slowest] = Enum.zip_with(counts, & &1)
      {work, {Enum.sum(done) * 1000 / took, Enum.sum(failed), Enum.max(slowest)}}
    end
  end

  defp repos(:split, path, size) do
    writer = start(Repo, path, pool_size: 1)
    [writer, start(Replica, path, pool_size: size, read_only: true)]
  end

  defp repos(_work, path, size), do: [start(Repo, path, pool_size: size)]

  defp together(fun) do
    repos = for repo <- [Repo, Replica], do: {repo, repo.get_dynamic_repo()}

    1..@clients
    |> Enum.map(fn _ ->
      Task.async(fn ->
        for {repo, dynamic} <- repos, do: repo.put_dynamic_repo(dynamic)
        Tuple.to_list(fun.())
      end)
    end)
    |> Task.await_many(:infinity)
  end

  defp loop(work, until, {done, failed, slowest} = counts) do
    started = now()

    if started >= until do
      counts
    else
      result = operation(work, done)
      slowest = max(slowest, now() - started)

      if result == :ok,
        do: loop(work, until, {done + 1, failed, slowest}),
        else: loop(work, until, {done, failed + 1, slowest})
    end
  end

  defp operation(:reads, _count), do: read(Repo)
  defp operation(:writes, _count), do: write()
  defp operation(_mix, count) when rem(count, 10) == 9, do: write()
  defp operation(:mix, _count), do: read(Repo)
  defp operation(:split, _count), do: read(Replica)

  defp read(repo) do
    repo.get!(Item, :rand.uniform(@rows))
    :ok
  rescue
    _ in [DBConnection.ConnectionError, EctoLibSql.Error] -> :failed
  end

  defp write do
    Repo.insert!(%Item{name: "new", price: 1})
    :ok
  rescue
    _ in [DBConnection.ConnectionError, EctoLibSql.Error] -> :failed
  end

  defp now, do: System.monotonic_time(:millisecond)

  defp report(title, work, runs) do
    IO.puts("\n#{title}\n")
    IO.puts("| pool size | a second | least to most | failed | slowest |")
    IO.puts("|---|---|---|---|---|")

    for size <- @sizes do
      figures = for {^size, figures} <- runs, do: figures[work]
      rates = for {rate, _, _} <- figures, do: round(rate)
      failed = figures |> Enum.map(&elem(&1, 1)) |> Enum.sum()
      slowest = figures |> Enum.map(&elem(&1, 2)) |> Enum.max()

      IO.puts(
        "| #{size} | #{median(rates)} | #{Enum.min(rates)} to #{Enum.max(rates)} | #{failed} | " <>
          "#{slowest} ms |"
      )
    end
  end

  defp median(figures), do: figures |> Enum.sort() |> Enum.at(div(length(figures), 2))

  # A connection taken and given back, with DBConnection's own pool and with ours.
  defp counting(path) do
    pools =
      for module <- [DBConnection.ConnectionPool, EctoLibSql.ConnectionPool] do
        {:ok, pool} =
          EctoLibSql.Connection.start_link(database: path, pool: module, pool_size: 4)

        {module, pool}
      end

    runs = for _ <- 1..15, {module, pool} <- pools, do: {module, take_and_give_back(pool, module)}

    IO.puts("\na connection taken and given back, 20,000 times, 15 rounds\n")

    for {module, pool} <- pools do
      figures = for {^module, nanoseconds} <- runs, do: nanoseconds
      IO.puts("#{inspect(module)}: #{median(figures)} ns, at least #{Enum.min(figures)} ns")
      GenServer.stop(pool)
    end

    counting_alone()
  end

  # What of that is counting, and what noting a statement costs.
  defp counting_alone do
    meter = Meter.start([])
    holder = :ets.new(:holder, [:public, :ordered_set])
    now = System.monotonic_time()

    count = fn ->
      Meter.checked_out(meter.counters, holder, now)
      Meter.returned(holder, now)
    end

    note = fn -> Holders.running("SELECT 1", fn -> :ok end) end

    for {title, fun} <- ["counting it": count, "noting a statement": note] do
      figures = for _ <- 1..15, do: nanoseconds(fun, 100_000)
      IO.puts("#{title}: #{median(figures)} ns, at least #{Enum.min(figures)} ns")
    end
  end

  defp nanoseconds(fun, times) do
    {microseconds, :ok} = :timer.tc(fn -> Enum.each(1..times, fn _ -> fun.() end) end)
    div(microseconds * 1000, times)
  end

  defp take_and_give_back(pool, module) do
    times = 20_000
    opts = [pool: module]

    {microseconds, _} =
      :timer.tc(fn ->
        for _ <- 1..times do
          {:ok, pool_ref, _module, _time, _state} = module.checkout(pool, [self()], opts)
          DBConnection.Holder.checkin(pool_ref)
        end
      end)

    div(microseconds * 1000, times)
  end
end

seconds =
  case System.argv() do
    [seconds] -> seconds |> Float.parse() |> elem(0)
    [] -> 1
  end

PoolSize.run(seconds)
