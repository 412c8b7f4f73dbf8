defmodule EctoLibSql.Remote.Failover do
  @moduledoc false
  # The option :failover: servers that are asked for what only reads while the first one is away.

  @doc """
  Nil where the value is fine, else what the option takes.
  """
  @spec takes(term()) :: String.t() | nil
  def takes(servers) do
    unless is_list(servers) and Enum.all?(servers, &server?/1) do
      "a list of URIs, or of {uri, options} with the options auth_token and namespace"
    end
  end

  defp server?({uri, options}) do
    is_binary(uri) and Keyword.keyword?(options) and
      Enum.all?(options, fn
        {:auth_token, token} -> is_binary(token) or is_function(token, 0)
        {:namespace, namespace} -> is_binary(namespace) and namespace != ""
        _other -> false
      end)
  end

  defp server?(uri), do: is_binary(uri)

  @doc """
  `{uri, auth_token, namespace}` of each.
  """
  @spec native([String.t() | {String.t(), keyword()}]) ::
          [{String.t(), String.t() | (-> String.t()) | nil, String.t() | nil}]
  def native(servers) do
    for server <- servers do
      {uri, options} = if is_tuple(server), do: server, else: {server, []}
      {uri, options[:auth_token], options[:namespace]}
    end
  end
end
