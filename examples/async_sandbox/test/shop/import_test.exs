defmodule Shop.ImportTest do
  use Shop.DataCase, async: Shop.DataCase.async?()

  import Ecto.Query

  alias Shop.Sales.Product

  defp rows(numbers, price) do
    for i <- numbers,
        do: %{sku: "article-#{i}", price: Decimal.new(price), stock: i, tags: ["new"]}
  end

  for n <- 1..5 do
    @n n

    test "adds products (#{n})" do
      assert Sales.import_products(rows(1..(100 * @n), "1.00")) == 100 * @n
      assert Repo.aggregate(Product, :count) == 100 * @n + 2
    end

    test "takes over what is there already (#{n})" do
      Sales.import_products(rows(1..100, "1.00"))
      Sales.import_products(rows(51..150, "#{@n}.99"))
      assert Repo.aggregate(Product, :count) == 152
      changed = Decimal.new("#{@n}.99")
      assert Repo.aggregate(where(Product, price: ^changed), :count) == 100
    end

    test "in parts, in one transaction (#{n})" do
      assert {:error, :no} =
               Repo.transaction(fn ->
                 for part <- Enum.chunk_every(rows(1..200, "1.00"), 10 * @n),
                     do: Sales.import_products(part)

                 Repo.rollback(:no)
               end)

      assert Repo.aggregate(Product, :count) == 2
    end

    test "is read back in a stream (#{n})" do
      Sales.import_products(rows(1..(100 * @n), "0.10"))

      query =
        where(
          Product,
          [p],
          fragment("EXISTS (SELECT 1 FROM json_each(?) WHERE value = 'new')", p.tags)
        )

      assert {:ok, sum} =
               Repo.transaction(fn ->
                 query |> Repo.stream(max_rows: 50) |> Enum.reduce(0, &Decimal.add(&1.price, &2))
               end)

      assert Decimal.equal?(sum, 10 * @n)
    end

    test "raises all prices (#{n})" do
      Sales.import_products(rows(1..100, "1.00"))
      {102, nil} = Repo.update_all(Product, inc: [price: Decimal.new("0.0#{@n}")])
      assert Decimal.equal?(Repo.get_by!(Product, sku: "article-1").price, "1.0#{@n}")
    end
  end
end
