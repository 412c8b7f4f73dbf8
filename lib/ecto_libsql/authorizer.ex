defmodule EctoLibSql.Authorizer do
  @moduledoc """
  What the statements of a connection may do, as data: a *policy*. SQLite asks about everything that a
  statement is to do when it is prepared (<https://sqlite.org/c3ref/set_authorizer.html>), and the policy
  answers, in the library, without a call of Elixir. A connection without one pays nothing for it.

      iex> {:ok, s} = EctoLibSql.connect(database: ":memory:")
      iex> {:ok, _} = EctoLibSql.execute_batch(s, "CREATE TABLE audit (line); CREATE TABLE t (a)")
      iex> :ok = EctoLibSql.set_authorizer(s, [{:deny, [:update, :delete], table: "audit"}])
      iex> EctoLibSql.run(s, "INSERT INTO audit VALUES ('written once')")
      :ok
      iex> {:error, error} = EctoLibSql.run(s, "DELETE FROM audit")
      iex> {error.code, error.denied.action, error.denied.object}
      {:auth, :delete, "audit"}
      iex> EctoLibSql.set_authorizer(s, nil)
      :ok

  Or for each connection of a repo, by the connect option `:authorizer`:

      config :my_app, MyApp.ReportingRepo,
        database: "app.db",
        authorizer: [:read_only, columns: [users: {:except, [:password_hash]}]]

  ## Policies

  A policy is a list, of which the first rule that is about a question decides it:

    * `{verdict, actions}` and `{verdict, actions, conditions}` are rules. The verdict is `:allow`, `:deny`, or
      `:ignore`: without an error, a column that is read or a function that is called is NULL, nothing is
      inserted, a column is not updated, a pragma does nothing
    * `:read_only`, `:no_ddl` and `{:columns, tables}` stand for rules that deny: see "Presets"
    * `{:default, :allow | :deny}`, anywhere in the list, is about what no rule is about. `:allow` where it is
      not said

  `nil` and `[]` are no policy.

  Names, of tables, columns and all else, are compared as SQLite compares them: without regard to the case of
  the letters A to Z. A condition takes a name (a string or an atom), a list of them, or `{:except, names}`.
  All of a rule's conditions have to hold.

  | action | conditions |
  |---|---|
  | `:read`, `:update` | `:table`, `:column`, `:database`, `:within` |
  | `:insert`, `:delete`, `:analyze` | `:table`, `:database`, `:within` |
  | `:create_table`, `:drop_table`, `:create_temp_table`, `:drop_temp_table` | `:table`, `:database`, `:within` |
  | `:create_index`, `:drop_index`, `:create_trigger`, `:drop_trigger`, and the same with `temp_` | `:name`, `:table`, `:database`, `:within` |
  | `:create_view`, `:drop_view`, and the same with `temp_` | `:name`, `:database`, `:within` |
  | `:create_vtable`, `:drop_vtable` | `:table`, `:module`, `:database`, `:within` |
  | `:alter_table` | `:table`, `:database`, `:within` |
  | `:reindex` | `:name`, the index, `:database`, `:within` |
  | `:pragma` | `:name`, `:argument` (`:any` where there is one), `:database` where it is written, `:within` |
  | `:function` | `:name`, `:within` |
  | `:attach` | `:file`, `:within` |
  | `:detach` | `:name`, `:within` |
  | `:transaction` | `:operation` (`"BEGIN"`, `"COMMIT"`, `"ROLLBACK"`), `:within` |
  | `:savepoint` | `:operation` (`"BEGIN"`, `"RELEASE"`, `"ROLLBACK"`), `:name`, `:within` |
  | `:select`, `:recursive` | `:within` |

  These are SQLite's actions (<https://sqlite.org/c3ref/c_alter_table.html>), and what it asks is its own:

    * To create a table is also an `:insert` into `sqlite_master`; `sqlite_schema` is another name of it
    * A table of which no column is read (`SELECT count(*) FROM t`) is a `:read` of the column `""`, and SQLite
      names its database only where the statement does. What is not known is not allowed: a rule that denies
      with `:database` is about it, one that allows is not
    * A virtual table is read as a table (`json_each`), and its own statements are asked about, too: those on the
      tables that a full-text index is stored in
    * `:within` names the innermost trigger or view that an action is made by
    * What a foreign key refers to is a `:read` of the parent's columns
    * `:ignore` is for `:read`, `:function`, `:insert`, `:update` and `:pragma`. SQLite deletes all the same

  ## Presets

    * `:read_only` - nothing is written: no rows, no schema, no temporary tables; no ATTACH, VACUUM, ANALYZE,
      REINDEX; of pragmas, only those that tell something; no `load_extension()`. Whatever SQLite says writes is
      refused, also `BEGIN IMMEDIATE` by SQL, as the action `:write`. In a pool, transactions are `:read_only`
      by default
    * `:no_ddl` - tables, indexes, views and triggers, temporary ones too, are not created, changed or dropped,
      also not by `PRAGMA writable_schema`. VACUUM creates tables, so it is refused, and ANALYZE where it has not
      run before
    * `{:columns, tables}` - some of a table's columns alone, as `columns: [users: …]` at the list's end:

          columns: [
            users: [:id, :name],                    # may be read and updated, the others not
            orders: {:except, [:internal_note]},    # this one not
            people: {:null, [:ssn]}                 # is NULL for whoever reads it, and is not updated
          ]

      Rows are inserted and deleted as before. So that the file is not reached in another way, ATTACH and
      `VACUUM INTO` are refused, and the statistics in `sqlite_stat4`, which hold values

  Presets only deny, so several of them are all of them, and what is to be allowed nevertheless is a rule
  before them.

  ## What SQLite does not ask about

  Where a policy hides anything (a `:deny` or `:ignore` about `:read`, or `default: :deny`), statements are
  refused by their text that would read columns without SQLite asking: `NATURAL` joins and those by `USING`
  (join `ON` the columns), and `INSERT INTO a SELECT * FROM b` (name the columns). SQLite gives the name of a
  common table expression as if it were a view's, so none may have a name that a rule's `:within` has; and no
  view or trigger of such a name is created while the policy holds.

  A policy is about SQL, and about blobs (`EctoLibSql.Blob`), to whose columns `:read` and `:update` apply.
  Functions on whole databases are the program's own, and not asked about, but for those that replace the
  connection's database (`EctoLibSql.Backup.restore/3` and the like): these are an `:insert` into `sqlite_master`.

  ## Rows

  SQLite asks about columns, not rows. Rows are hidden by views: the table is denied, and read by its view only.

      iex> {:ok, s} = EctoLibSql.connect(database: ":memory:")
      iex> {:ok, _} = EctoLibSql.execute_batch(s, \"""
      ...> CREATE TABLE orders (id INTEGER PRIMARY KEY, tenant TEXT, total INT);
      ...> INSERT INTO orders VALUES (1, 'a', 10), (2, 'b', 20), (3, 'a', 30);
      ...> CREATE VIEW orders_of_a AS SELECT id, total FROM orders WHERE tenant = 'a';
      ...> \""")
      iex> :ok = EctoLibSql.set_authorizer(s, [
      ...>   :read_only,
      ...>   {:allow, :read, table: "orders", within: "orders_of_a"},
      ...>   {:deny, :read, table: "orders"}
      ...> ])
      iex> {:ok, %{rows: rows}} = EctoLibSql.query(s, "SELECT * FROM orders_of_a")
      iex> rows
      [[1, 10], [3, 30]]
      iex> {:error, error} = EctoLibSql.query(s, "SELECT * FROM orders")
      iex> error.denied.table
      "orders"

  ## What is denied

  Is an error with the code `:auth`, and nothing of the statement has been done. Its `:denied` is a map of
  `:action`, `:object` (the table, or else the name or the argument), `:table`, `:column`, `:name`, `:argument`
  (a pragma's; a file, a module, an operation), `:database`, `:within`, each `nil` where there is none, and
  `:reason` where it is refused for more than a rule. Each is a telemetry event,
  `[:ecto_libsql, :authorizer, :denied]`. What is ignored is none.

  ## When it holds

  From the call on, for every statement of the connection: those that are prepared or in the statement cache
  are prepared anew, cursors and blobs that are open are closed. The driver's own statements are not asked about:
  transactions and savepoints by functions, resets, what `EctoLibSql.health/1` asks, the names of violated
  constraints, what the connect options ask for (pragmas, extensions, `:attach`, `sandbox: :clone`).

  `EctoLibSql.reset_connection/1` goes back to the policy of the option, or to none. In a pool the option is the
  way: SQL cannot change it, and whoever has a connection of a pool has no `EctoLibSql.State`.

  Policies are for local databases and copies that are written offline. A database on a server, and a replica,
  whose writes a server makes, answer `:unsupported`: give them a token that may only read.
  """

  alias EctoLibSql.{Backend, Call, Error, State, Telemetry}
  alias EctoLibSql.Authorizer.Preset

  @type verdict :: :allow | :deny | :ignore
  @type name :: String.t() | atom()
  @type names :: name() | [name()] | {:except, name() | [name()]}
  @type rule ::
          {verdict(), atom() | [atom()]} | {verdict(), atom() | [atom()], keyword(names())}
  @type policy ::
          [
            rule()
            | :read_only
            | :no_ddl
            | {:columns, [{name(), [name()] | {:except | :null, [name()]}}]}
            | {:default, :allow | :deny}
          ]
          | nil

  @typedoc "What the NIF takes."
  @type compiled :: {:allow | :deny, boolean(), [tuple()]} | nil

  @table [:table, :database, :within]
  @named [:name, :database, :within]
  @both [:name, :table, :database, :within]

  @conditions %{
    read: [:table, :column, :database, :within],
    update: [:table, :column, :database, :within],
    insert: @table,
    delete: @table,
    analyze: @table,
    alter_table: @table,
    create_table: @table,
    create_temp_table: @table,
    drop_table: @table,
    drop_temp_table: @table,
    create_index: @both,
    create_temp_index: @both,
    drop_index: @both,
    drop_temp_index: @both,
    create_trigger: @both,
    create_temp_trigger: @both,
    drop_trigger: @both,
    drop_temp_trigger: @both,
    create_view: @named,
    create_temp_view: @named,
    drop_view: @named,
    drop_temp_view: @named,
    reindex: @named,
    create_vtable: [:table, :module, :database, :within],
    drop_vtable: [:table, :module, :database, :within],
    pragma: [:name, :argument, :database, :within],
    function: [:name, :within],
    attach: [:file, :within],
    detach: [:name, :within],
    transaction: [:operation, :within],
    savepoint: [:operation, :name, :within],
    select: [:within],
    recursive: [:within]
  }

  @ignorable [:read, :function, :insert, :update, :pragma]

  @doc """
  Checks a policy: `:ok`, or an error with the code `:invalid_argument` that names the rule that is wrong.

      iex> {:error, error} = EctoLibSql.Authorizer.validate([:read_only, {:deny, :insert, column: "a"}])
      iex> error.message
      "policy: rule 2, {:deny, :insert, [column: \\"a\\"]}: :insert has no :column; it has :table, :database, :within"
  """
  @spec validate(term()) :: :ok | {:error, Error.t()}
  def validate(policy) do
    case compile(policy) do
      {:ok, _compiled} -> :ok
      {:error, message} -> {:error, invalid(message)}
    end
  end

  @doc false
  @spec set(State.t(), policy(), boolean()) :: :ok | {:error, Error.t()}
  def set(%State{} = s, policy, of_option \\ false) do
    case compile(policy) do
      {:ok, compiled} ->
        Call.reply(s, Backend.of(s).do_set_authorizer(s, compiled, of_option))

      {:error, message} ->
        {:error, invalid(message)}
    end
  end

  @doc false
  # The policy of the connect option, when all else of the connection is set up. A connection that cannot
  # have it is closed.
  @spec protect(State.t(), policy()) :: {:ok, State.t()} | {:error, Error.t()}
  def protect(%State{} = s, policy) do
    with false <- policy in [nil, []],
         {:error, _} = error <- set(s, policy, true) do
      EctoLibSql.disconnect(s)
      error
    else
      _set -> {:ok, s}
    end
  end

  @doc false
  # Of the connect option: nil, or what is wrong.
  @spec takes(term()) :: String.t() | nil
  def takes(policy) do
    with {:error, message} <- compile(policy),
         do: "a policy of EctoLibSql.Authorizer (#{message})",
         else: ({:ok, _compiled} -> nil)
  end

  @doc false
  @spec read_only?(term()) :: boolean()
  def read_only?(policy), do: match?({:ok, {_default, true, _rules}}, compile(policy))

  @doc false
  @spec report(State.t(), Error.t()) :: :ok
  def report(%State{} = s, %Error{denied: denied} = error) do
    metadata = %{
      conn_id: s.conn_id,
      database: s.database,
      sql: error.statement,
      action: denied.action,
      object: denied.object,
      denied: denied
    }

    Telemetry.execute([:ecto_libsql, :authorizer, :denied], %{count: 1}, metadata)
  end

  defp invalid(message), do: %Error{code: :invalid_argument, message: "policy: #{message}"}

  ## Compiling

  @doc false
  @spec compile(term()) :: {:ok, compiled()} | {:error, String.t()}
  def compile(policy) when policy in [nil, []], do: {:ok, nil}

  def compile(policy) do
    with :ok <- proper_list(policy, "a policy is a list of rules, or nil"),
         {:ok, elements} <- elements(policy),
         {:ok, default} <- default(elements) do
      rules = for {:rules, rules} <- elements, rule <- rules, do: rule
      {:ok, {default, Enum.member?(policy, :read_only), rules}}
    end
  end

  defp proper_list(term, expected) do
    if is_list(term) and List.improper?(term) == false,
      do: :ok,
      else: {:error, "#{expected}, got: #{shown(term)}"}
  end

  defp elements(policy) do
    policy
    |> Enum.with_index(1)
    |> Enum.reduce_while({:ok, []}, fn {element, position}, {:ok, elements} ->
      case element(element) do
        {:error, message} -> {:halt, {:error, "rule #{position}, #{shown(element)}: #{message}"}}
        compiled -> {:cont, {:ok, [compiled | elements]}}
      end
    end)
    |> then(fn
      {:ok, elements} -> {:ok, Enum.reverse(elements)}
      error -> error
    end)
  end

  defp default(elements) do
    case for {:default, default} <- elements, do: default do
      [] -> {:ok, :allow}
      [default] -> {:ok, default}
      _several -> {:error, "default is given more than once"}
    end
  end

  defp element(:read_only), do: rules(Preset.read_only())
  defp element(:no_ddl), do: rules(Preset.no_ddl())
  defp element({:default, default}) when default in [:allow, :deny], do: {:default, default}
  defp element({:default, _other}), do: {:error, "default is :allow or :deny"}

  defp element({:columns, tables}) do
    with {:ok, rules} <- Preset.columns(tables), do: rules(rules)
  end

  defp element({verdict, actions}) when verdict in [:allow, :deny, :ignore],
    do: rules([{verdict, actions, []}])

  defp element({verdict, _actions, _conditions} = rule) when verdict in [:allow, :deny, :ignore],
    do: rules([rule])

  defp element(_other) do
    {:error,
     "a rule is {verdict, actions} or {verdict, actions, conditions}, its verdict :allow, :deny or " <>
       ":ignore; or :read_only, :no_ddl, {:columns, tables}, {:default, :allow | :deny}"}
  end

  defp rules(rules) do
    with {:ok, compiled} <- each(rules, &rule/1), do: {:rules, compiled}
  end

  defp rule({verdict, actions, conditions}) do
    with {:ok, actions} <- actions(verdict, actions),
         :ok <- proper_list(conditions, "conditions are a keyword list"),
         {:ok, conditions} <- each(conditions, &condition(&1, actions)),
         do: {:ok, {verdict, actions, conditions}}
  end

  defp actions(verdict, action) when not is_list(action), do: actions(verdict, [action])
  defp actions(_verdict, []), do: {:error, "it has no action"}

  defp actions(verdict, actions) do
    with :ok <- proper_list(actions, "actions are a list") do
      unknown = Enum.find(actions, :none, &(not is_map_key(@conditions, &1)))
      loud = Enum.find(actions, &(verdict == :ignore and &1 not in @ignorable))

      cond do
        unknown != :none ->
          {:error, "#{shown(unknown)} is no action; #{list(action_names())} are"}

        loud != nil ->
          {:error, ":ignore is for #{list(@ignorable)}, not for #{inspect(loud)}"}

        true ->
          {:ok, actions}
      end
    end
  end

  @doc false
  @spec action_names() :: [atom()]
  def action_names, do: @conditions |> Map.keys() |> Enum.sort()

  defp condition({field, value}, actions) when is_atom(field) do
    case Enum.find(actions, &(field not in @conditions[&1])) do
      nil ->
        matched(field, value)

      action ->
        {:error,
         "#{inspect(action)} has no #{inspect(field)}; it has #{list(@conditions[action])}"}
    end
  end

  defp condition(other, _actions),
    do: {:error, "conditions are a keyword list, got: #{shown(other)}"}

  defp matched(:argument, :any), do: {:ok, {:argument, :present, []}}

  defp matched(field, {:except, names}) do
    with {:ok, names} <- names(field, names), do: {:ok, {field, :except, names}}
  end

  defp matched(field, names) do
    with {:ok, names} <- names(field, names), do: {:ok, {field, :among, names}}
  end

  defp names(field, []), do: {:error, "#{field} has no names"}

  defp names(field, names) when is_list(names) do
    with :ok <- proper_list(names, "#{field} takes a list"), do: each(names, &name(field, &1))
  end

  defp names(field, name), do: names(field, [name])

  defp name(_field, name) when is_atom(name) and name not in [nil, true, false],
    do: {:ok, Atom.to_string(name)}

  defp name(field, name) when is_binary(name) do
    if String.valid?(name) and not String.contains?(name, <<0>>),
      do: {:ok, name},
      else: {:error, "#{field} takes names of valid text without NUL, got: #{shown(name)}"}
  end

  defp name(field, other),
    do: {:error, "#{field} takes names, strings or atoms, got: #{shown(other)}"}

  defp each(list, fun) do
    list
    |> Enum.reduce_while([], fn element, done ->
      case fun.(element) do
        {:ok, value} -> {:cont, [value | done]}
        error -> {:halt, error}
      end
    end)
    |> then(fn
      done when is_list(done) -> {:ok, Enum.reverse(done)}
      error -> error
    end)
  end

  defp list(names), do: Enum.map_join(names, ", ", &inspect/1)
  defp shown(term), do: inspect(term, limit: 20, printable_limit: 200)
end
