defmodule Peers.Writers do
  @moduledoc """
  The rows of the comparison that come from the contention for one counter: how many transactions
  are committed a second.
  """

  alias Peers.{Comparison, Contention, Contestant, Figures, Floor, OwnVM, Row}

  @pool_size 5
  @full %{processes: 32, transactions: 20, cap: 10_000}
  @quick %{processes: 4, transactions: 3, cap: 5_000}
  @read "SELECT id, n FROM counters WHERE id = 1"
  @write "UPDATE counters SET n = n + 1 WHERE id = 1"

  @spec rows(boolean(), Path.t()) :: [Row.t()]
  def rows(quick?, program) do
    size = if quick?, do: @quick, else: @full
    for mode <- [:immediate, :default], do: row(mode, size, quick?, program)
  end

  defp row(mode, size, quick?, program) do
    IO.puts(:stderr, title(mode, size))

    rounds =
      for _ <- 1..Comparison.rounds(quick?) do
        cells =
          for contestant <- Contestant.all(),
              do: OwnVM.call(Contention, :run, [contestant, @pool_size, mode, size])

        cells ++ [OwnVM.call(__MODULE__, :floor, [program, size])]
      end

    [ours, theirs, floor] = Enum.zip_with(rounds, & &1)

    %Row{
      title: title(mode, size),
      goal: {:times_without_error, 50},
      ours: Enum.map(ours, &Contention.per_second/1),
      theirs: Enum.map(theirs, &Contention.per_second/1),
      floor: floor,
      better: :more,
      errors: ours |> Enum.map(&Contention.failed/1) |> Enum.sum(),
      write: &"#{Figures.decimals(&1)} a second"
    }
  end

  defp title(mode, size) do
    mode = if mode == :default, do: "each with its own default mode", else: "`mode: :immediate`"
    "#{size.processes} concurrent writers, `Repo.transaction` of `get!` and `update!`, #{mode}"
  end

  @doc """
  Threads that take turns at the same work, in this VM: transactions committed a second.
  """
  @spec floor(Path.t(), map(), Path.t()) :: float()
  def floor(program, size, dir) do
    database = Path.join(dir, "floor.db")
    {:ok, s} = EctoLibSql.connect(database: database)
    :ok = EctoLibSql.run(s, "CREATE TABLE counters (id INTEGER PRIMARY KEY, n INTEGER NOT NULL)")
    :ok = EctoLibSql.run(s, "INSERT INTO counters VALUES (1, 0), (2, 0)")
    :ok = EctoLibSql.disconnect(s)

    work = ["writers", @read, @write, size.processes, size.transactions]
    port = Floor.start(program, {database, work}, 1)
    Floor.nanoseconds(port)
    size.processes * size.transactions * 1.0e9 / Floor.nanoseconds(port)
  end
end
