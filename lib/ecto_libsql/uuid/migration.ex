if Code.ensure_loaded?(Ecto.Migration) do
  defmodule EctoLibSql.UUID.Migration do
    @moduledoc false
    # What `EctoLibSql.Migration` has for UUIDs: defaults, checks, and the change of a column's form.

    alias Ecto.Adapters.LibSql.DDL.{Database, UUIDConversion}
    alias Ecto.Migration.Table
    alias EctoLibSql.Identifier
    alias EctoLibSql.UUID.SQL

    @storages [:text, :binary]

    @doc "The default of a column, as `EctoLibSql.Migration.uuid_default/1` says."
    @spec default(keyword()) :: {:fragment, String.t()}
    def default(opts) do
      opts = validate!(opts, version: 4, storage: nil, monotonic: false)
      storage = opts[:storage] || repo_storage()

      case {opts[:version], opts[:monotonic]} do
        {version, false} when version in [4, 7] -> {:fragment, SQL.generate(version, storage)}
        {7, true} -> {:fragment, storage |> SQL.engine() |> there!()}
        {4, true} -> wrong!("monotonic: true is of version: 7")
        {version, monotonic} when is_boolean(monotonic) -> wrong!(:version, "4 or 7", version)
        {_version, other} -> wrong!(:monotonic, "true or false", other)
      end
    end

    @doc "The check of a column, as `EctoLibSql.Migration.uuid_check/2` says."
    @spec check(atom() | String.t(), keyword()) :: %{name: String.t(), expr: String.t()}
    def check(column, opts) when is_atom(column) or is_binary(column) do
      opts = validate!(opts, storage: nil, name: "#{column}_is_uuid")
      storage = opts[:storage] || repo_storage()
      column = column |> Identifier.quote_name() |> IO.iodata_to_binary()
      %{name: to_string(opts[:name]), expr: SQL.check(column, storage)}
    end

    @doc "Changes a column's form, as `EctoLibSql.Migration.convert_uuid/3` says."
    @spec convert(atom() | String.t(), atom(), keyword()) :: :ok
    def convert(table, column, opts) do
      opts = validate!(opts, to: nil, prefix: nil)
      to = opts[:to]
      if to not in @storages, do: wrong!(:to, ":text or :binary", to)
      [from] = @storages -- [to]
      table = %Table{name: to_string(table), prefix: opts[:prefix] || Ecto.Migration.prefix()}

      Ecto.Migration.execute(
        fn -> UUIDConversion.run!(database(), table, column, to) end,
        fn -> UUIDConversion.run!(database(), table, column, from) end
      )
    end

    ## Options

    defp validate!(opts, defaults) do
      opts = Keyword.validate!(opts, defaults)
      storage = opts[:storage]

      if storage not in [nil | @storages],
        do: wrong!(:storage, ":text or :binary", storage)

      opts
    end

    @spec wrong!(atom(), String.t(), term()) :: no_return()
    defp wrong!(option, takes, value),
      do: wrong!("#{option}: takes #{takes}, got: #{inspect(value)}")

    @spec wrong!(String.t()) :: no_return()
    defp wrong!(message), do: raise(ArgumentError, message)

    ## The repo whose migration this is

    defp meta, do: Ecto.Adapter.lookup_meta(Ecto.Migration.repo().get_dynamic_repo())

    defp database do
      meta = meta()
      types = Map.get(meta, :column_types, [])
      %Database{meta: meta, opts: [timeout: :infinity, log: false], types: types}
    end

    defp repo_storage do
      case Map.get(meta(), :column_types, [])[:uuid_type] do
        :binary -> :binary
        _ -> :text
      end
    end

    # Where the function is missing, it is the first INSERT that would fail.
    defp there!(call) do
      db = database()
      functions = "SELECT 1 FROM pragma_function_list WHERE name = 'uuid7'"

      cond do
        Database.server?(db) ->
          wrong!(
            "monotonic: true is for local databases: UUIDs that a server makes do not ascend within a " <>
              "millisecond"
          )

        Database.rows!(db, functions) == [] ->
          wrong!(
            "monotonic: true needs the function #{call}: give the repo the option functions: [:uuid]"
          )

        true ->
          call
      end
    end
  end
end
