defmodule EctoLibSql.Test.NifCalls do
  @moduledoc false
  # Which functions of the NIF a piece of work calls, and which of them leave the scheduler. Tracing
  # is the whole VM's: such tests are not async.

  import ExUnit.Assertions

  # The NIFs that run on the scheduler that calls; the others are hops to a dirty one and back.
  # docs/architecture.md says what bounds each: "What runs on a normal scheduler".
  @normal ~w(autocommit busy_timeout changes do_interrupt feed_close feed_open function_answer
             function_call function_cancel function_fail give_up hook_bound hook_channel
             interrupt_statement
             last_insert_rowid memory_statistics offline_call offline_listen offline_open
             offline_set_aside patience ping query_short remote_breakers remote_call
             remote_cancel remote_close remote_deallocate remote_finalize remote_interrupt
             remote_set_failover_token remote_set_token remote_statement remote_status replica_call
             replica_close replica_connect replica_damaged replica_frames replica_listen
             replica_missed replica_open replica_place replica_reads_here replica_status
             replica_written statement_sql total_changes
             trace_listen trace_taken write_gate)a

  @doc "The NIFs that are not scheduled dirty."
  def normal, do: @normal

  @doc "The NIFs that `fun` calls, by name, in a process of its own."
  def nif_calls(fun) do
    task = Task.async(fn -> receive(do: (:go -> fun.())) end)
    :erlang.trace(task.pid, true, [:call])
    :erlang.trace_pattern({EctoLibSql.Native, :_, :_}, true, [:local])
    send(task.pid, :go)
    Task.await(task, :infinity)
    :erlang.trace_pattern({EctoLibSql.Native, :_, :_}, false, [:local])
    delivered = :erlang.trace_delivered(task.pid)
    assert_receive {:trace_delivered, _, ^delivered}
    traced()
  end

  defp traced do
    receive do
      {:trace, _pid, :call, {EctoLibSql.Native, name, _args}} -> [name | traced()]
    after
      0 -> []
    end
  end

  # A read that is being tried on the scheduler that calls may seem slow on a busy machine, and goes
  # the long way then: so often, at most, before it is the code that is slow.
  @tries 300

  @doc """
  Asserts that `fun`, once warm, makes so many calls on the scheduler that calls, and so many hops to
  a dirty one: `{normal, dirty}`. Other counts on the way are forgiven, these must come.
  """
  def assert_calls(name, {_normal, _dirty} = budget, fun) do
    case Enum.find_value(1..@tries, &counted(fun, budget, &1)) do
      :as_budgeted -> :ok
      calls -> flunk("#{name}: #{inspect(budget)} calls budgeted, made #{inspect(calls)}")
    end
  end

  defp counted(fun, budget, try) do
    calls = nif_calls(fun)
    {normal, dirty} = Enum.split_with(calls, &(&1 in @normal))

    cond do
      {length(normal), length(dirty)} == budget -> :as_budgeted
      try == @tries -> Enum.map(Enum.chunk_by(calls, & &1), &{hd(&1), length(&1)})
      true -> nil
    end
  end
end
