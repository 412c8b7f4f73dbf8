defmodule EctoLibSql.Backend do
  @moduledoc false
  # Who makes a connection's calls: the one place that asks for its mode.

  alias EctoLibSql.{Function, Native, Remote, Replica, State}

  @spec of(State.t()) :: Native | Function.Calls | Remote | Replica
  def of(%State{mode: :local, functions: false}), do: Native
  def of(%State{mode: :remote}), do: Remote
  def of(%State{mode: :replica}), do: Replica
  def of(%State{mode: :offline, functions: false}), do: Native
  def of(%State{functions: true}), do: Function.Calls

  @doc """
  The same for what is asked of databases in this VM only, whose mode is known.
  """
  @spec here(State.t()) :: Native | Function.Calls
  def here(%State{functions: false}), do: Native
  def here(%State{functions: true}), do: Function.Calls
end
