defmodule Peers.Counter do
  @moduledoc """
  Counters, for those who contend to read one and write it back one higher.
  """

  use Ecto.Schema

  schema "counters" do
    field(:n, :integer)
  end

  @spec create(module(), Enumerable.t()) :: :ok
  def create(repo, ids) do
    repo.query!("CREATE TABLE counters (id INTEGER PRIMARY KEY, n INTEGER NOT NULL)")
    for id <- ids, do: repo.insert!(%__MODULE__{id: id, n: 0})
    :ok
  end

  @spec increment(module(), integer()) :: Ecto.Schema.t()
  def increment(repo, id) do
    counter = repo.get!(__MODULE__, id)
    counter |> Ecto.Changeset.change(n: counter.n + 1) |> repo.update!()
  end
end
