if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.Structure do
    @moduledoc false
    # `Ecto.Adapter.Structure`: a database as SQL text, and back, without another program.

    alias Ecto.Adapters.LibSql.{Dump, Execution, Storage}
    alias EctoLibSql.Error

    @spec structure_dump(String.t(), keyword()) :: {:ok, String.t()} | {:error, String.t()}
    def structure_dump(default, config) do
      path = path(default, config)
      source = config[:migration_source] || "schema_migrations"

      with :ok <- up(config),
           :ok <- no_prefixes(config),
           {:ok, sql} <- connected(config, &dump_structure(&1, source)),
           :ok <- write(path, sql),
           do: {:ok, path}
    end

    defp dump_structure(connection, source) do
      with {:ok, schema} <- Dump.schema(connection, :all),
           {:ok, settings} <- Dump.settings(connection, :all),
           {:ok, versions} <- Dump.data(connection, [source]),
           do: {:ok, [schema, settings, versions]}
    end

    defp no_prefixes(config) do
      if config[:dump_prefixes],
        do: {:error, "a prefix is an attached database: dump it by itself"},
        else: :ok
    end

    @spec structure_load(String.t(), keyword()) :: {:ok, String.t()} | {:error, String.t()}
    def structure_load(default, config) do
      path = path(default, config)

      with {:ok, sql} <- read(path),
           {:ok, _results} <- connected(config, &load(&1, sql)),
           do: {:ok, path}
    end

    # A dump of SQLite's shell, or `dump_cmd/3`'s, brings its own transaction.
    defp load(connection, sql) do
      case EctoLibSql.execute_transactional_batch(connection, sql) do
        {:error, %Error{code: :transaction_in_batch}} ->
          EctoLibSql.execute_batch(connection, sql)

        loaded ->
          loaded
      end
    end

    @doc """
    Answers the commands `.dump [TABLE …]` and `.schema [TABLE …]` of SQLite's shell; without
    arguments, `.dump`. Of the options of `System.cmd/3` only `:into` has a meaning here.
    """
    @spec dump_cmd([String.t()], keyword(), keyword()) :: {Collectable.t(), non_neg_integer()}
    def dump_cmd(args, opts, config) do
      dumped =
        with :ok <- up(config),
             {:ok, dump} <- command(args),
             do: connected(config, dump)

      {output, status} =
        case dumped do
          {:ok, sql} -> {IO.iodata_to_binary(sql), 0}
          {:error, message} -> {message <> "\n", 1}
        end

      {Enum.into([output], Keyword.get(opts, :into, "")), status}
    end

    defp command([]), do: command([".dump"])
    defp command([".dump"]), do: {:ok, &Dump.all(&1, :all)}
    defp command([".dump" | tables]), do: {:ok, &Dump.all(&1, tables)}
    defp command([".schema"]), do: {:ok, &Dump.schema(&1, :all)}
    defp command([".schema" | tables]), do: {:ok, &Dump.schema(&1, tables)}

    defp command(args) do
      {:error,
       "unknown arguments #{inspect(args)}: the commands are .dump and .schema, each with tables"}
    end

    defp path(default, config),
      do: config[:dump_path] || Path.join(default, "structure.sql")

    defp up(config) do
      case {Storage.storage_status(config), place(config)} do
        {:up, :server} -> :ok
        {:up, {:ok, _path}} -> :ok
        {:up, :memory} -> {:error, "a database in memory is its repo's: nobody else can read it"}
        {:down, {:ok, path}} -> {:error, "there is no database #{path}"}
        {{:error, message}, _} -> {:error, message}
      end
    end

    defp place(config),
      do: if(config[:uri], do: :server, else: Storage.file(config[:database]))

    defp connected(config, fun) do
      with {:ok, connection} <- EctoLibSql.connect(Execution.task_options(config)) do
        try do
          fun.(connection)
        after
          EctoLibSql.disconnect(connection)
        end
      end
      |> case do
        {:error, %Error{message: message, statement: nil}} -> {:error, message}
        {:error, %Error{message: message, statement: sql}} -> {:error, message <> " in: " <> sql}
        answer -> answer
      end
    end

    defp read(path) do
      with {:error, reason} <- File.read(path), do: {:error, file_error(path, reason)}
    end

    defp write(path, sql) do
      with :ok <- File.mkdir_p(Path.dirname(path)),
           :ok <- File.write(path, sql) do
        :ok
      else
        {:error, reason} -> {:error, file_error(path, reason)}
      end
    end

    defp file_error(path, reason), do: "#{path}: #{:file.format_error(reason)}"
  end
end
