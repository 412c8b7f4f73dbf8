defmodule EctoLibSql.Options do
  @moduledoc false
  # The connect options: what each takes, their defaults, and the map that the NIF opens a
  # connection with. Validated once, at connect.

  alias EctoLibSql.{AllowedExtensions, DbConfig, Error, Function, Limits, MemoryStatistics}
  alias EctoLibSql.SlowQuery
  alias EctoLibSql.Offline.Options, as: OfflineOptions
  alias EctoLibSql.Remote.Options, as: RemoteOptions
  alias EctoLibSql.Replica.Options, as: ReplicaOptions

  @form {:in, [:string, :binary]}
  @boolean {:in, [true, false, :on, :off]}
  @synchronous [:off, :normal, :full, :extra]
  @journal_modes [:wal, :delete, :truncate, :persist, :memory, :off]

  # Option, type, pragma it sets (if that is all it does).
  @options [
    database: {:string, nil},
    mode: {{:in, [:create, :read_write, :read_only, :readwrite, :readonly]}, nil},
    read_only: {@boolean, nil},
    immutable: {@boolean, nil},
    shared_cache: {@boolean, nil},
    vfs: {:string, nil},
    busy_timeout: {:milliseconds, nil},
    timeout: {:timeout, nil},
    retry: {:non_neg_integer, nil},
    statement_cache_size: {:non_neg_integer, nil},
    transaction_scope: {{:in, [:process, :connection]}, nil},
    foreign_keys: {@boolean, nil},
    trusted_schema: {@boolean, nil},
    double_quoted_strings: {@boolean, nil},
    journal_mode: {{:in, @journal_modes}, nil},
    encryption_key: {:key, nil},
    uuid_type: {@form, nil},
    binary_id_type: {@form, nil},
    map_type: {@form, nil},
    array_type: {@form, nil},
    load_extensions: {:extensions, nil},
    allowed_extensions: {{:checked, &AllowedExtensions.takes/1}, nil},
    limits: {{:checked, &Limits.takes/1}, nil},
    db_config: {{:checked, &DbConfig.takes/1}, nil},
    nofollow: {@boolean, nil},
    change_feed: {{:checked, &EctoLibSql.ChangeFeed.check/1}, nil},
    functions: {{:checked, &Function.takes/1}, nil},
    custom_pragmas: {:pragmas, nil},
    slow_query: {{:checked, &SlowQuery.takes/1}, nil},
    authorizer: {{:checked, &EctoLibSql.Authorizer.takes/1}, nil},
    page_size: {:pos_integer, "page_size"},
    auto_vacuum: {{:in, [:none, :full, :incremental]}, "auto_vacuum"},
    locking_mode: {{:in, [:normal, :exclusive]}, "locking_mode"},
    synchronous: {{:in, @synchronous}, "synchronous"},
    cache_size: {:integer, "cache_size"},
    cache_spill: {@boolean, "cache_spill"},
    temp_store: {{:in, [:default, :file, :memory]}, "temp_store"},
    mmap_size: {:non_neg_integer, "mmap_size"},
    wal_auto_check_point: {:non_neg_integer, "wal_autocheckpoint"},
    journal_size_limit: {:integer, "journal_size_limit"},
    secure_delete: {{:in, [true, false, :on, :off, :fast]}, "secure_delete"},
    case_sensitive_like: {@boolean, "case_sensitive_like"},
    soft_heap_limit: {:non_neg_integer, "soft_heap_limit"},
    hard_heap_limit: {:non_neg_integer, "hard_heap_limit"}
  ]

  # They say how the file is laid out or locked, so they come before the journal mode, which
  # writes its header.
  @file_pragmas [:page_size, :auto_vacuum, :locking_mode]

  @type validated ::
          {:local,
           %{
             native: map(),
             load_extensions: [{String.t(), String.t() | nil}],
             functions: [tuple()],
             authorizer: EctoLibSql.Authorizer.policy()
           }}
          | {:remote, map()}
          | {:replica, map()}
          | {:offline, map()}

  @doc """
  The options' names.
  """
  @spec names() :: [atom()]
  def names, do: Keyword.keys(@options)

  @doc """
  Whether these options open a database that cannot be written.
  """
  @spec read_only?(keyword()) :: boolean()
  def read_only?(options), do: mode(options) == :read_only

  @spec validate(term()) :: {:ok, validated()} | {:error, Error.t()}
  def validate(options) do
    with :ok <- keyword(options),
         :ok <- known(options),
         :ok <- one_form(options),
         do: validate(mode_of(options), Keyword.delete(options, :mvcc))
  end

  @doc """
  The URI of the server at which such a database is written; nil for one that is written here.
  """
  @spec server(keyword()) :: String.t() | nil
  def server(options), do: unless(OfflineOptions.offline?(options), do: options[:uri])

  defp mode_of(options) do
    cond do
      OfflineOptions.offline?(options) -> :offline
      options[:uri] == nil -> :local
      Keyword.has_key?(options, :database) -> :replica
      true -> :remote
    end
  end

  defp validate(:local, options), do: local(options)

  defp validate(:remote, options) do
    options = Keyword.delete(options, :offline)
    with {:ok, remote} <- RemoteOptions.validate(options), do: {:ok, {:remote, remote}}
  end

  defp validate(:replica, options) do
    options = Keyword.delete(options, :offline)
    with {:ok, replica} <- ReplicaOptions.validate(options), do: {:ok, {:replica, replica}}
  end

  defp validate(:offline, options) do
    with {:ok, offline} <- OfflineOptions.validate(options), do: {:ok, {:offline, offline}}
  end

  defp local(options) do
    options = Keyword.delete(options, :offline)

    with :ok <- no_remote(options),
         :ok <- check_types(options, []),
         :ok <- agree(options),
         {:ok, _kept?} <- MemoryStatistics.choose(),
         :ok <- heap_limits(options),
         {:ok, allowed_extensions} <- AllowedExtensions.lists(options),
         do: {:ok, {:local, prepare(options, allowed_extensions)}}
  end

  defp keyword(options) do
    if Keyword.keyword?(options),
      do: :ok,
      else: invalid("the connect options are to be a keyword list, got: #{kind(options)}")
  end

  defp known(options) do
    known = names() ++ RemoteOptions.names() ++ ReplicaOptions.names() ++ [:offline]
    unknown = options |> Keyword.keys() |> Enum.reject(&(&1 in [:mvcc | known])) |> Enum.uniq()

    cond do
      unknown != [] ->
        invalid(
          "unknown #{plural(unknown, "option")} #{list(unknown)}; the options are #{list(known)}"
        )

      options[:mvcc] ->
        error(:unsupported, "mvcc: libSQL has no MVCC (BEGIN CONCURRENT is not in its grammar)")

      true ->
        :ok
    end
  end

  defp no_remote(options) do
    names = RemoteOptions.names() ++ ReplicaOptions.names()

    case Enum.find(names, &Keyword.has_key?(options, &1)) do
      nil -> :ok
      option -> invalid("#{option} goes with uri: a database on a server")
    end
  end

  @doc """
  Checks the options' values: those of local databases, and those of these types.
  """
  @spec check_types(keyword(), keyword()) :: :ok | {:error, Error.t()}
  def check_types(options, types) do
    Enum.find_value(options, :ok, fn {name, value} ->
      case takes(types[name] || elem(@options[name], 0), value) do
        nil -> nil
        takes -> invalid("#{name} takes #{takes}, got: #{shown(name, value)}")
      end
    end)
  end

  # Nil where the value is fine, else what the option takes.
  defp takes({:in, allowed}, value), do: unless(value in allowed, do: "one of #{list(allowed)}")

  defp takes(:string, value),
    do: unless(is_binary(value) and value != "", do: "a string that is not empty")

  defp takes(:integer, value), do: unless(is_integer(value), do: "an integer")

  defp takes(:non_neg_integer, value),
    do: unless(is_integer(value) and value >= 0, do: "an integer of 0 or more")

  defp takes(:pos_integer, value),
    do: unless(is_integer(value) and value > 0, do: "an integer above 0")

  defp takes(:milliseconds, value),
    do:
      unless(is_integer(value) and value in 0..0xFFFFFFFF,
        do: "milliseconds, an integer of 0 or more"
      )

  defp takes(:timeout, value),
    do:
      unless(value == :infinity or (is_integer(value) and value >= 0),
        do: "milliseconds, an integer of 0 or more, or :infinity"
      )

  defp takes(:key, value),
    do: unless(is_binary(value) and value != "", do: "a binary that is not empty")

  defp takes(:boolean, value), do: takes(@boolean, value)

  defp takes(:sync, value),
    do:
      unless(is_boolean(value) or (is_integer(value) and value > 0),
        do: "true, false, or the milliseconds between two syncs"
      )

  defp takes(:token, value),
    do:
      unless(is_binary(value) or is_function(value, 0),
        do: "a string, or a function without arguments that answers one"
      )

  defp takes({:checked, check}, value), do: check.(value)

  defp takes(:certificate, value),
    do:
      unless(match?({a, b} when is_binary(a) and is_binary(b), value),
        do: "{certificate, key}, the paths of two PEM files"
      )

  defp takes(:extensions, value) do
    fine? =
      is_list(value) and
        Enum.all?(value, fn
          {path, entry_point} -> is_binary(path) and is_binary(entry_point)
          path -> is_binary(path)
        end)

    unless fine?, do: "a list of paths or {path, entry_point} tuples"
  end

  defp takes(:pragmas, value) do
    fine? =
      Keyword.keyword?(value) and
        Enum.all?(value, fn {name, value} ->
          match?({:ok, _}, EctoLibSql.Pragma.name(name)) and
            match?({:ok, _}, EctoLibSql.Pragma.literal(value))
        end)

    unless fine?,
      do: "a keyword list of pragmas' names with integers, booleans, atoms or strings"
  end

  defp agree(options) do
    cond do
      options[:database] == nil ->
        invalid(
          "database is missing: a path, \":memory:\", or a file: URI (or uri, that of a server)"
        )

      contradictory_modes?(options) ->
        invalid(
          "read_only: #{inspect(options[:read_only])} and mode: #{inspect(options[:mode])} " <>
            "contradict each other: read_only: true is mode: :read_only"
        )

      contradiction = DbConfig.contradiction(options) ->
        invalid(contradiction)

      on?(options[:immutable]) and mode(options) != :read_only ->
        invalid("immutable goes with mode: :read_only: nobody may write the file")

      mode(options) == :read_only and options[:database] == ":memory:" ->
        invalid("mode: :read_only does not go with database: \":memory:\", which begins empty")

      options[:encryption_key] != nil and options[:database] == ":memory:" ->
        invalid("encryption_key does not go with database: \":memory:\", which is never on disk")

      true ->
        :ok
    end
  end

  defp contradictory_modes?(options) do
    options[:read_only] != nil and options[:mode] != nil and
      on?(options[:read_only]) != (mode(options) == :read_only)
  end

  defp one_form(options) do
    case options
         |> Keyword.take([:uuid_type, :binary_id_type])
         |> Keyword.values()
         |> Enum.uniq() do
      [_, _ | _] ->
        invalid("uuid_type and binary_id_type are one option: both kinds of id are stored alike")

      _one ->
        :ok
    end
  end

  defp heap_limits(options) do
    pragmas = connection_pragmas(options)

    Enum.find_value(pragmas, :ok, fn {pragma, _literal} ->
      with :ok <- MemoryStatistics.check(pragma), do: nil
    end)
  end

  defp prepare(options, allowed_extensions) do
    {groups, functions} = options |> Keyword.get(:functions, []) |> Function.split()

    native = %{
      database: database(options),
      mode: mode(options),
      vfs: options[:vfs],
      shared_cache: on?(options[:shared_cache]),
      busy_timeout: Keyword.get(options, :busy_timeout, 5000),
      statement_cache_size: Keyword.get(options, :statement_cache_size, 100),
      transaction_scope: Keyword.get(options, :transaction_scope, :process),
      foreign_keys: on?(Keyword.get(options, :foreign_keys, true)),
      trusted_schema: on?(options[:trusted_schema]),
      double_quoted_strings: on?(options[:double_quoted_strings]),
      journal_mode: journal_mode(options),
      file_pragmas: pragmas(Keyword.take(options, @file_pragmas)),
      pragmas: connection_pragmas(options),
      db_config: DbConfig.native(Keyword.get(options, :db_config, [])),
      limits: Limits.native(Keyword.get(options, :limits, [])),
      allowed_extensions: allowed_extensions,
      nofollow: on?(options[:nofollow]),
      encryption_key: options[:encryption_key],
      replica: false,
      offline: nil,
      slow_query: SlowQuery.native(options[:slow_query]),
      uuid_type: options[:uuid_type] || options[:binary_id_type] || :string,
      map_type: Keyword.get(options, :map_type, :string),
      array_type: Keyword.get(options, :array_type, :string),
      functions: groups
    }

    extensions =
      for extension <- Keyword.get(options, :load_extensions, []) do
        if is_tuple(extension), do: extension, else: {extension, nil}
      end

    %{
      native: native,
      load_extensions: extensions,
      functions: functions,
      authorizer: options[:authorizer]
    }
  end

  defp mode(options) do
    case Keyword.get(options, :mode, if(on?(options[:read_only]), do: :read_only, else: :create)) do
      :readonly -> :read_only
      :readwrite -> :read_write
      mode -> mode
    end
  end

  defp database(options) do
    database = options[:database]

    cond do
      not on?(options[:immutable]) -> database
      String.starts_with?(database, "file:") -> add_query(database, "immutable=1")
      true -> "file:" <> URI.encode(database, &path_character?/1) <> "?immutable=1"
    end
  end

  defp add_query(uri, parameter) do
    if String.contains?(uri, "?"), do: uri <> "&" <> parameter, else: uri <> "?" <> parameter
  end

  defp path_character?(character), do: URI.char_unreserved?(character) or character == ?/

  # By default WAL, where the database can have it.
  defp journal_mode(options) do
    case options[:journal_mode] do
      nil -> if options[:database] == ":memory:", do: nil, else: {:wal, false}
      mode -> {mode, true}
    end
  end

  defp connection_pragmas(options) do
    options
    |> Keyword.put_new(:synchronous, :normal)
    |> Keyword.drop(@file_pragmas)
    |> pragmas()
    |> Kernel.++(custom_pragmas(options))
  end

  defp pragmas(options) do
    for {name, {_type, pragma}} <- @options, pragma, Keyword.has_key?(options, name) do
      {:ok, literal} = EctoLibSql.Pragma.literal(options[name])
      {pragma, literal}
    end
  end

  defp custom_pragmas(options) do
    for {name, value} <- Keyword.get(options, :custom_pragmas, []) do
      {:ok, name} = EctoLibSql.Pragma.name(name)
      {:ok, literal} = EctoLibSql.Pragma.literal(value)
      {name, literal}
    end
  end

  defp on?(value), do: value in [true, :on]

  # A secret is never shown, also not one of the wrong type.
  defp shown(name, value)
       when name in [:encryption_key, :auth_token, :remote_encryption_key, :uri, :failover],
       do: kind(value)

  defp shown(_name, value), do: inspect(value)

  defp kind(value) when is_binary(value), do: "a binary"
  defp kind(value) when is_list(value), do: "a list that is no keyword list"
  defp kind(value) when is_map(value), do: "a map"
  defp kind(value) when is_atom(value), do: "an atom"
  defp kind(value) when is_integer(value), do: "an integer"
  defp kind(_value), do: "something else"

  defp plural([_], word), do: word
  defp plural(_, word), do: word <> "s"

  defp list(values), do: Enum.map_join(values, ", ", &inspect/1)

  defp invalid(message), do: error(:invalid_option, message)
  defp error(code, message), do: {:error, %Error{code: code, message: message}}
end
