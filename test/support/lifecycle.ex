defmodule EctoLibSql.Test.Lifecycle do
  @moduledoc false
  # What another VM has open, and what it releases. Runs there.

  alias EctoLibSql.{Error, Native, Wal}

  def start, do: Application.start(:ecto_libsql)
  def stop, do: Application.stop(:ecto_libsql)
  def connections, do: length(EctoLibSql.connections())

  @doc "The files that the process has open, but pipes and the like, and its threads of ours."
  def resources do
    files =
      for fd <- File.ls!("/proc/self/fd"),
          {:ok, "/" <> _ = file} <- [File.read_link("/proc/self/fd/#{fd}")],
          not String.starts_with?(file, ["/dev/", "/proc/"]),
          do: file

    sockets =
      for fd <- File.ls!("/proc/self/fd"),
          {:ok, "socket:" <> _} <- [File.read_link("/proc/self/fd/#{fd}")],
          do: fd

    threads =
      for thread <- File.ls!("/proc/self/task"),
          {:ok, name} <- [File.read("/proc/self/task/#{thread}/comm")],
          name =~ "ecto_libsql" or name =~ "tokio",
          do: name

    %{files: Enum.sort(files), sockets: length(sockets), threads: Enum.sort(threads)}
  end

  @doc "In kilobytes, as the system sees it."
  def memory do
    for pid <- Process.list(), do: :erlang.garbage_collect(pid)
    [_, kilobytes] = Regex.run(~r/VmRSS:\s+(\d+) kB/, File.read!("/proc/self/status"))
    String.to_integer(kilobytes)
  end

  @doc "Opens and closes a connection of each kind that needs no server's answer."
  def use_all(dir) do
    silent_server()
    use_local(Path.join(dir, "used.db"))
    {:ok, s} = EctoLibSql.connect(uri: "http://localhost:1")
    {:error, %Error{}} = EctoLibSql.query(s, "SELECT 1", [], timeout: 2_000)
    EctoLibSql.disconnect(s)
  end

  defp use_local(database) do
    {:ok, s} = EctoLibSql.connect(database: database, journal_mode: :wal)
    {:ok, _} = EctoLibSql.query(s, "CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, a)")
    {:ok, _} = EctoLibSql.query(s, "INSERT INTO t (a) VALUES (1)")
    {:ok, [_]} = EctoLibSql.query_one(s, "SELECT count(*) FROM t")
    :ok = EctoLibSql.disconnect(s)
  end

  @doc """
  Processes that have connections in use, and the codes that their calls may end with: one that is under
  way, or the next.
  """
  def hold_all(dir) do
    database = Path.join(dir, "test.db")

    endless =
      "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"

    local = [database: database, journal_mode: :wal]
    :ok = use_local(database)

    [
      {local, &EctoLibSql.prepare(&1, "SELECT * FROM t")},
      {local, &EctoLibSql.declare(&1, "SELECT * FROM t")},
      {local, &Wal.read_frames(&1, 1)},
      {local, &EctoLibSql.begin(&1, behavior: :deferred)},
      {[database: ":memory:"], &EctoLibSql.begin/1},
      {[database: Path.join(dir, "frames.db"), journal_mode: :wal], &Wal.insert_begin/1},
      {local, &EctoLibSql.query(&1, endless, [], timeout: :infinity), [:interrupted]},
      {[uri: silent_server()], &EctoLibSql.query(&1, "SELECT 1", [], timeout: :infinity), []},
      {local, &EctoLibSql.begin/1}
    ]
    |> Enum.map(fn
      {opts, use} -> {hold(opts, use, false), [:connection_closed]}
      {opts, use, codes} -> {hold(opts, use, true), [:connection_closed | codes]}
    end)
  end

  # Takes connections, and says nothing, for as long as the VM runs.
  defp silent_server do
    with nil <- :persistent_term.get({__MODULE__, :server}, nil) do
      server = start_silent_server()
      :persistent_term.put({__MODULE__, :server}, server)
      server
    end
  end

  defp start_silent_server do
    test = self()

    spawn(fn ->
      {:ok, socket} = :gen_tcp.listen(0, [:binary, active: false, ip: :loopback])
      {:ok, port} = :inet.port(socket)
      send(test, {:port, port})
      receive do: (:never -> :ok)
    end)

    receive do: ({:port, port} -> "http://127.0.0.1:#{port}")
  end

  defp hold(opts, use, running) do
    test = self()

    holder =
      spawn(fn ->
        {:ok, s} = EctoLibSql.connect(opts)
        if running, do: send(test, {:held, self()})
        used = use.(s)
        unless running, do: send(test, {:held, self()})
        wait(s, used, running)
      end)

    receive do: ({:held, ^holder} -> holder)
    if running, do: wait_until_running(holder)
    holder
  end

  defp wait_until_running(holder) do
    running? = &match?(%{running: %{owner: ^holder}}, &1)
    unless Enum.any?(EctoLibSql.connections(), running?), do: wait_until_running(holder)
  end

  defp wait(s, used, running) do
    receive do
      {:ended?, from, reference} ->
        ended = if running, do: used, else: EctoLibSql.query(s, "SELECT 1")
        send(from, {reference, ended})
        wait(s, used, running)
    end
  end

  @doc "The code of the error that a holder's call, or its next one, ended with."
  def ended(holder) do
    reference = make_ref()
    send(holder, {:ended?, self(), reference})

    receive do
      {^reference, {:error, %Error{code: code}}} -> code
      {^reference, other} -> other
    after
      20_000 -> :still_running
    end
  end

  @doc "Opens and closes so many connections."
  def cycle(dir, times) do
    for n <- 1..times do
      opts =
        case rem(n, 3) do
          0 -> [database: ":memory:"]
          1 -> [database: Path.join(dir, "test.db"), journal_mode: :wal]
          2 -> [uri: "http://localhost:1"]
        end

      {:ok, s} = EctoLibSql.connect(opts)
      if n < 100 or rem(n, 3) != 2, do: EctoLibSql.query(s, "SELECT 1", [], timeout: 1_000)
      :ok = EctoLibSql.disconnect(s)
    end

    :ok
  end

  ## The module

  def delete_module do
    :code.purge(Native)
    :code.delete(Native)
    :code.purge(Native)
  end

  @doc "The application once more, as a release's next version has it."
  def copy_application(dir) do
    next = Path.join(dir, "ecto_libsql-next")
    File.mkdir_p!(Path.join(next, "ebin"))
    File.mkdir_p!(Path.join(next, "priv/native"))
    here = Application.app_dir(:ecto_libsql)
    File.cp_r!(Path.join(here, "ebin"), Path.join(next, "ebin"))

    File.cp!(
      Path.join(here, "priv/native/ecto_libsql.so"),
      Path.join(next, "priv/native/ecto_libsql.so")
    )

    next
  end

  def switch_to(next) do
    :persistent_term.put(__MODULE__, Application.app_dir(:ecto_libsql))
    :code.replace_path(:ecto_libsql, String.to_charlist(Path.join(next, "ebin")))
  end

  def switch_back do
    here = Path.join(:persistent_term.get(__MODULE__), "ebin")
    :code.replace_path(:ecto_libsql, String.to_charlist(here))
  end
end
