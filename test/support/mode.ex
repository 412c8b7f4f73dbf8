defmodule EctoLibSql.Test.Mode do
  @moduledoc false
  # Where the databases of the tests of a repo are. `ECTO_LIBSQL_MODE` says it: `local` (or
  # nothing) is a database in this VM, `remote` one on a server, a sqld that the run has for itself,
  # each in a namespace of its own.

  alias EctoLibSql.Test.Sqld

  # sqld keeps 100 namespaces open, and answers for a while that one it has closed does not exist.
  @all_namespaces ["--max-active-namespaces", "100000"]

  @modes %{"local" => :local, "remote" => :remote}

  @spec mode() :: :local | :remote
  def mode do
    name = System.get_env("ECTO_LIBSQL_MODE", "local")

    Map.get_lazy(@modes, name, fn ->
      raise "ECTO_LIBSQL_MODE is one of #{Enum.map_join(@modes, ", ", &elem(&1, 0))}, got: #{name}"
    end)
  end

  @doc "Starts the run's server, where the mode has one. It lives as long as the caller."
  @spec start() :: :ok
  def start do
    if mode() != :local do
      {:ok, pid} = Sqld.start_link(namespaces: true, arguments: @all_namespaces)
      :persistent_term.put(__MODULE__, Sqld.server(pid))
    end

    :ok
  end

  @doc """
  The options of a repo or a pool, written for a local database, for the mode's. Those with the same
  path have the same database.
  """
  @spec repo(keyword()) :: keyword()
  def repo(opts) do
    case mode() do
      :local ->
        opts

      :remote ->
        {database, opts} = Keyword.pop!(opts, :database)
        server = :persistent_term.get(__MODULE__)
        [uri: Sqld.url(server), namespace: namespace(server, database)] ++ opts
    end
  end

  defp namespace(server, ":memory:"),
    do: created(server, "memory_#{System.unique_integer([:positive])}")

  defp namespace(server, path),
    do: created(server, "file_#{path |> :erlang.md5() |> Base.encode16(case: :lower)}")

  defp created(server, name) do
    :ok = Sqld.ensure_namespace(server, name)
    name
  end
end
