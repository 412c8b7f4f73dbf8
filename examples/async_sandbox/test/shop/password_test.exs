defmodule Shop.PasswordTest do
  use Shop.DataCase, async: Shop.DataCase.async?()

  for n <- 1..5 do
    @n n

    test "the right one (#{n})" do
      account = account(%{password: "correct horse #{@n}"})
      assert {:ok, found} = Accounts.authenticate("ada@example.com", "correct horse #{@n}")
      assert found.id == account.id
    end

    test "wrong ones (#{n})" do
      account()

      for i <- 1..(15 * @n),
          do: assert({:error, _} = Accounts.authenticate("ada@example.com", "wrong horse #{i}"))
    end

    test "nobody's (#{n})" do
      account()

      assert Accounts.authenticate("joe#{@n}@example.com", "correct horse") ==
               {:error, :unauthorized}
    end

    test "a changed one (#{n})" do
      account = account()
      {:ok, _} = Accounts.change_password(account, "battery staple #{@n}")
      assert {:error, :unauthorized} = Accounts.authenticate(account.email, "correct horse")
      assert {:ok, _} = Accounts.authenticate(account.email, "battery staple #{@n}")
    end

    test "two accounts' same one (#{n})" do
      one = account(%{password: "the same one #{@n}"})
      two = account(%{email: "joe@example.com", password: "the same one #{@n}"})
      assert one.password_hash != two.password_hash
    end
  end
end
