defmodule EctoLibSql.Replica.Options do
  @moduledoc false
  # The connect options of an embedded replica: those with `uri:` and `database:`.

  alias EctoLibSql.{Error, Options}
  alias EctoLibSql.Remote.Options, as: RemoteOptions

  @types [sync: :sync, read_your_writes: :boolean, sync_protocol: {:in, [:auto, :v1]}]

  @replica [:database, :encryption_key | Keyword.keys(@types)]

  # Of local databases' options, those of a connection that reads the file.
  @local [
    :busy_timeout,
    :cache_size,
    :cache_spill,
    :case_sensitive_like,
    :functions,
    :mmap_size,
    :slow_query,
    :statement_cache_size,
    :temp_store
  ]

  # How often a replica syncs by itself where nobody says.
  @interval 5_000

  @doc """
  The options that only a replica has.
  """
  @spec names() :: [atom()]
  def names, do: Keyword.keys(@types)

  @doc """
  The options of a connection to the primary itself; those that are no replica's stay as they are.
  """
  @spec primary(keyword()) :: keyword()
  def primary(options) do
    if EctoLibSql.Options.server(options),
      do: Keyword.drop(options, @replica ++ @local),
      else: options
  end

  @doc """
  What `EctoLibSql.Replica.Opening` opens a connection with.
  """
  @spec validate(keyword()) :: {:ok, map()} | {:error, Error.t()}
  def validate(options) do
    {replica, remote} = Keyword.split(options, @replica ++ @local)

    with :ok <- no_failover(options),
         {:ok, remote} <- RemoteOptions.validate(remote),
         :ok <- Options.check_types(replica, @types),
         :ok <- file(options[:database]),
         {:ok, {:local, local}} <- options |> local() |> Options.validate(),
         :ok <- no_elixir(local.functions),
         do: {:ok, prepare(options, remote, local.native)}
  end

  defp no_failover(options) do
    if Keyword.get(options, :failover, []) == [] do
      :ok
    else
      message = "failover does not go with database: a replica's reads go on by themselves"
      {:error, %Error{code: :unsupported, message: message}}
    end
  end

  defp no_elixir([]), do: :ok

  defp no_elixir([function | _rest]) do
    message =
      "functions: #{inspect(function)} is written in Elixir, which does not go with a replica: its " <>
        "primary does not have it"

    {:error, %Error{code: :unsupported, message: message}}
  end

  # Of the file's connection, which is opened when the replica is there.
  defp local(options) do
    shared = [:database, :encryption_key, :transaction_scope, :uuid_type, :binary_id_type]

    options
    |> Keyword.take(@local ++ shared ++ [:map_type, :array_type])
    |> Keyword.put(:mode, :read_only)
  end

  defp file(database) do
    if database == ":memory:" or String.starts_with?(database, "file:") do
      message = "database with uri is a replica's file: a path, no database in memory and no URI"
      {:error, %Error{code: :invalid_option, message: message}}
    else
      :ok
    end
  end

  defp prepare(options, remote, local) do
    path = Path.expand(options[:database])

    %{
      path: path,
      interval: interval(Keyword.get(options, :sync, true)),
      read_your_writes: Keyword.get(options, :read_your_writes, true) in [true, :on],
      remote: remote,
      local: %{local | database: path, replica: true}
    }
  end

  defp interval(true), do: @interval
  defp interval(false), do: nil
  defp interval(milliseconds), do: milliseconds
end
