defmodule Peers.Scenario do
  @moduledoc """
  What a row of the comparison runs, and on what.
  """

  alias Peers.{Contestant, Floor, Goal}

  @doc "What it is called in the table: what exactly is called."
  @callback title(quick? :: boolean()) :: String.t()

  @doc "What is to be reached."
  @callback goal() :: Goal.t() | nil

  @doc "How often it runs in a round."
  @callback times(quick? :: boolean()) :: pos_integer()

  @doc "Makes what it runs on, in a folder of its own."
  @callback setup(Contestant.t(), Path.t(), quick? :: boolean()) :: state :: term()

  @doc "Runs it once, for the so manieth time."
  @callback run(Contestant.t(), state :: term(), n :: pos_integer()) :: term()

  @doc "Makes the file for the same work at the floor, in a folder of its own, and says what it is."
  @callback floor(Path.t(), quick? :: boolean()) :: Floor.work()
end
