if Code.ensure_loaded?(DBConnection) do
  defmodule EctoLibSql.PoolOptions do
    @moduledoc false
    # Sorts a pool's options: DBConnection's and Ecto's own, EctoLibSql.Connection's, the driver's.

    alias EctoLibSql.{Attach, Error, Options}

    @transaction_modes [:immediate, :deferred, :exclusive, :read_only]

    # What DBConnection, its pools and Ecto find among the same options.
    @db_connection_options [
      :after_connect,
      :after_connect_timeout,
      :backoff_max,
      :backoff_min,
      :backoff_type,
      :checkout_retries,
      :configure,
      :connection_listeners,
      :debug,
      :idle_interval,
      :idle_limit,
      :label,
      :max_lifetime,
      :max_restarts,
      :max_seconds,
      :name,
      :ownership_log,
      :ownership_mode,
      :ownership_timeout,
      :pool,
      :pool_count,
      :pool_index,
      :pool_size,
      :post_checkout,
      :pre_checkin,
      :queue_interval,
      :queue_target,
      :show_sensitive_data_on_connection_error,
      :spawn_opt,
      :timeout
    ]

    @own_options [:attach, :default_transaction_mode, :pool_meter]

    @type transaction_mode :: :immediate | :deferred | :exclusive | :read_only

    @spec transaction_modes() :: [transaction_mode()]
    def transaction_modes, do: @transaction_modes

    @spec validate(keyword()) :: :ok | {:error, Error.t()}
    def validate(opts) do
      with {:ok, _mode} <- transaction_mode(opts),
           :ok <- Attach.validate(attach(opts)),
           {:ok, _options} <- opts |> driver() |> Options.validate(),
           do: :ok
    end

    @doc """
    How a transaction begins that does not say.
    """
    @spec transaction_mode(keyword()) :: {:ok, transaction_mode()} | {:error, Error.t()}
    def transaction_mode(opts) do
      default = if Options.read_only?(opts), do: :read_only, else: :immediate
      mode = Keyword.get(opts, :default_transaction_mode, default)

      if mode in @transaction_modes do
        {:ok, mode}
      else
        modes = Enum.map_join(@transaction_modes, ", ", &inspect/1)
        message = "default_transaction_mode takes one of #{modes}, got: #{inspect(mode)}"
        {:error, %Error{code: :invalid_option, message: message}}
      end
    end

    @doc """
    The databases that every connection has beside its own.
    """
    @spec attach(keyword()) :: keyword(String.t())
    def attach(opts), do: Keyword.get(opts, :attach, [])

    @doc """
    The options for `EctoLibSql.connect/1`: all that are nobody else's, so that an unknown one is
    told.
    """
    @spec driver(keyword()) :: keyword()
    def driver(opts) do
      opts
      |> Keyword.drop(@db_connection_options ++ @own_options)
      |> Keyword.put(:transaction_scope, :connection)
    end
  end
end
