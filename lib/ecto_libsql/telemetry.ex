defmodule EctoLibSql.Telemetry do
  @moduledoc """
  The [telemetry](https://hexdocs.pm/telemetry) events of the driver.

  They are sent where the package `:telemetry` is there, which it is with Ecto. Times are in native
  units (`System.convert_time_unit/3`).

    * `[:ecto_libsql, :gate, :wait]` - a call has waited for its turn at the write gate.
      Measurements: `:duration`. Metadata: `:conn_id`, `:database`, `:result` (`:turn`, `:busy` or
      `:interrupted`) and, with `:busy`, `:holder`, the process that had the gate (or `nil`)
    * `[:ecto_libsql, :lock, :wait]` - a call has met the lock of another program, or of readers
      outside of WAL mode, and is made again. Measurements: `:duration`, for how long it slept, and
      `:attempt`, from 1. Metadata: `:conn_id`, `:database`
    * `[:ecto_libsql, :retry]` - a call or a transaction that failed is run again, as the option
      `:retry` asks. Measurements: `:attempt`, from 1, and `:backoff`, how long it slept before it.
      Metadata: `:conn_id` and `:database` (both `nil` for a repo's transaction), `:error` and `:kind`
      (`:call` or `:transaction`)
    * `[:ecto_libsql, :slow_query]` - a statement has taken at least as long as the option `:slow_query`
      says. Sent by a process of the library, after the statement's end. Measurements: `:duration`, in
      which it was run and its rows were handed over (not that in which a cursor stands still between two
      fetches), and what SQLite counted in it: those of `t:EctoLibSql.Status.statement/0` without
      `:memused`. Metadata: `:conn_id`, `:database`, `:sql`, as it was prepared, of which no more than
      16 KiB, `:pid`, the process whose call it was, where it was one's, and `:expanded_sql`, where that
      was asked for and is no longer than 16 KiB
    * `[:ecto_libsql, :slow_query, :lost]` - more slow queries came than handlers took, and some were not
      told. Measurements: `:count`. Metadata: `:conn_id`, `:database`
    * `[:ecto_libsql, :breaker, :open]`, `[:ecto_libsql, :breaker, :half_open]` and
      `[:ecto_libsql, :breaker, :closed]` - a server's breaker has changed ("Servers that do not
      answer" in `EctoLibSql`). Each is a line in the log, too. Sent by a process of the library. Measurements:
      `:failures`, in a row, `:opened`, how often it was opened that was closed, and `:refused`, how
      many calls it has refused. Metadata: `:server`, `:namespace`, `:reason`, what the last failure
      said, and `:retry_in`, in how many milliseconds the server is asked again (`nil` unless open)
    * `[:ecto_libsql, :failover]` - another server has answered a read, because the first one is away.
      Measurements: `:count`, 1. Metadata: `:conn_id`, `:database`, `:server`, the one that has
      answered, and `:reason`, the code of the first one's error

  Of hooks, sent by a process of the library's own:

    * `[:ecto_libsql, :hooks, :overflow]` - a subscriber was too slow, or a transaction too large for its
      buffer. Measurements: `:dropped`, how many changes and other events. Metadata: `:conn_id`,
      `:subscriber`, the process
    * `[:ecto_libsql, :change_feed, :transaction]`, `[:ecto_libsql, :change_feed, :overflow]` - see
      `EctoLibSql.ChangeFeed`

    * `[:ecto_libsql, :authorizer, :denied]` - a connection's policy did not allow a call
      (`EctoLibSql.Authorizer`). Measurements: `:count`, 1. Metadata: `:conn_id`, `:database`, `:sql` (`nil` for
      a blob), `:action`, `:object` and `:denied`, the error's

  Of embedded replicas, once for a file and VM, sent by a process of the library's own. Metadata:
  `:database`, the file.

    * `[:ecto_libsql, :replica, :sync]` - frames were fetched and are in the replica. Measurements:
      `:frame`, up to which it is complete, `:frames`, `:bytes` and `:duration`
    * `[:ecto_libsql, :replica, :failed]` - a sync failed. Metadata: `:error`, too
    * `[:ecto_libsql, :replica, :stale]` - the primary cannot be reached any more
    * `[:ecto_libsql, :replica, :caught_up]` - it is reached again, and the replica is what it has.
      Measurements: `:frame`
    * `[:ecto_libsql, :replica, :reset]` - the replica is pulled anew. Metadata: `:reason`, too:
      `:log_changed`, `:went_back`, `:file_missing`, `:file_damaged` or `:metadata_damaged`

  Of copies that are written offline, likewise:

    * `[:ecto_libsql, :offline, :sync]` - a sync, a push or a pull succeeded. Measurements: `:frame`, up
      to which both sides have the same, `:pushed` and `:pulled`, frames, and `:duration`
    * `[:ecto_libsql, :offline, :failed]` - one failed. Metadata: `:error`, too

  And by the process that reads a replica:

    * `[:ecto_libsql, :replica, :stale_read]` - a read was made on a replica that lacks what another
      process of this VM has written, because neither could it be brought up to date nor the primary be
      asked. Measurements: `:frame`, up to which it is complete. Metadata: `:conn_id`, `:database`
  """

  if Code.ensure_loaded?(:telemetry) do
    @doc false
    @spec execute([atom()], map(), map()) :: :ok
    def execute(event, measurements, metadata),
      do: :telemetry.execute(event, measurements, metadata)
  else
    @doc false
    @spec execute([atom()], map(), map()) :: :ok
    def execute(_event, _measurements, _metadata), do: :ok
  end
end
