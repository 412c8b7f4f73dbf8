defmodule EctoLibSql.Test.HTTP do
  @moduledoc false
  # Plain requests to a libSQL server, for what the driver should have no part in.

  @doc """
  Makes a request, on a TCP connection of its own.

  Options: `:headers`, `:body` (with it, it is a POST), `:timeout`, `:ssl` (those of `:ssl`).
  """
  @spec request(String.t(), keyword()) ::
          {:ok, status :: pos_integer(), body :: String.t()} | {:error, term()}
  def request(url, opts \\ []) do
    headers = [{~c"connection", ~c"close"} | charlists(Keyword.get(opts, :headers, []))]
    settings = [timeout: Keyword.get(opts, :timeout, 15_000), ssl: Keyword.get(opts, :ssl, [])]
    url = String.to_charlist(url)

    answer =
      case opts[:body] do
        nil -> :httpc.request(:get, {url, headers}, settings, body_format: :binary)
        body -> post(url, headers, body, settings)
      end

    with {:ok, {{_version, status, _reason}, _headers, body}} <- answer, do: {:ok, status, body}
  end

  @doc """
  Runs one statement on a stream of its own.

  Options: `:token`, `:namespace`, and those of `request/2`.
  """
  def execute(url, sql, opts \\ []) do
    {token, opts} = Keyword.pop(opts, :token)
    {namespace, opts} = Keyword.pop(opts, :namespace)

    headers =
      if(token, do: [{"authorization", "Bearer #{token}"}], else: []) ++
        if(namespace,
          do: [{"x-namespace-bin", Base.encode64(namespace, padding: false)}],
          else: []
        )

    body =
      ~s({"requests":[{"type":"execute","stmt":{"sql":#{quoted(sql)}}},{"type":"close"}]})

    request(url <> "/v2/pipeline", [headers: headers, body: body] ++ opts)
  end

  defp post(url, headers, body, settings) do
    request = {url, headers, ~c"application/json", body}
    :httpc.request(:post, request, settings, body_format: :binary)
  end

  defp charlists(headers) do
    for {name, value} <- headers, do: {String.to_charlist(name), String.to_charlist(value)}
  end

  # JSON's string; it has no other control character to escape in a test's SQL.
  defp quoted(sql) do
    escaped =
      String.replace(sql, ["\\", "\"", "\n"], fn
        "\n" -> "\\n"
        character -> "\\" <> character
      end)

    ~s("#{escaped}")
  end
end
