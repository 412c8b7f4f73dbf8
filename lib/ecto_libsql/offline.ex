defmodule EctoLibSql.Offline do
  @moduledoc """
  Offline writes: a local database that is written at local speed, and exchanges what was written with
  a server when that can be reached. libSQL's *synced database*, its sync protocol V2, which Turso's
  SDKs call offline sync.

      {:ok, s} =
        EctoLibSql.connect(
          uri: "libsql://app.turso.io",
          auth_token: "…",
          database: "app.db",
          offline: true
        )

      {:ok, _} = EctoLibSql.query(s, "INSERT INTO notes (text) VALUES ('on the train')")
      {:ok, %{pushed: 2}} = EctoLibSql.Offline.sync(s)

  A repo takes the same options; the functions here take the repo, or a pool, as well as a state.

  ## The copy

  The database is an ordinary local one in WAL mode: queries, transactions, migrations and the write
  gate are as `EctoLibSql` says of local databases. The first `connect` fetches it, and is an error
  where the server cannot be reached then; it takes ten minutes at most, unless `:timeout` is given.
  Afterwards the copy opens without the server.

  `sync:` says when it syncs by itself: `true` (default), every 5 seconds; a number, so many
  milliseconds; `false`, when `sync/2`, `push/2` or `pull/2` is called. Writers go on during a sync;
  they wait for the moment in which what others wrote is put into the file.

  A transaction is acknowledged when it is in the local file (`:synchronous` says how surely). The
  server has it after the next push. Frames are the unit of all figures: a frame is one page of one
  transaction.

  ## Conflicts

  What is exchanged are pages, not rows. So only one of the two sides may have something new: where the
  copy has changes that were not pushed, and the server some of another copy, both `push/2` and
  `pull/2` answer an error with the code `:sync_conflict`. Nothing is changed on either side; the copy
  can be read and written on. Nobody but you can say what becomes of it:

      :ok = Supervisor.terminate_child(MyApp.Supervisor, MyApp.Repo)
      {:ok, aside} = EctoLibSql.Offline.set_aside("app.db")
      {:ok, _} = Supervisor.restart_child(MyApp.Supervisor, MyApp.Repo)
      {:ok, old} = EctoLibSql.connect(database: aside, mode: :read_only)
      # … read from `old` what has to be written again, and write it to MyApp.Repo

  To have few conflicts, sync before and after writing, or let only one copy write.

  ## Files

  Beside `app.db` and its `app.db-wal` there are `app.db-info`, in the form of libSQL's own
  libraries, `app.db-offline`, which says which frames of the log are the generation's, and
  `app.db-offline-lock`. They belong together: copy, move and restore all of them or none. The
  write-ahead log grows until the server begins a new *generation*, since it holds what the server has
  to be compared with; no checkpoint empties it before.

  Another process of the machine cannot open the copy with `offline: true` at the same time (`:busy`).
  A program that opens it as an ordinary database, when this one has not, writes the log into the
  file when it closes it, and then it is unknown what was pushed: the next `connect` is an error with
  the code `:sync_state`, as it is for damaged files. `set_aside/1` is the way out of that, too.

  ## What it was tested against

  sqld has none of the protocol's endpoints, and Turso was not at hand. The tests run a server of the
  protocol that was written for them after what the client of libSQL's Rust crate sends and expects.
  """

  alias EctoLibSql.{Error, Native, Replication, State}
  alias EctoLibSql.Remote.Token
  alias EctoLibSql.Replica.Sync

  @typedoc "A connection's state, a repo, or a pool: what `EctoLibSql.Pool.metrics/1` takes."
  @type copy :: State.t() | term()

  @type synced :: %{
          frame: non_neg_integer(),
          pushed: non_neg_integer(),
          pulled: non_neg_integer()
        }

  @type status :: %{
          generation: pos_integer(),
          frame: non_neg_integer(),
          pending: non_neg_integer(),
          bytes_sent: non_neg_integer(),
          bytes_received: non_neg_integer(),
          last_sync: DateTime.t() | nil,
          last_error: Error.t() | nil
        }

  @doc """
  Pushes what was written here; where nothing was, pulls what others wrote.

  Answers the last frame of the server's generation that both have, and how many frames were pushed and
  pulled. Takes `:timeout`, as `EctoLibSql.query/4` does: by then it returns.

  Errors: `:sync_conflict`, `:sync_state`, `:busy` where writers had the file until the deadline,
  `:timeout`, and those of the network, as `EctoLibSql` has them. After any of them the copy is as it
  was, and the next sync finds out what the server has got.
  """
  @spec sync(copy(), keyword()) :: {:ok, synced()} | {:error, Exception.t()}
  def sync(copy, opts \\ []), do: synced(copy, :sync, opts)

  @doc """
  Sends what was written here.

  Where an earlier push was cut off, the server is compared with the copy first, so that nothing comes
  to it twice. Errors are those of `sync/2`.
  """
  @spec push(copy(), keyword()) :: {:ok, synced()} | {:error, Exception.t()}
  def push(copy, opts \\ []), do: synced(copy, :push, opts)

  @doc """
  Fetches what others pushed. Errors are those of `sync/2`.
  """
  @spec pull(copy(), keyword()) :: {:ok, synced()} | {:error, Exception.t()}
  def pull(copy, opts \\ []), do: synced(copy, :pull, opts)

  defp synced(copy, request, opts) do
    with {:ok, synced} <- call(copy, request, opts),
         do: {:ok, %{frame: synced.frame_no, pushed: synced.pushed, pulled: synced.pulled}}
  end

  @doc """
  The copy's figures. Asks no server; waits its turn among the writers to look at the log.

    * `:generation`, `:frame` - the server's generation, and the last frame of it that both have
    * `:pending` - how many frames were written here and not pushed
    * `:bytes_sent`, `:bytes_received` - of frames, since this VM opened the copy
    * `:last_sync` - when a sync, a push or a pull last succeeded
    * `:last_error` - why the last one failed; `nil` after one that did not
  """
  @spec status(copy(), keyword()) :: {:ok, status()} | {:error, Exception.t()}
  def status(copy, opts \\ []) do
    with {:ok, status} <- call(copy, :status, opts) do
      {:ok,
       %{
         generation: status.generation,
         frame: status.frame_no,
         pending: status.pending,
         bytes_sent: status.bytes_sent,
         bytes_received: status.bytes_received,
         last_sync: time(status.last_sync),
         last_error: error(status.last_error)
       }}
    end
  end

  defp time(nil), do: nil
  defp time(microseconds), do: DateTime.from_unix!(microseconds, :microsecond)

  defp error(nil), do: nil
  defp error({code, message}), do: %Error{code: code, message: message}

  @doc """
  Puts a copy aside: renames its files to `PATH-aside-1`, or the next number that is free, and answers
  that path. The next `connect` with `offline: true` fetches a new copy.

  What is put aside is an ordinary local database with all that was written, pushed or not. Nobody may
  have the copy open: neither this VM nor another process (`:busy`). `{:ok, nil}`: there is none.
  """
  @spec set_aside(Path.t()) :: {:ok, Path.t() | nil} | {:error, Error.t()}
  def set_aside(path) when is_binary(path),
    do: Sync.await(&Native.offline_set_aside(Path.expand(path), &1))

  defp call(copy, request, opts) do
    with {:ok, s} <- find(copy) do
      [timeout: timeout] = Keyword.validate!(opts, timeout: s.timeout)
      ask = &Native.offline_call(s, &1, request, timeout)

      with {:error, %Error{code: :unauthorized}} when is_function(s.auth_token) <-
             Sync.await(ask),
           {:ok, token} <- Token.get(s.auth_token),
           :ok <- Native.offline_set_token(s.database, token),
           do: Sync.await(ask)
    end
  end

  defp find(copy) do
    with {:ok, s} <- Replication.connection(copy) do
      case s do
        %State{mode: :offline} -> {:ok, s}
        %State{mode: mode} -> no_copy(mode)
      end
    end
  end

  defp no_copy(mode) do
    message =
      "the connection is to no copy that is written offline (mode: #{inspect(mode)}): it has " <>
        "offline: true"

    {:error, %Error{code: :unsupported, message: message}}
  end
end
