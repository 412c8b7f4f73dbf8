if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.Storage do
    @moduledoc false
    # `Ecto.Adapter.Storage`: the database's files.

    alias Ecto.Adapters.LibSql.Execution
    alias EctoLibSql.MemoryDatabase

    # What SQLite and the migration lock leave beside a database. Not the database itself, which
    # goes last, so that a drop that fails half-way can be tried again.
    @companions ["-wal", "-shm", "-journal", "-migration-lock"]

    @spec storage_up(keyword()) :: :ok | {:error, :already_up | term()}
    def storage_up(config) do
      case storage_status(config) do
        :down -> create(config)
        :up -> {:error, :already_up}
        {:error, _} = error -> error
      end
    end

    # Opening creates an empty file; it becomes a database, with its journal mode, when it is
    # written.
    defp create(config) do
      {:ok, path} = file(config[:database])

      with :ok <- make_directory(Path.dirname(path)),
           {:ok, connection} <- EctoLibSql.connect(Execution.driver_options(config)) do
        EctoLibSql.disconnect(connection)
      else
        {:error, %EctoLibSql.Error{message: message}} -> {:error, message}
        {:error, reason} -> {:error, "#{Path.dirname(path)}: #{:file.format_error(reason)}"}
      end
    end

    defp make_directory(directory), do: File.mkdir_p(directory)

    @spec storage_down(keyword()) :: :ok | {:error, :already_down | term()}
    def storage_down(config) do
      if config[:uri], do: not_here(config[:database]), else: drop(config)
    end

    defp not_here(nil),
      do: {:error, "a database on a server (uri) is created and dropped there, not from here"}

    defp not_here(replica) do
      {:error, message} = not_here(nil)
      {:error, "#{message}; its replica #{replica} stays (deleted, it would be pulled anew)"}
    end

    defp drop(config) do
      case {storage_status(config), file(config[:database])} do
        {:up, {:ok, path}} -> remove(path)
        {:up, :memory} -> :ok
        {:down, _} -> {:error, :already_down}
        {{:error, _} = error, _} -> error
      end
    end

    defp remove(path) do
      Enum.find_value(Enum.map(@companions, &(path <> &1)) ++ [path], :ok, fn file ->
        case File.rm(file) do
          :ok -> nil
          {:error, :enoent} -> nil
          {:error, reason} -> {:error, "#{file}: #{:file.format_error(reason)}"}
        end
      end)
    end

    @doc """
    A database in memory is always up: it begins and ends with its repo. One on a server is up when
    it answers.
    """
    @spec storage_status(keyword()) :: :up | :down | {:error, term()}
    def storage_status(config) do
      if config[:uri], do: server_status(config), else: file_status(config)
    end

    defp server_status(config) do
      with {:ok, connection} <- EctoLibSql.connect(Execution.task_options(config)),
           pinged = EctoLibSql.ping(connection),
           :ok <- EctoLibSql.disconnect(connection),
           :ok <- pinged do
        :up
      else
        {:error, error} -> {:error, error.message}
      end
    end

    defp file_status(config) do
      case file(config[:database]) do
        {:ok, path} -> if File.exists?(path), do: :up, else: :down
        :memory -> :up
        :error -> {:error, "database is missing: a path, \":memory:\", or a file: URI"}
      end
    end

    @doc """
    The path of a database's file.
    """
    @spec file(String.t() | nil) :: {:ok, Path.t()} | :memory | :error
    def file(database) do
      cond do
        not is_binary(database) or database == "" -> :error
        MemoryDatabase.memory?(database) -> :memory
        true -> {:ok, path(database)}
      end
    end

    # <https://sqlite.org/uri.html>: file:path, file:///path, file://localhost/path.
    defp path("file:" <> rest) do
      [path | _] = String.split(rest, ["?", "#"], parts: 2)

      case path do
        "//localhost/" <> path -> URI.decode("/" <> path)
        "///" <> path -> URI.decode("/" <> path)
        path -> URI.decode(path)
      end
    end

    defp path(path), do: path
  end
end
