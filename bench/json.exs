# What an index on a path is worth, what JSONB is next to JSON text, and what JSON costs on its way in and
# out: on the movies of vega-datasets, which scripts/data.sh gets.
#
#     DATA=$(bash scripts/data.sh) mix run bench/json.exs [--quick]

defmodule JsonBench do
  alias EctoLibSql.JSON.{Path, Term}

  @director Path.to_text!(["Director"])
  @rating Path.to_text!(["IMDB Rating"])

  def run(quick?) do
    movies = "DATA" |> System.fetch_env!() |> Elixir.Path.join("movies.json") |> File.read!()
    {:ok, movies} = Term.decode_text(movies)
    texts = Enum.map(movies, &Term.encode!/1)
    copies = if quick?, do: 1, else: 32
    rounds = if quick?, do: 1, else: 7
    {:ok, s} = EctoLibSql.connect(database: ":memory:")

    for form <- ~w(text jsonb) do
      :ok = EctoLibSql.run(s, "CREATE TABLE #{form} (id INTEGER PRIMARY KEY, j)")
      :ok = EctoLibSql.run(s, "CREATE TABLE large_#{form} (id INTEGER PRIMARY KEY, j)")
      tag = if form == "text", do: :json, else: :jsonb

      for _ <- 1..copies, part <- Enum.chunk_every(texts, 1_000) do
        insert(s, form, Enum.map(part, &{tag, &1}))
      end

      # Documents of 1,000 movies each.
      for part <- Enum.chunk_every(texts, 1_000, 1_000, :discard),
          do: insert(s, "large_#{form}", [{tag, "[" <> Enum.join(part, ",") <> "]"}])
    end

    sizes(s)
    index(s, rounds)
    forms(s, rounds)
    terms(movies, texts, s, rounds)
  end

  defp insert(s, table, values) do
    places = Enum.map_join(values, ", ", fn _ -> "(?)" end)
    :ok = EctoLibSql.run(s, "INSERT INTO #{table} (j) VALUES #{places}", values)
  end

  defp sizes(s) do
    for table <- ~w(text jsonb large_text large_jsonb) do
      {:ok, [rows, bytes]} = one(s, "SELECT count(*), avg(length(CAST(j AS BLOB))) FROM #{table}")
      IO.puts("#{pad(table)} #{rows} rows of #{round(bytes)} bytes")
    end
  end

  # All movies of a director.
  defp index(s, rounds) do
    IO.puts("\nms for the movies of one director, the quickest of #{rounds} rounds")

    find = fn form ->
      {:ok, _} =
        EctoLibSql.query(
          s,
          "SELECT id FROM #{form} WHERE json_extract(j, '#{@director}') = ?",
          ["Ridley Scott"]
        )
    end

    scanned = compare(rounds, for(form <- ~w(text jsonb), do: {form, fn -> find.(form) end}))

    for form <- ~w(text jsonb) do
      sql = "CREATE INDEX #{form}_director ON #{form} (json_extract(j, '#{@director}'))"
      :ok = EctoLibSql.run(s, sql)
    end

    found = compare(rounds, for(form <- ~w(text jsonb), do: {form, fn -> find.(form) end}))

    for form <- ~w(text jsonb) do
      report(form <> ", scanned", scanned[form])
      report(form <> ", by the index", found[form])
      IO.puts("#{pad("")} #{round(scanned[form] / found[form])} times as fast")
    end
  end

  defp forms(s, rounds) do
    for {tables, row, path} <- [
          {"", "a movie in each", @rating},
          {"large_", "1,000 movies in each", Path.to_text!([500, "IMDB Rating"])}
        ] do
      IO.puts("\nms for all rows, #{row}, the quickest of #{rounds} rounds")
      value = "json_extract(j, '#{path}')"

      for {name, columns} <- [
            {"a value at a path", fn _form -> [value] end},
            {"two values", fn _form -> [value, "json_extract(j, '$.none')"] end},
            {"a value set", &[set(&1, path)]},
            {"elements counted", fn _form -> ["(SELECT count(*) FROM json_each(j))"] end}
          ] do
        timed =
          compare(
            rounds,
            for form <- ~w(text jsonb) do
              counts = Enum.map_join(columns.(form), ", ", &"count(#{&1})")
              {form, fn -> one(s, "SELECT #{counts} FROM #{tables}#{form}") end}
            end
          )

        for form <- ~w(text jsonb), do: report("#{name}, #{form}", timed[form])

        IO.puts(
          "#{pad("")} JSONB takes #{Float.round(timed["jsonb"] / timed["text"], 2)} of text"
        )
      end
    end
  end

  defp set("text", path), do: "json_set(j, '#{path}', 1)"
  defp set("jsonb", path), do: "jsonb_set(j, '#{path}', 1)"

  # µs for a movie: what Elixir does, and what the driver does.
  defp terms(movies, texts, s, rounds) do
    {:ok, %{rows: rows}} = EctoLibSql.query(s, "SELECT j FROM jsonb LIMIT #{length(texts)}")
    jsonb = List.flatten(rows)
    count = length(texts)
    :ok = EctoLibSql.run(s, "CREATE TABLE w (j)")

    store = fn place, tag ->
      fn ->
        :ok = EctoLibSql.run(s, "DELETE FROM w")

        for part <- Enum.chunk_every(texts, 1_000) do
          places = Enum.map_join(part, ", ", fn _ -> "(#{place})" end)
          values = if tag, do: Enum.map(part, &{tag, &1}), else: part
          :ok = EctoLibSql.run(s, "INSERT INTO w (j) VALUES #{places}", values)
        end
      end
    end

    timed =
      compare(rounds, [
        {"a term to JSON text", fn -> Enum.each(movies, &Term.encode!/1) end},
        {"JSON text to a term", fn -> Enum.each(texts, &Term.decode/1) end},
        {"JSONB to a term", fn -> Enum.each(jsonb, &Term.decode_stored/1) end},
        {"stored as text", store.("?", nil)},
        {"stored as JSONB by {:jsonb, text}", store.("?", :jsonb)},
        {"stored as JSONB by jsonb(?)", store.("jsonb(?)", nil)}
      ])

    IO.puts("\nµs for a movie")
    for {name, ms} <- timed, do: report(name, ms * 1_000 / count)
  end

  defp one(s, sql), do: EctoLibSql.query_one(s, sql, [])

  # The quickest of the rounds in ms, in each of which everything has its turn.
  defp compare(rounds, named) do
    times = for _ <- 1..rounds, {name, fun} <- named, do: {name, in_ms(fun)}

    times
    |> Enum.group_by(&elem(&1, 0), &elem(&1, 1))
    |> Map.new(fn {name, times} -> {name, Enum.min(times)} end)
  end

  # In a process of its own, so that nobody else's garbage is collected in its time.
  defp in_ms(fun) do
    task = Task.async(fn -> fun |> :timer.tc() |> elem(0) end)
    Task.await(task, :infinity) / 1_000
  end

  defp report(name, time),
    do: IO.puts("#{pad(name)} #{:erlang.float_to_binary(time * 1.0, decimals: 3)}")

  defp pad(name), do: String.pad_trailing(name, 44)
end

JsonBench.run("--quick" in System.argv())
