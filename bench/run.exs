# The driver's figures, as ratios taken in one run. `make bench` runs this after the engine's own
# benchmarks (cargo bench), whose medians it reads for comparison.
#
#     mix run bench/run.exs

defmodule Bench do
  @rounds 7

  # Medians, in nanoseconds for one call, of contestants that take turns: whatever else the
  # machine does hits all of them.
  def compare(contestants, times) do
    for {_, fun} <- contestants, do: fun.(div(times, 5) + 1)

    runs =
      for _ <- 1..@rounds, {name, fun} <- contestants do
        :erlang.garbage_collect()
        {microseconds, _} = :timer.tc(fn -> fun.(times) end)
        {name, microseconds * 1000 / times}
      end

    for {name, _} <- contestants do
      figures = for {^name, nanoseconds} <- runs, do: nanoseconds
      {name, median(figures), Enum.min(figures), Enum.max(figures)}
    end
  end

  def median(figures) do
    sorted = Enum.sort(figures)
    Enum.at(sorted, div(length(sorted), 2))
  end

  def report(title, results, unit \\ {1_000, "µs"}) do
    IO.puts("\n#{title}")
    {scale, unit} = unit

    for {name, median, least, most} <- results do
      [median, least, most] =
        for f <- [median, least, most], do: :erlang.float_to_binary(f / scale, decimals: 2)

      IO.puts(
        "  #{String.pad_trailing(name, 34)} #{String.pad_leading(median, 10)} #{unit}  (#{least} to #{most})"
      )
    end
  end

  def ratio(label, a, b),
    do: IO.puts("  #{label}: #{:erlang.float_to_binary(a / b, decimals: 2)}")

  # Criterion's median of one of the engine's benchmarks, in nanoseconds.
  def engine(name) do
    path = Path.join(["target", "criterion", name, "engine", "new", "estimates.json"])

    with {:ok, json} <- File.read(path),
         [_, number] <- Regex.run(~r/"median":\{.*?"point_estimate":([0-9.e+]+)/, json),
         {nanoseconds, _} <- Float.parse(number) do
      nanoseconds
    else
      _ -> nil
    end
  end

  def against_engine(label, name, nanoseconds) do
    case engine(name) do
      nil ->
        IO.puts("  (run cargo bench -p ecto_libsql_engine first, for the engine's own figure)")

      engine ->
        ratio(
          "#{label} (engine: #{:erlang.float_to_binary(engine / 1000, decimals: 2)} µs)",
          nanoseconds,
          engine
        )
    end
  end

  def repeat(fun), do: fn times -> loop(fun, times) end
  defp loop(_fun, 0), do: :ok

  defp loop(fun, times) do
    fun.(times)
    loop(fun, times - 1)
  end
end

quick? = "--quick" in System.argv()
scaled = fn times -> if quick?, do: max(div(times, 100), 2), else: times end

rows = 10_000

count = fn n ->
  "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < #{n}) SELECT i FROM n"
end

fill = fn s ->
  :ok =
    EctoLibSql.run(
      s,
      "CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER, b REAL, c TEXT, d TEXT, e INTEGER, f TEXT, g TEXT)"
    )

  :ok =
    EctoLibSql.run(s, """
    INSERT INTO t SELECT i, i * 7, i / 3.0, 'row ' || i, 'some longer text that is on every row ' || i,
      i % 2, NULL, '2026-11-21T13:05:00' FROM (#{count.(rows)})
    """)
end

{:ok, s} = EctoLibSql.connect(database: ":memory:")
fill.(s)
{:ok, uncached} = EctoLibSql.connect(database: ":memory:", statement_cache_size: 0)
fill.(uncached)

IO.puts(
  "Elixir #{System.version()}, OTP #{System.otp_release()}, #{System.schedulers_online()} schedulers, #{Date.utc_today()}"
)

## A scan through the NIF

sql = "SELECT * FROM t"

result =
  Bench.compare(
    [{"query, 10,000 rows x 8 columns", Bench.repeat(fn _ -> EctoLibSql.query!(s, sql) end)}],
    scaled.(50)
  )

Bench.report("Scan", result)
[{_, scan, _, _}] = result
Bench.against_engine("through the NIF / in the engine", "scan_10k_8", scan)

## A cached point read

point = "SELECT * FROM t WHERE id = ?"
{:ok, s} = EctoLibSql.begin(s, behavior: :deferred)
{:ok, uncached} = EctoLibSql.begin(uncached, behavior: :deferred)

[{_, read, _, _}, {_, prepared, _, _}, {_, hop, _, _}] =
  result =
  Bench.compare(
    [
      {"point read, cached statement", Bench.repeat(fn i -> EctoLibSql.query(s, point, [i]) end)},
      {"point read, prepared anew",
       Bench.repeat(fn i -> EctoLibSql.query(uncached, point, [i]) end)},
      {"a dirty call that does nothing", Bench.repeat(fn _ -> EctoLibSql.ping(s) end)}
    ],
    scaled.(20_000)
  )

Bench.report("Point read, in a transaction", result)
Bench.ratio("prepared anew / cached", prepared, read)

case Bench.engine("point_read_10k_8") do
  nil -> :ok
  engine -> Bench.ratio("(point read - engine's) / a dirty call", read - engine, hop)
end

## Batch against single calls

{:ok, s} = EctoLibSql.rollback(s)
:ok = EctoLibSql.run(s, "CREATE TABLE u (id INTEGER PRIMARY KEY, a, b)")
insert = "INSERT INTO u (a, b) VALUES (?, ?)"
hundred = for i <- 1..100, do: {insert, [i, "some text"]}

single = fn times ->
  {:ok, s} = EctoLibSql.begin(s)

  Bench.repeat(fn _ -> for {sql, params} <- hundred, do: EctoLibSql.query(s, sql, params) end).(
    times
  )

  EctoLibSql.rollback(s)
end

batch = fn times ->
  {:ok, s} = EctoLibSql.begin(s)
  Bench.repeat(fn _ -> {:ok, _} = EctoLibSql.batch(s, hundred) end).(times)
  EctoLibSql.rollback(s)
end

[{_, singles, _, _}, {_, batched, _, _}] =
  result =
  Bench.compare(
    [{"100 inserts, single calls", single}, {"100 inserts, one batch", batch}],
    scaled.(200)
  )

Bench.report("Batch, in a transaction", result)
Bench.ratio("single calls / batch", singles, batched)

## Cursor against full fetch

whole = Bench.repeat(fn _ -> EctoLibSql.query!(s, sql).rows |> Enum.each(& &1) end)

stream =
  Bench.repeat(fn _ -> s |> EctoLibSql.stream(sql, [], max_rows: 500) |> Enum.each(& &1) end)

[{_, full, _, _}, {_, streamed, _, _}] =
  result =
  Bench.compare(
    [{"query, whole result", whole}, {"stream, 500 rows a fetch", stream}],
    scaled.(50)
  )

Bench.report("Cursor, 10,000 rows x 8 columns", result)
Bench.ratio("cursor / full fetch", streamed, full)

## How soon a dead owner's lock is free

dir =
  Path.join(
    System.tmp_dir!(),
    "ecto_libsql_bench_#{System.pid()}_#{System.unique_integer([:positive])}"
  )

File.mkdir_p!(dir)
database = Path.join(dir, "lock.db")
{:ok, waiter} = EctoLibSql.connect(database: database, busy_timeout: 0)
:ok = EctoLibSql.run(waiter, "CREATE TABLE t (a)")

defmodule Release do
  def measure(waiter, database, insert) do
    bench = self()

    victim =
      spawn(fn ->
        {:ok, s} = EctoLibSql.connect(database: database)
        {:ok, s} = EctoLibSql.begin(s)
        send(bench, :locked)
        EctoLibSql.query(s, insert)
      end)

    receive do: (:locked -> :ok)
    monitor = Process.monitor(victim)

    {microseconds, :ok} =
      :timer.tc(fn ->
        Process.exit(victim, :kill)
        wait(waiter)
      end)

    Process.demonitor(monitor, [:flush])
    microseconds
  end

  defp wait(waiter) do
    case EctoLibSql.begin(waiter) do
      {:ok, _} -> with {:ok, _} <- EctoLibSql.rollback(waiter), do: :ok
      {:error, %{code: :busy}} -> wait(waiter)
    end
  end
end

insert = "INSERT INTO t #{count.(1_000_000_000)}"
times = for _ <- 1..scaled.(300), do: Release.measure(waiter, database, insert)
sorted = Enum.sort(times)
IO.puts("\nFrom an owner's kill in the middle of a write to its lock being free")

IO.puts(
  "  median #{Bench.median(times)} µs, longest of #{length(times)}: #{List.last(sorted)} µs"
)

File.rm_rf!(dir)
