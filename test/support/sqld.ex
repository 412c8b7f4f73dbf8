defmodule EctoLibSql.Test.Sqld do
  @moduledoc false
  # A libSQL server of the test's own: a sqld on free loopback ports, in a temporary directory. It
  # ends with the process that started it, and when this VM is killed, too.
  #
  # Options:
  #   * `:jwt_key` - an `EctoLibSql.Test.JWT`: only its tokens are let in
  #   * `:namespaces` - whether there are any beside "default"
  #   * `:primary` - another one of these, started with `grpc: true`, to be a replica of
  #   * `:grpc` - whether other sqlds can be its replicas
  #   * `:arguments` - further ones of sqld, as `["--max-response-size", "20MB"]`

  use GenServer

  alias EctoLibSql.Test.{HTTP, JWT}

  defstruct [:pid, :directory, :http_port, :grpc_port, :admin_port]

  @type t :: %__MODULE__{}

  @ready_within 15_000
  @attempts 5
  # Below those that the system gives to connections: a port is free again when sqld restarts.
  @ports 20_000..30_000

  # Runs sqld and hands signals, a line of standard input each, on to it. The end of the input is
  # this VM's end, or the port's: the directory is then nobody's.
  @wrapper """
  directory=$1
  shift
  exec 3<&0 2>>"$directory/log"
  "$@" </dev/null >&2 3<&- &
  sqld=$!
  echo "pid $sqld"
  (
    while read -r signal <&3; do kill -s "$signal" "$sqld" && echo "sent $signal"; done
    trap '' TERM
    kill -s KILL "$sqld"
    rm -rf "$directory"
  ) &
  signals=$!
  wait "$sqld"
  status=$?
  kill "$signals"
  exit "$status"
  """

  @doc "Starts one that ends with the test."
  @spec start!(keyword()) :: t()
  def start!(opts \\ []) do
    child = %{id: make_ref(), start: {__MODULE__, :start_link, [opts]}, restart: :temporary}
    child |> ExUnit.Callbacks.start_supervised!() |> server()
  end

  @doc "That of a process that `start_link/1` started."
  def server(pid), do: GenServer.call(pid, :server)

  def start_link(opts), do: GenServer.start_link(__MODULE__, opts)

  @doc "The URL of its HTTP port. Not 127.0.0.1, which names the namespace 127."
  def url(%__MODULE__{http_port: port}), do: "http://localhost:#{port}"

  @doc "The URL of its gRPC port, for servers that are its replicas."
  def grpc_url(%__MODULE__{grpc_port: port}), do: "http://127.0.0.1:#{port}"

  @doc "Where its files are, which end with it."
  def directory(%__MODULE__{directory: directory}), do: directory

  @doc "What sqld has written."
  def log(%__MODULE__{directory: directory}), do: File.read!(log_file(directory))

  @doc "The operating system's process; nil while it is stopped."
  def os_pid(%__MODULE__{pid: pid}), do: GenServer.call(pid, :os_pid)

  @doc "Ends it as an operator would, with SIGTERM. It takes about 2 s."
  def stop(%__MODULE__{pid: pid}), do: GenServer.call(pid, {:end, "TERM"}, 30_000)

  @doc "Ends it with SIGKILL."
  def kill(%__MODULE__{pid: pid}), do: GenServer.call(pid, {:end, "KILL"}, 30_000)

  @doc "Starts it, on the same ports and data; kills it before, where it runs."
  def restart(%__MODULE__{pid: pid}), do: GenServer.call(pid, :restart, 30_000)

  @doc "As `restart/1`, without any data."
  def recreate(%__MODULE__{pid: pid}), do: GenServer.call(pid, :recreate, 30_000)

  @doc "Stops its threads (SIGSTOP): its ports take connections, and nobody answers."
  def freeze(%__MODULE__{pid: pid}), do: GenServer.call(pid, {:signal, "STOP"})

  @doc "Lets a frozen one go on."
  def thaw(%__MODULE__{pid: pid}), do: GenServer.call(pid, {:signal, "CONT"})

  @doc "Creates a namespace; with `namespaces: true`."
  def create_namespace(%__MODULE__{} = server, name) do
    {:ok, 200, _} = create(server, name)
    :ok
  end

  @doc "As `create_namespace/2`, where it is not there yet."
  def ensure_namespace(%__MODULE__{} = server, name) do
    case create(server, name) do
      {:ok, 200, _} -> :ok
      {:ok, 400, body} -> if body =~ "already exists", do: :ok, else: {:error, body}
    end
  end

  defp create(server, name),
    do: HTTP.request("#{admin_url(server)}/v1/namespaces/#{name}/create", body: "{}")

  @impl true
  def init(opts) do
    Process.flag(:trap_exit, true)
    directory = temporary_directory()
    state = %{opts: opts, server: nil, port: nil, os_pid: nil}

    case start_on_free_ports(state, directory, @attempts) do
      {:ok, state} ->
        {:ok, state}

      {:error, log} ->
        File.rm_rf!(directory)
        {:stop, "sqld did not start:\n" <> log}
    end
  end

  @impl true
  def handle_call(:server, _from, state), do: {:reply, state.server, state}
  def handle_call(:os_pid, _from, state), do: {:reply, state.os_pid, state}
  def handle_call({:end, signal}, _from, state), do: {:reply, :ok, end_with(state, signal)}

  def handle_call({:signal, signal}, _from, state) do
    send_signal(state.port, signal)
    {:reply, :ok, state}
  end

  def handle_call(:restart, _from, state), do: start_again(end_with(state, "KILL"))

  def handle_call(:recreate, _from, state) do
    state = end_with(state, "KILL")
    File.rm_rf!(data(state.server.directory))
    start_again(state)
  end

  @impl true
  def handle_info({port, {:exit_status, status}}, %{port: port} = state) do
    reason = "sqld has ended by itself (status #{status}):\n#{log(state.server)}"
    {:stop, reason, %{state | port: nil}}
  end

  # What is left of a port that has ended.
  def handle_info({port, {:data, _line}}, state) when is_port(port), do: {:noreply, state}
  def handle_info({:EXIT, port, _reason}, state) when is_port(port), do: {:noreply, state}

  @impl true
  def terminate(_reason, state) do
    end_with(state, "KILL")
    File.rm_rf!(state.server.directory)
  end

  defp start_on_free_ports(_state, directory, 0), do: {:error, File.read!(log_file(directory))}

  # Somebody else may take a port before sqld does.
  defp start_on_free_ports(state, directory, attempts) do
    server = %__MODULE__{
      pid: self(),
      directory: directory,
      http_port: free_port(),
      grpc_port: free_port(),
      admin_port: free_port()
    }

    case run(%{state | server: server}) do
      {:ok, state} -> {:ok, state}
      {:error, _log} -> start_on_free_ports(state, directory, attempts - 1)
    end
  end

  defp start_again(state) do
    case run(state) do
      {:ok, state} -> {:reply, :ok, state}
      {:error, log} -> {:stop, "sqld did not start again:\n#{log}", {:error, log}, state}
    end
  end

  defp run(%{server: server} = state) do
    arguments = [server.directory, executable() | arguments(server, state.opts)]

    port =
      Port.open({:spawn_executable, "/bin/sh"}, [
        :binary,
        :exit_status,
        line: 100,
        args: ["-c", @wrapper, "sqld" | arguments]
      ])

    os_pid =
      receive do
        {^port, {:data, {:eol, "pid " <> pid}}} -> String.to_integer(pid)
      end

    state = %{state | port: port, os_pid: os_pid}

    case await_ready(state, now() + @ready_within) do
      :ready ->
        {:ok, state}

      :ended ->
        {:error, log(server)}

      :late ->
        end_with(state, "KILL")
        {:error, log(server)}
    end
  end

  # sqld has all its ports before its admin port answers, so no stranger on one of them is taken
  # for it.
  defp await_ready(%{port: port, server: server} = state, deadline) do
    receive do
      {^port, {:exit_status, _status}} -> :ended
    after
      5 ->
        cond do
          answers?(admin_url(server)) and answers?(url(server) <> "/health") -> :ready
          now() > deadline -> :late
          true -> await_ready(state, deadline)
        end
    end
  end

  defp answers?(url), do: match?({:ok, _status, _body}, HTTP.request(url, timeout: 1_000))

  defp end_with(%{port: nil} = state, _signal), do: state

  defp end_with(%{port: port} = state, signal) do
    Port.command(port, "#{signal}\nCONT\n")

    receive do
      {^port, {:exit_status, _status}} -> :ok
    after
      10_000 ->
        Port.command(port, "KILL\n")

        receive do
          {^port, {:exit_status, _status}} -> :ok
        end
    end

    %{state | port: nil, os_pid: nil}
  end

  defp send_signal(port, signal) do
    Port.command(port, signal <> "\n")
    sent = "sent " <> signal

    receive do
      {^port, {:data, {:eol, ^sent}}} -> :ok
    end
  end

  defp arguments(server, opts) do
    [
      "--no-welcome",
      "--db-path",
      data(server.directory),
      "--http-listen-addr",
      "127.0.0.1:#{server.http_port}",
      "--admin-listen-addr",
      "127.0.0.1:#{server.admin_port}"
    ] ++
      Enum.flat_map(opts, &argument(&1, server)) ++ Keyword.get(opts, :arguments, [])
  end

  defp argument({:jwt_key, key}, server) do
    path = Path.join(server.directory, "jwt_key")
    JWT.write_public_key!(key, path)
    ["--auth-jwt-key-file", path]
  end

  defp argument({:namespaces, true}, _server), do: ["--enable-namespaces"]
  defp argument({:primary, primary}, _server), do: ["--primary-grpc-url", grpc_url(primary)]

  defp argument({:grpc, true}, server),
    do: ["--grpc-listen-addr", "127.0.0.1:#{server.grpc_port}"]

  defp argument({name, false}, _server) when name in [:namespaces, :grpc], do: []
  defp argument({:arguments, _arguments}, _server), do: []

  defp executable do
    case :persistent_term.get(__MODULE__, nil) do
      nil ->
        executable = find_executable()
        :persistent_term.put(__MODULE__, executable)
        executable

      executable ->
        executable
    end
  end

  defp find_executable do
    script = Path.expand("../../scripts/sqld.sh", __DIR__)

    case System.cmd("bash", [script], stderr_to_stdout: true) do
      {path, 0} -> String.trim(path)
      {reason, _status} -> raise String.trim(reason)
    end
  end

  defp temporary_directory do
    name = "ecto_libsql_sqld_#{System.pid()}_#{System.unique_integer([:positive])}"
    directory = Path.join(System.tmp_dir!(), name)
    File.mkdir_p!(directory)
    directory
  end

  defp free_port do
    port = Enum.random(@ports)

    case :gen_tcp.listen(port, ip: {127, 0, 0, 1}) do
      {:ok, socket} ->
        :gen_tcp.close(socket)
        port

      {:error, :eaddrinuse} ->
        free_port()
    end
  end

  defp admin_url(%__MODULE__{admin_port: port}), do: "http://localhost:#{port}"
  defp data(directory), do: Path.join(directory, "data")
  defp log_file(directory), do: Path.join(directory, "log")
  defp now, do: System.monotonic_time(:millisecond)
end
