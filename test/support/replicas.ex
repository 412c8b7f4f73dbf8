defmodule EctoLibSql.Test.Replicas do
  @moduledoc false
  # Embedded replicas, for the tests against a server.

  import ExUnit.Callbacks

  alias EctoLibSql.Test.Sqld

  @doc "The options of a replica in the test's directory. It syncs when it is asked to."
  def options(%{server: server, tmp_dir: dir}, opts \\ []) do
    [uri: Sqld.url(server), database: Path.join(dir, "replica.db"), sync: false]
    |> Keyword.merge(opts)
  end

  @doc "A connection to it, which is closed when the test ends."
  def connect!(context, opts \\ []) do
    {:ok, s} = context |> options(opts) |> EctoLibSql.connect()
    on_exit(fn -> EctoLibSql.disconnect(s) end)
    s
  end

  @doc "A connection to the primary alone."
  def primary!(%{server: server}, opts \\ []) do
    {:ok, s} = EctoLibSql.connect([uri: Sqld.url(server)] ++ opts)
    on_exit(fn -> EctoLibSql.disconnect(s) end)
    s
  end
end
