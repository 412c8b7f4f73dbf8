defmodule Library.Lending do
  @moduledoc """
  Members and what they have borrowed.
  """

  import Ecto.Query

  alias Ecto.Multi
  alias Library.Lending.{Loan, Member}
  alias Library.Repo

  @days 28

  def create_member(attrs), do: %Member{} |> Member.changeset(attrs) |> Repo.insert()

  @doc "Lends a book from a day on, for four weeks."
  def lend(book_id, member_id, on \\ Date.utc_today()) do
    %Loan{}
    |> Loan.changeset(%{
      book_id: book_id,
      member_id: member_id,
      lent_on: on,
      due_on: Date.add(on, @days)
    })
    |> Repo.insert()
  end

  @doc "Lends several books, or none."
  def lend_all(book_ids, member_id, on \\ Date.utc_today()) do
    loans =
      Enum.reduce(book_ids, Multi.new(), fn book_id, multi ->
        Multi.run(multi, {:loan, book_id}, fn _repo, _done -> lend(book_id, member_id, on) end)
      end)

    with {:ok, loans} <- Repo.transaction(loans), do: {:ok, Map.values(loans)}
  end

  def give_back(loan, on \\ Date.utc_today()),
    do: loan |> Loan.changeset(%{returned_on: on}) |> Repo.update()

  @doc "What should have been given back by a day, the oldest first."
  def overdue(on \\ Date.utc_today()) do
    Repo.all(
      from l in Loan,
        where: is_nil(l.returned_on) and l.due_on < ^on,
        order_by: l.due_on,
        preload: [:book, :member]
    )
  end

  @doc "The most lent books, with their rank; those lent equally often share one."
  def ranking do
    lent = from l in Loan, group_by: l.book_id, select: %{book_id: l.book_id, times: count()}

    Repo.all(
      from l in subquery(lent),
        join: b in Library.Catalog.Book,
        on: b.id == l.book_id,
        order_by: [desc: l.times, asc: b.title],
        select: {over(rank(), order_by: [desc: l.times]), b.title, l.times}
    )
  end

  @doc "Deletes a member, and the loans of that member."
  def delete_member(member), do: Repo.delete(member)
end
