defmodule EctoLibSql.Test.TcpProxy.Link do
  @moduledoc false
  # One connection of the proxy's: the client's socket and the one to the server. What is kept back
  # of a side is passed on before more is read of it.

  # How often a slow one passes something on, in milliseconds.
  @slice 20

  defstruct [:client, :upstream, :fault, kept: %{}]

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

  defp pass(:closed), do: :ok

  defp pass(%{client: client, upstream: upstream} = link) do
    receive do
      {:tcp, ^client, bytes} -> link |> request(bytes) |> pass()
      {:tcp, ^upstream, bytes} -> link |> response(bytes) |> pass()
      {:tcp_closed, _socket} -> hang_up(link)
      {:tcp_error, _socket, _reason} -> hang_up(link)
      {:later, number} -> link |> later(number) |> pass()
      {{:set, fault}, from, reference} -> link |> change(fault, from, reference) |> pass()
      {:close, from, reference} -> answer(hang_up(link), from, reference)
    end
  end

  defp request(%{fault: :black_hole} = link, _bytes), do: read(link, link.client)

  defp request(%{fault: {:hold_requests, who}} = link, bytes),
    do: hold(link, :request, bytes, who)

  defp request(%{fault: {:late, after_ms}} = link, bytes),
    do: keep(link, :request, bytes, after_ms)

  defp request(%{fault: {:cut_requests, left}} = link, bytes) when byte_size(bytes) >= left do
    :gen_tcp.send(link.upstream, binary_part(bytes, 0, left))
    hang_up(link)
  end

  defp request(%{fault: {:cut_requests, left}} = link, bytes),
    do: to_server(%{link | fault: {:cut_requests, left - byte_size(bytes)}}, bytes)

  defp request(%{fault: {:cut_requests_with, text}} = link, bytes),
    do: if(bytes =~ text, do: hang_up(link), else: to_server(link, bytes))

  defp request(link, bytes), do: to_server(link, bytes)

  defp response(%{fault: :black_hole} = link, _bytes), do: read(link, link.upstream)

  defp response(%{fault: {:hold_answers, who}} = link, bytes),
    do: hold(link, :response, bytes, who)

  defp response(%{fault: {:late, after_ms}} = link, bytes),
    do: keep(link, :response, bytes, after_ms)

  # After the last slice, too, so that many small parts are as slow as a large one.
  defp response(%{fault: {:slow, _rate}} = link, ""), do: read(link, link.upstream)
  defp response(%{fault: {:slow, rate}} = link, bytes), do: send_slice(link, rate, bytes)

  defp response(%{fault: {:cut, left}} = link, bytes) when byte_size(bytes) >= left do
    :gen_tcp.send(link.client, binary_part(bytes, 0, left))
    hang_up(link)
  end

  defp response(%{fault: {:cut, left}} = link, bytes),
    do: to_client(%{link | fault: {:cut, left - byte_size(bytes)}}, bytes)

  defp response(link, bytes), do: to_client(link, bytes)

  defp to_server(link, bytes) do
    :gen_tcp.send(link.upstream, bytes)
    read(link, link.client)
  end

  defp to_client(link, bytes) do
    :gen_tcp.send(link.client, bytes)
    read(link, link.upstream)
  end

  defp hold(link, side, bytes, who) do
    send(who, {:held, side, self()})
    %{link | kept: Map.put(link.kept, side, {bytes, nil})}
  end

  defp keep(link, side, bytes, after_ms) do
    number = System.unique_integer()
    Process.send_after(self(), {:later, number}, after_ms)
    %{link | kept: Map.put(link.kept, side, {bytes, number})}
  end

  # A number that is not known is of what another fault has passed on already.
  defp later(%{kept: %{request: {bytes, number}}} = link, number),
    do: to_server(take(link, :request), bytes)

  defp later(%{kept: %{response: {bytes, number}}, fault: {:slow, _rate}} = link, number),
    do: response(take(link, :response), bytes)

  defp later(%{kept: %{response: {bytes, number}}} = link, number),
    do: to_client(take(link, :response), bytes)

  defp later(link, _number), do: link

  defp send_slice(link, rate, bytes) do
    size = rate |> div(div(1000, @slice)) |> max(1) |> min(byte_size(bytes))
    <<slice::binary-size(size), rest::binary>> = bytes
    :gen_tcp.send(link.client, slice)
    keep(link, :response, rest, @slice)
  end

  defp change(%{kept: kept} = link, fault, from, reference) do
    answer(:ok, from, reference)

    Enum.reduce(kept, %{link | fault: fault, kept: %{}}, fn
      _kept, :closed -> :closed
      {:request, {bytes, _number}}, link -> request(link, bytes)
      {:response, {bytes, _number}}, link -> response(link, bytes)
    end)
  end

  defp take(link, side), do: %{link | kept: Map.delete(link.kept, side)}

  defp read(link, socket) do
    :inet.setopts(socket, active: :once)
    link
  end

  defp hang_up(link) do
    :gen_tcp.close(link.client)
    :gen_tcp.close(link.upstream)
    :closed
  end

  defp answer(_done, from, reference), do: send(from, {reference, :done})
end
