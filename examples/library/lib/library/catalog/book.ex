defmodule Library.Catalog.Book do
  @moduledoc """
  A copy of a book, with an exact price, tags as a list, and whatever else is known as a map.
  """

  use Ecto.Schema
  import Ecto.Changeset

  schema "books" do
    field :title, :string
    field :isbn, :string
    field :pages, :integer
    field :price, :decimal
    field :tags, {:array, :string}, default: []
    field :details, :map, default: %{}
    field :shelf_room, :string
    field :shelf_number, :integer
    belongs_to :author, Library.Catalog.Author
    has_many :loans, Library.Lending.Loan
    timestamps(type: :utc_datetime_usec)
  end

  @fields [
    :title,
    :isbn,
    :pages,
    :price,
    :tags,
    :details,
    :shelf_room,
    :shelf_number,
    :author_id
  ]

  def changeset(book, attrs) do
    book
    |> cast(attrs, @fields)
    |> validate_required([:title, :isbn])
    |> unique_constraint(:isbn)
    |> assoc_constraint(:author)
    |> foreign_key_constraint(:shelf_number, message: "is no shelf of this room")
    |> check_constraint(:pages, name: :books_pages_positive, message: "must be positive")
    |> check_constraint(:price, name: :books_price_not_negative, message: "must not be negative")
  end

  def delete_changeset(book) do
    book
    |> change()
    |> no_assoc_constraint(:loans, message: "were made of this book")
  end
end
