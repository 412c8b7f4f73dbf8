defmodule EctoLibSql.Test.TcpProxy do
  @moduledoc false
  # A network that can be made bad, between a client and a server on loopback.
  #
  # Faults, for connections that are there and those to come, until another is set:
  #   * `:none`
  #   * `{:cut, bytes}` - closes a connection after so many more bytes of the server's
  #   * `{:cut_requests, bytes}` - closes one after so many more bytes of the client's
  #   * `{:cut_requests_with, text}` - closes one when a request's bytes have this text
  #   * `{:slow, bytes}` - passes so many bytes of the server's on in a second, on each connection
  #   * `{:late, milliseconds}` - passes on what comes so much later, in both directions
  #   * `{:hold_requests, pid}`, `{:hold_answers, pid}` - keeps back what comes of one side, and tells
  #     the process, `{:held, :request | :response, link}`; the next fault is that of what was kept
  #   * `:refuse` - has closed all connections and takes none
  #   * `:black_hole` - takes connections and passes nothing on, in neither direction

  use GenServer

  alias EctoLibSql.Test.TcpProxy.Link

  @type fault ::
          :none
          | {:cut, non_neg_integer()}
          | {:cut_requests, non_neg_integer()}
          | {:cut_requests_with, String.t()}
          | {:slow, pos_integer()}
          | {:late, pos_integer()}
          | {:hold_requests | :hold_answers, pid()}
          | :refuse
          | :black_hole

  @doc "Starts one that ends with the test, before a port."
  def start!(port) do
    child = %{
      id: make_ref(),
      start: {GenServer, :start_link, [__MODULE__, port]},
      restart: :temporary
    }

    ExUnit.Callbacks.start_supervised!(child)
  end

  @doc "The port to connect to."
  def port(proxy), do: GenServer.call(proxy, :port)

  @doc "The URL to connect to."
  def url(proxy), do: "http://localhost:#{port(proxy)}"

  @doc "Sets what is wrong with the network."
  @spec set(pid(), fault()) :: :ok
  def set(proxy, fault), do: GenServer.call(proxy, {:set, fault})

  @impl true
  def init(upstream) do
    Process.flag(:trap_exit, true)
    {listener, port} = listen(0)
    {:ok, %{upstream: upstream, port: port, listener: listener, fault: :none, links: []}}
  end

  @impl true
  def handle_call(:port, _from, state), do: {:reply, state.port, state}

  def handle_call({:set, :refuse}, _from, state) do
    if state.listener, do: :gen_tcp.close(state.listener)
    Enum.each(state.links, &Link.close/1)
    {:reply, :ok, %{state | listener: nil, links: [], fault: :refuse}}
  end

  def handle_call({:set, fault}, _from, %{listener: nil} = state) do
    {listener, port} = listen(state.port)
    {:reply, :ok, %{state | listener: listener, port: port, fault: fault}}
  end

  def handle_call({:set, fault}, _from, state) do
    Enum.each(state.links, &Link.set(&1, fault))
    {:reply, :ok, %{state | fault: fault}}
  end

  @impl true
  # It was refused in the meantime.
  def handle_info({:accepted, client}, %{listener: nil} = state) do
    :gen_tcp.close(client)
    {:noreply, state}
  end

  def handle_info({:accepted, client}, state) do
    link = Link.start_link(client, state.upstream, state.fault)
    {:noreply, %{state | links: [link | state.links]}}
  end

  def handle_info({:EXIT, pid, _reason}, state),
    do: {:noreply, %{state | links: List.delete(state.links, pid)}}

  defp listen(port) do
    {:ok, listener} =
      :gen_tcp.listen(port, [
        :binary,
        ip: {127, 0, 0, 1},
        active: false,
        reuseaddr: true,
        backlog: 1024
      ])

    proxy = self()
    spawn_link(fn -> accept(listener, proxy) end)
    {:ok, port} = :inet.port(listener)
    {listener, port}
  end

  defp accept(listener, proxy) do
    with {:ok, client} <- :gen_tcp.accept(listener),
         :ok <- :gen_tcp.controlling_process(client, proxy) do
      send(proxy, {:accepted, client})
      accept(listener, proxy)
    end
  end
end
