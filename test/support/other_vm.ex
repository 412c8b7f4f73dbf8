defmodule EctoLibSql.Test.OtherVM do
  @moduledoc false
  # A second BEAM on the same files: what SQLite takes for another program.

  import ExUnit.Callbacks

  @doc "Starts it, with this configuration of `:ecto_libsql`. It ends with the test."
  def start!(config \\ []) do
    # At the end of the path: at its beginning they would be reversed.
    arguments = configuration(config) ++ [~c"-pz" | :code.get_path()]
    {:ok, peer, _node} = :peer.start(%{connection: :standard_io, args: arguments})

    on_exit(fn -> if Process.alive?(peer), do: :peer.stop(peer) end)
    {:ok, _} = :peer.call(peer, :application, :ensure_all_started, [:ecto_libsql])
    peer
  end

  defp configuration(config) do
    for {key, value} <- config,
        argument <- [~c"-ecto_libsql", Atom.to_charlist(key), :io_lib.format("~p", [value])],
        do: List.flatten(argument)
  end

  @doc "Runs a function of a module there."
  def call(peer, module, function, arguments, timeout \\ 60_000),
    do: :peer.call(peer, module, function, arguments, timeout)

  @doc "A connection there, which lives until the other VM's end."
  def connect!(peer, opts) do
    {:ok, holder} = call(peer, Agent, :start, [__MODULE__, :connect, [opts]])
    {peer, holder}
  end

  @doc false
  def connect(opts) do
    {:ok, s} = EctoLibSql.connect(opts)
    s
  end

  @doc "Runs a function of `EctoLibSql` with the connection there."
  def run({peer, holder}, function, arguments \\ []),
    do: call(peer, Agent, :get, [holder, __MODULE__, :apply_to, [function, arguments]])

  @doc false
  def apply_to(s, function, arguments), do: apply(EctoLibSql, function, [s | arguments])

  @doc "Rows of some writers at once, each in a transaction; how many were committed. Runs in either VM."
  def count_up(database, writers, rows) do
    1..writers
    |> Enum.map(fn _ ->
      Task.async(fn ->
        {:ok, s} = EctoLibSql.connect(database: database, busy_timeout: 60_000)

        for n <- 1..rows do
          {:ok, {:ok, _}} =
            EctoLibSql.transaction(s, fn s ->
              {:ok, {:ok, _} = EctoLibSql.query(s, "INSERT INTO t (a) VALUES (?)", [n])}
            end)
        end
      end)
    end)
    |> Task.await_many(60_000)
    |> List.flatten()
    |> length()
  end
end
