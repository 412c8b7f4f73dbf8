defmodule Library.CatalogTest do
  use Library.DataCase

  alias Library.Catalog.Book

  describe "books" do
    test "come back as they were stored" do
      book =
        book(%{
          price: "123456789012345678901234567.89",
          tags: ["a", "it's"],
          details: %{"year" => 1974, "deep" => %{"list" => [1, 2.5, nil]}}
        })

      found = Catalog.get_book!(book.id)
      assert Decimal.equal?(found.price, "123456789012345678901234567.89")
      assert found.tags == ["a", "it's"]
      assert found.details == %{"year" => 1974, "deep" => %{"list" => [1, 2.5, nil]}}
      assert found.inserted_at == book.inserted_at
    end

    test "are found by author, tag and detail" do
      lem = author(%{name: "Lem"})

      book(%{
        title: "Solaris",
        author_id: lem.id,
        tags: ["novel"],
        details: %{"language" => "pl"}
      })

      book(%{title: "Other", tags: ["essay"], details: %{"language" => "en"}})

      for opts <- [[author: "LEM"], [tag: "novel"], [language: "pl"], [author: "l", tag: "novel"]] do
        assert [%{title: "Solaris", author: %{name: "Lem"}}] = Catalog.list_books(opts)
      end
    end

    test "have a worth, which is exact" do
      lem = author(%{name: "Lem"})
      for price <- ["0.10", "0.20", "100.00"], do: book(%{author_id: lem.id, price: price})
      book(%{price: "99.99"})
      assert [%{author: "Lem", books: 3, worth: worth}, %{books: 1}] = Catalog.worth_by_author()
      assert Decimal.equal?(worth, "100.30")
    end

    test "are imported once, and their prices again" do
      row = %{title: "A", isbn: "1", price: Decimal.new("1.00"), author_id: author().id}
      assert Catalog.import_books([row]) == 1
      assert Catalog.import_books([%{row | title: "B", price: Decimal.new("2.00")}]) == 1
      assert [%{title: "A", price: price}] = Repo.all(Book)
      assert Decimal.equal?(price, "2.00")
    end

    test "are streamed" do
      for _ <- 1..3, do: book()
      Catalog.each_book(fn %Book{id: id} -> send(self(), {:book, id}) end)
      for _ <- 1..3, do: assert_received({:book, _})
    end
  end

  describe "constraints" do
    test "an ISBN is unique" do
      book = book()
      {:error, changeset} = Catalog.create_book(%{title: "x", isbn: book.isbn})
      assert errors_on(changeset) == %{isbn: {"has already been taken", "books_isbn_index"}}
    end

    test "an author's name is, in any case" do
      author(%{name: "Ada"})
      {:error, changeset} = Catalog.create_author(%{name: "ADA"})
      assert %{name: {_, "authors_lower_name_index"}} = errors_on(changeset)
    end

    test "an author has a name" do
      {:error, changeset} = Catalog.create_author(%{})
      assert errors_on(changeset) == %{name: {"can't be blank", "authors_name_not_null"}}
    end

    test "a book's author exists" do
      {:error, changeset} = Catalog.create_book(%{title: "x", isbn: "x", author_id: 0})
      assert errors_on(changeset) == %{author: {"does not exist", "books_author_id_fkey"}}

      {:error, changeset} = Catalog.update_book(book(), %{author_id: 0})
      assert %{author: {_, "books_author_id_fkey"}} = errors_on(changeset)
    end

    test "a shelf has one room and number" do
      {:ok, _} = Catalog.create_shelf(%{room: "A", number: 1})
      {:ok, _} = Catalog.create_shelf(%{room: "B", number: 1})
      {:error, changeset} = Catalog.create_shelf(%{room: "A", number: 1})
      assert %{room: {_, "shelves_pkey"}} = errors_on(changeset)
    end

    test "a book's shelf exists, and may go" do
      {:ok, shelf} = Catalog.create_shelf(%{room: "A", number: 1})
      book = book(%{shelf_room: "A", shelf_number: 1})
      {:error, changeset} = Catalog.update_book(book, %{shelf_number: 2})
      assert %{shelf_number: {_, "books_shelf_number_fkey"}} = errors_on(changeset)
      {:ok, _} = Catalog.delete_shelf(shelf)
      assert %{shelf_room: "A", shelf_number: nil} = Repo.reload(book)
    end

    test "a book has pages and costs something" do
      {:error, changeset} = Catalog.create_book(%{title: "x", isbn: "x", pages: 0})
      assert errors_on(changeset) == %{pages: {"must be positive", "books_pages_positive"}}
      {:error, changeset} = Catalog.update_book(book(), %{price: "-0.01"})
      assert %{price: {_, "books_price_not_negative"}} = errors_on(changeset)
    end

    test "an author with books stays" do
      book = book()
      author = Repo.preload(book, :author).author
      {:error, changeset} = Catalog.delete_author(author)

      assert errors_on(changeset) == %{
               books: {"are still in the catalog", "books_author_id_fkey"}
             }

      {:ok, _} = Catalog.delete_book(book)
      assert {:ok, _} = Catalog.delete_author(author)
    end

    test "one that the changeset does not know is an exception that names it" do
      book = book()

      assert_raise Ecto.ConstraintError, ~r/books_isbn_index/, fn ->
        Repo.insert(%Book{title: "x", isbn: book.isbn})
      end
    end
  end
end
