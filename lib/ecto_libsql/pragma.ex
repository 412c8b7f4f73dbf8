defmodule EctoLibSql.Pragma do
  @moduledoc """
  SQLite's [pragmas](https://sqlite.org/pragma.html), typed.

  Every function takes a connection and answers `{:ok, value}` or
  `{:error, %EctoLibSql.Error{}}`; those that set something answer `:ok`. Tables come as lists of
  maps with atom keys, flags as booleans.

      iex> {:ok, s} = EctoLibSql.connect(database: ":memory:")
      iex> :ok = EctoLibSql.run(s, "CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT NOT NULL)", [])
      iex> {:ok, [_id, email]} = EctoLibSql.Pragma.table_info(s, "users")
      iex> {email.name, email.type, email.not_null, email.primary_key}
      {"email", "TEXT", true, 0}

  A pragma that has no function here is read and set with `EctoLibSql.Native.pragma_query/3`.
  """

  alias EctoLibSql.{Error, MemoryStatistics, Result, State}

  @type reply(value) :: {:ok, value} | {:error, Error.t()}
  @type done :: :ok | {:error, Error.t()}

  @type journal_mode :: :delete | :truncate | :persist | :memory | :wal | :off
  @type synchronous :: :off | :normal | :full | :extra

  @journal_modes [:delete, :truncate, :persist, :memory, :wal, :off]
  @synchronous [:off, :normal, :full, :extra]
  @temp_stores [:default, :file, :memory]
  @auto_vacuums [:none, :full, :incremental]

  ## Foreign keys

  @doc """
  Turns foreign key enforcement on. SQLite ignores this inside a transaction: that is an error
  here. <https://sqlite.org/pragma.html#pragma_foreign_keys>
  """
  @spec enable_foreign_keys(State.t()) :: done()
  def enable_foreign_keys(%State{} = s), do: set_boolean(s, "foreign_keys", true)

  @doc """
  Turns foreign key enforcement off. As with `enable_foreign_keys/1`, not inside a transaction.
  """
  @spec disable_foreign_keys(State.t()) :: done()
  def disable_foreign_keys(%State{} = s), do: set_boolean(s, "foreign_keys", false)

  @doc "Whether foreign keys are enforced."
  @spec foreign_keys_enabled?(State.t()) :: reply(boolean())
  def foreign_keys_enabled?(%State{} = s), do: get_boolean(s, "foreign_keys")

  @doc "Whether foreign keys are checked only at the end of the transaction."
  @spec get_defer_foreign_keys(State.t()) :: reply(boolean())
  def get_defer_foreign_keys(%State{} = s), do: get_boolean(s, "defer_foreign_keys")

  @doc """
  Has foreign keys checked at the end of the transaction, until its commit or rollback.
  <https://sqlite.org/pragma.html#pragma_defer_foreign_keys>
  """
  @spec set_defer_foreign_keys(State.t(), boolean()) :: done()
  def set_defer_foreign_keys(%State{} = s, on) when is_boolean(on),
    do: set_boolean(s, "defer_foreign_keys", on)

  ## Journal and durability

  @doc "The database's journal mode. <https://sqlite.org/pragma.html#pragma_journal_mode>"
  @spec get_journal_mode(State.t()) :: reply(journal_mode())
  def get_journal_mode(%State{} = s) do
    with {:ok, mode} <- query(s, "journal_mode"), do: {:ok, journal_mode(mode)}
  end

  @doc """
  Sets the journal mode and answers the one that the database is in now: SQLite leaves it as it
  is where it cannot change it (a database in memory, say).
  """
  @spec set_journal_mode(State.t(), journal_mode()) :: reply(journal_mode())
  def set_journal_mode(%State{} = s, mode) when mode in @journal_modes do
    with {:ok, mode} <- query(s, "journal_mode", mode), do: {:ok, journal_mode(mode)}
  end

  @doc "`set_journal_mode(s, :wal)`. <https://sqlite.org/wal.html>"
  @spec set_wal_mode(State.t()) :: reply(journal_mode())
  def set_wal_mode(%State{} = s), do: set_journal_mode(s, :wal)

  @doc "How much SQLite waits for the disk. <https://sqlite.org/pragma.html#pragma_synchronous>"
  @spec get_synchronous(State.t()) :: reply(synchronous())
  def get_synchronous(%State{} = s), do: get_numbered(s, "synchronous", @synchronous)

  @spec set_synchronous(State.t(), synchronous()) :: done()
  @doc "Sets how much SQLite waits for the disk, for this connection."
  def set_synchronous(%State{} = s, level) when level in @synchronous,
    do: set(s, "synchronous", level)

  @doc """
  Runs a checkpoint. The same as `EctoLibSql.checkpoint/2`.
  """
  @spec wal_checkpoint(State.t(), :passive | :full | :restart | :truncate) ::
          reply(EctoLibSql.checkpoint())
  def wal_checkpoint(%State{} = s, mode \\ :passive), do: EctoLibSql.checkpoint(s, mode)

  @doc "The number of frames after which a commit checkpoints by itself; 0: never."
  @spec get_wal_autocheckpoint(State.t()) :: reply(non_neg_integer())
  def get_wal_autocheckpoint(%State{} = s), do: query(s, "wal_autocheckpoint")

  @doc "Sets the number of frames after which a commit checkpoints by itself; 0: never."
  @spec set_wal_autocheckpoint(State.t(), non_neg_integer()) :: done()
  def set_wal_autocheckpoint(%State{} = s, frames) when is_integer(frames) and frames >= 0,
    do: set(s, "wal_autocheckpoint", frames)

  ## Memory

  @doc """
  The size of the page cache, as `{:kilobytes, n}` or `{:pages, n}`: SQLite keeps whichever was
  set. <https://sqlite.org/pragma.html#pragma_cache_size>
  """
  @spec get_cache_size(State.t()) :: reply({:kilobytes | :pages, non_neg_integer()})
  def get_cache_size(%State{} = s) do
    with {:ok, size} <- query(s, "cache_size") do
      {:ok, if(size < 0, do: {:kilobytes, -size}, else: {:pages, size})}
    end
  end

  @doc """
  Sets the size of this connection's page cache.

      iex> {:ok, s} = EctoLibSql.connect(database: ":memory:")
      iex> EctoLibSql.Pragma.set_cache_size(s, megabytes: 64)
      :ok
      iex> EctoLibSql.Pragma.get_cache_size(s)
      {:ok, {:kilobytes, 65536}}
  """
  @spec set_cache_size(State.t(), [{:kilobytes | :megabytes | :pages, non_neg_integer()}]) ::
          done()
  def set_cache_size(%State{} = s, [{unit, size}])
      when unit in [:kilobytes, :megabytes, :pages] and is_integer(size) and size >= 0 do
    case unit do
      :kilobytes -> set(s, "cache_size", -size)
      :megabytes -> set(s, "cache_size", -size * 1024)
      :pages -> set(s, "cache_size", size)
    end
  end

  @doc "The size of the database's pages, in bytes."
  @spec get_page_size(State.t()) :: reply(pos_integer())
  def get_page_size(%State{} = s), do: query(s, "page_size")

  @doc """
  Sets the page size: a power of two from 512 to 65536, in bytes.

  It takes effect for a database that is still empty, or at its next `VACUUM`, and not at all in
  WAL mode. <https://sqlite.org/pragma.html#pragma_page_size>
  """
  @spec set_page_size(State.t(), pos_integer()) :: done()
  def set_page_size(%State{} = s, bytes)
      when bytes in [512, 1024, 2048, 4096, 8192, 16_384, 32_768, 65_536],
      do: set(s, "page_size", bytes)

  @doc "The number of pages in the database."
  @spec get_page_count(State.t()) :: reply(non_neg_integer())
  def get_page_count(%State{} = s), do: query(s, "page_count")

  @doc "The number of unused pages in the database."
  @spec get_freelist_count(State.t()) :: reply(non_neg_integer())
  def get_freelist_count(%State{} = s), do: query(s, "freelist_count")

  @doc "How much of the file may be mapped into memory, in bytes."
  @spec get_mmap_size(State.t()) :: reply(non_neg_integer() | nil)
  def get_mmap_size(%State{} = s), do: query(s, "mmap_size")

  @doc "Sets how much of the file may be mapped into memory, in bytes."
  @spec set_mmap_size(State.t(), non_neg_integer()) :: done()
  def set_mmap_size(%State{} = s, bytes) when is_integer(bytes) and bytes >= 0,
    do: set(s, "mmap_size", bytes)

  @doc "Where temporary tables and indexes are kept."
  @spec get_temp_store(State.t()) :: reply(:default | :file | :memory)
  def get_temp_store(%State{} = s), do: get_numbered(s, "temp_store", @temp_stores)

  @doc "Sets where temporary tables and indexes are kept. Those that are there are dropped."
  @spec set_temp_store(State.t(), :default | :file | :memory) :: done()
  def set_temp_store(%State{} = s, store) when store in @temp_stores,
    do: set(s, "temp_store", store)

  @doc "The database's text encoding: `\"UTF-8\"`, `\"UTF-16le\"` or `\"UTF-16be\"`."
  @spec get_encoding(State.t()) :: reply(String.t())
  def get_encoding(%State{} = s), do: query(s, "encoding")

  ## Schema

  @doc """
  A table's columns, hidden and generated ones included:
  `%{cid:, name:, type:, not_null:, default:, primary_key:, hidden:}`.

  `:primary_key` is the column's place in the primary key, from 1, or 0; `:default` the default's
  SQL, or `nil`; `:hidden` is `false`, `:hidden`, `:virtual` or `:stored`. No such table: `[]`.
  <https://sqlite.org/pragma.html#pragma_table_xinfo>
  """
  @spec table_info(State.t(), String.t()) :: reply([map()])
  def table_info(%State{} = s, table) when is_binary(table) do
    table(s, "table_xinfo", table, fn [cid, name, type, not_null, default, key, hidden] ->
      %{
        cid: cid,
        name: name,
        type: type,
        not_null: not_null == 1,
        default: default,
        primary_key: key,
        hidden: Enum.at([false, :hidden, :virtual, :stored], hidden)
      }
    end)
  end

  @doc """
  Tables and views: `%{schema:, name:, type:, columns:, without_rowid:, strict:}`, where `:type`
  is `:table`, `:view`, `:shadow` or `:virtual`.
  """
  @spec table_list(State.t()) :: reply([map()])
  def table_list(%State{} = s) do
    types = %{"table" => :table, "view" => :view, "shadow" => :shadow, "virtual" => :virtual}

    rows(s, "PRAGMA table_list", fn [schema, name, type, columns, without_rowid, strict] ->
      %{
        schema: schema,
        name: name,
        type: Map.fetch!(types, type),
        columns: columns,
        without_rowid: without_rowid == 1,
        strict: strict == 1
      }
    end)
  end

  @doc """
  A table's indexes: `%{seq:, name:, unique:, origin:, partial:}`, where `:origin` is
  `:create_index`, `:unique` or `:primary_key`.
  """
  @spec index_list(State.t(), String.t()) :: reply([map()])
  def index_list(%State{} = s, table) when is_binary(table) do
    origins = %{"c" => :create_index, "u" => :unique, "pk" => :primary_key}

    table(s, "index_list", table, fn [seq, name, unique, origin, partial] ->
      %{
        seq: seq,
        name: name,
        unique: unique == 1,
        origin: Map.fetch!(origins, origin),
        partial: partial == 1
      }
    end)
  end

  @doc """
  An index's columns: `%{seq:, cid:, name:, desc:, collation:, key:}`.

  `:name` is `nil` for an expression or the rowid; `:key` is `false` for a column that SQLite
  keeps beside the key.
  """
  @spec index_info(State.t(), String.t()) :: reply([map()])
  def index_info(%State{} = s, index) when is_binary(index) do
    table(s, "index_xinfo", index, fn [seq, cid, name, desc, collation, key] ->
      %{seq: seq, cid: cid, name: name, desc: desc == 1, collation: collation, key: key == 1}
    end)
  end

  @doc """
  A table's foreign keys, a row for each column:
  `%{id:, seq:, table:, from:, to:, on_update:, on_delete:, match:}`.

  `:to` is `nil` where the key refers to the other table's primary key without naming it.
  """
  @spec foreign_key_list(State.t(), String.t()) :: reply([map()])
  def foreign_key_list(%State{} = s, table) when is_binary(table) do
    table(s, "foreign_key_list", table, fn row ->
      [:id, :seq, :table, :from, :to, :on_update, :on_delete, :match]
      |> Enum.zip(row)
      |> Map.new()
    end)
  end

  ## Checks and upkeep

  @doc """
  Rows whose foreign key refers to nothing, of one table or of all:
  `%{table:, rowid:, parent:, foreign_key_id:}`. `:rowid` is `nil` for a WITHOUT ROWID table.
  """
  @spec foreign_key_check(State.t(), String.t() | nil) :: reply([map()])
  def foreign_key_check(%State{} = s, table \\ nil) when is_binary(table) or is_nil(table) do
    to_map = fn [table, rowid, parent, id] ->
      %{table: table, rowid: rowid, parent: parent, foreign_key_id: id}
    end

    if table,
      do: table(s, "foreign_key_check", table, to_map),
      else: rows(s, "PRAGMA foreign_key_check", to_map)
  end

  @doc """
  Checks the whole database, indexes included. `{:ok, []}` is a sound one; else a list of what is
  wrong, as SQLite words it. One that is too damaged to be checked is an error with the code
  `:corrupt`.
  """
  @spec integrity_check(State.t()) :: reply([String.t()])
  def integrity_check(%State{} = s), do: check(s, "integrity_check")

  @doc "As `integrity_check/1`, but without comparing indexes with their tables: faster."
  @spec quick_check(State.t()) :: reply([String.t()])
  def quick_check(%State{} = s), do: check(s, "quick_check")

  @doc "Gathers statistics where the query planner lacks them. Best before a connection is closed."
  @spec optimize(State.t()) :: done()
  def optimize(%State{} = s), do: set_by(s, "PRAGMA optimize")

  ## The application's own numbers

  @doc "The application's version of the schema, an integer that SQLite keeps and does not use."
  @spec get_user_version(State.t()) :: reply(integer())
  def get_user_version(%State{} = s), do: query(s, "user_version")

  @doc "Sets the application's version of the schema: a signed 32-bit integer."
  @spec set_user_version(State.t(), integer()) :: done()
  def set_user_version(%State{} = s, version) when version in -0x80000000..0x7FFFFFFF,
    do: set(s, "user_version", version)

  @doc "The file format of the application, an integer that SQLite keeps and does not use."
  @spec get_application_id(State.t()) :: reply(integer())
  def get_application_id(%State{} = s), do: query(s, "application_id")

  @doc "Sets the file format of the application: a signed 32-bit integer."
  @spec set_application_id(State.t(), integer()) :: done()
  def set_application_id(%State{} = s, id) when id in -0x80000000..0x7FFFFFFF,
    do: set(s, "application_id", id)

  @doc "How the file shrinks when rows are deleted."
  @spec get_auto_vacuum(State.t()) :: reply(:none | :full | :incremental)
  def get_auto_vacuum(%State{} = s), do: get_numbered(s, "auto_vacuum", @auto_vacuums)

  @doc "Whether this connection refuses to write."
  @spec get_query_only(State.t()) :: reply(boolean())
  def get_query_only(%State{} = s), do: get_boolean(s, "query_only")

  @doc "Has this connection refuse to write, or write again."
  @spec set_query_only(State.t(), boolean()) :: done()
  def set_query_only(%State{} = s, on) when is_boolean(on), do: set_boolean(s, "query_only", on)

  @doc "The options that the library was compiled with."
  @spec compile_options(State.t()) :: reply([String.t()])
  def compile_options(%State{} = s), do: rows(s, "PRAGMA compile_options", &hd/1)

  ## Any pragma

  @doc false
  @spec query(State.t(), term(), term()) :: reply(term())
  def query(%State{} = s, name, value \\ nil) do
    with {:ok, name} <- name(name),
         {:ok, sql} <- sql(name, value),
         {:ok, result} <- EctoLibSql.query(s, sql) do
      {:ok, shape(result)}
    end
  end

  @doc false
  @spec name(term()) :: reply(String.t())
  def name(name) when is_atom(name) and name not in [nil, true, false],
    do: name(Atom.to_string(name))

  def name(name) when is_binary(name) do
    if name =~ ~r/\A[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)?\z/,
      do: {:ok, name},
      else: invalid("#{inspect(name)} is no pragma's name")
  end

  def name(name), do: invalid("#{inspect(name)} is no pragma's name")

  @doc false
  @spec literal(term()) :: reply(String.t())
  def literal(value) when is_integer(value), do: {:ok, Integer.to_string(value)}
  def literal(value) when value in [true, false], do: {:ok, if(value, do: "1", else: "0")}

  def literal(value) when is_atom(value) and not is_nil(value) do
    word = Atom.to_string(value)
    if word =~ ~r/\A[A-Za-z_]+\z/, do: {:ok, word}, else: no_literal(value)
  end

  def literal(value) when is_binary(value) do
    if String.valid?(value) and not String.contains?(value, "\0"),
      do: {:ok, "'" <> String.replace(value, "'", "''") <> "'"},
      else: no_literal(value)
  end

  def literal(value), do: no_literal(value)

  defp no_literal(value) do
    invalid("a pragma takes an integer, a boolean, an atom or a string, got: #{inspect(value)}")
  end

  defp sql(name, nil), do: {:ok, "PRAGMA #{name}"}

  defp sql(name, value) do
    with :ok <- MemoryStatistics.check(name),
         {:ok, literal} <- literal(value),
         do: {:ok, "PRAGMA #{name} = #{literal}"}
  end

  defp shape(%Result{rows: rows}) when rows in [nil, []], do: nil
  defp shape(%Result{columns: [_], rows: [[value]]}), do: value
  defp shape(%Result{columns: [_], rows: rows}), do: Enum.map(rows, &hd/1)

  defp shape(%Result{columns: columns, rows: rows}) do
    # SQLite's own column names: a fixed set.
    keys = Enum.map(columns, &String.to_atom/1)
    Enum.map(rows, fn row -> keys |> Enum.zip(row) |> Map.new() end)
  end

  defp get_boolean(s, name) do
    with {:ok, value} <- query(s, name), do: {:ok, value == 1}
  end

  # Some pragmas are ignored where they cannot be set, inside a transaction above all.
  defp set_boolean(s, name, on) do
    with {:ok, _} <- query(s, name, on),
         {:ok, now} <- get_boolean(s, name) do
      if now == on,
        do: :ok,
        else: invalid("#{name} cannot be changed now (inside a transaction, SQLite ignores it)")
    end
  end

  defp set(s, name, value) do
    with {:ok, _} <- query(s, name, value), do: :ok
  end

  defp set_by(s, sql), do: EctoLibSql.run(s, sql, [])

  defp get_numbered(s, name, values) do
    with {:ok, number} <- query(s, name), do: {:ok, Enum.at(values, number)}
  end

  defp journal_mode(mode), do: Enum.find(@journal_modes, &(Atom.to_string(&1) == mode))

  defp check(s, name) do
    with {:ok, found} <- rows(s, "PRAGMA #{name}", &hd/1) do
      {:ok, if(found == ["ok"], do: [], else: found)}
    end
  end

  defp table(s, pragma, argument, to_map) do
    with {:ok, literal} <- literal(argument),
         do: rows(s, "PRAGMA #{pragma}(#{literal})", to_map)
  end

  defp rows(s, sql, to_map) do
    with {:ok, %Result{rows: rows}} <- EctoLibSql.query(s, sql),
         do: {:ok, Enum.map(rows, to_map)}
  end

  defp invalid(message), do: {:error, %Error{code: :invalid_argument, message: message}}
end
