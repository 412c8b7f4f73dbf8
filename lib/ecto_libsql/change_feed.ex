defmodule EctoLibSql.ChangeFeed do
  @moduledoc """
  What all connections of a repo change, on one stream.

  A feed is a process that is started before the repo, whose option `:change_feed` names it:

      children = [
        {EctoLibSql.ChangeFeed, name: MyApp.Feed},
        {MyApp.Repo, database: "app.db", change_feed: MyApp.Feed}
      ]

  Every connection of the pool tells the feed from its first moment on, also those that the pool opens later. So
  does a connection of `EctoLibSql.connect/1`:

      iex> {:ok, _feed} = EctoLibSql.ChangeFeed.start_link(name: MyFeed)
      iex> {:ok, s} = EctoLibSql.connect(database: ":memory:", change_feed: MyFeed)
      iex> :ok = EctoLibSql.ChangeFeed.subscribe(MyFeed, tables: ["users"])
      iex> :ok = EctoLibSql.run(s, "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT)")
      iex> :ok = EctoLibSql.run(s, "INSERT INTO users VALUES (1, 'Ada'), (2, 'Joe')")
      iex> receive do {EctoLibSql.ChangeFeed, MyFeed, message} -> message end
      {:changes, [{:insert, "main", "users", 1}, {:insert, "main", "users", 2}]}

  ## Messages

    * `{EctoLibSql.ChangeFeed, feed, {:changes, [{:insert | :update | :delete, database, table, rowid}, …]}}` - what
      a transaction has changed, in its order, after its commit; of the tables that the subscriber wants
    * `{EctoLibSql.ChangeFeed, feed, {:overflow, dropped}}` - so many changes were to be told here and are
      not, because this subscriber, or the feed, was too slow, or a transaction too large. Of which tables
      they were is not known

  "What is not told" in `EctoLibSql.Hooks` holds here as well. What is rolled back is never told: in tests with
  Ecto's sandbox, nothing is.

  With `change_feed: {MyApp.Feed, values: true}`, changes have the rows' values as well ("Values" in
  `EctoLibSql.Hooks`).

  ## What is guaranteed

    * The transactions of one database file come in the order in which they were committed, whichever of
      the feed's connections has committed them, for one writes at a time ("Writers" in `EctoLibSql`)
    * Each comes once, as a whole, and none that was rolled back; or there is an `:overflow` in its place
    * When a transaction's message comes, all that reads can see it
    * What is committed by connections without the option, by other VMs and by other programs is not seen.
      Of two files, or of a database that connections of several pools attach, the order is not
      guaranteed
    * A feed that crashes and is started again has what its buffer holds. One that is stopped forgets it,
      and its repo's connections tell nobody until it is started again

  A write costs the message's way into a buffer, and no more. `EctoLibSql.reset_connection/1` leaves the feed as it
  is. The option is for local databases, and copies that are written offline.

  ## Phoenix.PubSub

  A process that subscribes and broadcasts, after the feed in the supervision tree:

      defmodule MyApp.Broadcaster do
        use GenServer

        def start_link(_), do: GenServer.start_link(__MODULE__, nil)

        @impl true
        def init(nil) do
          :ok = EctoLibSql.ChangeFeed.subscribe(MyApp.Feed, tables: ["posts", "comments"])
          {:ok, nil}
        end

        @impl true
        def handle_info({EctoLibSql.ChangeFeed, _feed, {:changes, changes}}, state) do
          for {operation, "main", table, id} <- changes,
              do: Phoenix.PubSub.broadcast(MyApp.PubSub, table, {operation, id})

          {:noreply, state}
        end

        def handle_info({EctoLibSql.ChangeFeed, _feed, {:overflow, _dropped}}, state) do
          for table <- ["posts", "comments"],
              do: Phoenix.PubSub.broadcast(MyApp.PubSub, table, :reload)

          {:noreply, state}
        end
      end

  Where the feed is restarted, subscribers subscribe anew: supervise them with it, `:rest_for_one`.

  ## Telemetry

    * `[:ecto_libsql, :change_feed, :transaction]` - a transaction was told. Measurements: `:changes`, how
      many. Metadata: `:feed`, `:conn_id`
    * `[:ecto_libsql, :change_feed, :overflow]` - some were dropped. Measurements: `:dropped`. Metadata:
      `:feed`, and `:subscriber`, who was too slow, or `nil` where the feed itself was
  """

  use GenServer

  alias EctoLibSql.{Error, Hooks, Native, State, Telemetry}

  # So many changes are made into messages at once.
  @chunk 1_000

  # When subscribers with a full mailbox are looked at again, in milliseconds.
  @look_again 20

  @most 1_000_000_000

  @enforce_keys [:name, :channel, :mailbox]
  defstruct [:name, :channel, :mailbox, subscribers: %{}, looks: nil]

  @doc """
  Starts a feed.

    * `:name` - an atom. Required
    * `:buffer` - how many changes wait for the feed at most. Default: `100_000`, some 3 MB
    * `:mailbox` - how many messages may wait in a subscriber's mailbox, of whomever; what comes then is
      dropped for this subscriber, and counted. Default: `10_000`
  """
  @spec start_link(keyword()) :: GenServer.on_start()
  def start_link(opts) do
    opts = Keyword.validate!(opts, [:name, buffer: 100_000, mailbox: 10_000])

    unless is_atom(opts[:name]) and check(opts[:name]) == nil,
      do: raise(ArgumentError, "name takes an atom, got: #{inspect(opts[:name])}")

    for name <- [:buffer, :mailbox], opts[name] not in 1..@most do
      raise ArgumentError, "#{name} takes an integer above 0, got: #{inspect(opts[name])}"
    end

    GenServer.start_link(__MODULE__, opts, name: opts[:name])
  end

  @doc false
  @spec child_spec(keyword()) :: Supervisor.child_spec()
  def child_spec(opts),
    do: %{id: {__MODULE__, opts[:name]}, start: {__MODULE__, :start_link, [opts]}}

  @doc """
  Has the feed send messages to the calling process until it unsubscribes or dies. To subscribe again
  replaces the options.

    * `:tables` - a list of tables' names as they were created; all by default
    * `:database` - only those of the database of this name: `"main"`, `"temp"` or an attached one
  """
  @spec subscribe(GenServer.server(), keyword()) :: :ok
  def subscribe(feed, opts \\ []) do
    opts = Keyword.validate!(opts, [:tables, :database])
    tables = opts[:tables]

    unless tables == nil or (is_list(tables) and Enum.all?(tables, &is_binary/1)),
      do: raise(ArgumentError, "tables takes a list of strings, got: #{inspect(tables)}")

    unless opts[:database] == nil or is_binary(opts[:database]),
      do: raise(ArgumentError, "database takes a string, got: #{inspect(opts[:database])}")

    GenServer.call(feed, {:subscribe, tables && MapSet.new(tables), opts[:database]})
  end

  @doc """
  Ends the calling process's subscription. Nothing comes after this.
  """
  @spec unsubscribe(GenServer.server()) :: :ok
  def unsubscribe(feed), do: GenServer.call(feed, :unsubscribe)

  ## The connect option

  @doc false
  # Nil where it is fine, else what it takes.
  @spec check(term()) :: String.t() | nil
  def check({name, [values: values]}) when is_boolean(values), do: check(name)
  def check(name) when is_atom(name) and name not in [nil, true, false], do: nil

  def check(_other),
    do: "the name of an EctoLibSql.ChangeFeed, an atom, or {name, values: true}"

  @doc false
  @spec attach(State.t(), atom() | {atom(), [values: boolean()]} | nil) ::
          {:ok, State.t()} | {:error, Error.t()}
  def attach(s, nil), do: {:ok, s}
  def attach(s, {feed, [values: true]}), do: attach(s, feed, :values)
  def attach(s, {feed, [values: false]}), do: attach(s, feed, :update)
  def attach(s, feed), do: attach(s, feed, :update)

  defp attach(s, feed, hook) do
    with {:error, _} = error <- Native.feed_attach(s, key(feed), hook) do
      EctoLibSql.disconnect(s)
      error
    else
      :ok -> {:ok, s}
    end
  end

  defp key(name), do: inspect(name)

  ## The feed

  @impl true
  def init(opts) do
    # So that it is known whether it was stopped.
    Process.flag(:trap_exit, true)
    channel = Native.feed_open(key(opts[:name]), opts[:buffer])
    {:ok, %__MODULE__{name: opts[:name], channel: channel, mailbox: opts[:mailbox]}}
  end

  @impl true
  def handle_call({:subscribe, tables, database}, {pid, _tag}, feed) do
    known = feed.subscribers[pid] || %{monitor: Process.monitor(pid), dropped: 0}
    subscriber = Map.merge(known, %{tables: tables, database: database})
    {:reply, :ok, put_in(feed.subscribers[pid], subscriber)}
  end

  def handle_call(:unsubscribe, {pid, _tag}, feed) do
    {subscriber, feed} = pop_in(feed.subscribers[pid])
    if subscriber, do: Process.demonitor(subscriber.monitor, [:flush])
    {:reply, :ok, feed}
  end

  @impl true
  def handle_info({Hooks, :ready}, feed), do: {:noreply, feed |> forward() |> look_later()}

  def handle_info(:look_again, feed),
    do: {:noreply, %{feed | looks: nil} |> with_room(& &1) |> look_later()}

  def handle_info({:DOWN, _monitor, :process, pid, _reason}, feed),
    do: {:noreply, %{feed | subscribers: Map.delete(feed.subscribers, pid)}}

  def handle_info({:EXIT, _pid, :normal}, feed), do: {:noreply, feed}
  def handle_info({:EXIT, _pid, reason}, feed), do: {:stop, reason, feed}
  def handle_info(_other, feed), do: {:noreply, feed}

  # What is there belongs to who is started after a crash, and to nobody after an end.
  @impl true
  def terminate(reason, feed) do
    case reason do
      reason when reason in [:normal, :shutdown] -> Native.feed_close(feed.channel)
      {:shutdown, _} -> Native.feed_close(feed.channel)
      _crash -> :ok
    end
  end

  defp forward(feed) do
    {messages, left} = Native.hook_take(feed.channel, @chunk)
    feed = with_room(feed, fn room -> Enum.reduce(messages, room, &tell(&2, &1)) end)
    if left == :more, do: forward(feed), else: feed
  end

  # How many messages each subscriber may get is asked once, and then counted. Who has room again is
  # told first what it has missed.
  defp with_room(feed, tell) do
    subscribers = Map.new(feed.subscribers, fn {pid, known} -> {pid, look(feed, pid, known)} end)
    tell.(%{feed | subscribers: subscribers})
  end

  defp look(feed, pid, subscriber) do
    case Process.info(pid, :message_queue_len) do
      {:message_queue_len, length} ->
        send_missed(feed, pid, Map.put(subscriber, :room, feed.mailbox - length))

      nil ->
        Map.put(subscriber, :room, 0)
    end
  end

  defp send_missed(feed, pid, %{dropped: dropped, room: room} = subscriber)
       when dropped > 0 and room > 0 do
    send(pid, {__MODULE__, feed.name, {:overflow, dropped}})
    %{subscriber | dropped: 0, room: room - 1}
  end

  defp send_missed(_feed, _pid, subscriber), do: subscriber

  defp tell(feed, {Hooks, conn_id, {:changes, changes}}) do
    Telemetry.execute(
      [:ecto_libsql, :change_feed, :transaction],
      %{changes: length(changes)},
      %{feed: feed.name, conn_id: conn_id}
    )

    to_each(feed, fn subscriber ->
      case wanted(changes, subscriber) do
        [] -> nil
        wanted -> {{:changes, wanted}, length(wanted)}
      end
    end)
  end

  defp tell(feed, {Hooks, _conn_id, {:overflow, dropped}}) do
    overflow(feed, nil, dropped)
    to_each(feed, fn _subscriber -> {{:overflow, dropped}, dropped} end)
  end

  defp wanted(changes, %{tables: nil, database: nil}), do: changes

  defp wanted(changes, %{tables: tables, database: database}) do
    Enum.filter(changes, fn change ->
      (tables == nil or elem(change, 2) in tables) and database in [nil, elem(change, 1)]
    end)
  end

  defp to_each(feed, message) do
    subscribers =
      Map.new(feed.subscribers, fn {pid, subscriber} ->
        {pid, deliver(feed, pid, subscriber, message.(subscriber))}
      end)

    %{feed | subscribers: subscribers}
  end

  defp deliver(_feed, _pid, subscriber, nil), do: subscriber

  defp deliver(feed, pid, %{room: room} = subscriber, {message, _weight}) when room > 0 do
    send(pid, {__MODULE__, feed.name, message})
    %{subscriber | room: room - 1}
  end

  defp deliver(feed, pid, subscriber, {_message, weight}) do
    overflow(feed, pid, weight)
    %{subscriber | dropped: subscriber.dropped + weight}
  end

  defp overflow(feed, subscriber, dropped) do
    Telemetry.execute(
      [:ecto_libsql, :change_feed, :overflow],
      %{dropped: dropped},
      %{feed: feed.name, subscriber: subscriber}
    )
  end

  defp look_later(%{looks: nil} = feed) do
    if Enum.any?(feed.subscribers, fn {_pid, subscriber} -> subscriber.dropped > 0 end),
      do: %{feed | looks: Process.send_after(self(), :look_again, @look_again)},
      else: feed
  end

  defp look_later(feed), do: feed
end
