defmodule Shop.Sales.Order do
  @moduledoc """
  What an account bought at one time.
  """

  use Ecto.Schema

  schema "orders" do
    field :state, Ecto.Enum, values: [:placed, :cancelled]
    belongs_to :account, Shop.Accounts.Account
    has_many :lines, Shop.Sales.Line
    timestamps(type: :utc_datetime_usec)
  end

  def changeset(order, state), do: Ecto.Changeset.change(order, state: state)
end
