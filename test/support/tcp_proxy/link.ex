defmodule EctoLibSql.Test.TcpProxy.Link do
  @moduledoc false
  # One connection of the proxy's: the client's socket and the one to the server.

  # How often a slow one passes something on, in milliseconds.
  @slice 20

  defstruct [:client, :upstream, :fault, pending: ""]

  @doc "Connects the client to the server's port. The caller owns the client's socket."
  def start_link(client, port, fault) do
    link = spawn_link(fn -> await_client(client, port, fault) end)
    :ok = :gen_tcp.controlling_process(client, link)
    send(link, :owner)
    link
  end

  @doc "Sets what is wrong with it."
  def set(link, fault), do: call(link, {:set, fault})

  @doc "Closes it."
  def close(link), do: call(link, :close)

  defp call(link, request) do
    monitor = Process.monitor(link)
    send(link, {request, self(), monitor})

    receive do
      {^monitor, :done} -> Process.demonitor(monitor, [:flush])
      {:DOWN, ^monitor, :process, _link, _reason} -> true
    end

    :ok
  end

  defp await_client(client, port, fault) do
    receive do: (:owner -> :ok)

    case :gen_tcp.connect({127, 0, 0, 1}, port, [:binary, active: false, nodelay: true]) do
      {:ok, upstream} ->
        :ok = :inet.setopts(client, active: :once, nodelay: true)
        :ok = :inet.setopts(upstream, active: :once)
        pass(%__MODULE__{client: client, upstream: upstream, fault: fault})

      {:error, _reason} ->
        :gen_tcp.close(client)
    end
  end

  defp pass(%{client: client, upstream: upstream} = link) do
    receive do
      {:tcp, ^client, bytes} -> link |> to_server(bytes) |> go_on(client)
      {:tcp, ^upstream, bytes} -> to_client(link, bytes)
      {:tcp_closed, _socket} -> hang_up(link)
      {:tcp_error, _socket, _reason} -> hang_up(link)
      :slice -> send_slice(link)
      {{:set, fault}, from, reference} -> change(link, fault, from, reference)
      {:close, from, reference} -> answer(hang_up(link), from, reference)
    end
  end

  defp to_server(%{fault: :black_hole} = link, _bytes), do: link

  defp to_server(link, bytes) do
    :gen_tcp.send(link.upstream, bytes)
    link
  end

  defp to_client(%{fault: :black_hole} = link, _bytes), do: go_on(link, link.upstream)

  defp to_client(%{fault: {:cut, left}} = link, bytes) when byte_size(bytes) >= left do
    :gen_tcp.send(link.client, binary_part(bytes, 0, left))
    hang_up(link)
  end

  defp to_client(%{fault: {:cut, left}} = link, bytes) do
    :gen_tcp.send(link.client, bytes)
    go_on(%{link | fault: {:cut, left - byte_size(bytes)}}, link.upstream)
  end

  # The server's next bytes are read when the last slice of these is gone.
  defp to_client(%{fault: {:slow, _rate}} = link, bytes), do: send_slice(%{link | pending: bytes})

  defp to_client(link, bytes) do
    :gen_tcp.send(link.client, bytes)
    go_on(link, link.upstream)
  end

  defp send_slice(%{pending: ""} = link), do: go_on(link, link.upstream)

  defp send_slice(%{fault: {:slow, rate}, pending: pending} = link) do
    size = rate |> div(div(1000, @slice)) |> max(1) |> min(byte_size(pending))
    <<slice::binary-size(size), rest::binary>> = pending
    :gen_tcp.send(link.client, slice)
    Process.send_after(self(), :slice, @slice)
    pass(%{link | pending: rest})
  end

  defp change(%{pending: pending} = link, fault, from, reference) do
    answer(:ok, from, reference)
    link = %{link | fault: fault, pending: ""}
    if pending == "", do: pass(link), else: to_client(link, pending)
  end

  defp go_on(link, socket) do
    :inet.setopts(socket, active: :once)
    pass(link)
  end

  defp hang_up(link) do
    :gen_tcp.close(link.client)
    :gen_tcp.close(link.upstream)
  end

  defp answer(_done, from, reference), do: send(from, {reference, :done})
end
