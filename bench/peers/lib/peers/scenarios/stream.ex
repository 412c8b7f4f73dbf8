defmodule Peers.Scenarios.Stream do
  @moduledoc false

  @behaviour Peers.Scenario

  import Ecto.Query

  alias Peers.Contestant

  @impl true
  def title(quick?), do: "`Repo.stream` of #{rows(quick?)} rows, 500 a fetch"

  @impl true
  def times(_quick?), do: 1

  defp rows(quick?), do: if(quick?, do: 10_000, else: 1_000_000)

  @impl true
  def setup(contestant, dir, quick?) do
    {repo, _pool} = Contestant.start(contestant, Path.join(dir, "stream.db"), 1)
    repo.query!("CREATE TABLE numbers (id INTEGER PRIMARY KEY, n INTEGER)")

    repo.query!(
      """
      INSERT INTO numbers
      WITH RECURSIVE i(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM i WHERE i < #{rows(quick?)})
      SELECT i, i * 7 FROM i
      """,
      [],
      timeout: :infinity
    )

    {repo, rows(quick?)}
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
end
