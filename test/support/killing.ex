defmodule EctoLibSql.Test.Killing do
  @moduledoc false
  # Workers that are killed in the middle of what they do, and the book of what they did. A worker
  # says what it is in the middle of (`at/2`), and what was committed, once it knows
  # (`acknowledge/2`).
  #
  # A transaction of a worker writes its id and a number of its own to `log`, and increments the
  # counter. So whatever is cut off where, the counter is the number of the log's rows.

  import EctoLibSql.Test.Database
  import ExUnit.Assertions

  @workers 20
  # How often to look for a worker that is in the middle of what the kill is meant for.
  @looks 300

  @doc "Makes the database's tables."
  def create(database) do
    {:ok, s} = EctoLibSql.connect(database: database)

    {:ok, _} =
      EctoLibSql.execute_batch(s, """
      CREATE TABLE counter (n INTEGER NOT NULL);
      INSERT INTO counter VALUES (0);
      CREATE TABLE log (worker INTEGER, number INTEGER, PRIMARY KEY (worker, number)) WITHOUT ROWID;
      CREATE TABLE single (worker INTEGER, number INTEGER, PRIMARY KEY (worker, number)) WITHOUT ROWID;
      CREATE TABLE scratch (i INTEGER);
      """)

    EctoLibSql.disconnect(s)
  end

  @doc "The statements of a worker's transaction, with their parameters."
  def transaction({_book, worker}, number) do
    [
      {"INSERT INTO log VALUES (?, ?)", [worker, number]},
      {"UPDATE counter SET n = n + 1", []}
    ]
  end

  @doc "A write in one statement."
  def single({_book, worker}, number), do: {"INSERT INTO single VALUES (?, ?)", [worker, number]}

  @doc "A write that takes a while, and leaves as much as it found."
  def long_write,
    do: [{"DELETE FROM scratch", []}, {"INSERT INTO scratch #{count_to(20_000)}", []}]

  @doc "A read that takes a while."
  def long_read, do: "SELECT count(*) FROM (#{count_to(300_000)})"

  def at({book, worker}, place), do: :ets.insert(book, {{:at, worker}, place, self()})

  @doc "Notes a row that is committed."
  def acknowledge({book, worker}, table, number),
    do: :ets.insert(book, {{:committed, table, worker, number}})

  @doc """
  Kills workers so many times, each in the middle of one of the `places`, with a new one after it,
  and at the end all of them. A worker is a process of `work`, which gets what `at/2` takes.

  Answers the book, the pids of the dead, and how many were killed at which place.
  """
  def kill_many(kills, places, work) do
    # The seed that ExUnit prints.
    :rand.seed(:exsss, ExUnit.configuration()[:seed])
    book = :ets.new(:book, [:public, write_concurrency: true])
    workers = for id <- 1..@workers, into: %{}, do: start(id, book, work)

    {workers, dead} =
      Enum.reduce(1..kills, {workers, []}, fn n, {workers, dead} ->
        id = choose(book, Enum.random(places), workers)
        {workers, died} = kill(workers, id, book)
        {id, pid} = start(@workers + n, book, work)
        {Map.put(workers, id, pid), [died | dead]}
      end)

    {_, last} =
      Enum.reduce(Map.keys(workers), {workers, []}, fn id, {workers, dead} ->
        {workers, died} = kill(workers, id, book)
        {workers, [died | dead]}
      end)

    places = dead |> Enum.map(&elem(&1, 1)) |> Enum.frequencies()
    %{book: book, dead: Enum.map(dead ++ last, &elem(&1, 0)), places: places}
  end

  defp start(id, book, work) do
    seed = ExUnit.configuration()[:seed]

    {pid, _monitor} =
      spawn_monitor(fn ->
        :rand.seed(:exsss, {seed, id, 0})
        work.({book, id})
      end)

    {id, pid}
  end

  defp choose(book, place, workers, looks \\ @looks)
  defp choose(_book, _place, workers, 0), do: workers |> Map.keys() |> Enum.random()

  defp choose(book, place, workers, looks) do
    case :ets.match(book, {{:at, :"$1"}, place, :_}) do
      [] ->
        :erlang.yield()
        choose(book, place, workers, looks - 1)

      there ->
        [id] = Enum.random(there)
        # Somewhere in the middle, not always at the beginning.
        if :rand.uniform(2) == 1, do: spin(:rand.uniform(2_000))
        id
    end
  end

  defp spin(0), do: :ok
  defp spin(times), do: spin(times - 1)

  # A worker that ended by itself has met an error.
  defp kill(workers, id, book) do
    {pid, workers} = Map.pop!(workers, id)
    Process.exit(pid, :kill)
    assert_receive {:DOWN, _monitor, :process, ^pid, reason}, 10_000
    assert reason == :killed

    place = for {_, place, _} <- :ets.take(book, {:at, id}), do: place
    {workers, {pid, List.first(place)}}
  end

  @doc """
  Waits until the registry is empty of the dead, and asserts that they left no lock and no half of
  a transaction.
  """
  def assert_sound(database, %{book: book, dead: dead}) do
    dead = MapSet.new(dead)
    wait_until(fn -> Enum.all?(EctoLibSql.connections(), &free_of?(&1, dead)) end)

    {:ok, s} = EctoLibSql.connect(database: database, busy_timeout: 0)
    {:ok, s} = EctoLibSql.begin(s, behavior: :immediate)
    {:ok, s} = EctoLibSql.rollback(s)
    assert rows(s, "PRAGMA integrity_check") == [["ok"]]

    log = rows(s, "SELECT worker, number FROM log")
    assert rows(s, "SELECT n FROM counter") == [[length(log)]]
    assert_acknowledged(book, :log, log)
    assert_acknowledged(book, :single, rows(s, "SELECT worker, number FROM single"))
    EctoLibSql.disconnect(s)
  end

  # Those whose acknowledgement was cut off are there as well: one of each killed worker at most.
  defp assert_acknowledged(book, table, rows) do
    acknowledged = :ets.match(book, {{:committed, table, :"$1", :"$2"}})
    assert acknowledged != []
    assert acknowledged -- rows == []

    cut_off = rows -- acknowledged
    assert cut_off == Enum.uniq_by(cut_off, fn [worker, _number] -> worker end)
  end

  defp free_of?(connection, dead) do
    held = [connection, connection.transaction, connection.running]
    held = held ++ connection.statements ++ connection.cursors
    Enum.all?(held, &(&1 == nil or &1.owner not in dead))
  end
end
