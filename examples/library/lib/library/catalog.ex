defmodule Library.Catalog do
  @moduledoc """
  Authors, books, and where they stand.
  """

  import Ecto.Query

  alias Library.Catalog.{Author, Book, Shelf}
  alias Library.Repo

  def create_author(attrs), do: %Author{} |> Author.changeset(attrs) |> Repo.insert()
  def update_author(author, attrs), do: author |> Author.changeset(attrs) |> Repo.update()
  def delete_author(author), do: author |> Author.delete_changeset() |> Repo.delete()

  def create_shelf(attrs), do: %Shelf{} |> Shelf.changeset(attrs) |> Repo.insert()
  def delete_shelf(shelf), do: Repo.delete(shelf)

  def create_book(attrs), do: %Book{} |> Book.changeset(attrs) |> Repo.insert()
  def update_book(book, attrs), do: book |> Book.changeset(attrs) |> Repo.update()
  def delete_book(book), do: book |> Book.delete_changeset() |> Repo.delete()
  def get_book!(id), do: Book |> Repo.get!(id) |> Repo.preload(:author)

  @doc """
  The books, by title. Options: `:author`, a part of a name; `:tag`; `:language`, of the details.
  """
  def list_books(opts \\ []) do
    from(b in Book, as: :book, join: a in assoc(b, :author), as: :author, preload: [author: a])
    |> filter(opts)
    |> order_by([b], asc: b.title)
    |> Repo.all()
  end

  defp filter(query, opts) do
    Enum.reduce(opts, query, fn
      {:author, name}, query -> where(query, [author: a], ilike(a.name, ^"%#{name}%"))
      {:tag, tag}, query -> where(query, [book: b], ^tag in b.tags)
      {:language, code}, query -> where(query, [book: b], b.details["language"] == ^code)
    end)
  end

  @doc """
  What the books of each author cost, and how many they are, the dearest first.
  """
  def worth_by_author do
    Repo.all(
      from b in Book,
        join: a in assoc(b, :author),
        group_by: a.id,
        order_by: [desc: sum(b.price)],
        select: %{author: a.name, books: count(b.id), worth: sum(b.price)}
    )
  end

  @doc """
  Adds books that are not there yet, by their ISBN, and takes the others' prices over. Answers how
  many rows were written.
  """
  def import_books(rows) do
    now = DateTime.utc_now()
    rows = Enum.map(rows, &Map.merge(&1, %{inserted_at: now, updated_at: now}))

    {count, nil} =
      Repo.insert_all(Book, rows,
        on_conflict: {:replace, [:price, :updated_at]},
        conflict_target: :isbn
      )

    count
  end

  @doc "Sends every book to `fun`, without having them all in memory."
  def each_book(fun) do
    {:ok, :ok} =
      Repo.transaction(
        fn -> Book |> Repo.stream(max_rows: 100) |> Enum.each(fun) end,
        mode: :read_only
      )

    :ok
  end
end
