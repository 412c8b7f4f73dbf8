# The nearest of 100,000 embeddings of 384 dimensions: an index against an exact scan. Recall@10 is the
# share of the ten nearest, as a scan finds them, that the index finds.
#
#     MIX_ENV=bench mix run bench/vectors.exs FOLDER [ROWS [SET ...]]
#
# FOLDER has the embeddings that bench/embeddings.py makes. The sets of index options are below, by their names.
# Databases are made in FOLDER, and removed. An index is built in one statement, over a file without a
# journal, as one would that can be built again.

defmodule Bench.Vectors do
  import Ecto.Query
  import EctoLibSql.Vector

  defmodule Repo do
    use Ecto.Repo, otp_app: :ecto_libsql, adapter: Ecto.Adapters.LibSql
  end

  defmodule Text do
    use Ecto.Schema

    schema "texts" do
      field(:embedding, EctoLibSql.Vector.F32, size: 384)
    end
  end

  defmodule Migration do
    use Ecto.Migration
    import EctoLibSql.Migration

    def change, do: create(vector_index(:texts, :embedding, Process.get(__MODULE__)))
  end

  @bytes 384 * 4
  @k 10
  @exact_queries 100

  def sets do
    [
      f8_20: [compress_neighbors: :f8, max_neighbors: 20],
      f1bit_50: [compress_neighbors: :f1bit, max_neighbors: 50],
      f8_50: [compress_neighbors: :f8, max_neighbors: 50],
      f8_20_search_400: [compress_neighbors: :f8, max_neighbors: 20, search_l: 400],
      f8_20_insert_40: [compress_neighbors: :f8, max_neighbors: 20, insert_l: 40],
      default: []
    ]
  end

  def run(folder, rows, names) do
    queries = folder |> read("queries.f32", 1_000)

    sets =
      if names == [],
        do: sets(),
        else: for(name <- names, do: {name, Keyword.fetch!(sets(), name)})

    for {name, opts} <- sets do
      path = Path.join(folder, "vectors_#{name}.db")
      File.rm(path)

      {:ok, pid} =
        Repo.start_link(
          database: path,
          pool_size: 1,
          journal_mode: :off,
          synchronous: :off,
          cache_size: -1_000_000,
          log: false,
          timeout: :infinity
        )

      load(folder, rows)
      before = size()
      {built, :ok} = seconds(fn -> build(opts) end)
      size = size() - before

      {exact_time, truth} =
        seconds(fn -> Enum.map(Enum.take(queries, @exact_queries), &found(&1, :none)) end)

      {index_time, found} = seconds(fn -> Enum.map(queries, &found(&1, :auto)) end)
      {filtered_time, _} = seconds(fn -> Enum.map(Enum.take(queries, 200), &filtered/1) end)
      {top_k_time, _} = seconds(fn -> Enum.map(queries, &top_k/1) end)

      hits = Enum.zip_with(truth, found, &length(&1 -- (&1 -- &2)))
      recall = Enum.sum(hits) / (@k * @exact_queries)

      IO.puts(
        "#{name} #{inspect(opts)}, #{rows} rows: built in #{round(built)} s " <>
          "(#{Float.round(1000 * built / rows, 2)} ms a row), #{Float.round(size / 1.0e6, 1)} MB; " <>
          "recall@10 #{Float.round(100 * recall, 1)} %; queries a second: exact " <>
          "#{Float.round(@exact_queries / exact_time, 2)}, nearest/5 #{Float.round(length(queries) / index_time, 1)}, " <>
          "with a filter that passes half #{Float.round(200 / filtered_time, 1)}, " <>
          "vector_top_k alone #{Float.round(length(queries) / top_k_time, 1)}"
      )

      Supervisor.stop(pid)
      File.rm!(path)
    end
  end

  defp load(folder, rows) do
    Repo.query!("CREATE TABLE texts (id INTEGER PRIMARY KEY, embedding F32_BLOB(384))")

    Repo.transaction(
      fn ->
        for blob <- read(folder, "corpus.f32", rows),
            do: Repo.query!("INSERT INTO texts (embedding) VALUES (?)", [{:blob, blob}])
      end,
      timeout: :infinity
    )
  end

  defp build(opts) do
    Process.put(Migration, opts)

    Ecto.Migration.Runner.run(Repo, Repo.config(), 1, Migration, :forward, :change, :up,
      log: false
    )

    :ok
  end

  defp found(query, index) do
    from(t in Text, select: t.id) |> nearest(:embedding, query, @k, index: index) |> Repo.all()
  end

  defp filtered(query) do
    from(t in Text, where: fragment("? % 2", t.id) == 0, select: t.id)
    |> nearest(:embedding, query, @k)
    |> Repo.all()
  end

  defp top_k(query) do
    Repo.query!("SELECT id FROM vector_top_k('texts_embedding_index', ?, #{@k})", [{:blob, query}])
  end

  defp read(folder, file, rows) do
    data = folder |> Path.join(file) |> File.read!()
    for <<blob::binary-size(@bytes) <- binary_part(data, 0, rows * @bytes)>>, do: blob
  end

  defp size do
    %{rows: [[pages]]} = Repo.query!("PRAGMA page_count")
    %{rows: [[page]]} = Repo.query!("PRAGMA page_size")
    pages * page
  end

  defp seconds(fun) do
    {microseconds, answer} = :timer.tc(fun)
    {microseconds / 1.0e6, answer}
  end
end

case System.argv() do
  [folder] ->
    Bench.Vectors.run(folder, 100_000, [])

  [folder, rows | names] ->
    Bench.Vectors.run(folder, String.to_integer(rows), Enum.map(names, &String.to_atom/1))
end
