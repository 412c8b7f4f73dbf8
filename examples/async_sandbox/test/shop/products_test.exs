defmodule Shop.ProductsTest do
  use Shop.DataCase, async: Shop.DataCase.async?()

  alias Shop.Sales.Product

  for n <- 1..5 do
    @n n

    test "are in every shop (#{n})" do
      assert Repo.aggregate(Product, :count) == 2
      product(%{sku: "article-#{@n}"})
      assert Repo.aggregate(Product, :count) == 3
    end

    test "have one number each (#{n})" do
      product(%{sku: "article-#{@n}"})
      {:error, changeset} = Sales.create_product(%{sku: "article-#{@n}", price: 1})
      assert errors_on(changeset) == %{sku: "has already been taken"}
    end

    test "cannot be fewer than none (#{n})" do
      {:error, changeset} = Sales.create_product(%{sku: "tea", price: 1, stock: -@n})
      assert errors_on(changeset) == %{stock: "is out"}
    end

    test "of which there are few (#{n})" do
      for i <- 1..(60 * @n), do: product(%{sku: "article-#{i}", stock: i})
      assert Enum.map(Sales.low_stock(3), & &1.sku) == ~w(article-1 article-2 article-3)
    end

    test "are taken from the shop, where nobody ordered them (#{n})" do
      [one, two] = for sku <- ~w(one two), do: product(%{sku: sku})
      {:ok, _} = %{balance: "100"} |> account() |> Sales.place_order([{one, @n}])
      {:error, changeset} = Sales.delete_product(one)
      assert errors_on(changeset) == %{sku: "was ordered"}
      {:ok, _} = Sales.delete_product(two)
    end
  end
end
