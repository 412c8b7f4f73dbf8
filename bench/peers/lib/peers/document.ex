defmodule Peers.Document do
  @moduledoc """
  Text between two comments of a Markdown file, put there by this program:

      <!-- bench: comparison -->
      …
      <!-- end of bench: comparison -->
  """

  @doc """
  Replaces what is between the comments of that name.
  """
  @spec replace(Path.t(), atom(), iodata()) :: :ok
  def replace(file, name, text) do
    {first, last} = {"<!-- bench: #{name} -->", "<!-- end of bench: #{name} -->"}

    with [before, rest] <- file |> File.read!() |> String.split(first),
         [_old, behind] <- String.split(rest, last) do
      File.write!(file, [before, first, "\n\n", text, "\n", last, behind])
    else
      _ -> raise ArgumentError, "#{file} has to have #{first} and #{last}, once and in this order"
    end
  end
end
