defmodule Peers.Growth.ByRows do
  @moduledoc """
  Medians by Benchee of the same works on tables of more and more rows. The contestants' runs follow
  one another here, they do not alternate: what the machine does in between hits one of them.
  """

  import Ecto.Query

  alias Peers.{Contestant, Item, Timing}

  @chunk 500

  @spec works() :: keyword(String.t())
  def works do
    [
      get: "Repo.get!",
      query: "Repo.query! of all rows, 8 columns",
      all: "Repo.all of all rows, with datetimes",
      insert_all: "Repo.insert_all of so many rows, #{@chunk} a call, in a transaction",
      stream: "Repo.stream of all rows, 2 columns, 500 a fetch"
    ]
  end

  defp sizes(true), do: [10, 100]
  defp sizes(false), do: [100, 1_000, 10_000, 100_000, 1_000_000]

  @doc """
  The medians of each work in this VM, in nanoseconds.
  """
  @spec medians(boolean(), Path.t()) :: %{
          atom() => %{Contestant.t() => [{pos_integer(), number()}]}
        }
  def medians(quick?, dir) do
    sizes = sizes(quick?)
    for contestant <- Contestant.all(), rows <- sizes, do: fill(contestant, dir, rows)

    for {work, title} <- works(), into: %{} do
      IO.puts(:stderr, title)
      start = &start(work, &1, dir, &2)
      {work, Timing.medians(sizes, quick?, start, fn {repo, rows} -> run(work, repo, rows) end)}
    end
  end

  defp file(contestant, dir, rows), do: Path.join(dir, "#{contestant}_#{rows}.db")

  # A row as the adapter writes it, and its copies, which differ in all but the datetimes.
  defp fill(contestant, dir, rows) do
    {repo, pool} = Contestant.start(contestant, file(contestant, dir, rows), 1)
    Item.create(repo, 1)

    repo.query!(
      """
      INSERT INTO items
      WITH RECURSIVE i(i) AS (VALUES (2) UNION ALL SELECT i + 1 FROM i WHERE i < #{rows})
      SELECT i, 'item ' || i, 'some longer text that is on every row, ' || i, i * 7, i / 3.0, i % 2,
        (SELECT inserted_at FROM items), (SELECT updated_at FROM items)
      FROM i
      """,
      [],
      timeout: :infinity
    )

    Supervisor.stop(pool)
  end

  defp start(:insert_all, contestant, dir, rows) do
    {repo, pool} = Contestant.start(contestant, Path.join(dir, "#{contestant}_new_#{rows}.db"), 1)
    Item.create(repo, 0)
    {pool, {repo, rows}}
  end

  defp start(_work, contestant, dir, rows) do
    {repo, pool} = Contestant.start(contestant, file(contestant, dir, rows), 1)
    {pool, {repo, rows}}
  end

  defp run(:get, repo, rows), do: %Item{} = repo.get!(Item, :rand.uniform(rows))
  defp run(:query, repo, _rows), do: repo.query!("SELECT * FROM items", [], timeout: :infinity)
  defp run(:all, repo, _rows), do: repo.all(Item, timeout: :infinity)

  defp run(:insert_all, repo, rows) do
    chunk = Enum.map(1..min(rows, @chunk), &Item.row/1)
    insert = fn -> for _ <- 1..div(rows, length(chunk)), do: repo.insert_all(Item, chunk) end
    {:ok, _} = repo.transaction(insert, timeout: :infinity)
  end

  defp run(:stream, repo, rows) do
    query = from(i in Item, select: {i.id, i.quantity})
    count = fn -> query |> repo.stream(max_rows: 500) |> Enum.count() end
    {:ok, ^rows} = repo.transaction(count, timeout: :infinity)
  end
end
