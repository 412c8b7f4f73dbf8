defmodule EctoLibSql.Remote.Token do
  @moduledoc false
  # The option :auth_token: a token, or a function that answers the one that is good now.

  alias EctoLibSql.Error

  @type t :: nil | String.t() | (-> String.t())

  @doc """
  The token itself. What the function raises is the caller's.
  """
  @spec get(t()) :: {:ok, String.t() | nil} | {:error, Error.t()}
  def get(token) when is_nil(token) or is_binary(token), do: {:ok, token}

  def get(function) when is_function(function, 0) do
    case function.() do
      token when is_binary(token) ->
        {:ok, token}

      # Not shown: it may hold a token.
      _other ->
        message = "the function in auth_token answered something that is no string"
        {:error, %Error{code: :invalid_option, message: message}}
    end
  end
end
