defmodule Shop.Accounts do
  @moduledoc """
  Customers, their passwords, and the credit that they have in the shop.
  """

  import Ecto.Query

  alias Shop.Accounts.{Account, Password}
  alias Shop.Repo

  def register(attrs), do: %Account{} |> Account.registration(attrs) |> Repo.insert()
  def rename(account, attrs), do: account |> Account.changeset(attrs) |> Repo.update()

  @doc "The account of an address and a password."
  def authenticate(email, password) do
    account = Repo.get_by(Account, email: email)

    if account && Password.matches?(password, account.password_hash),
      do: {:ok, account},
      else: {:error, :unauthorized}
  end

  def change_password(account, password),
    do: account |> Account.password(%{password: password}) |> Repo.update()

  def balance(account), do: Repo.reload!(account).balance

  def deposit(account, amount) do
    {1, _} = Repo.update_all(by_id(account), inc: [balance: amount])
    Repo.reload!(account)
  end

  @doc "Moves credit from one account to another, or nothing."
  def transfer(from, to, amount) do
    Repo.transaction(fn ->
      with {:ok, from} <- withdraw(from, amount), do: {from, deposit(to, amount)}
    end)
    |> case do
      {:ok, {:error, changeset}} -> {:error, changeset}
      done -> done
    end
  end

  @doc "Takes credit away that must be there."
  def withdraw(account, amount) do
    account = Repo.reload!(account)
    account |> Account.balance(Decimal.sub(account.balance, amount)) |> Repo.update()
  end

  defp by_id(account), do: from(a in Account, where: a.id == ^account.id)
end
