defmodule EctoLibSql.Function.Calls do
  @moduledoc false
  # The calls of a connection that has functions written in Elixir, under the names that
  # EctoLibSql.Native has for those of others. They run on a thread of the connection's own. The process
  # that calls waits for the reply here, and evaluates the functions in the meantime.

  alias EctoLibSql.{Error, Native}
  alias EctoLibSql.Function.Evaluation

  # Those that may take a while or run SQL, by their number of arguments. Of some the last argument
  # is the time that the call may take.
  @timed [
    query: 4,
    do_query_row: 4,
    run: 4,
    declare: 4,
    fetch: 4,
    prepare: 3,
    describe: 3,
    execute_script: 5,
    execute_list: 5,
    begin: 3,
    commit: 2,
    savepoint: 3,
    release_savepoint: 3,
    rollback_to_savepoint: 3,
    cacheflush: 2,
    checkpoint: 3,
    do_data_versions: 2,
    backup: 5,
    backup_begin: 3,
    backup_step: 3,
    serialize: 2,
    deserialize: 3,
    blob_open: 4,
    blob_read: 5,
    blob_write: 5,
    blob_reopen: 4,
    changeset_apply: 4,
    query_exempt: 4,
    query_counting: 4,
    do_expanded_sql: 5,
    reset_database: 2,
    session_attach: 4,
    session_changeset: 4,
    session_create: 6,
    session_diff: 5,
    wal_frame_count: 2,
    wal_insert_begin: 2,
    wal_insert_frames: 3,
    wal_read_frames: 4
  ]

  @untimed [
    rollback: 1,
    deallocate: 2,
    blob_close: 2,
    do_reset_statement: 2,
    do_close_stmt: 2,
    do_get_stmt_columns: 2,
    stmt_column_count: 2,
    stmt_column_name: 3,
    stmt_parameter_count: 2,
    stmt_parameter_name: 3,
    stmt_isexplain: 2,
    stmt_readonly: 2,
    stmt_busy: 2,
    stmt_status: 3,
    enable_extensions: 2,
    enable_foreign_keys: 2,
    load_ext: 3,
    function_create: 3,
    function_remove: 3,
    function_keep: 1,
    db_config_get: 2,
    db_config_set: 3,
    do_set_authorizer: 3,
    limit_get: 2,
    limit_set: 3,
    release_memory: 1,
    reserved_bytes: 2,
    set_reserved_bytes: 3,
    session_close: 2,
    session_enable: 3,
    session_indirect: 3,
    session_status: 2,
    wal_checkpoints: 2,
    wal_insert_end: 1,
    vfs_of: 1
  ]

  # A reply that was sent comes at once; one that does not was taken by a function that emptied its
  # process's mailbox.
  @grace 5_000

  for {name, arity} <- @timed do
    [state | _] = args = Macro.generate_arguments(arity, __MODULE__)

    def unquote(name)(unquote_splicing(args)),
      do: call(unquote(state), unquote(name), unquote(args), unquote(List.last(args)))
  end

  for {name, arity} <- @untimed do
    [state | _] = args = Macro.generate_arguments(arity, __MODULE__)

    def unquote(name)(unquote_splicing(args)),
      do: call(unquote(state), unquote(name), unquote(args), :infinity)
  end

  # A function cannot be asked for on a scheduler.
  def query_short(_s, _statement, _params), do: :long

  # These look at memory, or stop what runs, or ask for their process: they wait for nothing.
  @here [
    ping: 1,
    autocommit: 1,
    changes: 1,
    total_changes: 1,
    last_insert_rowid: 1,
    busy_timeout: 2,
    patience: 1,
    give_up: 2,
    write_gate: 1,
    do_interrupt: 1,
    interrupt_statement: 2,
    statement_sql: 2,
    breakers: 1,
    has_hooks: 1,
    hook_add: 3,
    hook_remove: 3,
    feed_attach: 3,
    trace_start: 3,
    db_status: 2
  ]

  for {name, arity} <- @here do
    args = Macro.generate_arguments(arity, __MODULE__)
    defdelegate unquote(name)(unquote_splicing(args)), to: Native
  end

  # Both stop what runs first.
  def close(s) do
    Evaluation.forget_runs(s.conn_id)
    Native.close(s)
  end

  def do_reset(s) do
    Evaluation.forget_runs(s.conn_id)
    Native.do_reset(s)
  end

  defp call(s, name, args, timeout) do
    case hand_over(s, Atom.to_string(name), args) do
      {:ok, call} -> await(%Evaluation{conn_id: s.conn_id, call: call}, {:queued, timeout})
      {:error, _} = error -> error
    end
  end

  defp hand_over(s, name, args) do
    with :long <- Native.function_call(s, name, args),
         do: Native.function_call_long(s, name, args)
  end

  # The engine ends what runs at the deadline; what has not begun by then is ended here.
  defp await(%Evaluation{call: call} = evaluation, phase) do
    receive do
      {EctoLibSql.Function, ^call, {:reply, reply}} ->
        Evaluation.put_away(evaluation)
        reply!(reply)

      {EctoLibSql.Function, ^call, question} ->
        {phase, evaluation} = Evaluation.answer(evaluation, question)
        await(evaluation, phase)
    after
      how_long(phase) -> late(evaluation, phase)
    end
  end

  defp how_long({:queued, timeout}) when is_integer(timeout), do: max(timeout, 0)
  defp how_long(:over), do: @grace
  defp how_long(_phase), do: :infinity

  defp late(evaluation, {:queued, _timeout}) do
    if Native.function_cancel(evaluation.call),
      do: timed_out("it waited for other calls' end"),
      else: await(evaluation, :running)
  end

  defp late(_evaluation, :over),
    do: timed_out("its reply was taken out of the mailbox by a function")

  defp timed_out(reason) do
    {:error, %Error{code: :timeout, message: "the call ran past its deadline: #{reason}"}}
  end

  defp reply!(:badarg), do: raise(ArgumentError, "an argument is of the wrong type")
  defp reply!(reply), do: reply
end
