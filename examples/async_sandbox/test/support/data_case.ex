defmodule Shop.DataCase do
  @moduledoc """
  Tests that write, and run at once. `SHOP_SYNC=1 mix test` runs them one after the other.
  """
  use ExUnit.CaseTemplate

  alias Ecto.Adapters.SQL.Sandbox
  alias Shop.{Accounts, Sales}

  @doc "Whether the tests run at once."
  def async?, do: System.get_env("SHOP_SYNC") != "1"

  using do
    quote do
      import Shop.DataCase
      alias Shop.{Accounts, Repo, Sales}
    end
  end

  setup tags do
    owner = Sandbox.start_owner!(Shop.Repo, shared: not tags[:async])
    on_exit(fn -> Sandbox.stop_owner(owner) end)
  end

  @doc "The errors' messages, by field."
  def errors_on(changeset),
    do: Map.new(changeset.errors, fn {field, {text, _}} -> {field, text} end)

  # Every test has the same addresses, articles and ids: nobody else sees them.

  def account(attrs \\ %{}) do
    attrs = Enum.into(attrs, %{email: "ada@example.com", name: "Ada", password: "correct horse"})
    {balance, attrs} = Map.pop(attrs, :balance)
    {:ok, account} = Accounts.register(attrs)
    if balance, do: Accounts.deposit(account, Decimal.new(balance)), else: account
  end

  def product(attrs \\ %{}) do
    {:ok, product} =
      attrs |> Enum.into(%{sku: "tea", price: "4.20", stock: 10}) |> Sales.create_product()

    product
  end

  @doc "An account with credit, and articles to buy with it."
  def market(_context) do
    products = for i <- 1..10, do: product(%{sku: "article-#{i}", price: "#{i}.50", stock: 100})
    %{account: account(%{balance: "1000.00"}), products: products}
  end
end
