defmodule Peers.Growth.ByPool do
  @moduledoc """
  What many processes do at once with pools of more and more connections.
  """

  alias Peers.{Contention, Contestant, Item, OwnVM, Timing}

  @rows 10_000
  @readers 64
  @full %{processes: 32, transactions: 20, cap: 10_000}
  @quick %{processes: 4, transactions: 3, cap: 5_000}

  @type points :: %{Contestant.t() => [{pos_integer(), float()}]}

  @spec readers_title() :: String.t()
  def readers_title, do: "#{@readers} processes, Repo.get!"

  @spec writers_title() :: String.t()
  def writers_title,
    do: "#{@full.processes} processes, transactions of get! and update!, mode: :immediate"

  defp sizes(true), do: [1, 2]
  defp sizes(false), do: [1, 2, 4, 8, 16, 32, 64]

  @doc """
  Reads a second in this VM, from Benchee's medians.
  """
  @spec reads(boolean(), Path.t()) :: points()
  def reads(quick?, dir) do
    IO.puts(:stderr, readers_title())
    each = if quick?, do: 5, else: 100

    medians =
      Timing.medians(sizes(quick?), quick?, &start(&1, dir, &2), fn {repo, pool} ->
        read(repo, pool, each)
      end)

    for {contestant, points} <- medians, into: %{} do
      {contestant, for({size, ns} <- points, do: {size, @readers * each * 1.0e9 / ns})}
    end
  end

  defp start(contestant, dir, size) do
    {repo, pool} = Contestant.start(contestant, Path.join(dir, "#{contestant}_#{size}.db"), size)
    Item.create(repo, @rows)
    {pool, {repo, pool}}
  end

  defp read(repo, pool, each) do
    1..@readers
    |> Enum.map(fn _ ->
      Task.async(fn ->
        repo.put_dynamic_repo(pool)
        for _ <- 1..each, do: %Item{} = repo.get!(Item, :rand.uniform(@rows))
      end)
    end)
    |> Task.await_many(:infinity)
  end

  @doc """
  Transactions committed a second, as in `Peers.Contention`.
  """
  @spec writes(boolean()) :: points()
  def writes(quick?) do
    IO.puts(:stderr, writers_title())
    work = if quick?, do: @quick, else: @full

    for contestant <- Contestant.all(), into: %{} do
      {contestant,
       for size <- sizes(quick?) do
         cell = OwnVM.call(Contention, :run, [contestant, size, :immediate, work])
         {size, Contention.per_second(cell)}
       end}
    end
  end
end
