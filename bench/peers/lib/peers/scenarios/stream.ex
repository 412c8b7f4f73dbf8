defmodule Peers.Scenarios.Stream do
  @moduledoc false

  @behaviour Peers.Scenario

  import Ecto.Query

  alias Peers.{Contestant, Figures}

  @impl true
  def title(quick?), do: "`Repo.stream` of #{Figures.decimals(rows(quick?))} rows, 500 a fetch"

  @impl true
  def goal, do: {:times, 2}

  @impl true
  def times(_quick?), do: 1

  defp rows(quick?), do: if(quick?, do: 10_000, else: 1_000_000)

  @impl true
  def setup(contestant, dir, quick?) do
    {repo, _pool} = Contestant.start(contestant, Path.join(dir, "stream.db"), 1)
    fill(repo, rows(quick?))
    {repo, rows(quick?)}
  end

  defp fill(repo, rows) do
    repo.query!("CREATE TABLE numbers (id INTEGER PRIMARY KEY, n INTEGER)")

    repo.query!(
      """
      INSERT INTO numbers
      WITH RECURSIVE i(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM i WHERE i < #{rows})
      SELECT i, i * 7 FROM i
      """,
      [],
      timeout: :infinity
    )
  end

  @impl true
  def run(_contestant, {repo, rows}, _n) do
    query = from(n in "numbers", select: {n.id, n.n})

    {:ok, ^rows} =
      repo.transaction(
        fn ->
          query |> repo.stream(max_rows: 500) |> Enum.reduce(0, fn _row, count -> count + 1 end)
        end,
        timeout: :infinity
      )
  end

  @impl true
  def floor(dir, quick?) do
    # In a process of its own, whose repo it is.
    task =
      Task.async(fn ->
        {repo, pool} = Contestant.start(:ecto_libsql, Path.join(dir, "stream.db"), 1)
        fill(repo, rows(quick?))
        Supervisor.stop(pool)
      end)

    :ok = Task.await(task, :infinity)
    {Path.join(dir, "stream.db"), ["read", "SELECT id, n FROM numbers", 0]}
  end
end
