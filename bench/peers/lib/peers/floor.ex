defmodule Peers.Floor do
  @moduledoc """
  The same work with libSQL's C API in a loop, in a process of its own that runs
  `native/engine/benches/floor.rs`. No driver on libSQL can be faster.
  """

  @root Path.expand("../../../..", __DIR__)

  @typedoc "The file that it works on, and what it does there: the program's words."
  @type work :: {Path.t(), [String.Chars.t()]}

  @doc """
  Builds the program, as released; for a quick run as the engine's tests are built. Answers its path.
  """
  @spec build(boolean()) :: Path.t()
  def build(quick?) do
    command = if quick?, do: "test", else: "bench"
    package = ~w(-p ecto_libsql_engine --bench floor --no-run --message-format=json)
    {output, 0} = System.cmd("cargo", [command | package], cd: @root)
    [_, program] = Regex.run(~r/"executable":"([^"]*floor-[^"]*)"/, output)
    program
  end

  @doc """
  Starts the program; each `nanoseconds/1` does the work so many times.
  """
  @spec start(Path.t(), work(), pos_integer()) :: port()
  def start(program, {database, work}, times) do
    arguments = Enum.map([database, times | work], &to_string/1)
    options = [:binary, :exit_status, line: 100, args: arguments]
    Port.open({:spawn_executable, program}, options)
  end

  @doc """
  How long one of so many took.
  """
  @spec nanoseconds(port()) :: non_neg_integer()
  def nanoseconds(port) do
    Port.command(port, "\n")

    receive do
      {^port, {:data, {:eol, answer}}} -> String.to_integer(answer)
      {^port, {:exit_status, status}} -> raise "the floor's program ended with #{status}"
    end
  end
end
