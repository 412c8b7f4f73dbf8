defmodule Shop.CreditTest do
  use Shop.DataCase, async: Shop.DataCase.async?()

  setup do
    %{
      ada: account(%{balance: "100.00"}),
      joe: account(%{email: "joe@example.com", name: "Joe", balance: "0.30"})
    }
  end

  for n <- 1..5 do
    @n n

    test "is moved (#{n})", %{ada: ada, joe: joe} do
      {:ok, {ada, joe}} = Accounts.transfer(ada, joe, Decimal.new("#{@n}.10"))
      assert Decimal.equal?(Decimal.add(ada.balance, joe.balance), "100.30")
      assert Decimal.equal?(joe.balance, "#{@n}.40")
    end

    test "that is not there stays (#{n})", %{ada: ada, joe: joe} do
      {:error, changeset} = Accounts.transfer(ada, joe, Decimal.new("100.0#{@n}"))
      assert errors_on(changeset) == %{balance: "is too low"}
      assert Decimal.equal?(Accounts.balance(ada), "100.00")
      assert Decimal.equal?(Accounts.balance(joe), "0.30")
    end

    test "goes to and fro, and is what it was (#{n})", %{ada: ada, joe: joe} do
      for _ <- 1..(10 * @n) do
        {:ok, _} = Accounts.transfer(ada, joe, Decimal.new("0.10"))
        {:ok, _} = Accounts.transfer(joe, ada, Decimal.new("0.10"))
      end

      assert Decimal.equal?(Accounts.balance(ada), "100.00")
      assert Decimal.equal?(Accounts.balance(joe), "0.30")
    end

    test "adds up, in tenths (#{n})", %{joe: joe} do
      for _ <- 1..(10 * @n), do: Accounts.deposit(joe, Decimal.new("0.1"))
      assert Decimal.equal?(Accounts.balance(joe), Decimal.add("0.3", @n))
    end

    test "is withdrawn by several processes (#{n})", %{ada: ada} do
      1..(2 * @n)
      |> Enum.map(fn _ -> Task.async(fn -> Accounts.deposit(ada, Decimal.new(1)) end) end)
      |> Task.await_many()

      assert Decimal.equal?(Accounts.balance(ada), 100 + 2 * @n)
    end
  end
end
