defmodule Shop.Sales do
  @moduledoc """
  Products, and the orders that accounts place.
  """

  import Ecto.Query

  alias Shop.{Accounts, Repo}
  alias Shop.Sales.{Line, Order, Product}

  def create_product(attrs), do: %Product{} |> Product.changeset(attrs) |> Repo.insert()

  @doc "Adds products, and takes over the prices and the stock of those that are there."
  def import_products(rows) do
    now = DateTime.utc_now()
    rows = Enum.map(rows, &Map.merge(&1, %{inserted_at: now, updated_at: now}))

    {count, nil} =
      Repo.insert_all(Product, rows,
        on_conflict: {:replace, [:price, :stock, :updated_at]},
        conflict_target: :sku
      )

    count
  end

  @doc """
  Sells `{product, quantity}` to an account that has the credit: all of it, or nothing.
  """
  def place_order(account, items) do
    Repo.transaction(fn ->
      order = Repo.insert!(%Order{account_id: account.id, state: :placed})
      for {product, quantity} <- items, do: sell!(order, product, quantity)

      with {:error, changeset} <- Accounts.withdraw(account, total(order)),
           do: Repo.rollback(changeset)

      get_order!(order.id)
    end)
  end

  defp sell!(order, product, quantity) do
    case take(product, -quantity) do
      {:ok, product} ->
        Repo.insert!(%Line{
          order_id: order.id,
          product_id: product.id,
          quantity: quantity,
          price: product.price
        })

      {:error, changeset} ->
        Repo.rollback(changeset)
    end
  end

  defp take(product, difference) do
    product = Repo.reload!(product)
    product |> Product.stock(product.stock + difference) |> Repo.update()
  end

  @doc "Takes an order back: the stock and the credit are what they were."
  def cancel_order(%Order{state: :placed} = order) do
    Repo.transaction(fn ->
      order = Repo.preload(order, [:account, lines: :product])
      for line <- order.lines, do: {:ok, _} = take(line.product, line.quantity)
      Accounts.deposit(order.account, total(order))
      order |> Order.changeset(:cancelled) |> Repo.update!()
    end)
  end

  def cancel_order(%Order{}), do: {:error, :not_placed}

  def get_order!(id), do: Order |> Repo.get!(id) |> Repo.preload([:account, lines: :product])

  def total(order) do
    Repo.one(
      from l in Line,
        where: l.order_id == ^order.id,
        select: type(coalesce(sum(l.price * l.quantity), 0), :decimal)
    )
  end

  @doc "What each product that was sold has brought in, the most first."
  def revenue do
    Repo.all(
      from l in Line,
        join: o in assoc(l, :order),
        join: p in assoc(l, :product),
        where: o.state == :placed,
        group_by: p.id,
        order_by: [desc: sum(l.price * l.quantity), asc: p.sku],
        select: {p.sku, sum(l.quantity), sum(l.price * l.quantity)}
    )
  end

  @doc "The accounts that have ordered, with their orders' number, by name."
  def customers do
    Repo.all(
      from a in Accounts.Account,
        join: o in assoc(a, :orders),
        group_by: a.id,
        order_by: a.name,
        select: {a.name, count(o.id)}
    )
  end

  @doc "Products of which there are no more than so many."
  def low_stock(limit) do
    Repo.all(from p in Product, where: p.stock <= ^limit, order_by: [p.stock, p.sku])
  end

  @doc "Deletes a product that nobody has ordered."
  def delete_product(product), do: product |> Product.delete_changeset() |> Repo.delete()
end
