defmodule EctoLibSql.Test.Mode do
  @moduledoc false
  # Where the databases of the tests of a repo are. `ECTO_LIBSQL_MODE` says it: `local` (or
  # nothing) is a database in this VM, `remote` one on a server, a sqld that the run has for itself,
  # each in a namespace of its own, `replica` a copy of such a one. (Not `MODE`, which the script that
  # starts Elixir sets.)

  alias EctoLibSql.Test.Sqld

  # sqld keeps 100 namespaces open, and answers for a while that one it has closed does not exist.
  @all_namespaces ["--max-active-namespaces", "100000"]

  @modes %{"local" => :local, "remote" => :remote, "replica" => :replica}

  @spec mode() :: :local | :remote | :replica
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

  @doc "How often a property runs: at a server, each time takes round trips."
  @spec runs(pos_integer()) :: pos_integer()
  def runs(local), do: if(mode() == :local, do: local, else: max(div(local, 4), 5))

  @doc """
  The options of a repo or a pool, written for a local database, for the mode's. Those with the same
  path have the same database.
  """
  @spec repo(keyword()) :: keyword()
  def repo(opts), do: repo(mode(), opts)

  defp repo(:local, opts), do: opts
  defp repo(:remote, opts), do: Keyword.delete(on_server(opts), :database)

  defp repo(:replica, opts) do
    opts = on_server(opts)
    Keyword.put(opts, :database, Path.join(Sqld.directory(server()), opts[:namespace] <> ".db"))
  end

  defp on_server(opts) do
    name = name(Keyword.fetch!(opts, :database))
    :ok = Sqld.ensure_namespace(server(), name)
    [uri: Sqld.url(server()), namespace: name] ++ opts
  end

  defp name(":memory:"), do: "memory_#{System.unique_integer([:positive])}"
  defp name(path), do: "file_#{path |> :erlang.md5() |> Base.encode16(case: :lower)}"

  defp server, do: :persistent_term.get(__MODULE__)
end
