if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql do
    @moduledoc """
    Ecto on libSQL, the open fork of SQLite.

    `mix ecto.gen.repo -r MyApp.Repo` writes a repo and its configuration; change the adapter, and
    give a file instead of a server:

        defmodule MyApp.Repo do
          use Ecto.Repo, otp_app: :my_app, adapter: Ecto.Adapters.LibSql
        end

        # config/config.exs
        config :my_app, ecto_repos: [MyApp.Repo]

        config :my_app, MyApp.Repo,
          database: Path.expand("../my_app.db", __DIR__),
          pool_size: 5

        # config/test.exs
        config :my_app, MyApp.Repo,
          database: Path.expand("../my_app_test.db", __DIR__),
          pool: Ecto.Adapters.SQL.Sandbox,
          sandbox: :clone

    Then `mix ecto.create`, `mix ecto.migrate`, `mix ecto.rollback`, `mix ecto.drop`, `mix ecto.dump`
    and `mix ecto.load` work as with any database.

    ## Options

    Those of `EctoLibSql.connect/1` (`:database`, `:busy_timeout`, `:journal_mode`, …), those of
    `DBConnection.start_link/2` (`:pool_size`, `:timeout`, …), those of `Ecto.Repo`, and

      * `:default_transaction_mode` - how `c:Ecto.Repo.transaction/2` begins a transaction that
        does not say. Default: `:immediate`. See `EctoLibSql.Connection`
      * `:attach` - databases to be had under a prefix: with `attach: [archive: "archive.db"]`,
        `Repo.all(Post, prefix: "archive")` reads the table `posts` of that file. A foreign key
        cannot leave its database
      * `:sandbox` - what a test in the sandbox works on: `:transaction` (default), a transaction on
        the database itself; `:clone`, a copy of its own. See "The sandbox" below
      * `:read_only` - `true` for a second repo on the same file that only reads, beside the one
        that writes: SQLite refuses its writes, with the code `:readonly`

    and what `Ecto.Adapters.LibSql.Types` reads. An unknown option is an error that names it.

    A database `":memory:"` is shared by the repo's connections and lives as long as the repo.

    ## Servers

    With `uri: "libsql://…", auth_token: "…"` instead of `:database`, the repo's database is on a libSQL
    server: see [Servers](servers.html#servers). Queries, writes, constraints, transactions, streams and
    migrations are the same. What is not:

      * A migration that has to build a table anew (see `Ecto.Adapters.LibSql.Migration`) writes its rows
        twice, and refuses where another table's foreign key with an ON DELETE is not part of its
        column (`with:`, or a primary key): drop that key before, and create it again afterwards
      * Migrators of one cluster of VMs wait for each other. Of others, the one that comes second
        fails at the version that is there already, and is rolled back
      * A transaction with several statements takes a round trip for each, and two for its begin and
        commit. One that keeps another writer waiting for five seconds is rolled back by the server
      * Queries without a schema that also have a source with one get JSON and decimals as text
      * Decimals are compared and sorted exactly, and dates are added to, in plain SQL, which this library
        writes for a server. To calculate with decimals (`p.price * 2`, `sum(p.price)`, `max(p.price)`,
        `inc:`) needs functions that only a local database has, and is an error with the code
        `:unsupported`. `distinct: true` and set operations tell 1.0 from 1.00
      * ATTACH, VACUUM, ANALYZE, temporary tables and most pragmas are the server's, an error with the
        code `:unsupported` that says so. `sandbox: :clone`, `:attach`, `:read_only` and prefixes are for
        local databases
      * A statement that is stopped, by its timeout or an interrupt, takes its transaction along
      * `mix ecto.create` and `mix ecto.drop` create and drop nothing: the server's owner does.
        `mix ecto.dump` and `mix ecto.load` work

    Ecto's own suites and the adapter's tests run over a server and over a replica as well:

        $ ECTO_LIBSQL_MODE=remote mix test.repo
        Ecto's integration suites: 458 of 463
        the adapter's tests: 559 of 607
        in all: 1017 of 1070: 95.0 %

        $ ECTO_LIBSQL_MODE=replica mix test.repo
        Ecto's integration suites: 458 of 463
        the adapter's tests: 585 of 607
        in all: 1043 of 1070: 97.4 %

    `test/modes/` in this library's sources lists what is left out, with the reasons.

    With `failover: ["https://replica-1", …]`, `Repo.all`, `Repo.one`, `Repo.get`, `Repo.aggregate` and
    preloads go on outside of transactions while the server is away, on what the other servers have.
    `Repo.stream`, which needs a transaction, and all that writes are errors until it is back: see
    [Servers that do not answer](servers.html#servers-that-do-not-answer).

    ## Embedded replicas

    With `:uri` and `:database`, the repo reads a local copy of a server's database and writes at the server:
    [Embedded replicas](servers.html#embedded-replicas) says how. A pool, and every other one of the VM, shares one copy. What
    is said of servers holds, and

      * `Repo.all` and the like are local, `Repo.insert` and the like are not, nor is anything inside of
        `Repo.transaction`, unless it is `mode: :read_only`
      * decimals can be calculated in local reads
      * `Ecto.Adapters.SQL.Sandbox` has its transactions at the server, so tests need one. `sandbox: :clone` is for
        local databases
      * `mix ecto.migrate` opens the replica: run it where no other VM has the file, or in the VM that has it.
        `mix ecto.dump` and `mix ecto.load` ask the server. `mix ecto.drop` drops nothing, the copy neither
      * `EctoLibSql.Replication` takes a repo

    ## Transactions

    `Repo.transaction(fun, mode: mode)` begins as `EctoLibSql.Connection` describes. By default it
    takes the write lock at once: a transaction that first reads and then writes cannot fail
    because somebody wrote in between. One that only reads should be `mode: :deferred` or
    `mode: :read_only`, which lets others write.

    An error in a statement undoes that statement, not the transaction.

    Transactions of one VM that write take turns, in the order in which they came: see "Writers" in
    `EctoLibSql`. `Repo.transaction(fun, retry: n)` runs the whole function again, up to n times, when
    it fails for a reason that may pass, such as `:busy_snapshot` in a deferred one; `retry: n` in the
    repo's configuration is the default, and also has single statements run again outside of a
    transaction.

    ## Queries

    Whatever `Ecto.Query` can say and SQLite has a way to do is done; the rest is an
    `Ecto.QueryError` that names it. Worth knowing:

      * `lock: "FOR UPDATE"` and its relatives are accepted and add nothing: a transaction of mode
        `:immediate` holds the database's only write lock from its begin. In one of mode
        `:deferred`, and so in a sandboxed test, that is true from its first write on. Other locks
        are errors
      * `hints: ["INDEXED BY name"]` and `["NOT INDEXED"]` are the hints that there are
      * a lateral join takes a fragment of a table-valued function, such as
        `fragment("json_each(?)", p.tags)`, and no subquery that refers to its parent
      * an `update_all` with a join changes each row once, with one of its matches, and its
        `select`, as that of a `delete_all`, is limited to the first binding
      * the rows that a `delete_all`, or an `update_all` with an outer join, finds by a join are
        known by their rowid, or by the schema's primary key unless that is one integer, since the
        table may be WITHOUT ROWID
      * CTEs cannot modify data
      * `like` and `ilike` ignore case, in ASCII only, and a backslash escapes `%` and `_`
      * combinations (`union`, `except_all`, …) are applied one after the other
      * an integer divided by an integer is an integer, and a division by zero is `nil`
      * decimals are calculated, compared and sorted exactly where the query knows them for such: by
        a schema, by `type/2`, or by calculation from them. A fragment, a parameter beside a
        fragment, or a column without a schema needs `type(..., :decimal)` for that

    ## Writing many rows

    `c:Ecto.Repo.insert_all/3` of more rows than one statement can hold parameters for (32,766) is
    split into several, and so are rows that do not have the same fields: a missing field takes
    its column's default. Several statements run in one transaction, or in a savepoint of the one
    that is open.

    ## Timeouts

    A query that takes longer than its `:timeout` is stopped, with an `EctoLibSql.Error` of code
    `:timeout`, and its connection stays. A transaction or a `c:Ecto.Repo.checkout/2` that holds a
    connection for longer than its own loses the connection, as with every adapter: that is
    DBConnection's rule.

    ## Pools

    `EctoLibSql.Pool.metrics(MyApp.Repo)` says what the repo's connections do, and
    `EctoLibSql.health(MyApp.Repo)` whether its database answers. When a caller waited too long for a
    connection, the error says who has them. How to size a pool, what its lifetime options do, and how
    to have a repo that reads beside one that writes, is in the guide `docs/pool.md`.

    ## Migrations

    DDL is transactional. While migrations run, a lock keeps out every other migrator of the same
    file on the machine. It is the operating system's lock on an empty file beside the database,
    `my_app.db-migration-lock`, which stays there; `migration_lock: false` in the repo's
    configuration does without. Migrators of a database in memory are kept apart within the VM.

    How each command of `Ecto.Migration` works here is in `Ecto.Adapters.LibSql.Migration`, and by
    which names constraints reach a changeset in `Ecto.Adapters.LibSql.Constraints`.

    ## The sandbox

    `Ecto.Adapters.SQL.Sandbox` works in all its modes. SQLite has one writer for a file at a time,
    so of tests that run at once and write, all but one would wait. With one more option beside the
    sandbox's pool, each works on a copy of its own, and none waits:

        config :my_app, MyApp.Repo,
          database: Path.expand("../my_app_test.db", __DIR__),
          pool: Ecto.Adapters.SQL.Sandbox,
          sandbox: :clone

    All else stays as with any database: `mix ecto.create` and `mix ecto.migrate` work on the file,
    `test/test_helper.exs` sets the mode `:manual`, tests are `async: true` and call `checkout/2` or
    `start_owner!/2`. `allow/3` and the shared mode let other processes in, to the same copy.

      * A checkout finds the file as it is then: whatever was committed to it before, by migrations,
        by `test_helper.exs`, by another repo or program, and what is only in its write-ahead log.
        From then on it sees its own writes only. Nothing is ever written back.
      * Each connection of the pool makes its copy at its first checkout, in memory, by SQLite's
        backup, and makes it anew only where the file has changed since. After a test, there is a
        ROLLBACK, as always. That undoes changes of the schema, too. A test that commits by hand
        (`Repo.query!("COMMIT")`) leaves nothing behind either: it costs a new copy.
      * A copy takes as much memory as the file is large, for each connection.
      * `unboxed_run/2`, `checkout(repo, sandbox: false)` and the mode `:auto` work on the file.
        What they commit is there for all checkouts that follow, and those that are under way do not
        see it. A test that does so cleans up, and is not `async: true`.
      * Databases that `:attach` names are copied, too; so is `":memory:"`, which the pool's
        connections share otherwise.
      * The copy's connection has the repo's options, functions and extensions. What the repo's
        `:after_connect` does, it does to the file's connection only; for pragmas, there is
        `:custom_pragmas`.
      * It does not go with `:encryption_key`, since the copy would not be encrypted.

    Without the option, tests that write should not be `async: true`, unless each has a repo in
    memory of its own.

    ## Explain

    `c:Ecto.Repo.explain/3` takes `type: :query_plan` (default) or `:instructions`, `format: :text`
    (default) or `:map`, and `analyze: true`, which also runs the query and says how long it took
    and how many rows it gave.

    ## Dumps

    `mix ecto.dump` and `mix ecto.load` need no other program, and any SQLite can load the file.
    `#{inspect(__MODULE__)}.dump_cmd([".dump"], [], config)` answers the whole database as SQL.
    """

    use Ecto.Adapters.SQL, driver: :ecto_libsql

    @behaviour Ecto.Adapter.Storage
    @behaviour Ecto.Adapter.Structure

    alias Ecto.Adapters.LibSql.{Connection, InsertAll, Migration, MigrationLock}
    alias Ecto.Adapters.LibSql.{Storage, Structure, Types}
    alias Ecto.Adapters.LibSql.Types.Declared
    alias EctoLibSql.{ConnectionPool, Retry}

    ## Adapter

    defoverridable init: 1, stream: 5, transaction: 3

    # The meta, which every callback gets, also says which database it is, and which column types
    # its migrations write: a repo that is started dynamically has others than its configuration
    # says.
    @impl Ecto.Adapter
    def init(config) do
      config = Keyword.put_new(config, :pool, ConnectionPool)
      {:ok, child_spec, meta} = Ecto.Adapters.SQL.init(Connection, :ecto_libsql, config)
      types = Migration.column_types(config)

      meta = %{meta | opts: default_pool(meta.opts)}

      own = %{
        database: config[:database],
        uri: EctoLibSql.Options.server(config),
        column_types: types,
        retry: Keyword.get(config, :retry, 0)
      }

      {:ok, child_spec, Map.merge(meta, own)}
    end

    # To Ecto, the repo has DBConnection's pool, as with other adapters. Calls name the one that counts.
    defp default_pool(opts) do
      if opts[:pool] == ConnectionPool,
        do: Keyword.put(opts, :pool, DBConnection.ConnectionPool),
        else: opts
    end

    @impl Ecto.Adapter
    def checkout(meta, opts, fun),
      do: meta |> counted() |> Ecto.Adapters.SQL.checkout(opts, fun)

    defp counted(meta), do: %{meta | opts: ConnectionPool.named(meta.opts)}

    @impl Ecto.Adapter
    defdelegate loaders(primitive, type), to: Types

    @impl Ecto.Adapter
    defdelegate dumpers(primitive, type), to: Types

    ## Queryable

    @impl Ecto.Adapter.Queryable
    def execute(meta, query_meta, query, params, opts) do
      prepare = Keyword.get(opts, :prepare, :named)

      if prepare not in [:named, :unnamed] do
        raise ArgumentError,
              "expected option `:prepare` to be either `:named` or `:unnamed`, " <>
                "got: #{inspect(prepare)}"
      end

      opts = Declared.note(opts, query_meta)
      Ecto.Adapters.SQL.execute(prepare, meta, query_meta, query, params, opts)
    end

    @impl Ecto.Adapter.Queryable
    def stream(meta, query_meta, query, params, opts) do
      # Who reads single rows does not see how many came at a time.
      opts = [fetches: :growing] ++ Declared.note(opts, query_meta)
      Ecto.Adapters.SQL.stream(meta, query_meta, query, params, opts)
    end

    ## Transaction

    # A transaction that failed for a reason that may pass is run again as a whole; inside of
    # another one, that one is.
    @impl Ecto.Adapter.Transaction
    def transaction(meta, opts, fun) do
      {retry, opts} = Keyword.pop(opts, :retry, meta.retry)
      retry = if in_transaction?(meta), do: 0, else: retry
      # The mode `:transaction` says that the sandbox begins, which this is not.
      opts = if opts[:mode] == :transaction, do: [mode: :deferred] ++ opts, else: opts
      opts = Keyword.put(opts, :retry, 0)
      meta = counted(meta)
      Retry.transaction(nil, retry, fn -> Ecto.Adapters.SQL.transaction(meta, opts, fun) end)
    end

    ## Schema

    @impl Ecto.Adapter.Schema
    defdelegate autogenerate(type), to: Types

    @impl Ecto.Adapter.Schema
    def insert_all(
          meta,
          schema_meta,
          header,
          rows,
          on_conflict,
          returning,
          placeholders,
          opts
        ) do
      InsertAll.insert_all(
        {meta, schema_meta, on_conflict, returning, opts},
        header,
        rows,
        placeholders
      )
    end

    ## Migration

    @impl Ecto.Adapter.Migration
    def supports_ddl_transaction?, do: true

    @impl Ecto.Adapter.Migration
    defdelegate execute_ddl(meta, definition, opts), to: Migration

    @impl Ecto.Adapter.Migration
    defdelegate lock_for_migrations(meta, opts, fun), to: MigrationLock

    ## Storage

    @impl Ecto.Adapter.Storage
    defdelegate storage_up(config), to: Storage

    @impl Ecto.Adapter.Storage
    defdelegate storage_down(config), to: Storage

    @impl Ecto.Adapter.Storage
    defdelegate storage_status(config), to: Storage

    ## Structure

    @impl Ecto.Adapter.Structure
    defdelegate structure_dump(default, config), to: Structure

    @impl Ecto.Adapter.Structure
    defdelegate structure_load(default, config), to: Structure

    @impl Ecto.Adapter.Structure
    defdelegate dump_cmd(args, opts, config), to: Structure
  end
end
