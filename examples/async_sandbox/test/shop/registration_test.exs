defmodule Shop.RegistrationTest do
  use Shop.DataCase, async: Shop.DataCase.async?()

  alias Shop.Accounts.Account

  for n <- 1..5 do
    @n n

    test "an address is one account's, however it is written (#{n})" do
      account(%{email: "customer-#{@n}@example.com"})
      attrs = %{email: "CUSTOMER-#{@n}@example.com", name: "Joe", password: "battery staple"}
      {:error, changeset} = Accounts.register(attrs)
      assert errors_on(changeset) == %{email: "has already been taken"}
      assert Repo.aggregate(Account, :count) == 1
    end

    test "many accounts (#{n})" do
      for i <- 1..(40 * @n), do: account(%{email: "#{i}@example.com", name: "Customer #{i}"})
      assert Repo.aggregate(Account, :count) == 40 * @n
      assert Repo.get_by!(Account, email: "1@example.com").name == "Customer 1"
    end

    test "a password that is too short leaves nothing (#{n})" do
      {:error, changeset} =
        Accounts.register(%{email: "a@b", name: "A", password: String.duplicate("x", @n)})

      assert %{password: "should be at least" <> _} = errors_on(changeset)
      refute Repo.exists?(Account)
    end

    test "a new name, and the time of the change (#{n})" do
      account = account()
      {:ok, renamed} = Accounts.rename(account, %{name: "Ada #{@n}"})
      assert Repo.reload!(account).name == "Ada #{@n}"
      assert DateTime.compare(renamed.updated_at, account.updated_at) != :lt
    end

    test "an address that somebody else has (#{n})" do
      account(%{email: "taken-#{@n}@example.com"})
      joe = account(%{email: "joe@example.com", name: "Joe"})
      {:error, changeset} = Accounts.rename(joe, %{email: "taken-#{@n}@example.com"})
      assert errors_on(changeset) == %{email: "has already been taken"}
      assert Repo.reload!(joe).email == "joe@example.com"
    end
  end
end
