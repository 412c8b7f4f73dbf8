defmodule EctoLibSql.FTS.Maintenance do
  @moduledoc false
  # FTS5's commands, which are INSERTs into the column that has the table's name, and its settings.

  alias EctoLibSql.{Error, Result, State}

  import EctoLibSql.Identifier, only: [quote_name: 1]

  @rank ~r/\A\s*\w+\s*\([^()]*\)\s*\z/

  @settings [
    automerge: {0..16, "0 (never) to 16"},
    crisismerge: {1..1999, "1 to 1999"},
    deletemerge: {0..100, "0 to 100"},
    pgsz: {32..65_536, "32 to 65536 bytes"},
    usermerge: {2..16, "2 to 16"}
  ]

  @doc "Runs a command, with a value or without."
  @spec run(State.t() | module(), String.t() | atom(), String.t(), term()) ::
          :ok | {:error, Error.t()}
  def run(conn, table, command, value \\ nil) do
    name = quote_name(table)

    {values, params} =
      if value == nil, do: {"?)", [command]}, else: {"?, ?)", [command, value]}

    columns = if value == nil, do: [name], else: [name, ", rank"]
    sql = ["INSERT INTO ", name, " (", columns, ") VALUES (", values]

    with {:ok, %Result{}} <- query(conn, sql, params), do: :ok
  end

  @spec set(State.t() | module(), String.t() | atom(), atom(), term()) ::
          :ok | {:error, Error.t()}
  def set(conn, table, setting, value),
    do: run(conn, table, name(setting), value!(setting, value))

  defp name(:secure_delete), do: "secure-delete"
  defp name(setting), do: to_string(setting)

  defp value!(:rank, [_ | _] = weights), do: EctoLibSql.FTS.Weights.rank!(weights)

  defp value!(:rank, call) do
    if is_binary(call) and call =~ @rank,
      do: call,
      else:
        wrong!(:rank, "weights, as [10.0, 1.0], or a function's call, as \"bm25(10.0)\"", call)
  end

  defp value!(:secure_delete, value) when is_boolean(value), do: if(value, do: 1, else: 0)
  defp value!(:secure_delete, value), do: wrong!(:secure_delete, "true or false", value)

  defp value!(setting, value) do
    case @settings[setting] do
      nil ->
        raise ArgumentError,
              "FTS5 has no setting #{inspect(setting)}; it has " <>
                inspect(Keyword.keys(@settings) ++ [:rank, :secure_delete])

      {range, takes} ->
        if is_integer(value) and value in range, do: value, else: wrong!(setting, takes, value)
    end
  end

  @spec wrong!(atom(), String.t(), term()) :: no_return()
  defp wrong!(setting, takes, value),
    do: raise(ArgumentError, "#{setting} takes #{takes}, got: #{inspect(value)}")

  @spec config(State.t() | module(), String.t() | atom()) ::
          {:ok, %{String.t() => term()}} | {:error, Error.t()}
  def config(conn, table) do
    with {:ok, %Result{rows: rows}} <-
           query(conn, ["SELECT k, v FROM ", quote_name("#{table}_config")], []),
         do: {:ok, Map.new(rows, fn [name, value] -> {name, value} end)}
  end

  @doc "Runs SQL on a connection, or on an Ecto repo."
  @spec query(State.t() | module(), iodata(), [term()]) :: {:ok, Result.t()} | {:error, term()}
  def query(%State{} = s, sql, params),
    do: EctoLibSql.query(s, IO.iodata_to_binary(sql), params)

  def query(repo, sql, params) when is_atom(repo) and repo != nil,
    do: repo.query(IO.iodata_to_binary(sql), params)
end
