defmodule Library.DataCase do
  @moduledoc false
  use ExUnit.CaseTemplate

  alias Ecto.Adapters.SQL.Sandbox

  using do
    quote do
      import Library.DataCase
      alias Library.{Catalog, Lending, Repo}
    end
  end

  setup tags do
    pid = Sandbox.start_owner!(Library.Repo, shared: not tags[:async])
    on_exit(fn -> Sandbox.stop_owner(pid) end)
  end

  @doc "Each error's message and the constraint that it came from."
  def errors_on(changeset) do
    for {field, {message, opts}} <- changeset.errors, into: %{} do
      {field, {message, opts[:constraint_name]}}
    end
  end

  def author(attrs \\ %{}) do
    {:ok, author} =
      attrs |> Enum.into(%{name: "Ada #{unique()}"}) |> Library.Catalog.create_author()

    author
  end

  def book(attrs \\ %{}) do
    attrs = Enum.into(attrs, %{title: "A Book", isbn: "isbn-#{unique()}", price: "10.00"})

    {:ok, book} =
      attrs
      |> Map.put_new_lazy(:author_id, fn -> author().id end)
      |> Library.Catalog.create_book()

    book
  end

  def member(attrs \\ %{}) do
    attrs = Enum.into(attrs, %{name: "Joe", email: "joe#{unique()}@example.com"})
    {:ok, member} = Library.Lending.create_member(attrs)
    member
  end

  defp unique, do: System.unique_integer([:positive])
end
