if Code.ensure_loaded?(DBConnection) do
  defmodule EctoLibSql.Pool.Lookup do
    @moduledoc false
    # From a repo, or whatever else names a pool, to the processes behind it.

    @type t :: %{
            name: term(),
            pools: [pid()],
            module: module(),
            size: pos_integer() | nil
          }

    @doc """
    `pools` are as many as the repo's `:pool_count`; `module` is what checks their connections out.
    """
    @spec find(EctoLibSql.Pool.pool()) :: {:ok, t()} | :error
    def find(pool) do
      case repo(pool) do
        {:ok, meta} ->
          {:ok,
           %{
             name: pool,
             pools: partitions(meta),
             module: Keyword.get(meta.opts, :pool, DBConnection.ConnectionPool),
             size: meta.opts[:pool_size]
           }}

        :error ->
          plain(pool)
      end
    end

    if Code.ensure_loaded?(Ecto.Adapter) do
      defp repo(repo) when is_atom(repo) or is_pid(repo) do
        {:ok, repo |> dynamic() |> Ecto.Adapter.lookup_meta()}
      rescue
        # Neither a repo nor started as one.
        _ in [ArgumentError, RuntimeError] -> :error
      end

      defp repo(_pool), do: :error

      defp dynamic(repo) do
        if is_atom(repo) and Code.ensure_loaded?(repo) and
             function_exported?(repo, :get_dynamic_repo, 0),
           do: repo.get_dynamic_repo(),
           else: repo
      end
    else
      defp repo(_pool), do: :error
    end

    defp partitions(%{partition_supervisor: {name, count}}) do
      for partition <- 0..(count - 1),
          pid = GenServer.whereis({:via, PartitionSupervisor, {name, partition}}),
          do: pid
    end

    defp partitions(%{pid: pid}), do: [pid]

    defp plain(pool) do
      with pid when is_pid(pid) and node(pid) == node() <- whereis(pool),
           {:ok, _module} <- DBConnection.connection_module(pid),
           do: {:ok, %{name: pool, pools: [pid], module: EctoLibSql.ConnectionPool, size: nil}},
           else: (_ -> :error)
    end

    defp whereis(pool) do
      GenServer.whereis(pool)
    rescue
      # No name of a process at all.
      FunctionClauseError -> nil
    end
  end
end
