if Code.ensure_loaded?(DBConnection) do
  defmodule EctoLibSql.Pool do
    @moduledoc """
    What a pool does: how many of its connections are in use and by whom, how long its callers wait,
    how much of its time it is busy.

        iex> EctoLibSql.Pool.metrics(MyApp.Repo)
        %{
          size: 5, busy: 1, idle: 4, opening: 0, queue_length: 0,
          checkouts: 1840, wait_mean: 3.1, wait_longest: 212, dropped: 0, opened: 5,
          utilisation: 0.04, uptime: 61_250, mode: :local, database: "app.db", gate: nil, breakers: [],
          holders: [
            %{pid: #PID<0.512.0>, name: "MyApp.Importer", held: 1204, connection: "0d0f…",
              transaction: 1204, running: 3, statement: "INSERT INTO posts …"}
          ]
        }

    A pool is a repo, the name or pid of one that was started dynamically, or the pid or name of a
    pool that `EctoLibSql.Connection.start_link/1` started. With `:pool_count`, a repo's pools are
    added up.

    Nothing here waits for a connection, also not for one that is busy.

    ## Telemetry

    `measure/1` emits `[:ecto_libsql, :pool, :metrics]`, for a poller to call:

        {:telemetry_poller,
         measurements: [{EctoLibSql.Pool, :measure, [MyApp.Repo]}], period: :timer.seconds(10)}

    Measurements: the numbers of `t:metrics/0`, counted since the event before. Metadata: `:repo`, what
    `measure/1` was given, `:holders` and `:gate`.

    `[:ecto_libsql, :pool, :exhausted]` is emitted when a caller is sent away without a connection.
    Measurements: `:count`, 1; `:wait`, in microseconds; `:busy`. Metadata: `:pool`, a pid; `:error`;
    `:holders`.

    How long a single checkout waited is in Ecto's own event, as `:queue_time`. There is no other
    event for each checkout.

    ## Exhaustion

    When no connection becomes free in time, DBConnection's error says besides who holds them:

        ** (DBConnection.ConnectionError) [MyApp.Repo] connection not available and request was
        dropped from queue after 132ms. …

        All 2 connections are in use:

          * #PID<0.512.0> (MyApp.Importer) for 12.3 s, in a transaction, running for 0.1 s: INSERT INTO …
          * #PID<0.530.0> (MyApp.Mailer.deliver/1) for 4.0 s, in a transaction, running no statement

    Its reason stays `:queue_timeout`. Connections that are not in use but being opened are told, with
    the error of the last attempt.

    ## The sandbox

    With `Ecto.Adapters.SQL.Sandbox`, a connection is in use while a process owns it, and its holder is
    who uses it, or else the owner. What `EctoLibSql.ConnectionPool` counts is not known there:
    `:checkouts`, `:wait_mean`, `:wait_longest`, `:dropped`, `:opened`, `:utilisation`, `:uptime` and a
    holder's `:held` are `nil`. The same goes for a repo with another `:pool`. The error of an exhausted
    pool is then DBConnection's own.
    """

    alias EctoLibSql.Pool.{Figures, Lookup, Meter}

    @event [:ecto_libsql, :pool, :metrics]

    @typedoc "A repo, or what else names a pool."
    @type pool :: module() | GenServer.server()

    @typedoc """
    Public fields:

      * `:size` - how many connections there are to be
      * `:busy`, `:idle` - how many are checked out, and how many are not
      * `:opening` - how many are neither: they are being opened, or checked after having been idle
      * `:queue_length` - how many callers wait; `nil` where the pool did not say so within a second
      * `:checkouts` - how often a connection was checked out
      * `:wait_mean`, `:wait_longest` - how long that took, in microseconds
      * `:dropped` - how many callers were sent away without a connection
      * `:opened` - how many connections were opened
      * `:utilisation` - the part of its connections' time in which they were checked out, 0 to 1
      * `:uptime` - what these count from, in milliseconds: the pool's start
      * `:mode`, `:database` - those of the connections' `EctoLibSql.State`; `nil` where none is open
      * `:gate` - the file's write gate, as `EctoLibSql.write_gate/1` answers it; `nil` where there
        is none
      * `:breakers` - those of the connections' servers, as `EctoLibSql.breakers/0` lists them
      * `:holders` - who has the connections that are in use
    """
    @type metrics :: %{
            size: pos_integer() | nil,
            busy: non_neg_integer(),
            idle: non_neg_integer(),
            opening: non_neg_integer() | nil,
            queue_length: non_neg_integer() | nil,
            checkouts: non_neg_integer() | nil,
            wait_mean: float() | nil,
            wait_longest: non_neg_integer() | nil,
            dropped: non_neg_integer() | nil,
            opened: non_neg_integer() | nil,
            utilisation: float() | nil,
            uptime: non_neg_integer() | nil,
            mode: :local | :remote | nil,
            database: String.t() | nil,
            gate: map() | nil,
            breakers: [map()],
            holders: [holder()]
          }

    @typedoc """
    Public fields:

      * `:pid` - the process
      * `:name` - its label, the name that it is registered under, or the function it began with
      * `:held` - for how long, in milliseconds
      * `:connection` - the connection's id in `EctoLibSql.connections/0`
      * `:transaction` - for how long it has been in a transaction, in milliseconds; `nil` outside
      * `:running` - for how long a call has been under way, in milliseconds; `nil` if none is
      * `:statement` - the SQL that runs
    """
    @type holder :: %{
            pid: pid(),
            name: String.t() | nil,
            held: non_neg_integer() | nil,
            connection: String.t() | nil,
            transaction: non_neg_integer() | nil,
            running: non_neg_integer() | nil,
            statement: String.t() | nil
          }

    @doc """
    What the pool does now, and what it has done since it was started.
    """
    @spec metrics(pool()) :: metrics()
    def metrics(pool), do: pool |> find!() |> Figures.read(&Meter.totals/2)

    @doc """
    Emits the event `[:ecto_libsql, :pool, :metrics]`. For `telemetry_poller`; see above.

    What is counted and averaged is so since this was called the last time: one poller for a pool. Of
    the write gate, there are `:gate_queue_length`, and since the file was opened `:gate_waits`,
    `:gate_waited` and `:gate_wait_longest`, in microseconds.
    """
    @spec measure(pool()) :: :ok
    def measure(pool) do
      metrics = pool |> find!() |> Figures.read(&Meter.lately/2)
      numbers = Map.filter(metrics, fn {_name, value} -> is_number(value) end)

      :telemetry.execute(
        @event,
        Map.merge(numbers, gate_numbers(metrics.gate)),
        Map.merge(Map.take(metrics, [:gate, :holders]), %{repo: pool})
      )
    end

    # Since the first connection to the file was opened; times in microseconds.
    defp gate_numbers(nil), do: %{}

    defp gate_numbers(gate) do
      %{
        gate_queue_length: gate.queue,
        gate_waits: gate.waits,
        gate_waited: gate.waited,
        gate_wait_longest: gate.longest_wait
      }
    end

    defp find!(pool) do
      case Lookup.find(pool) do
        {:ok, found} ->
          found

        :error ->
          raise ArgumentError, "#{inspect(pool)} is no running repo, nor a pool of connections"
      end
    end
  end
end
