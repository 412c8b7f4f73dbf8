# What `mix demo` shows: queries, transactions, and how each constraint comes back.

import Ecto.Query

alias Library.{Catalog, Lending, Repo}
alias Library.Catalog.{Author, Book, Shelf}
alias Library.Lending.{Loan, Member}

Logger.configure(level: :warning)
Repo.delete_all(Loan)

errors = fn {:error, changeset} ->
  Enum.map_join(changeset.errors, ", ", fn {field, {message, opts}} ->
    "#{field} #{message} (#{opts[:constraint_name]})"
  end)
end

show = fn what, answer -> IO.puts(String.pad_trailing(what <> ":", 36) <> to_string(answer)) end

show.("novels", Catalog.list_books(tag: "novel") |> Enum.map_join(", ", & &1.title))
show.("in Polish", Catalog.list_books(language: "pl") |> Enum.map_join(", ", & &1.title))

for %{author: author, books: books, worth: worth} <- Catalog.worth_by_author(),
    do: show.("#{author}, #{books} books", worth)

book = Repo.get_by!(Book, title: "Solaris")
ada = Repo.get_by!(Member, email: "ada@example.com")
{:ok, loan} = Lending.lend(book.id, ada.id, ~D[2026-01-01])
show.("overdue on 2026-02-01", Lending.overdue(~D[2026-02-01]) |> Enum.map_join(& &1.book.title))

attrs = %{title: "x", isbn: "1", author_id: book.author_id}
show.("unique", errors.(Catalog.create_book(%{attrs | isbn: book.isbn})))
show.("unique, of an expression", errors.(Catalog.create_author(%{name: "STANISłAW LEM"})))
show.("unique, of some rows", errors.(Lending.lend(book.id, ada.id)))
show.("unique, a key of two columns", errors.(Catalog.create_shelf(%{room: "A", number: 1})))
show.("foreign key", errors.(Catalog.create_book(%{attrs | author_id: 0})))
other = Repo.get_by!(Book, title: "The Dispossessed")
show.("foreign key, with a name", errors.(Lending.lend(other.id, Ecto.UUID.generate())))

show.(
  "foreign key of two columns",
  errors.(Catalog.create_book(Map.merge(attrs, %{shelf_room: "Z", shelf_number: 1})))
)

show.("still referred to", errors.(Catalog.delete_author(Repo.get!(Author, book.author_id))))
show.("still referred to, RESTRICT", errors.(Catalog.delete_book(book)))
show.("check", errors.(Catalog.create_book(Map.put(attrs, :pages, 0))))
show.("not null", errors.(Catalog.create_author(%{born_on: ~D[2000-01-01]})))

{:ok, _} = Lending.give_back(loan, ~D[2026-02-02])
{:error, _, _, _} = Lending.lend_all([book.id, 0], ada.id)

show.(
  "lent, after a lend_all that failed",
  Repo.aggregate(where(Loan, [l], is_nil(l.returned_on)), :count)
)

{:error, :done} =
  Repo.transaction(fn ->
    Repo.delete!(Repo.get_by!(Shelf, room: "A", number: 1))
    %{shelf_room: room, shelf_number: number} = Repo.reload!(book)
    show.("a book whose shelf is gone", "room #{room}, shelf #{inspect(number)}")
    Repo.rollback(:done)
  end)
