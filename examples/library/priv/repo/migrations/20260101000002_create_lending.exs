defmodule Library.Repo.Migrations.CreateLending do
  use Ecto.Migration

  def change do
    create table(:members, primary_key: [name: :id, type: :binary_id]) do
      add :name, :string, null: false
      add :email, :string, null: false, collation: "NOCASE"
      add :left_on, :date
      timestamps(type: :utc_datetime_usec)
    end

    create unique_index(:members, [:email],
             name: :members_active_email,
             where: "left_on IS NULL"
           )

    create table(:loans) do
      add :lent_on, :date, null: false
      add :due_on, :date, null: false
      add :returned_on, :date
      add :book_id, references(:books, on_delete: :restrict), null: false

      add :member_id,
          references(:members, type: :binary_id, name: :loans_borrower, on_delete: :delete_all),
          null: false

      add :days, :integer, generated: "ALWAYS AS (julianday(due_on) - julianday(lent_on)) VIRTUAL"
    end

    create unique_index(:loans, [:book_id],
             name: :loans_one_at_a_time,
             where: "returned_on IS NULL"
           )

    create index(:loans, [:member_id])
  end
end
