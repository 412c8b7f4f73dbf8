defmodule EctoLibSql.Test.SyncServer do
  @moduledoc false
  # A server of libSQL's sync protocol V2, which sqld has not: native/sync_server. It ends with the
  # process that started it.

  alias EctoLibSql.Test.HTTP

  @enforce_keys [:port]
  defstruct [:port]

  @start_timeout 120_000

  def start! do
    {_, 0} = System.cmd("cargo", ["build", "--quiet", "--package", "sync_server"], cd: root())
    program = Path.join([target(), "debug", "sync_server"])
    port = Port.open({:spawn_executable, program}, [:binary, line: 16])

    receive do
      {^port, {:data, {:eol, number}}} -> %__MODULE__{port: String.to_integer(number)}
    after
      @start_timeout -> raise "the sync server did not start"
    end
  end

  defp root, do: Path.expand("../..", __DIR__)
  defp target, do: System.get_env("CARGO_TARGET_DIR") || Path.join(root(), "target")

  def url(%__MODULE__{port: port}), do: "http://127.0.0.1:#{port}"

  @doc """
  The next requests to `:info`, `:export`, `:pull` or `:push` fail; native/sync_server/src/control.rs has the
  kinds.
  """
  def fail(server, endpoint, kind, opts \\ []) do
    number = if opts[:number], do: "/#{opts[:number]}", else: ""
    control(server, "fault/#{endpoint}/#{kind}/#{opts[:times] || 1}#{number}", opts[:text] || "")
  end

  def recover(server), do: control(server, "recover", "")
  def wait_until_one_hangs(server), do: control(server, "hanging", "")
  def checkpoint(server), do: control(server, "checkpoint", "")
  def require_token(server, token), do: control(server, "token", token)

  def requests(server), do: server |> control("requests", nil) |> String.split("\n", trim: true)

  @doc """
  What the server has, as a file of its own.
  """
  def database(server, path) do
    File.write!(path, control(server, "database", nil))
    path
  end

  defp control(server, path, body) do
    opts = if body, do: [body: body], else: []
    {:ok, 200, answer} = HTTP.request("#{url(server)}/control/#{path}", opts)
    answer
  end
end
