defmodule Library.LendingTest do
  use Library.DataCase

  alias Library.Lending.Loan

  test "a book is lent to one member at a time" do
    book = book()
    {:ok, loan} = Lending.lend(book.id, member().id)
    {:error, changeset} = Lending.lend(book.id, member().id)
    assert errors_on(changeset) == %{book_id: {"is lent to somebody", "loans_one_at_a_time"}}
    {:ok, _} = Lending.give_back(loan)
    assert {:ok, _} = Lending.lend(book.id, member().id)
  end

  test "to a member" do
    {:error, changeset} = Lending.lend(book().id, Ecto.UUID.generate())
    assert errors_on(changeset) == %{member_id: {"is no member", "loans_borrower"}}
    {:error, changeset} = Lending.lend(0, member().id)
    assert %{book: {"does not exist", "loans_book_id_fkey"}} = errors_on(changeset)
  end

  test "until a day that is not before" do
    {:ok, loan} = Lending.lend(book().id, member().id)
    {:error, changeset} = loan |> Loan.changeset(%{due_on: ~D[2000-01-01]}) |> Repo.update()
    assert errors_on(changeset) == %{due_on: {"is before the loan", "loans_due_after_lent"}}
  end

  test "several books are lent, or none" do
    [a, b] = [book(), book()]
    assert {:ok, [_, _]} = Lending.lend_all([a.id, b.id], member().id)
    c = book()

    assert {:error, {:loan, _}, %Ecto.Changeset{}, _} =
             Lending.lend_all([c.id, b.id], member().id)

    assert Repo.aggregate(Loan, :count) == 2
  end

  test "what is overdue" do
    member = member()
    {:ok, late} = Lending.lend(book(%{title: "late"}).id, member.id, ~D[2026-01-01])
    {:ok, _} = Lending.lend(book().id, member.id, ~D[2026-02-01])
    assert [%{book: %{title: "late"}, member: ^member}] = Lending.overdue(~D[2026-02-02])
    {:ok, _} = Lending.give_back(late, ~D[2026-02-02])
    assert Lending.overdue(~D[2026-02-02]) == []
  end

  test "a ranking" do
    [a, b, c] = for title <- ["a", "b", "c"], do: book(%{title: title})
    member = member()

    for {book, times} <- [{a, 1}, {b, 2}, {c, 1}], _ <- 1..times do
      {:ok, loan} = Lending.lend(book.id, member.id)
      {:ok, _} = Lending.give_back(loan)
    end

    assert Lending.ranking() == [{1, "b", 2}, {2, "a", 1}, {2, "c", 1}]
  end

  test "a book that was lent stays, a member's loans go along" do
    book = book()
    member = member()
    {:ok, loan} = Lending.lend(book.id, member.id)
    {:error, changeset} = Catalog.delete_book(book)
    assert errors_on(changeset) == %{loans: {"were made of this book", "loans_book_id_fkey"}}
    {:ok, _} = Lending.delete_member(member)
    assert Repo.reload(loan) == nil
    assert {:ok, _} = Catalog.delete_book(book)
  end

  test "an address is one member's, until that one leaves" do
    joe = member(%{email: "joe@example.com"})
    {:error, changeset} = Lending.create_member(%{name: "J", email: "JOE@example.com"})
    assert errors_on(changeset) == %{email: {"has already been taken", "members_active_email"}}
    joe |> Ecto.Changeset.change(left_on: ~D[2026-01-01]) |> Repo.update!()
    assert {:ok, _} = Lending.create_member(%{name: "J", email: "JOE@example.com"})
  end
end
