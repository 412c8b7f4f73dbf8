defmodule EctoLibSql.Backend do
  @moduledoc false
  # Who makes a connection's calls: the one place that asks for its mode.

  alias EctoLibSql.{Native, Remote, Replica, State}

  @spec of(State.t()) :: Native | Remote | Replica
  def of(%State{mode: :local}), do: Native
  def of(%State{mode: :remote}), do: Remote
  def of(%State{mode: :replica}), do: Replica
end
