defmodule Library.Repo.Migrations.AddChecks do
  use Ecto.Migration

  # SQLite cannot add a constraint to a table: the adapter builds it anew, with its rows, indexes
  # and what refers to it.
  def change do
    create constraint(:books, :books_pages_positive, check: "pages > 0")
    create constraint(:books, :books_price_not_negative, check: "CAST(price AS REAL) >= 0")
    create constraint(:loans, :loans_due_after_lent, check: "due_on >= lent_on")
  end
end
