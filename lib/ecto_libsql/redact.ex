defmodule EctoLibSql.Redact do
  @moduledoc false
  # Which of a statement's values are not to be shown, as the NIF takes it.

  alias EctoLibSql.Error

  @type t :: boolean() | [String.t()]

  @spec names(term()) :: {:ok, t()} | {:error, Error.t()}
  def names(redact) when is_boolean(redact), do: {:ok, redact}

  def names(redact) when is_list(redact) do
    if List.improper?(redact) or not Enum.all?(redact, &parameter?/1),
      do: invalid(redact),
      else: {:ok, Enum.map(redact, &to_string/1)}
  end

  def names(other), do: invalid(other)

  defp parameter?(name) when is_binary(name), do: name != "" and String.valid?(name)
  defp parameter?(position) when is_integer(position), do: position > 0
  defp parameter?(name), do: is_atom(name) and name not in [nil, true, false]

  defp invalid(other) do
    message =
      "redact takes true, false, or a list of parameters' names and positions, got: #{inspect(other)}"

    {:error, %Error{code: :invalid_argument, message: message}}
  end
end
