defmodule Library.Repo.Migrations.CreateCatalog do
  use Ecto.Migration

  def change do
    create table(:authors) do
      add :name, :string, null: false
      add :born_on, :date
      timestamps(type: :utc_datetime_usec)
    end

    create unique_index(:authors, ["lower(name)"])

    create table(:shelves, primary_key: false, options: "WITHOUT ROWID") do
      add :room, :string, primary_key: true
      add :number, :integer, primary_key: true
      add :label, :string
    end

    create table(:books, options: "STRICT") do
      add :title, :string, null: false
      add :isbn, :string, null: false
      add :pages, :integer
      add :price, :decimal, null: false, default: Decimal.new("0.00")
      add :tags, {:array, :string}, null: false, default: []
      add :details, :map, null: false, default: %{}
      add :author_id, references(:authors)
      add :shelf_room, :string

      # The book stays when its shelf goes; so does the room, for whoever looks for it.
      add :shelf_number,
          references(:shelves,
            column: :number,
            type: :integer,
            with: [shelf_room: :room],
            on_delete: {:nilify, [:shelf_number]},
            on_update: :update_all
          )

      timestamps(type: :utc_datetime_usec)
    end

    create unique_index(:books, [:isbn])
    create index(:books, [:author_id])
    create index(:books, desc: :inserted_at)
  end
end
