defmodule EctoLibSql.Hooks.Relay do
  @moduledoc false
  # Between a connection's buffer and a subscriber's mailbox: sends what is there for as long as few
  # enough messages wait at the subscriber, and leaves the rest in the buffer.

  use GenServer, restart: :temporary

  alias EctoLibSql.{Error, Hooks, Native, Telemetry}

  # So many changes are made into messages at once.
  @chunk 1_000

  # When a subscriber that has a full mailbox is looked at again, in milliseconds.
  @look_again 5

  @enforce_keys [:pid, :monitor, :channel, :mailbox]
  defstruct [:pid, :monitor, :channel, :mailbox, callers: %{}, hooks: [], looks: nil]

  ## For the process that adds or removes a hook

  @spec find_or_start(String.t(), pid(), keyword()) ::
          {:ok, pid(), reference()} | {:error, Error.t()}
  def find_or_start(conn_id, pid, opts) do
    spec = {__MODULE__, {conn_id, pid, opts}}

    case DynamicSupervisor.start_child(Hooks.Relays, spec) do
      {:ok, relay} -> channel(relay, conn_id, pid, opts)
      {:error, {:already_started, relay}} -> channel(relay, conn_id, pid, opts)
    end
  catch
    :exit, {:noproc, _call} ->
      message = "hooks need the application :ecto_libsql, which is not started"
      {:error, %Error{code: :unsupported, message: message}}
  end

  defp channel(relay, conn_id, pid, opts) do
    case ask(relay, :channel) do
      {:ok, channel} -> {:ok, relay, channel}
      :gone -> find_or_start(conn_id, pid, opts)
    end
  end

  @spec find(String.t(), pid()) :: {:ok, pid(), reference()} | :none
  def find(conn_id, pid) do
    with registry when is_pid(registry) <- Process.whereis(Hooks.Registry),
         relay when is_pid(relay) <- GenServer.whereis(name(conn_id, pid)),
         {:ok, channel} <- ask(relay, :channel) do
      {:ok, relay, channel}
    else
      _ -> :none
    end
  end

  @spec added(pid(), Hooks.hook(), keyword()) :: :ok
  def added(relay, hook, opts), do: done(ask(relay, {:added, hook, opts}))

  @doc """
  The caller has done nothing with the channel. A relay without a hook ends.
  """
  @spec let_go(pid()) :: :ok
  def let_go(relay), do: done(ask(relay, :let_go))

  @doc """
  Nothing of this hook comes any more after this: what was told before has been sent.
  """
  @spec removed(pid(), Hooks.hook()) :: :ok
  def removed(relay, hook), do: done(ask(relay, {:removed, hook}))

  # A relay that has ended has sent all that it had.
  defp done(_answer), do: :ok

  @doc """
  Ends a relay whose channel is closed.
  """
  @spec finish(pid()) :: :ok
  def finish(relay), do: done(ask(relay, :finish))

  # It may end meanwhile.
  defp ask(relay, request) do
    GenServer.call(relay, request, :infinity)
  catch
    :exit, _reason -> :gone
  end

  defp name(conn_id, pid), do: {:via, Registry, {Hooks.Registry, {conn_id, pid}}}

  ## The relay

  @spec start_link({String.t(), pid(), keyword()}) :: GenServer.on_start()
  def start_link({conn_id, pid, _opts} = arguments),
    do: GenServer.start_link(__MODULE__, arguments, name: name(conn_id, pid))

  @impl true
  def init({_conn_id, pid, opts}) do
    opts = Keyword.merge(Hooks.defaults(), opts)

    {:ok,
     %__MODULE__{
       pid: pid,
       monitor: Process.monitor(pid),
       channel: Native.hook_channel(opts[:buffer]),
       mailbox: opts[:mailbox]
     }}
  end

  # Who asks for the channel is about to add a hook, and may die before.
  @impl true
  def handle_call(:channel, {caller, _tag}, relay) do
    callers = Map.put(relay.callers, Process.monitor(caller), caller)
    {:reply, {:ok, relay.channel}, %{relay | callers: callers}}
  end

  def handle_call({:added, hook, opts}, {caller, _tag}, relay) do
    if opts[:buffer], do: Native.hook_bound(relay.channel, opts[:buffer])
    mailbox = Keyword.get(opts, :mailbox, relay.mailbox)
    hooks = Enum.uniq([hook | relay.hooks])
    {:reply, :ok, forget(%{relay | mailbox: mailbox, hooks: hooks}, caller)}
  end

  def handle_call(:let_go, {caller, _tag}, relay), do: relay |> forget(caller) |> unless_idle()

  def handle_call(:finish, _from, relay) do
    send_all(relay)
    {:stop, :normal, :ok, relay}
  end

  def handle_call({:removed, hook}, {caller, _tag}, relay) do
    send_all(relay)
    relay = forget(relay, caller)
    unless_idle(%{relay | hooks: List.delete(relay.hooks, hook)})
  end

  defp unless_idle(relay) do
    if idle?(relay), do: {:stop, :normal, :ok, relay}, else: {:reply, :ok, relay}
  end

  defp idle?(relay), do: relay.hooks == [] and relay.callers == %{}

  defp forget(relay, caller) do
    {known, callers} = Map.split_with(relay.callers, fn {_monitor, pid} -> pid == caller end)
    Enum.each(known, fn {monitor, _pid} -> Process.demonitor(monitor, [:flush]) end)
    %{relay | callers: callers}
  end

  @impl true
  def handle_info({Hooks, :ready}, relay), do: forward(relay)
  def handle_info(:look_again, relay), do: forward(%{relay | looks: nil})

  def handle_info({:DOWN, monitor, :process, _pid, _reason}, %{monitor: monitor} = relay),
    do: {:stop, :normal, relay}

  def handle_info({:DOWN, monitor, :process, _pid, _reason}, relay) do
    relay = %{relay | callers: Map.delete(relay.callers, monitor)}
    if idle?(relay), do: {:stop, :normal, relay}, else: {:noreply, relay}
  end

  def handle_info(_other, relay), do: {:noreply, relay}

  defp forward(%{looks: nil} = relay) do
    case room(relay) do
      room when room > 0 ->
        case send_some(relay, min(room, @chunk)) do
          :more -> forward(relay)
          :nothing -> {:noreply, relay}
          :closed -> {:stop, :normal, relay}
        end

      _none ->
        {:noreply, %{relay | looks: Process.send_after(self(), :look_again, @look_again)}}
    end
  end

  defp forward(relay), do: {:noreply, relay}

  # How many messages the subscriber may get.
  defp room(%{pid: pid, mailbox: mailbox}) do
    case Process.info(pid, :message_queue_len) do
      {:message_queue_len, length} -> mailbox - length
      nil -> 0
    end
  end

  defp send_all(relay), do: with(:more <- send_some(relay, @chunk), do: send_all(relay))

  # Every message is one change at least.
  defp send_some(relay, changes) do
    {messages, left} = Native.hook_take(relay.channel, changes)

    Enum.each(messages, fn message ->
      note_overflow(message, relay)
      send(relay.pid, message)
    end)

    left
  end

  defp note_overflow({Hooks, conn_id, {:overflow, dropped}}, relay) do
    Telemetry.execute(
      [:ecto_libsql, :hooks, :overflow],
      %{dropped: dropped},
      %{conn_id: conn_id, subscriber: relay.pid}
    )
  end

  defp note_overflow(_message, _relay), do: :ok
end
