defmodule Shop.OrdersTest do
  use Shop.DataCase, async: Shop.DataCase.async?()

  alias Shop.Sales.{Line, Order}

  setup :market

  for n <- 1..5 do
    @n n

    test "take the stock and the credit (#{n})", %{account: account, products: products} do
      {:ok, order} = Sales.place_order(account, Enum.map(Enum.take(products, @n), &{&1, 2}))
      assert length(order.lines) == @n
      assert Enum.all?(order.lines, &(&1.product.stock == 98))
      total = Sales.total(order)
      assert Decimal.equal?(order.account.balance, Decimal.sub("1000", total))
    end

    test "of more than there is are none (#{n})", %{account: account, products: products} do
      items = Enum.map(Enum.take(products, @n), &{&1, 1}) ++ [{List.last(products), 101}]
      {:error, changeset} = Sales.place_order(account, items)
      assert errors_on(changeset) == %{stock: "is out"}
      refute Repo.exists?(Order)
      assert Repo.reload!(hd(products)).stock == 100
    end

    test "of more than the account can pay are none (#{n})", %{products: products} do
      poor = account(%{email: "poor@example.com", balance: "#{@n}.00"})
      {:error, changeset} = Sales.place_order(poor, Enum.map(products, &{&1, 1}))
      assert errors_on(changeset) == %{balance: "is too low"}
      refute Repo.exists?(Line)
    end

    test "are cancelled (#{n})", %{account: account, products: products} do
      {:ok, order} = Sales.place_order(account, Enum.map(products, &{&1, @n}))
      {:ok, order} = Sales.cancel_order(order)
      assert order.state == :cancelled
      assert Decimal.equal?(Accounts.balance(account), "1000.00")
      assert Enum.all?(products, &(Repo.reload!(&1).stock == 100))
      assert Sales.cancel_order(order) == {:error, :not_placed}
    end

    test "follow each other (#{n})", %{account: account, products: products} do
      for product <- Enum.take(products, 5),
          _ <- 1..@n,
          do: {:ok, _} = Sales.place_order(account, [{product, 1}])

      assert Repo.aggregate(Order, :count) == 5 * @n
      # 1.50 + 2.50 + 3.50 + 4.50 + 5.50
      assert Decimal.equal?(
               Accounts.balance(account),
               Decimal.sub(1000, Decimal.mult("17.5", @n))
             )
    end
  end
end
