defmodule Shop.ReportsTest do
  use Shop.DataCase, async: Shop.DataCase.async?()

  setup :market

  for n <- 1..5 do
    @n n

    test "what was sold (#{n})", %{account: account, products: [one, two | _]} do
      {:ok, _} = Sales.place_order(account, [{one, @n}, {two, 10}])
      {:ok, _} = Sales.place_order(account, [{one, 1}])
      assert [{"article-2", 10, twenty_five}, {"article-1", sold, _}] = Sales.revenue()
      assert Decimal.equal?(twenty_five, "25.00")
      assert sold == @n + 1
    end

    test "not what was cancelled (#{n})", %{account: account, products: [one | _]} do
      {:ok, order} = Sales.place_order(account, [{one, @n}])
      assert [_] = Sales.revenue()
      {:ok, _} = Sales.cancel_order(order)
      assert Sales.revenue() == []
    end

    test "who bought (#{n})", %{account: account, products: [one | _]} do
      joe = account(%{email: "joe@example.com", name: "Joe", balance: "100.00"})
      for _ <- 1..@n, do: {:ok, _} = Sales.place_order(account, [{one, 1}])
      {:ok, _} = Sales.place_order(joe, [{one, 1}])
      assert Sales.customers() == [{"Ada", @n}, {"Joe", 1}]
    end

    test "what runs low (#{n})", %{account: account, products: [one, two | _]} do
      {:ok, _} = Sales.place_order(account, [{two, 100 - @n}, {one, 99 - @n}])
      assert Enum.map(Sales.low_stock(50), & &1.stock) == [@n, @n + 1]
    end

    test "of many orders (#{n})", %{account: account, products: products} do
      for product <- Enum.take(products, 5),
          quantity <- 1..@n,
          do: {:ok, _} = Sales.place_order(account, [{product, quantity}])

      assert length(Sales.revenue()) == 5
      sold = Sales.revenue() |> Enum.map(&elem(&1, 1)) |> Enum.sum()
      assert sold == 5 * Enum.sum(1..@n)
    end
  end
end
