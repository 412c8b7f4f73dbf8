if Code.ensure_loaded?(DBConnection) do
  defmodule EctoLibSql.Clone do
    @moduledoc false
    # A pool connection's private copy of its databases, in memory: what a sandboxed test works on
    # where the pool's option `:sandbox` is `:clone`.
    #
    # The copy is made by SQLite's backup when a test needs one, and made anew only where its file
    # has changed since, or where a test left something behind. Either is told by the data version
    # (see `EctoLibSql.Native.data_versions/1`), which every commit changes and a rollback does not:
    # so what follows a test is, as a rule, its ROLLBACK.

    alias EctoLibSql.{Attach, Authorizer, Call, Error, Native, PoolOptions, State}

    @enforce_keys [:file, :memory, :schemas]
    defstruct [:file, :memory, :schemas, :versions, :policy]

    # `versions`: those of the file's schemas as they were copied, and those of the connection in
    # memory as nobody has written to it; nil where there is no copy that is worth anything.
    @type t :: %__MODULE__{
            file: State.t(),
            memory: State.t(),
            schemas: [String.t()],
            policy: Authorizer.policy(),
            versions: {versions(), versions()} | nil
          }

    @typep versions :: [{String.t(), non_neg_integer()}]

    @doc """
    Checks the option `:sandbox`.
    """
    @spec validate(keyword()) :: :ok | {:error, Error.t()}
    def validate(opts) do
      case {Keyword.get(opts, :sandbox, :transaction), opts[:encryption_key]} do
        {:transaction, _key} ->
          :ok

        {:clone, nil} ->
          if opts[:uri],
            do: invalid("sandbox: :clone does not go with uri: a server is not copied"),
            else: :ok

        {:clone, _key} ->
          invalid("sandbox: :clone does not go with encryption_key: memory is not encrypted")

        {other, _key} ->
          invalid("sandbox takes :transaction or :clone, got: #{inspect(other)}")
      end
    end

    defp invalid(message), do: {:error, %Error{code: :invalid_option, message: message}}

    @doc """
    Opens the connection in memory, still empty; nil where the option does not ask for one. It is
    this process's, as the file's is, which is closed if there is an error.
    """
    @spec open(State.t(), keyword()) :: {:ok, t() | nil} | {:error, Error.t()}
    def open(file, opts) do
      with :ok <- validate(opts),
           {:ok, options} <- PoolOptions.clone(opts),
           {:ok, memory} <- EctoLibSql.connect(options) do
        schemas = ["main" | Enum.map(PoolOptions.attach(opts), &name/1)]

        {:ok,
         %__MODULE__{file: file, memory: memory, schemas: schemas, policy: opts[:authorizer]}}
      else
        :none ->
          {:ok, nil}

        {:error, error} ->
          EctoLibSql.disconnect(file)
          {:error, error}
      end
    end

    defp name({name, _database}), do: Atom.to_string(name)

    @doc """
    Sees to it that the copy is the file's content as of now.
    """
    @spec refresh(t(), Call.deadline()) :: {:ok, t()} | {:error, Error.t()}
    def refresh(%__MODULE__{} = clone, deadline) do
      with :ok <- no_transaction(clone.file),
           {:ok, file} <- Call.data_versions(clone.file, deadline),
           {:ok, memory} <- Call.data_versions(clone.memory, deadline) do
        file = Enum.filter(file, fn {schema, _version} -> schema in clone.schemas end)
        if clone.versions == {file, memory}, do: {:ok, clone}, else: copy(clone, deadline)
      end
    end

    # In a transaction that somebody left open, others' commits would not be seen.
    defp no_transaction(file) do
      case Native.autocommit(file) do
        {:ok, true} ->
          :ok

        {:ok, false} ->
          {:error, %Error{code: :transaction_open, message: "a transaction is open"}}

        {:error, error} ->
          {:error, error}
      end
    end

    defp copy(
           %__MODULE__{memory: memory, schemas: ["main" | attached] = schemas} = clone,
           deadline
         ) do
      # The copy is the driver's own doing; what a test does is not.
      with :ok <- Call.reset(memory),
           {:ok, _memory} <- Attach.attach(memory, Enum.map(attached, &{&1, ":memory:"}), []),
           {:ok, copied} <- copy_each(clone, schemas, deadline),
           {:ok, unwritten} <- Call.data_versions(memory, deadline),
           :ok <- Authorizer.set(memory, clone.policy),
           do: {:ok, %{clone | versions: {copied, unwritten}}}
    end

    defp copy_each(_clone, [], _deadline), do: {:ok, []}

    defp copy_each(%__MODULE__{file: file, memory: memory} = clone, [schema | schemas], deadline) do
      with {:ok, version} <- Call.backup(file, schema, memory, schema, deadline),
           {:ok, copied} <- copy_each(clone, schemas, deadline),
           do: {:ok, [{schema, version} | copied]}
    end

    @doc """
    Undoes what a test did. A test that ended the sandbox's transaction by itself may have written
    anything: that costs a new copy.
    """
    @spec rollback(t()) :: {:ok, t()} | {:error, Error.t()}
    def rollback(%__MODULE__{memory: memory} = clone) do
      case Call.rollback(memory) do
        :ok -> {:ok, clone}
        {:error, %Error{code: :no_transaction}} -> {:ok, %{clone | versions: nil}}
        {:error, error} -> {:error, error}
      end
    end

    @spec close(t() | nil) :: :ok
    def close(nil), do: :ok

    def close(%__MODULE__{file: file, memory: memory}) do
      _ = Native.close(memory)
      _ = Native.close(file)
      :ok
    end
  end
end
