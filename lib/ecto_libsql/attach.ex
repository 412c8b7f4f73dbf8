if Code.ensure_loaded?(DBConnection) do
  defmodule EctoLibSql.Attach do
    @moduledoc false
    # Attached databases, which SQLite keeps per connection: those of a pool have to have the same.

    alias EctoLibSql.{Error, State}

    @reserved [:main, :temp]

    @doc """
    The option `:attach`: a keyword list of names and databases.
    """
    @spec validate(term()) :: :ok | {:error, Error.t()}
    def validate(databases) do
      fine? =
        Keyword.keyword?(databases) and
          Enum.all?(databases, fn {name, database} ->
            name not in @reserved and is_binary(database) and database != ""
          end)

      if fine? do
        :ok
      else
        message =
          "attach takes a keyword list of names (not main or temp) and databases, " <>
            "got: #{inspect(databases)}"

        {:error, %Error{code: :invalid_option, message: message}}
      end
    end

    @doc """
    Attaches the databases to a connection. Their files get the journal mode of the connection's
    own: two modes in one transaction would lose both one's speed and the other's atomic commit.
    """
    @spec attach(State.t(), [{atom() | String.t(), String.t()}], keyword()) ::
            {:ok, State.t()} | {:error, Error.t()}
    def attach(connection, databases, options) do
      Enum.reduce_while(databases, {:ok, connection}, fn {name, database}, ok ->
        with :ok <- prepare(database, options),
             {:ok, _} <- EctoLibSql.query(connection, "ATTACH ? AS #{quoted(name)}", [database]) do
          {:cont, ok}
        else
          {:error, error} ->
            EctoLibSql.disconnect(connection)
            {:halt, {:error, %{error | message: "attach #{name}: #{error.message}"}}}
        end
      end)
    end

    defp prepare(database, options) do
      options = Keyword.take(options, [:journal_mode, :busy_timeout, :mode])

      with {:ok, other} <- EctoLibSql.connect([database: database] ++ options),
           do: EctoLibSql.disconnect(other)
    end

    defp quoted(name), do: ~s("#{String.replace(to_string(name), ~s("), ~s(""))}")
  end
end
