defmodule Shop.Accounts.Account do
  @moduledoc """
  A customer.
  """

  use Ecto.Schema
  import Ecto.Changeset

  alias Shop.Accounts.Password

  schema "accounts" do
    field :email, :string
    field :name, :string
    field :password, :string, virtual: true, redact: true
    field :password_hash, :binary, redact: true
    field :balance, :decimal, default: Decimal.new("0.00")
    has_many :orders, Shop.Sales.Order
    timestamps(type: :utc_datetime_usec)
  end

  def registration(account, attrs), do: account |> changeset(attrs) |> password(attrs)

  def changeset(account, attrs) do
    account
    |> cast(attrs, [:email, :name])
    |> validate_required([:email, :name])
    |> unique_constraint(:email)
  end

  def password(account, attrs) do
    account
    |> cast(attrs, [:password])
    |> validate_required([:password])
    |> validate_length(:password, min: 8)
    |> hash_password()
  end

  defp hash_password(%{valid?: true} = changeset),
    do: put_change(changeset, :password_hash, Password.hash(changeset.changes.password))

  defp hash_password(changeset), do: changeset

  def balance(account, balance) do
    account
    |> change(balance: balance)
    |> check_constraint(:balance, name: :accounts_balance_not_negative, message: "is too low")
  end
end
