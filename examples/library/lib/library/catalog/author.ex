defmodule Library.Catalog.Author do
  @moduledoc """
  Who wrote books. Two authors cannot have one name, however it is capitalised; one with books
  cannot be deleted.
  """

  use Ecto.Schema
  import Ecto.Changeset

  schema "authors" do
    field :name, :string
    field :born_on, :date
    has_many :books, Library.Catalog.Book
    timestamps(type: :utc_datetime_usec)
  end

  def changeset(author, attrs) do
    author
    |> cast(attrs, [:name, :born_on])
    # NOT NULL of the column, should nothing before have looked.
    |> check_constraint(:name, name: :authors_name_not_null, message: "can't be blank")
    |> unique_constraint(:name, name: :authors_lower_name_index)
  end

  def delete_changeset(author) do
    author
    |> change()
    |> no_assoc_constraint(:books, message: "are still in the catalog")
  end
end
