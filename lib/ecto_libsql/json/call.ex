defmodule EctoLibSql.JSON.Call do
  @moduledoc false
  # A call of SQLite's JSON functions: one statement, whose values are bound. Where SQLite finds one of
  # its arguments malformed, it does not say which: then it is asked.

  alias EctoLibSql.{Error, State}
  alias EctoLibSql.JSON.{Argument, Path}

  @type params :: [term()]

  @doc "A path's text, for a parameter."
  @spec path(Path.t()) :: {:ok, String.t()} | {:error, Error.t()}
  def path(path) do
    with {:error, reason} <- Path.to_text(path),
         do: Argument.error(reason, :invalid_argument)
  end

  @doc "The only value of the only row."
  @spec value(State.t(), String.t(), params(), [Argument.t()]) ::
          {:ok, term()} | {:error, Error.t()}
  def value(s, sql, params, arguments) do
    with {:ok, [[value]]} <- rows(s, sql, params, arguments), do: {:ok, value}
  end

  @doc "The rows."
  @spec rows(State.t(), String.t(), params(), [Argument.t()]) ::
          {:ok, [[term()]]} | {:error, Error.t()}
  def rows(s, sql, params, arguments) do
    case EctoLibSql.query(s, sql, params) do
      {:ok, result} -> {:ok, result.rows}
      {:error, %Error{} = error} -> {:error, explain(s, error, arguments)}
    end
  end

  defp explain(s, %Error{message: message} = error, arguments) do
    if String.contains?(message, "malformed JSON"),
      do: Enum.find_value(arguments, error, &malformed(s, &1, error)),
      else: error
  end

  defp malformed(s, %Argument{form: :jsonb} = argument, error) do
    case EctoLibSql.query_one(s, "SELECT json_valid(?, 8)", [argument.param]) do
      {:ok, [0]} -> invalid(error, "#{argument.name}: malformed JSONB")
      _ -> nil
    end
  end

  defp malformed(s, argument, error) do
    case EctoLibSql.query_one(s, "SELECT json_error_position(?)", [argument.param]) do
      {:ok, [position]} when is_integer(position) and position > 0 ->
        invalid(error, "#{argument.name}: malformed JSON at character #{position}")

      _ ->
        nil
    end
  end

  defp invalid(error, message), do: %{error | code: :invalid_argument, message: message}
end
