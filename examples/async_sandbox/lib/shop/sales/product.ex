defmodule Shop.Sales.Product do
  @moduledoc """
  Something that is sold.
  """

  use Ecto.Schema
  import Ecto.Changeset

  schema "products" do
    field :sku, :string
    field :price, :decimal
    field :stock, :integer, default: 0
    field :tags, {:array, :string}, default: []
    timestamps(type: :utc_datetime_usec)
  end

  def changeset(product, attrs) do
    product
    |> cast(attrs, [:sku, :price, :stock, :tags])
    |> validate_required([:sku, :price])
    |> unique_constraint(:sku)
    |> not_negative()
  end

  def stock(product, stock), do: product |> change(stock: stock) |> not_negative()

  def delete_changeset(product) do
    product
    |> change()
    |> foreign_key_constraint(:sku, name: :lines_product_id_fkey, message: "was ordered")
  end

  defp not_negative(changeset),
    do: check_constraint(changeset, :stock, name: :products_stock_not_negative, message: "is out")
end
