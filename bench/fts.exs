# Full-text search against a scan with LIKE, and what its triggers cost: mix run bench/fts.exs
#
# On the definitions of WordNet's 117,000 senses, from the folder that WORDNET names, or as
# scripts/data.sh gets them. The contestants take turns, and the quickest of each counts. `--quick` only
# checks that it runs.

defmodule Bench.FTS do
  alias EctoLibSql.FTS

  @searches [
    {"a rare word", "zeppelin"},
    {"a word in some hundred", "kitchen"},
    {"a frequent word", "person"},
    {"two words", "medieval weapon"},
    {"a phrase", ~S("capital and largest city")},
    {"a beginning", "electromag*"}
  ]

  def run(quick?) do
    senses = senses(if quick?, do: 2_000, else: :all)
    path = Path.join(System.tmp_dir!(), "fts_bench_#{System.pid()}.db")
    {:ok, s} = EctoLibSql.connect(database: path, synchronous: :off)

    try do
      searches(s, senses, if(quick?, do: 1, else: 15))
      writes(s, if(quick?, do: 1, else: 7))
    after
      EctoLibSql.disconnect(s)
      for suffix <- ["", "-wal", "-shm"], do: File.rm(path <> suffix)
    end
  end

  # A line has the sense's words, and its definition behind a bar.
  defp senses(count) do
    folder = System.get_env("WORDNET") || fetch!()

    senses =
      for part <- ~w(noun verb adj adv),
          line <- File.stream!(Path.join(folder, "data.#{part}")),
          not String.starts_with?(line, "  "),
          [head, gloss] <- [String.split(line, " | ", parts: 2)] do
        [_offset, _file, _type, _count, word | _rest] = String.split(head, " ")
        [String.replace(word, "_", " "), String.trim(gloss)]
      end

    if count == :all, do: senses, else: Enum.take(senses, count)
  end

  defp fetch! do
    {folder, 0} = System.cmd("bash", ["scripts/data.sh", "wordnet"])
    String.trim(folder)
  end

  ## Searches

  defp searches(s, senses, turns) do
    :ok = EctoLibSql.run(s, "CREATE TABLE senses (id INTEGER PRIMARY KEY, word TEXT, gloss TEXT)")

    {:ok, _} =
      EctoLibSql.batch_transactional(
        s,
        Enum.map(senses, &{"INSERT INTO senses (word, gloss) VALUES (?, ?)", &1})
      )

    text = pages(s)

    {building, :ok} =
      :timer.tc(fn ->
        FTS.create(s, "senses_fts", content: "senses", columns: [:word, :gloss])
      end)

    {optimizing, :ok} = :timer.tc(fn -> FTS.optimize(s, "senses_fts") end)

    IO.puts(
      "#{length(senses)} senses, #{mb(text)} MB; the index: built in #{ms(building)} ms, optimized in " <>
        "#{ms(optimizing)} ms, #{mb(pages(s) - text)} MB"
    )

    IO.puts("\nthe 10 best rows by FTS5; how many rows by LIKE")

    IO.puts(
      "| search | rows | FTS5, the 10 best | LIKE, their number | ratio |\n|---|---|---|---|---|"
    )

    for {name, text} <- @searches, do: search(s, name, text, turns)
  end

  defp search(s, name, text, turns) do
    {:ok, %{rows: [[count]]}} =
      EctoLibSql.query(s, "SELECT count(*) FROM senses_fts WHERE senses_fts MATCH ?", [
        to_string(FTS.websearch(text))
      ])

    like = like(text)

    times =
      for turn <- 0..turns, reduce: %{fts: [], like: []} do
        times ->
          {fts, {:ok, _}} =
            :timer.tc(fn ->
              FTS.query(s, "senses_fts", text, select: [:rowid, :gloss], limit: 10)
            end)

          {scan, {:ok, _}} =
            :timer.tc(fn -> EctoLibSql.query(s, elem(like, 0), elem(like, 1)) end)

          if turn == 0, do: times, else: %{fts: [fts | times.fts], like: [scan | times.like]}
      end

    {fts, scan} = {best(times.fts), best(times.like)}

    IO.puts(
      "| #{name}, `#{text}` | #{count} | #{ms(fts)} ms | #{ms(scan)} ms | #{Float.round(scan / fts, 1)} |"
    )
  end

  # What people write who have no index: each word anywhere. It only counts, and builds no rows.
  defp like(text) do
    words =
      if String.starts_with?(text, "\""),
        do: [String.trim(text, "\"")],
        else: text |> String.trim_trailing("*") |> String.split()

    conditions = Enum.map_join(words, " AND ", fn _ -> "(gloss LIKE ? OR word LIKE ?)" end)
    params = Enum.flat_map(words, &["%#{&1}%", "%#{&1}%"])
    {"SELECT count(*) FROM senses WHERE #{conditions}", params}
  end

  ## Writes

  # Rows into a table without an index, with FTS5 and the usual three triggers, and with those of this library, which
  # follow REPLACE, too.
  defp writes(s, turns) do
    {:ok, %{rows: rows}} = EctoLibSql.query(s, "SELECT word, gloss FROM senses LIMIT 20000")
    rows = Enum.with_index(rows, fn [word, gloss], n -> [n, word, gloss] end)

    IO.puts(
      "\n#{length(rows)} inserts in a transaction, with a unique key beside the primary key"
    )

    for size <- [1, 500], do: inserts(s, rows, size, turns)
  end

  defp inserts(s, rows, size, turns) do
    statements = statements(rows, size)
    kinds = [:no_index, :three_triggers, :fts_table]

    times =
      for turn <- 0..turns, kind <- Enum.shuffle(kinds), reduce: %{} do
        times ->
          :ok = prepare(s, kind)
          {time, {:ok, _}} = :timer.tc(fn -> EctoLibSql.batch_transactional(s, statements) end)
          :ok = drop(s)
          if turn == 0, do: times, else: Map.update(times, kind, [time], &[time | &1])
      end

    least = best(times.no_index)

    for kind <- kinds do
      time = best(times[kind])
      a_row = Float.round(time / length(rows), 1)

      IO.puts(
        "  #{size} rows a statement, #{kind}: #{a_row} µs a row, #{Float.round(time / least, 2)}"
      )
    end
  end

  defp statements(rows, size) do
    for part <- Enum.chunk_every(rows, size) do
      values = Enum.map_join(part, ", ", fn _ -> "(?, ?, ?)" end)
      {"INSERT INTO w (n, word, gloss) VALUES #{values}", Enum.concat(part)}
    end
  end

  defp drop(s) do
    :ok = FTS.drop(s, "w_fts", if_exists: true)
    EctoLibSql.run(s, "DROP TABLE w")
  end

  defp prepare(s, kind) do
    :ok =
      EctoLibSql.run(
        s,
        "CREATE TABLE w (id INTEGER PRIMARY KEY, n INTEGER UNIQUE, word TEXT, gloss TEXT)"
      )

    index(s, kind)
  end

  defp index(_s, :no_index), do: :ok
  defp index(s, :fts_table), do: FTS.create(s, "w_fts", content: "w", columns: [:word, :gloss])

  defp index(s, :three_triggers) do
    :ok = FTS.create(s, "w_fts", content: "w", columns: [:word, :gloss], triggers: false)

    {:ok, _} =
      EctoLibSql.execute_batch(s, """
      CREATE TRIGGER w_i AFTER INSERT ON w BEGIN
        INSERT INTO w_fts (rowid, word, gloss) VALUES (new.id, new.word, new.gloss);
      END;
      CREATE TRIGGER w_d AFTER DELETE ON w BEGIN
        INSERT INTO w_fts (w_fts, rowid, word, gloss) VALUES ('delete', old.id, old.word, old.gloss);
      END;
      CREATE TRIGGER w_u AFTER UPDATE ON w BEGIN
        INSERT INTO w_fts (w_fts, rowid, word, gloss) VALUES ('delete', old.id, old.word, old.gloss);
        INSERT INTO w_fts (rowid, word, gloss) VALUES (new.id, new.word, new.gloss);
      END;
      """)

    :ok
  end

  ## Figures

  defp pages(s) do
    [pages, free, size] =
      for pragma <- ~w(page_count freelist_count page_size) do
        {:ok, %{rows: [[value]]}} = EctoLibSql.query(s, "PRAGMA #{pragma}")
        value
      end

    (pages - free) * size
  end

  defp best(times), do: Enum.min(times)
  defp ms(time), do: Float.round(time / 1000, 2)
  defp mb(bytes), do: Float.round(bytes / 1_000_000, 1)
end

Bench.FTS.run("--quick" in System.argv())
