defmodule Shop.Sales.Line do
  @moduledoc """
  A product in an order, at the price of that day.
  """

  use Ecto.Schema

  schema "lines" do
    field :quantity, :integer
    field :price, :decimal
    belongs_to :order, Shop.Sales.Order
    belongs_to :product, Shop.Sales.Product
  end
end
