defmodule EctoLibSql.DbConfig do
  @moduledoc """
  Settings of a connection that are on or off: SQLite's
  [`sqlite3_db_config`](https://sqlite.org/c3ref/c_dbconfig_defensive.html).

      iex> {:ok, s} = EctoLibSql.connect(database: ":memory:", db_config: [defensive: true])
      iex> EctoLibSql.DbConfig.get(s, :defensive)
      {:ok, true}
      iex> EctoLibSql.DbConfig.set(s, :enable_view, false)
      :ok
      iex> :ok = EctoLibSql.run(s, "CREATE VIEW one AS SELECT 1")
      iex> {:error, error} = EctoLibSql.query(s, "SELECT * FROM one")
      iex> error.message
      "access to view \\"one\\" prohibited"

  | setting | on, it | by default |
  |---|---|---|
  | `:defensive` | refuses SQL that can damage the file: writes to shadow tables and the schema's, `PRAGMA writable_schema`, `journal_mode = OFF` | off |
  | `:trusted_schema` | allows unsafe functions and virtual tables in views, triggers and the like | off; option `:trusted_schema` |
  | `:enable_fkey` | enforces foreign keys | on; option `:foreign_keys` |
  | `:enable_trigger` | fires triggers | on |
  | `:enable_view` | lets views be read; temporary ones always can be | on |
  | `:dqs_dml`, `:dqs_ddl` | takes `"x"` for a string where there is no such column, in statements and in the schema | off; option `:double_quoted_strings` |
  | `:writable_schema` | lets `sqlite_schema` be written: a mistake there makes a database that nothing reads | off |
  | `:legacy_alter_table` | renames in `ALTER TABLE` without looking into views and triggers | off |
  | `:legacy_file_format` | creates files that SQLite before 3.3.0 reads | off |
  | `:no_ckpt_on_close` | leaves the write-ahead log behind when the last connection closes | off |
  | `:enable_qpsg` | keeps the query plan from depending on the parameters | off |
  | `:trigger_eqp` | has `EXPLAIN QUERY PLAN` show triggers | off |
  | `:stmt_scanstatus` | counts for `sqlite3_stmt_scanstatus`, in builds that have it | as SQLite has it |
  | `:reverse_scanorder` | reads tables backwards, to find queries without an `ORDER BY` that they need | off |

  The connect and repo option `:db_config` sets them on every connection, and a reset brings them back to that.
  Statements that are prepared heed a change from their next run on. Inside a transaction all of them can be
  set, `:enable_fkey` as well (`EctoLibSql.Native.enable_foreign_keys/2`).

  Nothing of the driver or the adapter writes the schema's table or a shadow table, so migrations run with
  `db_config: [defensive: true]`, which is worth having where SQL comes from somebody else.

  SQLite has three more, which are not settings here: extensions are allowed by
  `EctoLibSql.Native.enable_extensions/2`; `fts3_tokenizer` takes addresses in memory out of SQL and is
  removed from every connection; a database is emptied by `reset_database/2`.

  Only for local databases, those that are written offline included; for others it is an error with the code
  `:unsupported`.
  """

  alias EctoLibSql.{Backend, Call, Error, State}

  @names [
    :enable_fkey,
    :enable_trigger,
    :enable_view,
    :no_ckpt_on_close,
    :enable_qpsg,
    :trigger_eqp,
    :defensive,
    :writable_schema,
    :legacy_alter_table,
    :legacy_file_format,
    :dqs_dml,
    :dqs_ddl,
    :trusted_schema,
    :stmt_scanstatus,
    :reverse_scanorder
  ]

  # With options of their own.
  @elsewhere [
    enable_fkey: :foreign_keys,
    trusted_schema: :trusted_schema,
    dqs_dml: :double_quoted_strings,
    dqs_ddl: :double_quoted_strings
  ]

  # SQLite's others, and why they are none of ours.
  @refused %{
    enable_load_extension: "extensions are allowed by EctoLibSql.Native.enable_extensions/2",
    enable_fts3_tokenizer: "fts3_tokenizer takes addresses in memory, and is removed",
    reset_database: "a database is emptied by EctoLibSql.DbConfig.reset_database/2",
    maindbname: "the main database is called main",
    lookaside: "the driver sets it"
  }

  @type name ::
          :enable_fkey
          | :enable_trigger
          | :enable_view
          | :no_ckpt_on_close
          | :enable_qpsg
          | :trigger_eqp
          | :defensive
          | :writable_schema
          | :legacy_alter_table
          | :legacy_file_format
          | :dqs_dml
          | :dqs_ddl
          | :trusted_schema
          | :stmt_scanstatus
          | :reverse_scanorder

  @doc """
  The settings' names.
  """
  @spec names() :: [name()]
  def names, do: @names

  @doc """
  All settings of a connection.
  """
  @spec get(State.t()) :: {:ok, %{name() => boolean()}} | {:error, Error.t()}
  def get(%State{} = s) do
    Enum.reduce_while(@names, {:ok, %{}}, fn name, {:ok, settings} ->
      case get(s, name) do
        {:ok, on?} -> {:cont, {:ok, Map.put(settings, name, on?)}}
        error -> {:halt, error}
      end
    end)
  end

  @doc """
  Whether a setting is on.
  """
  @spec get(State.t(), name()) :: {:ok, boolean()} | {:error, Error.t()}
  def get(%State{} = s, name) do
    with :ok <- known(name),
         do: Call.reply(s, Backend.of(s).db_config_get(s, Atom.to_string(name)))
  end

  @doc """
  Turns a setting on or off, until the connection is reset.
  """
  @spec set(State.t(), name(), boolean()) :: :ok | {:error, Error.t()}
  def set(%State{} = s, name, on?) do
    with :ok <- known(name),
         :ok <- fine(name, on?),
         do: Call.reply(s, Backend.of(s).db_config_set(s, Atom.to_string(name), on?))
  end

  @doc """
  Empties the main database: every table, and all else in it, is gone for good, for every connection.

  It is for a file that is too damaged for SQL. One whose schema makes no sense opens with
  `db_config: [writable_schema: true]`; one that is no database at all does not. No transaction may be open
  (`:transaction_open`), and nobody else may write meanwhile (`:busy`). A copy that is written offline is not
  emptied (`:unsupported`). Takes `:timeout`.

      iex> {:ok, s} = EctoLibSql.connect(database: ":memory:")
      iex> :ok = EctoLibSql.run(s, "CREATE TABLE t (a)")
      iex> EctoLibSql.DbConfig.reset_database(s)
      :ok
      iex> EctoLibSql.query!(s, "SELECT count(*) FROM sqlite_schema").rows
      [[0]]
  """
  @spec reset_database(State.t(), keyword()) :: :ok | {:error, Error.t()}
  def reset_database(%State{} = s, opts \\ []) do
    opts = Keyword.validate!(opts, timeout: s.timeout)
    Call.waiting(s, Call.deadline(opts[:timeout]), &Backend.of(s).reset_database(s, &1))
  end

  @doc false
  # What the option takes, where the value is not fine.
  @spec takes(term()) :: nil | String.t()
  def takes(value) do
    if Keyword.keyword?(value),
      do: Enum.find_value(value, &takes_setting/1),
      else: "a keyword list of settings"
  end

  defp takes_setting({name, on?}) when name in @names,
    do: unless(is_boolean(on?), do: "for #{name} true or false")

  defp takes_setting({name, _on?}) do
    case @refused do
      %{^name => why} -> "no #{name} (#{why})"
      _ -> "a keyword list of settings (#{Enum.join(@names, ", ")})"
    end
  end

  @doc false
  # Two options that say different things about one setting.
  @spec contradiction(keyword()) :: nil | String.t()
  def contradiction(options) do
    settings = Keyword.get(options, :db_config, [])

    Enum.find_value(@elsewhere, fn {name, option} ->
      with {:ok, on?} <- Keyword.fetch(settings, name),
           {:ok, other} <- Keyword.fetch(options, option),
           true <- on? != other in [true, :on] do
        "#{option}: #{inspect(other)} and db_config: [#{name}: #{on?}] contradict each other"
      else
        _ -> nil
      end
    end)
  end

  @doc false
  @spec native(keyword()) :: [{String.t(), boolean()}]
  def native(settings), do: for({name, on?} <- settings, do: {Atom.to_string(name), on?})

  defp known(name) when name in @names, do: :ok

  defp known(name) do
    case @refused do
      %{^name => why} ->
        invalid("#{name} is no setting here: #{why}")

      _ ->
        invalid(
          "there is no setting #{inspect(name)}; they are #{Enum.map_join(@names, ", ", &inspect/1)}"
        )
    end
  end

  defp fine(_name, on?) when is_boolean(on?), do: :ok
  defp fine(name, on?), do: invalid("#{name} takes true or false, got: #{inspect(on?)}")

  defp invalid(message), do: {:error, %Error{code: :invalid_argument, message: message}}
end
