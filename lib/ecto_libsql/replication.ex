defmodule EctoLibSql.Replication do
  @moduledoc """
  How far embedded replicas are, for operators, and for reads that are to see what another node wrote.

  All functions take the state of a replica's connection, a repo, or whatever names a pool. They need
  no connection of the pool for themselves: the connections of a VM to one file share its replica. A
  database that is no replica is an error with the code `:unsupported`.

  ## Reading what another node wrote

  A write is in a *frame* of the primary's log, and a replica has it as soon as it has that frame.
  The node that wrote names the frame, and the one that reads waits for it:

      # node A
      MyApp.Repo.insert!(order)
      {:ok, frame} = EctoLibSql.Replication.max_write_replication_index(MyApp.Repo)
      Phoenix.PubSub.broadcast(MyApp.PubSub, "orders", {:order, order.id, frame})

      # node B
      def handle_info({:order, id, frame}, socket) do
        {:ok, _frame} = EctoLibSql.Replication.wait_for_frame(MyApp.Repo, frame, 1_000)
        MyApp.Repo.get!(Order, id)

  Within one VM nothing of that is needed: with `read_your_writes: true`, a write returns when the
  replica has it.

  ## Watching

  `status/1` has the figures; `EctoLibSql.Telemetry` lists the events that tell of syncs and of a
  primary that cannot be reached.
  """

  alias EctoLibSql.{Error, Native, State}
  alias EctoLibSql.Replica.Sync

  @typedoc "A connection's state, a repo, or a pool: what `EctoLibSql.Pool.metrics/1` takes."
  @type replica :: State.t() | term()

  @type status :: %{
          state: :ok | :stale | :frozen,
          frame: non_neg_integer() | nil,
          primary_frame: non_neg_integer() | nil,
          lag: non_neg_integer(),
          max_write_frame: non_neg_integer() | nil,
          last_sync: DateTime.t() | nil,
          stale_since: DateTime.t() | nil,
          last_error: Error.t() | nil,
          syncing: boolean(),
          syncs: non_neg_integer(),
          failures: non_neg_integer(),
          frames: non_neg_integer(),
          bytes: non_neg_integer(),
          resets: non_neg_integer(),
          log_id: String.t() | nil
        }

  @doc """
  A replica's figures. Asks nobody.

    * `:state` - `:stale` while the primary cannot be reached, `:frozen`, or `:ok`
    * `:frame` - up to which frame of its primary the replica is complete; `nil`: it is empty
    * `:primary_frame` - the primary's last frame, when it was last asked
    * `:lag` - how many frames it had more than the replica then
    * `:max_write_frame` - the highest frame that a write of this VM became
    * `:last_sync` - when the replica last was what the primary had
    * `:stale_since` - since when the primary cannot be reached
    * `:last_error` - why the last sync failed; `nil` after one that did not
    * `:syncing` - whether one is under way
    * `:syncs`, `:failures` - how many there were, and how many of these failed
    * `:frames`, `:bytes` - what they fetched
    * `:resets` - how often the replica was pulled anew
    * `:log_id` - the primary's log

  All that is counted begins when this VM opens the replica.
  """
  @spec status(replica()) :: {:ok, status()} | {:error, Exception.t()}
  def status(replica) do
    with {:ok, s} <- find(replica),
         {:ok, status} <- Native.replica_status(s.replica.handle),
         do: {:ok, readable(status)}
  end

  defp readable(status) do
    %{
      state: state(status),
      frame: status.frame_no,
      primary_frame: status.primary_frame_no,
      lag: status.lag,
      max_write_frame: status.max_write_index,
      last_sync: time(status.last_sync),
      stale_since: time(status.stale_since),
      last_error: error(status.last_error),
      syncing: status.syncing,
      syncs: status.rounds,
      failures: status.failures,
      frames: status.frames,
      bytes: status.bytes,
      resets: status.resets,
      log_id: status.log_id
    }
  end

  defp state(%{frozen: true}), do: :frozen
  defp state(%{stale_since: nil}), do: :ok
  defp state(_status), do: :stale

  defp time(nil), do: nil
  defp time(microseconds), do: DateTime.from_unix!(microseconds, :microsecond)

  defp error(nil), do: nil
  defp error({code, message}), do: %Error{code: code, message: message}

  @doc """
  Fetches what the primary has, and answers how far the replica is then, and how many frames that
  took. Callers that come at the same time share a sync.

  Takes `:timeout`, as `EctoLibSql.query/4` does; a sync goes on without a caller that waits no more.
  """
  @spec sync(replica(), keyword()) ::
          {:ok, %{frame_no: non_neg_integer() | nil, frames_synced: non_neg_integer()}}
          | {:error, Exception.t()}
  def sync(replica, opts \\ []) do
    with {:ok, s} <- find(replica), do: Sync.call(s, :sync, timeout(s, opts))
  end

  @doc """
  Waits until the replica has a frame, and answers which it has then; an error with the code `:timeout`
  where it has not come within so many milliseconds.

  A primary that cannot be reached is tried again until then.
  """
  @spec wait_for_frame(replica(), non_neg_integer(), timeout()) ::
          {:ok, non_neg_integer()} | {:error, Exception.t()}
  def wait_for_frame(replica, frame, timeout \\ 15_000)
      when is_integer(frame) and frame >= 0 and
             (timeout == :infinity or (is_integer(timeout) and timeout >= 0)) do
    with {:ok, s} <- find(replica), do: Sync.call(s, {:until, frame}, timeout)
  end

  @doc """
  Up to which frame of its primary the replica is complete; `nil`: it is empty.
  """
  @spec replication_index(replica()) ::
          {:ok, non_neg_integer() | nil} | {:error, Exception.t()}
  def replication_index(replica) do
    with {:ok, {frame, _written}} <- frames(replica), do: {:ok, frame}
  end

  @doc """
  The highest frame that a write of this VM became; `nil`: it has not written.
  """
  @spec max_write_replication_index(replica()) ::
          {:ok, non_neg_integer() | nil} | {:error, Exception.t()}
  def max_write_replication_index(replica) do
    with {:ok, {_frame, written}} <- frames(replica), do: {:ok, written}
  end

  defp frames(replica) do
    with {:ok, s} <- find(replica), do: Native.replica_frames(s.replica.handle)
  end

  @doc """
  Waits until all that was fetched so far is in the replica, and answers its frame. Fetches nothing.
  """
  @spec flush_replicator(replica(), keyword()) ::
          {:ok, non_neg_integer() | nil} | {:error, Exception.t()}
  def flush_replicator(replica, opts \\ []) do
    with {:ok, s} <- find(replica), do: Sync.call(s, :flush, timeout(s, opts))
  end

  @doc """
  Brings a replica up to date without its primary, from a file of frames: the `wallog` of a sqld.

  The replica is created where it is not there. Nobody has it open in the meantime. The only option is
  `:encryption_key`, that of the replica.
  """
  @spec sync_frames(Path.t(), Path.t(), keyword()) ::
          {:ok, %{frame_no: non_neg_integer() | nil, frames_synced: non_neg_integer()}}
          | {:error, Error.t()}
  def sync_frames(path, frames_file, opts \\ [])
      when is_binary(path) and is_binary(frames_file) do
    [encryption_key: key] = Keyword.validate!(opts, encryption_key: nil)
    Native.replica_sync_frames(Path.expand(path), Path.expand(frames_file), key)
  end

  defp timeout(s, opts) do
    [timeout: timeout] = Keyword.validate!(opts, timeout: s.timeout)
    timeout
  end

  ## Finding the replica

  defp find(%State{mode: :replica} = s), do: {:ok, s}

  defp find(%State{} = s), do: no_replica(s)

  defp find(pool) do
    with {:ok, s} <- connection(pool), do: find(s)
  end

  @doc false
  @spec no_replica(State.t()) :: {:error, Error.t()}
  def no_replica(%State{mode: mode}) do
    message = "the connection is to no replica (mode: #{inspect(mode)}): it has uri and database"
    {:error, %Error{code: :unsupported, message: message}}
  end

  if Code.ensure_loaded?(DBConnection) do
    alias EctoLibSql.Pool.{Figures, Lookup}
    alias EctoLibSql.Query

    defp connection(pool) do
      with {:ok, found} <- Lookup.find(pool) do
        case Figures.connection(found) || opened(found) do
          %State{} = s -> {:ok, s}
          nil -> {:error, closed(pool)}
        end
      else
        :error -> {:error, ArgumentError.exception("#{inspect(pool)} is no running pool")}
      end
    end

    # The pool has just begun to open its connections.
    defp opened(%{pools: [pool | _], module: module} = found) do
      query = %Query{statement: "SELECT 1"}
      _ = DBConnection.execute(pool, query, [], pool: module)
      Figures.connection(found)
    end

    defp opened(_found), do: nil

    defp closed(pool) do
      message = "no connection of #{inspect(pool)} is open"
      %Error{code: :connection_closed, message: message}
    end
  else
    defp connection(other) do
      message = "this takes an EctoLibSql.State, got: #{inspect(other)}"
      {:error, %Error{code: :invalid_argument, message: message}}
    end
  end
end
