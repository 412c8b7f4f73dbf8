defmodule Shop.Repo.Migrations.StockTheShop do
  # What every shop sells: every test finds it, too.
  use Ecto.Migration

  def up do
    execute """
    INSERT INTO products (sku, price, stock, tags, inserted_at, updated_at)
    VALUES ('gift-card', '25.00', 1000, '["gift"]',
            '2026-01-01T00:00:00.000000', '2026-01-01T00:00:00.000000'),
           ('wrapping', '1.50', 1000, '["gift", "paper"]',
            '2026-01-01T00:00:00.000000', '2026-01-01T00:00:00.000000')
    """
  end

  def down do
    execute "DELETE FROM products WHERE sku IN ('gift-card', 'wrapping')"
  end
end
