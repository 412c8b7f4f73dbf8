defmodule Library.Lending.Member do
  @moduledoc """
  Who borrows books. An address belongs to one member at a time: whoever left may come back.
  """

  use Ecto.Schema
  import Ecto.Changeset

  @primary_key {:id, :binary_id, autogenerate: true}
  schema "members" do
    field :name, :string
    field :email, :string
    field :left_on, :date
    has_many :loans, Library.Lending.Loan
    timestamps(type: :utc_datetime_usec)
  end

  def changeset(member, attrs) do
    member
    |> cast(attrs, [:name, :email, :left_on])
    |> validate_required([:name, :email])
    |> unique_constraint(:email, name: :members_active_email)
  end
end
