defmodule Library.Lending.Loan do
  @moduledoc """
  A book in somebody's hands, from a day until another. A book is lent once at a time.
  """

  use Ecto.Schema
  import Ecto.Changeset

  schema "loans" do
    field :lent_on, :date
    field :due_on, :date
    field :returned_on, :date
    belongs_to :book, Library.Catalog.Book
    belongs_to :member, Library.Lending.Member, type: :binary_id
  end

  def changeset(loan, attrs) do
    loan
    |> cast(attrs, [:lent_on, :due_on, :returned_on, :book_id, :member_id])
    |> validate_required([:lent_on, :due_on])
    |> unique_constraint(:book_id, name: :loans_one_at_a_time, message: "is lent to somebody")
    |> assoc_constraint(:book)
    |> foreign_key_constraint(:member_id, name: :loans_borrower, message: "is no member")
    |> check_constraint(:due_on, name: :loans_due_after_lent, message: "is before the loan")
  end
end
