defmodule Library.Repo.Migrations.RefineColumns do
  use Ecto.Migration

  def change do
    alter table(:books) do
      # By libSQL's ALTER COLUMN.
      modify :pages, :integer, default: 1, from: {:integer, default: nil}
      add :language, :string, null: false, default: "en"
    end

    rename table(:shelves), :label, to: :description

    execute "UPDATE books SET language = coalesce(details ->> '$.language', 'en')", ""

    execute(
      "CREATE VIEW lent_books AS SELECT b.title, l.due_on FROM loans l JOIN books b ON b.id = l.book_id WHERE l.returned_on IS NULL",
      "DROP VIEW lent_books"
    )
  end
end
