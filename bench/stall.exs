# How long the calls that run on a normal scheduler hold it, with the database in the system's cache
# and without: `mix run bench/stall.exs`. Wall-clock times: `ping` and `md5`, which wait for nothing, show
# what the machine itself adds. With `--quick`, only to see that it runs.

alias EctoLibSql.Native

defmodule Stall do
  @moduledoc false

  @rows 20_000

  # A name, SQL, and its parameters: a row, or how many rows. The statement becomes a quick one by
  # runs with 1.
  @reads [
    {"point read", "SELECT * FROM t WHERE id = ?", :id},
    {"range of 50", "SELECT id, k, t FROM t WHERE id BETWEEN ?1 AND ?1 + 49", :id},
    {"by an index, 90 rows", "SELECT id, t FROM t WHERE k = ? % 200 LIMIT 90", :id},
    {"join of 20",
     "SELECT y.t FROM t x JOIN t y ON y.id BETWEEN x.id AND x.id + 19 WHERE x.id = ?", :id},
    {"sort of so many", "SELECT id FROM t WHERE id < ? ORDER BY t", :size},
    {"group of so many", "SELECT k, count(*) FROM t WHERE id < ? GROUP BY k LIMIT 5", :size},
    {"LIKE over so many", "SELECT count(*) FROM t WHERE id < ? AND t LIKE '%nowhere%'", :size},
    {"JSON of 12 KB", "SELECT json_extract(j, '$[500]') FROM large WHERE id = ?", :large},
    {"value of 12 KB", "SELECT j FROM large WHERE id = ?", :large},
    {"value of 100 KB, its length", "SELECT length(b) FROM large WHERE id = ?", :large},
    {"value of 100 KB", "SELECT b FROM large WHERE id = ?", :large},
    {"hex, replace, instr of 8 KB",
     "SELECT instr(replace(hex(substr(j, 1, 4000)), '3', '5'), 'none') FROM large WHERE id = ?",
     :large},
    {"decimals of the adapter", "SELECT ecto_decimal_sum(k) FROM t WHERE id < ?", :size}
  ]

  def run(rounds) do
    dir = Path.join(System.tmp_dir!(), "ecto_libsql_stall_#{System.pid()}")
    File.mkdir_p!(dir)
    path = Path.join(dir, "stall.db")

    try do
      fill(path)
      :erlang.system_monitor(self(), [{:long_schedule, 1}])
      IO.puts("#{rounds} calls each; microseconds of the call on the scheduler that calls\n")

      IO.puts(
        "| work | cache | answered | given up | not tried | p50 | p99 | longest | over 1 ms |"
      )

      IO.puts("|---|---|---|---|---|---|---|---|---|")
      s = open(path)
      control(s, rounds)
      for read <- @reads, do: warm(s, read, rounds)
      EctoLibSql.disconnect(s)
      for read <- @reads, do: cold(path, read, rounds)
      schema(path, rounds)
      report_long_schedules()
    after
      File.rm_rf!(dir)
    end
  end

  defp open(path) do
    # Smaller than what the reads go over.
    {:ok, s} = EctoLibSql.connect(database: path, cache_size: 100, timeout: :infinity)
    s
  end

  defp fill(path) do
    s = open(path)

    {:ok, _} =
      EctoLibSql.execute_batch(s, """
      CREATE TABLE t (id INTEGER PRIMARY KEY, k INTEGER, t TEXT);
      INSERT INTO t WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < #{@rows})
        SELECT i, i % 200, hex(randomblob(60)) FROM n;
      CREATE INDEX t_k ON t (k);
      CREATE TABLE large (id INTEGER PRIMARY KEY, j TEXT, b BLOB);
      INSERT INTO large VALUES (1, '[1]', x'00');
      INSERT INTO large WITH RECURSIVE n(i) AS (VALUES (2) UNION ALL SELECT i + 1 FROM n WHERE i < 200)
        SELECT i, (WITH RECURSIVE m(v) AS (VALUES (1) UNION ALL SELECT v + 1 FROM m WHERE v < 2500)
          SELECT json_group_array(v) FROM m), randomblob(100000) FROM n;
      """)

    {:ok, _} = EctoLibSql.checkpoint(s, :truncate)
    :ok = EctoLibSql.disconnect(s)
  end

  defp control(s, rounds) do
    samples = for _ <- 1..(rounds * 10), do: {:ok, elem(timed(fn -> Native.ping(s) end), 0)}
    row("control: `ping`", "", samples)
    binary = :binary.copy("x", 40_000)
    samples = for _ <- 1..(rounds * 10), do: {:ok, elem(timed(fn -> :erlang.md5(binary) end), 0)}
    row("control: `md5` of 40 KB", "", samples)
  end

  defp warm(s, {name, sql, params}, rounds),
    do: row(name, "warm", for(n <- 1..rounds, do: one(s, sql, params, n)))

  # Each call meets a file of which the system has nothing, as far as it says so.
  defp cold(path, {name, sql, params}, rounds) do
    s = open(path)

    samples =
      for n <- 1..div(rounds, 10) do
        make_quick(s, sql)
        cold? = drop(path)
        {kind, time} = call(s, sql, params(params, n))
        {if(cold?, do: kind, else: :not_cold), time}
      end

    EctoLibSql.disconnect(s)
    {cold, warm} = Enum.split_with(samples, &(elem(&1, 0) != :not_cold))
    if cold == [], do: IO.puts("#{name}: the file would not leave the system's cache")
    if cold != [], do: row(name, "cold", cold)
    if warm != [], do: IO.puts("(#{length(warm)} of them were not cold)")
  end

  defp one(s, sql, params, n) do
    make_quick(s, sql)
    call(s, sql, params(params, n))
  end

  defp make_quick(s, sql) do
    Enum.find(1..50, fn _ ->
      {:ok, _} = EctoLibSql.query(s, sql, [1])
      match?({:ok, _}, Native.query_short(s, sql, [1]))
    end)
  end

  defp params(:id, n), do: [rem(n * 7919, @rows - 50) + 1]
  defp params(:size, n), do: [Enum.at([10, 100, 500, 2_000, @rows], rem(n, 5))]
  defp params(:large, n), do: [rem(n * 7, 199) + 2]

  defp call(s, sql, params) do
    {time, answer} = timed(fn -> Native.query_short(s, sql, params) end)
    if answer == :long, do: EctoLibSql.query!(s, sql, params)
    {if(answer == :long, do: if(time < 1.5, do: :not_tried, else: :given_up), else: :ok), time}
  end

  # A schema of 300 tables that somebody else changes has to be read anew by the next statement.
  defp schema(path, rounds) do
    {s, other} = {open(path), open(path)}

    EctoLibSql.transaction(other, fn other ->
      for n <- 1..300,
          do:
            EctoLibSql.run(other, "CREATE TABLE s#{n} (id INTEGER PRIMARY KEY, a TEXT, b, c, d)")
    end)

    {_name, sql, _params} = hd(@reads)

    samples =
      for n <- 1..div(rounds, 10) do
        make_quick(s, sql)
        :ok = EctoLibSql.run(other, "CREATE INDEX i#{n} ON s#{n} (a)")
        call(s, sql, [n])
      end

    row("point read after a change of a schema of 300 tables", "warm", samples)
  end

  defp timed(fun) do
    began = System.monotonic_time(:nanosecond)
    answer = fun.()
    {(System.monotonic_time(:nanosecond) - began) / 1_000, answer}
  end

  defp row(name, cache, samples) do
    times = samples |> Enum.map(&elem(&1, 1)) |> Enum.sort()
    kinds = Enum.frequencies_by(samples, &elem(&1, 0))
    at = fn part -> Enum.at(times, min(trunc(length(times) * part), length(times) - 1)) end
    us = &:erlang.float_to_binary(&1 / 1, decimals: 1)
    over = Enum.count(times, &(&1 > 1_000))

    columns =
      [name, cache] ++
        for(kind <- [:ok, :given_up, :not_tried], do: kinds[kind] || 0) ++
        [us.(at.(0.5)), us.(at.(0.99)), us.(List.last(times)), over]

    IO.puts("| #{Enum.join(columns, " | ")} |")
  end

  defp report_long_schedules do
    IO.puts("\nScheduled for longer than 1 ms, controls included: #{long_schedules(0)} times")
  end

  defp long_schedules(count) do
    receive do
      {:monitor, _pid, :long_schedule, _info} -> long_schedules(count + 1)
    after
      100 -> count
    end
  end

  # As in the engine's tests: dd tells the system that the file is not needed.
  defp drop(path) do
    System.cmd("dd", ["if=#{path}", "iflag=nocache", "count=0"], stderr_to_stdout: true)

    case System.cmd("fincore", ["--noheadings", "--output", "PAGES", path]) do
      {pages, 0} -> String.trim(pages) == "0"
      _ -> false
    end
  end
end

Stall.run(if "--quick" in System.argv(), do: 20, else: 1_000)
