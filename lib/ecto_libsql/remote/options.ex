defmodule EctoLibSql.Remote.Options do
  @moduledoc false
  # The connect options of a database on a server: those with `uri:`.

  alias EctoLibSql.{Error, Options}
  alias EctoLibSql.Remote.{Breaker, Failover}
  alias EctoLibSql.Replica.Options, as: ReplicaOptions

  @types [
    uri: :string,
    auth_token: :token,
    namespace: :string,
    ca_file: :string,
    client_certificate: :certificate,
    remote_encryption_key: :string,
    breaker: {:checked, &Breaker.takes/1},
    failover: {:checked, &Failover.takes/1}
  ]

  # Of local databases' options, those that mean the same here.
  @shared [
    :timeout,
    :retry,
    :transaction_scope,
    :foreign_keys,
    :uuid_type,
    :binary_id_type,
    :map_type,
    :array_type
  ]

  # Those that say how a local file is cached, synced and waited for, which a server does its own
  # way. They are in many configurations, and nothing is lost without them.
  @ignored [
    :busy_timeout,
    :cache_size,
    :cache_spill,
    :journal_mode,
    :journal_size_limit,
    :mmap_size,
    :statement_cache_size,
    :synchronous,
    :temp_store,
    :wal_auto_check_point
  ]

  @doc """
  The options that only such a database has, and its replicas.
  """
  @spec names() :: [atom()]
  def names, do: Keyword.keys(@types)

  @doc """
  Options with `uri:`, as `EctoLibSql.Remote.open/1` takes them.
  """
  @spec validate(keyword()) :: {:ok, map()} | {:error, Error.t()}
  def validate(options) do
    with :ok <- no_replica(options),
         :ok <- no_local_ones(options),
         :ok <- Options.check_types(options, @types),
         :ok <- enforces_foreign_keys(options),
         do: {:ok, prepare(options)}
  end

  defp no_replica(options) do
    case Enum.find(ReplicaOptions.names(), &Keyword.has_key?(options, &1)) do
      nil ->
        :ok

      option ->
        unsupported("#{option} is a replica's: it goes with uri and database, the copy's path")
    end
  end

  defp no_local_ones(options) do
    allowed = Keyword.keys(@types) ++ @shared ++ @ignored

    case options |> Keyword.keys() |> Enum.uniq() |> Kernel.--(allowed) do
      [] ->
        :ok

      [_ | _] = local ->
        unsupported(
          "#{Enum.map_join(local, ", ", &to_string/1)}: for local databases only, " <>
            "not with uri"
        )
    end
  end

  # The pragma would be set for one of the server's connections, which the next call may not have.
  defp enforces_foreign_keys(options) do
    if Keyword.get(options, :foreign_keys, true) in [true, :on],
      do: :ok,
      else: unsupported("foreign_keys: false does not go with uri: a server enforces them")
  end

  defp prepare(options) do
    %{
      uri: options[:uri],
      database: database(options[:uri]),
      auth_token: options[:auth_token],
      namespace: options[:namespace],
      ca_file: options[:ca_file],
      client_certificate: options[:client_certificate],
      encryption_key: options[:remote_encryption_key],
      breaker: Breaker.native(Keyword.get(options, :breaker, [])),
      failover: Failover.native(Keyword.get(options, :failover, [])),
      transaction_scope: Keyword.get(options, :transaction_scope, :process),
      uuid_type: options[:uuid_type] || options[:binary_id_type] || :string,
      map_type: Keyword.get(options, :map_type, :string),
      array_type: Keyword.get(options, :array_type, :string)
    }
  end

  # Its query may hold a token.
  defp database(uri), do: uri |> String.split(["?", "#"]) |> hd()

  defp unsupported(message), do: {:error, %Error{code: :unsupported, message: message}}
end
