defmodule EctoLibSql.WriteGateFigures do
  @moduledoc false
  # The writers' queue of a connection's file, for who shows figures of several kinds.

  alias EctoLibSql.State

  @doc """
  What the queue says of itself; nil where a build has none.
  """
  @spec read(State.t()) :: map() | nil
  def read(%State{} = s) do
    with true <- function_exported?(EctoLibSql, :write_gate, 1),
         {:ok, gate} <- apply(EctoLibSql, :write_gate, [s]),
         do: gate,
         else: (_ -> nil)
  end
end
