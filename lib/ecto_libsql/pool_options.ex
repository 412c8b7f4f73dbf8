if Code.ensure_loaded?(DBConnection) do
  defmodule EctoLibSql.PoolOptions do
    @moduledoc false
    # Sorts a pool's options: DBConnection's and Ecto's own, EctoLibSql.Connection's, the driver's.

    alias EctoLibSql.{Attach, Authorizer, Clone, Error, Options}

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

    @own_options [:attach, :default_transaction_mode, :pool_meter, :sandbox]

    # What is a file's alone, or decides how it is opened.
    @file_options [
      :database,
      :mode,
      :immutable,
      :shared_cache,
      :vfs,
      :journal_mode,
      :page_size,
      :auto_vacuum,
      :locking_mode,
      :change_feed
    ]

    @type transaction_mode :: :immediate | :deferred | :exclusive | :read_only

    @spec transaction_modes() :: [transaction_mode()]
    def transaction_modes, do: @transaction_modes

    @spec validate(keyword()) :: :ok | {:error, Error.t()}
    def validate(opts) do
      with {:ok, _mode} <- transaction_mode(opts),
           :ok <- Attach.validate(attach(opts)),
           :ok <- no_attach_at_server(opts),
           :ok <- Clone.validate(opts),
           {:ok, _options} <- opts |> driver() |> Options.validate(),
           do: :ok
    end

    defp no_attach_at_server(opts) do
      if opts[:uri] && attach(opts) != [] do
        message = "attach does not go with uri: databases are attached to local ones only"
        {:error, %Error{code: :unsupported, message: message}}
      else
        :ok
      end
    end

    @doc """
    How a transaction begins that does not say.
    """
    @spec transaction_mode(keyword()) :: {:ok, transaction_mode()} | {:error, Error.t()}
    def transaction_mode(opts) do
      read_only? = Options.read_only?(opts) or Authorizer.read_only?(opts[:authorizer])
      default = if read_only?, do: :read_only, else: :immediate
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

    @doc """
    As `driver/1`, without the policy, which is set when the connection has its databases.
    """
    @spec unprotected(keyword()) :: keyword()
    def unprotected(opts), do: opts |> driver() |> Keyword.delete(:authorizer)

    @doc """
    The options for the private copy in memory that sandboxed tests work on, where there is to be
    one: the connection's own, but for what concerns the file. What cannot be written stays so.
    """
    @spec clone(keyword()) :: {:ok, keyword()} | :none
    def clone(opts) do
      case Keyword.get(opts, :sandbox, :transaction) do
        :clone ->
          {:ok, opts |> unprotected() |> Keyword.drop(@file_options) |> in_memory(opts[:mode])}

        :transaction ->
          :none
      end
    end

    defp in_memory(options, mode) when mode in [:read_only, :readonly] do
      options
      |> in_memory(nil)
      |> Keyword.update(:custom_pragmas, [query_only: true], &(&1 ++ [query_only: true]))
    end

    defp in_memory(options, _mode), do: [database: ":memory:"] ++ options
  end
end
