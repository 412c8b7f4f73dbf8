defmodule EctoLibSql.AllowedExtensions do
  @moduledoc false
  # The lists of extensions that may be loaded: the application's, and the connection's own. A file has
  # to be on both.

  alias EctoLibSql.Error

  @takes "a list of absolute paths: of files, and of folders whose files are meant"

  @doc "What the option takes, where the value is not fine."
  @spec takes(term()) :: nil | String.t()
  def takes(paths) do
    fine? =
      is_list(paths) and List.improper?(paths) == false and
        Enum.all?(paths, &(is_binary(&1) and String.valid?(&1) and absolute?(&1)))

    unless fine?, do: @takes
  end

  # Path.type/1 raises for a NUL byte.
  defp absolute?(path), do: not String.contains?(path, <<0>>) and Path.type(path) == :absolute

  @doc "The lists that a connection with these options has."
  @spec lists(keyword()) :: {:ok, [[String.t()]]} | {:error, Error.t()}
  def lists(options) do
    configured = Application.get_env(:ecto_libsql, :allowed_extensions)

    if configured == nil or takes(configured) == nil do
      {:ok, Enum.reject([configured, options[:allowed_extensions]], &is_nil/1)}
    else
      message =
        "config :ecto_libsql, allowed_extensions: takes #{@takes}, got: #{inspect(configured)}"

      {:error, %Error{code: :invalid_option, message: message}}
    end
  end
end
