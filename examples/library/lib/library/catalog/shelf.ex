defmodule Library.Catalog.Shelf do
  @moduledoc """
  Where books stand: a room and a number, which together are the key.
  """

  use Ecto.Schema
  import Ecto.Changeset

  @primary_key false
  schema "shelves" do
    field :room, :string, primary_key: true
    field :number, :integer, primary_key: true
    field :description, :string
  end

  def changeset(shelf, attrs) do
    shelf
    |> cast(attrs, [:room, :number, :description])
    |> validate_required([:room, :number])
    |> unique_constraint([:room, :number], name: :shelves_pkey)
  end
end
