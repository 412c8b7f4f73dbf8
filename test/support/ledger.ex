defmodule EctoLibSql.Test.Ledger do
  @moduledoc false
  # Writers that note what they were told of each of their writes, while a server is made to fail, and
  # the comparison of that with what is there.
  #
  # An entry is a writer's number, written as two halves in one transaction. After the comparison it
  # is known that what was acknowledged is there, that nothing is there in half, and that what was
  # refused is not there; only of a COMMIT without an answer both is right.

  import ExUnit.Assertions

  alias EctoLibSql.Error
  alias EctoLibSql.Test.Database

  defstruct [:flags, :writers]

  # A server that has lost its client keeps the lock for some seconds.
  @patience 30_000

  # Of the flags.
  @acknowledged 1
  @stopped 2

  @table "CREATE TABLE ledger (writer, number, half, PRIMARY KEY (writer, number, half))"

  @doc "Makes the table."
  def create(s), do: :ok = EctoLibSql.run(s, @table)

  @doc "The statements of an entry, with their parameters."
  def entry(writer, number),
    do: for(half <- [1, 2], do: {"INSERT INTO ledger VALUES (?, ?, ?)", [writer, number, half]})

  @doc """
  Starts writers. Each is a process that gets what `open` answers, and calls `write` with that, its id
  and one number after the other, until it is told to stop. `write` answers `{:ok, _}` or
  `{:error, error}`, or raises the error.
  """
  def start(count, open, write) do
    flags = :atomics.new(2, [])

    writers =
      for writer <- 1..count do
        Task.async(fn -> loop(flags, open.(), write, writer, 1, []) end)
      end

    %__MODULE__{flags: flags, writers: writers}
  end

  defp loop(flags, conn, write, writer, number, entries) do
    outcome = outcome(fn -> write.(conn, writer, number) end)
    if outcome == :acknowledged, do: :atomics.add(flags, @acknowledged, 1)
    entries = [{writer, number, outcome} | entries]

    if :atomics.get(flags, @stopped) == 1,
      do: entries,
      else: loop(flags, conn, write, writer, number + 1, entries)
  end

  defp outcome(write) do
    case write.() do
      {:ok, _} -> :acknowledged
      {:error, error} -> refused(error)
    end
  rescue
    # By its name: where there are no packages, nothing raises it.
    error ->
      if error.__struct__ in [Error, DBConnection.ConnectionError],
        do: refused(error),
        else: reraise(error, __STACKTRACE__)
  end

  defp refused(%Error{code: :commit_unknown}), do: :unknown
  defp refused(%Error{} = error), do: {:refused, error}
  # The pool has taken the connection away, perhaps in the middle of COMMIT.
  defp refused(_error), do: :unknown

  @doc "Waits until so many more entries are acknowledged."
  def await_acknowledged(%__MODULE__{flags: flags}, more) do
    goal = :atomics.get(flags, @acknowledged) + more
    Database.wait_until(fn -> :atomics.get(flags, @acknowledged) >= goal end, @patience)
  end

  @doc "Stops the writers. Answers how many entries had which outcome, errors by their code."
  def stop(%__MODULE__{flags: flags, writers: writers}) do
    :atomics.put(flags, @stopped, 1)
    writers |> Task.await_many(60_000) |> Enum.concat()
  end

  @doc "How many entries had which outcome, errors by their code."
  def outcomes(entries) do
    Enum.frequencies_by(entries, fn
      {_, _, {:refused, error}} -> error.code
      {_, _, outcome} -> outcome
    end)
  end

  @doc "Compares the entries with the table."
  def compare(entries, s) do
    there =
      s
      |> Database.rows("SELECT writer, number, count(*) FROM ledger GROUP BY writer, number")
      |> Map.new(fn [writer, number, halves] -> {{writer, number}, halves} end)

    for {writer, number, outcome} <- entries do
      halves = Map.get(there, {writer, number}, 0)

      right? =
        case outcome do
          :acknowledged -> halves == 2
          :unknown -> halves in [0, 2]
          {:refused, _error} -> halves == 0
        end

      assert right?, "#{halves} halves of #{inspect({writer, number, outcome})}"
    end

    assert map_size(there) <= length(entries)
    :ok
  end
end
