# What UUIDs cost as keys: those of version 4 and 7, as text and as 16 bytes, beside integers. Rows are
# inserted in transactions of 1,000 into a file, with a cache that is smaller than the table.
#
#     mix run bench/uuid.exs

defmodule UUIDBench do
  alias EctoLibSql.UUID

  @rows 200_000
  @transaction 1_000
  @checkpoint_every 10
  @cache_megabytes 4
  @reads 20_000
  @calls 200_000
  @rounds 5

  @keys [
    {"INTEGER PRIMARY KEY", "INTEGER", nil},
    {"version 4, text", "TEXT", {4, :text}},
    {"version 7, text", "TEXT", {7, :text}},
    {"version 4, 16 bytes", "BLOB", {4, :binary}},
    {"version 7, 16 bytes", "BLOB", {7, :binary}}
  ]

  def run do
    IO.puts("""
    #{@rows} rows of a key, a text of 60 characters, and an indexed reference of the key's form:
    µs for each insert, pages written for each row, MB of the file, µs for each read by the key
    """)

    directory = Path.join(System.tmp_dir!(), "uuid_bench_#{System.pid()}")
    File.mkdir_p!(directory)
    for {name, type, kind} <- @keys, do: report(name, measure(directory, type, kind))
    File.rm_rf!(directory)

    IO.puts("\nns for each call, the quickest of #{@rounds} rounds")
    for {name, call} <- calls(), do: IO.puts("#{String.pad_trailing(name, 44)} #{quickest(call)}")
  end

  defp measure(directory, type, kind) do
    path = Path.join(directory, "bench.db")
    for suffix <- ["", "-wal", "-shm"], do: File.rm(path <> suffix)

    {:ok, s} =
      EctoLibSql.connect(
        database: path,
        cache_size: -@cache_megabytes * 1024,
        wal_auto_check_point: 0
      )

    :ok = EctoLibSql.run(s, "CREATE TABLE t (id #{type} PRIMARY KEY, name TEXT, of #{type})")
    :ok = EctoLibSql.run(s, "CREATE INDEX t_of ON t (of)")

    keys = for n <- 1..@rows, do: key(kind, n)
    name = String.duplicate("x", 60)
    {time, frames} = insert(s, keys, name)
    _ = EctoLibSql.checkpoint(s, :truncate)
    size = File.stat!(path).size
    read = read(s, Enum.take_random(keys, @reads))
    EctoLibSql.disconnect(s)
    {time / @rows, frames / @rows, size / 1.0e6, read / @reads}
  end

  # Each refers to the one that was made before it.
  defp insert(s, keys, name) do
    [nil | keys]
    |> Enum.zip(keys)
    |> Enum.chunk_every(@transaction)
    |> Enum.with_index(1)
    |> Enum.reduce({0, 0}, fn {part, index}, {time, frames} ->
      {took, {:ok, _}} =
        :timer.tc(fn ->
          EctoLibSql.transaction(s, fn s ->
            for {before, key} <- part,
                do:
                  {:ok, _} =
                    EctoLibSql.query(s, "INSERT INTO t VALUES (?, ?, ?)", [key, name, before])
          end)
        end)

      {time + took, frames + written(s, index)}
    end)
  end

  defp written(s, index) when rem(index, @checkpoint_every) == 0 do
    {:ok, %{log_frames: frames}} = EctoLibSql.checkpoint(s, :passive)
    {:ok, _} = EctoLibSql.checkpoint(s, :truncate)
    frames
  end

  defp written(_s, _index), do: 0

  defp read(s, keys) do
    {time, _} =
      :timer.tc(fn ->
        for key <- keys,
            do: {:ok, _} = EctoLibSql.query_one(s, "SELECT name FROM t WHERE id = ?", [key])
      end)

    time
  end

  defp key(nil, n), do: n
  defp key({version, :text}, _n), do: UUID.generate(version: version)
  defp key({version, :binary}, _n), do: {:blob, UUID.bingenerate(version: version)}

  defp calls do
    text = UUID.generate()
    bytes = UUID.parse!(text)

    [
      {"generate(version: 4)", fn -> UUID.generate(version: 4) end},
      {"generate(version: 7)", fn -> UUID.generate(version: 7) end},
      {"bingenerate(version: 7)", fn -> UUID.bingenerate(version: 7) end},
      {":crypto.strong_rand_bytes(10), a part of it", fn -> :crypto.strong_rand_bytes(10) end},
      {"parse", fn -> UUID.parse(text) end},
      {"to_text", fn -> UUID.to_text(bytes) end}
    ]
  end

  defp quickest(call) do
    times =
      for _ <- 1..@rounds do
        {time, :ok} = :timer.tc(fn -> Enum.each(1..@calls, fn _ -> call.() end) end)
        time
      end

    round(Enum.min(times) * 1000 / @calls)
  end

  defp report(name, {insert, pages, size, read}) do
    [insert, pages, size, read]
    |> Enum.map_join(&(&1 |> :erlang.float_to_binary(decimals: 2) |> String.pad_leading(10)))
    |> then(&IO.puts([String.pad_trailing(name, 22), &1]))
  end
end

UUIDBench.run()
