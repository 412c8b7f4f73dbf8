defmodule Shop.Repo.Migrations.CreateShop do
  use Ecto.Migration

  def change do
    create table(:accounts) do
      add :email, :string, null: false, collation: "NOCASE"
      add :name, :string, null: false
      add :password_hash, :binary, null: false
      add :balance, :decimal, null: false
      timestamps(type: :utc_datetime_usec)
    end

    create unique_index(:accounts, [:email])

    create constraint(:accounts, :accounts_balance_not_negative, check: "balance NOT LIKE '-%'")

    create table(:products) do
      add :sku, :string, null: false
      add :price, :decimal, null: false
      add :stock, :integer, null: false
      add :tags, {:array, :string}
      timestamps(type: :utc_datetime_usec)
    end

    create unique_index(:products, [:sku])
    create constraint(:products, :products_stock_not_negative, check: "stock >= 0")

    create table(:orders) do
      add :account_id, references(:accounts), null: false
      add :state, :string, null: false
      timestamps(type: :utc_datetime_usec)
    end

    create index(:orders, [:account_id])

    create table(:lines) do
      add :order_id, references(:orders, on_delete: :delete_all), null: false
      add :product_id, references(:products), null: false
      add :quantity, :integer, null: false
      add :price, :decimal, null: false
    end

    create index(:lines, [:order_id])
    create index(:lines, [:product_id])
  end
end
