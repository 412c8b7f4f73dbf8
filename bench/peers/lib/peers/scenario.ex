defmodule Peers.Scenario do
  @moduledoc """
  A row of the comparison: what is run, and on what.
  """

  alias Peers.Contestant

  @doc "What it is called in the table."
  @callback title(quick? :: boolean()) :: String.t()

  @doc "How often it runs in a round."
  @callback times(quick? :: boolean()) :: pos_integer()

  @doc "Makes what it runs on, in a folder of its own."
  @callback setup(Contestant.t(), Path.t(), quick? :: boolean()) :: state :: term()

  @doc "Runs it once, for the so manieth time."
  @callback run(Contestant.t(), state :: term(), n :: pos_integer()) :: term()
end
