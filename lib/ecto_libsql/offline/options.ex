defmodule EctoLibSql.Offline.Options do
  @moduledoc false
  # The connect options of a copy that is written offline: those with `uri:`, `database:` and
  # `offline: true`.

  alias EctoLibSql.{Error, Options}
  alias EctoLibSql.Remote.Options, as: RemoteOptions

  @types [offline: :boolean, sync: :sync]

  # How often a copy syncs by itself where nobody says.
  @interval 5_000

  @doc """
  Whether these options are for such a copy.
  """
  @spec offline?(keyword()) :: boolean()
  def offline?(options), do: Keyword.get(options, :offline, false) not in [false, :off]

  @doc """
  What `EctoLibSql.Offline.Opening` opens a connection with.
  """
  @spec validate(keyword()) :: {:ok, map()} | {:error, Error.t()}
  def validate(options) do
    {remote, local} = Keyword.split(options, RemoteOptions.names())
    {own, local} = Keyword.split(local, Keyword.keys(@types))

    with :ok <- Options.check_types(own, @types),
         :ok <- fits(options),
         {:ok, remote} <- RemoteOptions.validate(remote),
         {:ok, {:local, local}} <- Options.validate(local),
         do: {:ok, prepare(options[:database], own, remote, local)}
  end

  defp fits(options) do
    Enum.find_value(options, :ok, fn option ->
      case unfit(option) do
        nil -> nil
        {code, message} -> {:error, %Error{code: code, message: message}}
      end
    end)
    |> and_complete(options)
  end

  defp and_complete(:ok, options) do
    missing = Enum.find([:uri, :database], &(options[&1] == nil))

    if missing,
      do: invalid("offline: true goes with uri, the server's, and database, the copy's path"),
      else: :ok
  end

  defp and_complete(error, _options), do: error

  # Frames are pages as they are in the file, so both sides must have the same.
  defp unfit({:encryption_key, key}) when key != nil do
    {:unsupported,
     "encryption_key does not go with offline: the server would get pages that it cannot read"}
  end

  defp unfit({:page_size, size}) when size != 4096,
    do: {:unsupported, "page_size: what is synced has pages of 4096 bytes"}

  defp unfit({:journal_mode, mode}) when mode != :wal,
    do: {:unsupported, "journal_mode: a copy that is synced is in mode :wal"}

  defp unfit({:locking_mode, :exclusive}),
    do: {:unsupported, "locking_mode: the copy's file is also read by what syncs it"}

  defp unfit({:vfs, _name}),
    do: {:unsupported, "vfs: what syncs the copy opens its files by the default one"}

  defp unfit({:immutable, on}) when on in [true, :on],
    do: {:unsupported, "immutable: what syncs the copy writes it"}

  defp unfit({option, _value}) when option in [:read_your_writes, :sync_protocol],
    do: {:invalid_option, "#{option} is a replica's, which is not written offline"}

  defp unfit({option, _value}) when option in [:breaker, :failover],
    do: {:unsupported, "#{option} is for connections whose reads and writes a server answers"}

  defp unfit({:database, database}) when is_binary(database) do
    if database == ":memory:" or String.starts_with?(database, "file:") do
      {:invalid_option,
       "database with offline is the copy's file: a path, no database in memory and no URI"}
    end
  end

  defp unfit(_option), do: nil

  defp invalid(message), do: {:error, %Error{code: :invalid_option, message: message}}

  defp prepare(database, own, remote, local) do
    path = Path.expand(database)

    %{
      path: path,
      interval: interval(Keyword.get(own, :sync, true)),
      remote: remote,
      local: put_in(local.native.database, path)
    }
  end

  defp interval(true), do: @interval
  defp interval(false), do: nil
  defp interval(milliseconds), do: milliseconds
end
