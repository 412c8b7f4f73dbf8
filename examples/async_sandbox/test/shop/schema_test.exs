defmodule Shop.SchemaTest do
  # Even what changes the tables is a test's own.
  use Shop.DataCase, async: Shop.DataCase.async?()

  setup :market

  for n <- 1..5 do
    @n n

    test "a table of its own (#{n})" do
      Repo.query!("CREATE TABLE wishes (id INTEGER PRIMARY KEY, sku TEXT)")

      for i <- 1..(100 * @n),
          do: Repo.query!("INSERT INTO wishes (sku) VALUES (?)", ["article-#{i}"])

      assert Repo.query!("SELECT count(*) FROM wishes").rows == [[100 * @n]]
    end

    test "a column more (#{n})" do
      Repo.query!("ALTER TABLE products ADD COLUMN weight INTEGER DEFAULT #{@n}")
      assert Repo.query!("SELECT DISTINCT weight FROM products").rows == [[@n]]
    end

    test "an index, and a plan that has it (#{n})" do
      Repo.query!("CREATE INDEX products_by_stock_#{@n} ON products (stock)")
      %{rows: rows} = Repo.query!("EXPLAIN QUERY PLAN SELECT * FROM products WHERE stock = 1")
      assert inspect(rows) =~ "products_by_stock_#{@n}"
    end

    test "a trigger (#{n})", %{products: [product | _]} do
      Repo.query!("""
      CREATE TRIGGER restock AFTER UPDATE OF stock ON products WHEN NEW.stock < #{@n}
      BEGIN UPDATE products SET stock = 50 WHERE id = NEW.id; END
      """)

      account = account(%{email: "joe@example.com", balance: "1000"})
      {:ok, order} = Sales.place_order(account, [{product, 100}])
      assert [%{product: %{stock: 50}}] = order.lines
    end

    test "no table at all (#{n})" do
      for table <- ~w(lines orders products accounts), do: Repo.query!("DROP TABLE #{table}")
      assert {:error, %EctoLibSql.Error{}} = Repo.query("SELECT * FROM accounts LIMIT #{@n}")
    end
  end
end
