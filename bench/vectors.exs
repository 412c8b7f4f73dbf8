# The nearest of 100,000 embeddings of 384 dimensions: an index against an exact scan. Recall@10 is the
# share of the ten nearest, as a scan finds them, that the index finds.
#
#     mix run bench/vectors.exs FOLDER ROWS SET ...
#     mix run bench/vectors.exs ~/.cache/ecto_libsql/wordnet 100000 f8_20 f1bit_50
#
# FOLDER has the embeddings that bench/embeddings.py makes, of which the first ROWS are taken. The sets of index
# options are below, by their names. A database for each is made in FOLDER, and stays: the next run only
# searches in it. An index is built in one statement, over a file without a journal, as one would that can be
# built again. Times are of the core, not of the clock: other work on the machine does not count.

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
    queries = read(folder, "queries.f32", 1_000)

    for name <- names do
      opts = Keyword.fetch!(sets(), name)
      path = Path.join(folder, "vectors_#{rows}_#{name}.db")
      known? = File.exists?(path)

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

      unless known?, do: create(folder, rows, name, opts)
      search(queries, "#{rows} rows, #{name}")
      Supervisor.stop(pid)
    end
  end

  defp create(folder, rows, name, opts) do
    load(folder, rows)
    before = size()
    {wall, cpu, :ok} = seconds(fn -> build(opts) end)

    IO.puts(
      "#{rows} rows, #{name} #{inspect(opts)}: built in #{round(wall)} s, #{round(cpu)} s of a core, " <>
        "#{Float.round(1000 * cpu / rows, 2)} ms a row; #{div(size() - before, rows)} bytes a row beside " <>
        "the table's #{div(before, rows)}"
    )
  end

  defp search(queries, name) do
    some = Enum.take(queries, @exact_queries)
    {truth, exact} = per_query(some, &found(&1, :none))
    {found, index} = per_query(queries, &found(&1, :auto))
    {_, filtered} = per_query(some, &filtered/1)
    {_, top_k} = per_query(queries, &top_k/1)

    hits = Enum.zip_with(truth, found, &length(&1 -- (&1 -- &2)))
    recall = Enum.sum(hits) / (@k * @exact_queries)

    IO.puts(
      "#{name}: recall@10 #{Float.round(100 * recall, 1)} %; of a core, a query takes: exact #{exact}, " <>
        "nearest/5 #{index}, nearest/5 with a filter that half of the rows pass #{filtered}, " <>
        "vector_top_k alone #{top_k}"
    )
  end

  defp per_query(queries, fun) do
    {_wall, cpu, answers} = seconds(fn -> Enum.map(queries, fun) end)
    {answers, "#{Float.round(1000 * cpu / length(queries), 2)} ms"}
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

  # By the clock, and of all of the program's threads: what else the machine does is not in that.
  defp seconds(fun) do
    {before, _} = :erlang.statistics(:runtime)
    {microseconds, answer} = :timer.tc(fun)
    {later, _} = :erlang.statistics(:runtime)
    {microseconds / 1.0e6, (later - before) / 1000, answer}
  end
end

case System.argv() do
  [folder, rows | names] ->
    Bench.Vectors.run(folder, String.to_integer(rows), Enum.map(names, &String.to_atom/1))
end
